"""Judging one output of a model: parsed, then each of its items checked against the passage it was written from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pyarrow as pa

from synth.checks import CHECKS, ChecksConfig, check
from synth.embeddings import Embedder, load_embedder
from synth.parsed import Parsed, ParseError
from synth.parsers import parse
from synth.source import Source

# Every figure of every check, as the annotations hold it; null where an answer never came.
FIGURES = pa.schema(
    {name: pa.string() for name in ("format.finish", "format.error", "phrases.meta", "phrases.refusal")}
    | {name: pa.string() for name in ("phrases.dangling", "unsupported.which", "repetition.stutter")}
    | {f"length.{name}": pa.int64() for name in ("units", "question_units", "answer_units")}
    | {f"{name}.unsupported": pa.int64() for name in ("numbers", "names", "claims")}
    | {f"claims.{name}": pa.int64() for name in ("turned", "reversed", "strangers")}
    | {"negation.flips": pa.int64(), "support.misplaced": pa.int64()}
    | {"support.question_content": pa.int64(), "support.answer_news": pa.int64(), "closeness.joins": pa.int64()}
    | {f"{name}.ratio": pa.float64() for name in ("language", "length", "repetition", "copied")}
    | {"format.answers_kind": pa.bool_(), "format.cut_short": pa.bool_(), "format.question_ratio": pa.float64()}
    | {"language.function_words": pa.float64()}
    | {
        f"support.{name}": pa.float64()
        for name in ("min", "mean", "together", "novel", "question", "answer", "answer_subject", "pair")
    }
    | {f"closeness.{name}": pa.float64() for name in ("ratio", "order", "cover", "question")}
    | {f"{name}.drop": pa.string() for name in CHECKS}
)
_CACHED_PASSAGES = 256  # the tasks of a passage follow each other


@dataclass(frozen=True)
class Verdict:
    """What an output turned out to be."""

    parsed: Parsed
    figures: dict[str, Any]  # "<check>.<figure>" -> value, of every check, whatever the verdict
    drop: str | None  # null keeps, else the first broken rule


class Checker:
    """Judges outputs; holds what the checks load, and the passages that it has taken apart. Not thread-safe."""

    def __init__(self, cfg: ChecksConfig, embedder: Embedder | None) -> None:
        self.cfg, self._embedder = cfg, embedder
        self._source = lru_cache(_CACHED_PASSAGES)(self._open)

    def _open(self, passage: str, title: str, language: str) -> Source:
        return Source(passage, title, language, self._embedder)

    def verify(
        self,
        task: str,
        language: str,
        parser: str,
        passage: str,
        output: str,
        *,
        title: str = "",
        finish_reason: str | None = "stop",
        free: bool = False,
    ) -> list[Verdict]:
        """Parse and check one output.

        Args: parser as the prompt names it; passage, what the output may draw on, besides the title; finish_reason as
            the engine gave it. The other arguments are `synth.checks.check`'s.
        Returns: a verdict on each item of the output, at least one.
        Errors: none from the output: one that cannot be parsed is judged as a whole, and its reason is the parser's.
        """
        error = None
        try:
            items = parse(parser, output)
        except ParseError as problem:
            items, error = (Parsed(output),), problem.reason
        verdicts = []
        for parsed in items:
            if parsed.question is not None and parsed.answer is None:  # the model was shown the answer
                parsed = replace(parsed, answer=passage)
            source = self._source(passage, title, language)
            figures = check(task, parsed, source, self.cfg, finish_reason=finish_reason, parse_error=error, free=free)
            verdicts.append(Verdict(parsed, figures, figures.pop("drop")))
        return verdicts


def open_checker(cfg: ChecksConfig) -> Checker:
    """What judges outputs by these thresholds. Errors: EmbeddingsNotFound, with the remedy."""
    return Checker(cfg, load_embedder() if cfg.embeddings else None)
