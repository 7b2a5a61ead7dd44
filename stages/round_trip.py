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
POLAR_WORD = {
    "en": re.compile(r"^\W*(yes|no)\b[,.\s]*", re.IGNORECASE),
    "zh": re.compile(r"^\W*(是的?|对的?|可以|能|会|有|否|不|不是|不能|不会|不可以|没有)(?:\W+|$)"),
}
DENYING = ("no", "不", "没", "否")
POLAR_QUESTION = {
    "en": re.compile(
        r"^\W*(?:is|are|was|were|do|does|did|can|could|will|would|should|must|may|might|has|have|had)\b", re.IGNORECASE
    ),
    "zh": re.compile(r"吗\W*$|是否|能否|可否|会否|是不是|能不能|可不可以|会不会|有没有"),
}
SAME_CONTENT = 0.75  # of the longer answer's content: from here on two answers speak of one thing
REFUSAL_UNITS = 3  # content units at most that a bare refusal has beyond the question
NUMBER_STEMS = frozenset(units.stem(word) for word in units.NUMBER_WORDS)
HAN_DIGITS = str.maketrans("〇零一二两三四五六七八九", "001223456789")


class RoundTripConfig(Config):
    """The second readings of a question-answer pair."""

    enabled: bool = True
    min_agreement: float = Field(default=0.5, ge=0, le=1)  # of the answer read again with the pair's own
    needs_passage: bool = True  # also ask without the passage
    max_closed_agreement: float = Field(default=0.8, ge=0, le=1)  # of the answer given without the passage
    # Where the prompt shows the surroundings of a sentence: whole sentences of its passage, up to so many characters.
    # The small bundled model finds the answer to a third of its questions among 400, to a fifth among 1,200.
    context_chars: int = Field(default=400, ge=0)


def agreement(first: str, second: str, question: str, language: str) -> float:
    """How far two answers to one question say the same, 0 to 1, in whichever order: the F1 of their content that the
    question does not hold. Another polarity or no number in common is 0; so is one that says there is no answer.

    Source: token F1 as SQuAD scores answers (Rajpurkar et al. 2016, arXiv:1606.05250), over content units.
    """
    if any(_declines(text, question, language) for text in (first, second)):
        return 0.0
    if _opposed(first, second, question, language):
        return 0.0
    numbers = [_numbers(text, language) - _numbers(question, language) for text in (first, second)]
    if all(numbers) and not numbers[0] & numbers[1]:
        return 0.0
    if _is_polar(first, second, question, language):
        return 1.0
    asked = set(units.content_units(question, language))
    told = [set(units.content_units(text, language)) for text in (first, second)]
    if any(_echoes(*pair, asked) for pair in (told, told[::-1])):
        return 0.0
    # What the question says already counts for nothing, unless that is all that one of the answers says.
    if all(found - asked for found in told):
        told = [found - asked for found in told]
    # A number is the same in digits and in words.
    told = [_without_numbers(found, language) | own for found, own in zip(told, numbers, strict=True)]
    common = len(told[0] & told[1])
    return 2 * common / (len(told[0]) + len(told[1])) if common else 0.0


def _echoes(one: set[str], other: set[str], asked: set[str]) -> bool:
    """Whether one answer says nothing but the question again, as a weak model does, and the other says more."""
    return bool(other - asked) and not one - asked and len(one & asked) >= SAME_CONTENT * len(asked)


def _declines(answer: str, question: str, language: str) -> bool:
    """Whether an answer says that there is none, and nothing else: "80, if no port is given" answers."""
    rest = UNANSWERED[language].sub("", answer)
    if rest == answer:
        return False
    if _numbers(answer, language) - _numbers(question, language):
        return False
    asked = set(units.content_units(question, language))
    return len(set(units.content_units(rest, language)) - asked) <= REFUSAL_UNITS * (2 if language == "zh" else 1)


def _is_polar(first: str, second: str, question: str, language: str) -> bool:
    """Whether a yes-or-no question is answered, by one of the two with no more than that word."""
    if not POLAR_QUESTION[language].search(question):
        return False
    rests = [POLAR_WORD[language].sub("", text) for text in (first, second)]
    return any(rest != text and not rest.strip() for rest, text in zip(rests, (first, second), strict=True))


def _opposed(first: str, second: str, question: str, language: str) -> bool:
    """Whether one affirms what the other denies: in their first word, or in much the same other words."""
    if POLAR_QUESTION[language].search(question):
        return _affirms(first, language) != _affirms(second, language)
    told = [set(units.content_units(text, language)) for text in (first, second)]
    same = len(told[0] & told[1]) >= max(2, SAME_CONTENT * max(map(len, told)))
    return same and units.is_negated(first, language) != units.is_negated(second, language)


def _affirms(answer: str, language: str) -> bool:
    """Whether an answer to a yes-or-no question says yes, by its first word, or else by denying nothing."""
    said = POLAR_WORD[language].match(answer)
    if said:
        return not said[1].lower().startswith(DENYING)
    return not units.is_negated(answer, language)


def _numbers(text: str, language: str) -> set[str]:
    """The numbers of a text as digits, where one word or character says them."""
    found = units.numbers(text, language)
    if language != "zh":
        return {units.NUMBER_WORDS.get(number, number) for number in found}
    return {number.translate(HAN_DIGITS) if len(number) == 1 else number for number in found}


def _without_numbers(content: set[str], language: str) -> set[str]:
    """Content units but for numbers, which are compared as digits."""
    han = "零〇一二三四五六七八九十百千万亿两" if language == "zh" else ""
    return {unit for unit in content if not (unit[0].isdigit() or unit in NUMBER_STEMS or unit in han)}


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
