"""Labels from a language model: each text is put to the engine with a rubric, and the score is read strictly.

Answers are logged every few seconds, so that after a kill none of them is asked for again. An answer without a score,
a refusal or a failed request is counted and gives no label.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from governance.answers import AnswerLog
from governance.asking import ask_all
from governance.errors import UsageError
from governance.synthesis import written_by
from stages.contract import Config
from synth.checks_form import REFUSAL
from synth.engines import Answer, EngineConfig, Request
from synth.parsed import ParseError
from synth.parsers import MAX_SCORE, parse
from synth.prompt_files import Prompt, PromptError, load_prompts

TASK = "score"
_CHARS_PER_TOKEN = 20  # a text is cut to this before its tokens are counted: no prose has so long ones


class LabelConfig(Config):
    """How a score becomes a label, and what the model is shown."""

    above: float = Field(default=3, ge=0, le=MAX_SCORE)  # a higher score is positive
    upto: float = Field(default=1, ge=0, le=MAX_SCORE)  # a score up to this is negative; between them there is no label
    max_text_tokens: int = Field(default=800, ge=16)  # of a text, from its start, as DeepSeek's tokenizer cuts it
    max_failure_rate: float = Field(default=0.1, ge=0, le=1)  # share of requests that may fail before the work stops
    prompt_folder: str | None = None  # a user's own prompts of the task `score`, looked at before the bundled ones

    @model_validator(mode="after")
    def _apart(self) -> LabelConfig:
        if self.upto > self.above:
            raise ValueError(f"negative up to {self.upto} and positive above {self.above} overlap: give upto <= above")
        return self


@dataclass(frozen=True)
class Labels:
    """What the model said of each text."""

    scores: np.ndarray  # float64 (n,), 0 to 5; NaN where there is none
    outcomes: dict[str, int]  # "scored", or why there is no score; sums to the number of different texts
    asked_with: dict[str, Any]  # model, prompt and sampling

    def verdicts(self, cfg: LabelConfig) -> np.ndarray:
        """1 for a positive, 0 for a negative, -1 for no label, int8 (n,)."""
        return np.where(self.scores > cfg.above, 1, np.where(self.scores <= cfg.upto, 0, -1)).astype(np.int8)


def label(
    texts: Sequence[str],
    language: str,
    engine: EngineConfig,
    cfg: LabelConfig,
    log: AnswerLog,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Labels:
    """Ask for a score of every text; those that the log answers already are not asked again.

    Args: language of the prompt; tell is given the number of answers so far and wanted.
    Errors: UsageError for a language without a prompt; RunError where so many requests fail that the engine is at
    fault; what came before is in the log.
    """
    prompt = rubric(language, cfg)
    asked_with = {
        "model": written_by(engine),
        "prompt": prompt.id,
        "prompt_sha256": prompt.sha256,
        "sampling": prompt.sampling,
        "max_text_tokens": cfg.max_text_tokens,
    }
    requests = [_request(prompt, text, asked_with, cfg) for text in texts]
    answers = ask_all(requests, engine, cfg.max_failure_rate, log, tell)
    read = {key: _read(prompt, answer) for key, answer in answers.items()}
    scores = np.array([read[request.key][1] for request in requests], dtype=np.float64)
    return Labels(scores, dict(sorted(Counter(outcome for outcome, _ in read.values()).items())), asked_with)


def rubric(language: str, cfg: LabelConfig) -> Prompt:
    """The prompt of the task in a language. Errors: UsageError."""
    try:
        return load_prompts(language, (TASK,), Path(cfg.prompt_folder) if cfg.prompt_folder else None)[TASK]
    except PromptError as error:
        raise UsageError(
            str(error), f"write one with task = {TASK!r} and parser = 'score' and name its folder"
        ) from error


def _request(prompt: Prompt, text: str, asked_with: dict[str, Any], cfg: LabelConfig) -> Request:
    """The question about one text; its key covers everything that the answer depends on."""
    messages = prompt.render(passage=first_tokens(text, cfg.max_text_tokens))
    key = hashlib.sha256(json.dumps([asked_with, messages], sort_keys=True).encode()).hexdigest()[:32]
    return Request(key, messages, prompt.sampling)


def first_tokens(text: str, number: int) -> str:
    """A text up to its ``number``-th token, cut between characters."""
    text = text[: number * _CHARS_PER_TOKEN]
    offsets = _tokenizer().encode(text, add_special_tokens=False).offsets
    return text if len(offsets) <= number else text[: offsets[number - 1][1]]


@cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    from classifiers.normalize import bundled_tokenizer

    return Tokenizer.from_file(str(bundled_tokenizer()))


def _read(prompt: Prompt, answer: Answer) -> tuple[str, float]:
    """What became of an answer, and its score or NaN."""
    if answer.error is not None:
        return "failed", math.nan
    if answer.finish_reason == "length":  # "Score: 1" may be the start of more
        return "cut_short", math.nan
    try:
        score = parse(prompt.parser, answer.text)[0].score
    except ParseError as error:
        return ("refusal" if REFUSAL[prompt.language].search(answer.text) else error.reason), math.nan
    return ("no_score", math.nan) if score is None else ("scored", float(score))
