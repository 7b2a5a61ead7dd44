"""The round trip of a pair: its question is answered again, from the passage alone and without it.

A pair is kept if the passage gives the same answer again, and, where that is asked for, if it is needed for it: a
question that the model answers as well without the passage teaches nothing of it.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from stages.contract import Config
from synth import units

WITH, WITHOUT = "answer_with", "answer_without"
UNANSWERED = {
    "en": re.compile(
        r"\b(?:text|passage) does(?: not|n't)|\bnot (?:stated|mentioned|given|known|specified)\b|\bunknown\b"
        r"|\bdo(?: not|n't) know\b|\bno (?:information|answer)\b|^\W*none\W*$",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"没有(?:提到|说明|提及|给出)|未(?:提到|说明|提及|给出)|不知道|无法(?:回答|得知|确定)|无从"),
}
POLAR = {
    "en": re.compile(r"^\W*(yes|no)\b", re.IGNORECASE),
    "zh": re.compile(r"^\W*(不是|没有|不能|不会|不可以|不|否|是|有|能|会|可以|对)"),
}
POSITIVE = frozenset(("yes", "是", "有", "能", "会", "可以", "对"))


class RoundTripConfig(Config):
    """The second readings of a question-answer pair."""

    enabled: bool = True
    min_agreement: float = Field(default=0.5, ge=0, le=1)  # of the answer read again with the pair's own
    needs_passage: bool = True  # also ask without the passage
    max_closed_agreement: float = Field(default=0.8, ge=0, le=1)  # of the answer given without the passage


def agreement(first: str, second: str, question: str, language: str) -> float:
    """How far two answers to one question say the same, 0 to 1: the F1 of their content that the question does not
    hold. Another polarity or no number in common is 0; so is an answer that there is none.

    Source: token F1 as SQuAD scores answers (Rajpurkar et al. 2016, arXiv:1606.05250), over content units.
    """
    if UNANSWERED[language].search(second) or _opposed(first, second, language):
        return 0.0
    numbers = [units.numbers(text, language) - units.numbers(question, language) for text in (first, second)]
    if all(numbers) and not numbers[0] & numbers[1]:
        return 0.0
    asked = set(units.content_units(question, language))
    news = [set(units.content_units(text, language)) for text in (first, second)]
    told = [found - asked or found for found in news]
    # What the question says already counts for nothing, unless that is all that one of the answers says.
    if any(not found - asked for found in news):
        told = news
    common = len(told[0] & told[1])
    return 2 * common / (len(told[0]) + len(told[1])) if common else 0.0


def _opposed(first: str, second: str, language: str) -> bool:
    """Whether one says yes and the other no."""
    said = [POLAR[language].match(text) for text in (first, second)]
    if not all(said):
        return False
    return len({match[1].lower() in POSITIVE for match in said if match}) == 2


def judge_round_trip(
    answer: str, read_with: str, read_without: str | None, question: str, language: str, cfg: RoundTripConfig
) -> dict[str, Any]:
    """Figures and verdict of a pair. Args: read_without is None where it was not asked for."""
    again = agreement(answer, read_with, question, language)
    closed = None if read_without is None else agreement(answer, read_without, question, language)
    drop = None
    if again < cfg.min_agreement:
        drop = "answers_differ"
    elif closed is not None and closed > cfg.max_closed_agreement:
        drop = "passage_not_needed"
    return {"round_trip.with": again, "round_trip.without": closed, "round_trip.drop": drop}
