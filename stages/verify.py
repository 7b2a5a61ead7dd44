"""Judging one answer of a model: parsed, then checked against the passage it was written from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from synth.checks import ChecksConfig, check
from synth.parsers import Parsed, ParseError, parse

# Every figure of every check, as the annotations hold it; null where an answer never came.
FIGURES = pa.schema(
    {name: pa.string() for name in ("format.finish", "format.error", "phrases.meta", "phrases.refusal")}
    | {name: pa.string() for name in ("phrases.dangling", "unsupported.which", "repetition.stutter")}
    | {f"length.{name}": pa.int64() for name in ("units", "question_units", "answer_units")}
    | {f"{name}.unsupported": pa.int64() for name in ("numbers", "names", "claims")}
    | {"negation.flips": pa.int64(), "support.question_content": pa.int64(), "support.answer_news": pa.int64()}
    | {f"{name}.ratio": pa.float64() for name in ("language", "length", "repetition", "copied")}
    | {"format.answers_kind": pa.bool_(), "format.question_ratio": pa.float64()}
    | {"language.function_words": pa.float64()}
    | {
        f"support.{name}": pa.float64()
        for name in ("min", "mean", "pairs", "order", "question", "answer", "answer_subject")
    }
)


@dataclass(frozen=True)
class Verdict:
    """What an output turned out to be."""

    parsed: Parsed
    figures: dict[str, Any]  # "<check>.<figure>" -> value, of every check, whatever the verdict
    drop: str | None  # null keeps, else the first broken rule


def verify(
    task: str,
    language: str,
    parser: str,
    passage: str,
    output: str,
    cfg: ChecksConfig,
    *,
    title: str = "",
    finish_reason: str | None = "stop",
) -> Verdict:
    """Parse and check one output.

    Args: parser as the prompt names it; passage, what the output may draw on, besides the title; finish_reason as the
        engine gave it. The other arguments are `synth.checks.check`'s.
    Errors: none from the output: one that cannot be parsed is judged as a whole, and its reason is that of the parser.
    """
    error = None
    try:
        parsed = parse(parser, output)
    except ParseError as problem:
        parsed, error = Parsed(output), problem.reason
    figures = check(task, language, passage, parsed, cfg, title=title, finish_reason=finish_reason, parse_error=error)
    return Verdict(parsed, figures, figures.pop("drop"))
