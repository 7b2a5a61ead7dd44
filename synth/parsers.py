"""From what a model wrote to what a row can hold. Plain functions, named in the header of a prompt file.

A parser takes the output without reasoning blocks and returns its items, or raises ParseError. A user's own parser is
such a function too, named ``"package.module:function"``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import lru_cache

from synth.pairs import parse_question, parse_question_answer, parse_question_answers
from synth.parsed import Parsed, ParseError

THINK = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
THINK_RESIDUE = re.compile(r"</?think>", re.IGNORECASE)
SCORE_LABEL = re.compile(r"^[\s*#]*(?:Score|得分)\s*\**\s*[:：]", re.MULTILINE | re.IGNORECASE)
SCORE = re.compile(r"[\s*#]*(?:Score|得分)\s*\**\s*[:：]\s*\**\s*(\d{1,3})\s*(?:/\s*5|分)?[\s*.。]*", re.IGNORECASE)
VERDICT = re.compile(
    r"^[\s*#]*(?:Verdict|判定|结论)\s*\**\s*[:：]\s*\**\s*([A-Za-z]+|[一-鿿]+)", re.MULTILINE | re.IGNORECASE
)
SUPPORTED = frozenset(("supported", "yes", "faithful", "支持", "忠实", "是"))
UNSUPPORTED = frozenset(("unsupported", "no", "unfaithful", "contradicted", "不支持", "不忠实", "否"))
POINT = re.compile(r"^[\s*#]*(?:\d{1,2}[.)、．]|[-*•]|知识点\s*\d*\s*[:：]|Point\s*\d*\s*:)\s*", re.MULTILINE)
NO_POINTS = re.compile(r"^\W*(?:no result|none|无结果|无|没有)\W*$", re.IGNORECASE)
# A speaker's name at the start of a line: "Teacher:", "**Professor A:**", "老师：".
SPEAKER = re.compile(r"^[\s*]*[^\s:：*][^:：\n*]{0,30}\**[:：]\**\s*\S", re.MULTILINE)
SOLUTION = re.compile(r"^[\s*#]*(?:Solution|Answer|解答|解|答案)\s*\**\s*[:：]", re.MULTILINE | re.IGNORECASE)
EXERCISE = re.compile(r"^[\s*#]*(?:Exercise|Problem|练习题?|习题|题目)\s*\**\s*[:：]", re.MULTILINE | re.IGNORECASE)
MAX_SCORE = 5


class UnknownParser(ValueError):
    """A parser that a prompt names and nobody knows."""


Parser = Callable[[str], "tuple[Parsed, ...]"]


def parse(parser: str, text: str) -> tuple[Parsed, ...]:
    """Read an output with the parser a prompt names.

    Returns: its items, at least one.
    Errors: ParseError when the output has another form; UnknownParser as ``find_parser``.
    """
    items = find_parser(parser)(strip_think(text))
    if not items:
        raise ParseError("empty")
    return items


@lru_cache
def find_parser(name: str) -> Parser:
    """A bundled parser by name, or a user's own as "package.module:function". Errors: UnknownParser."""
    if name in PARSERS:
        return PARSERS[name]
    module, colon, function = name.partition(":")
    if not colon:
        raise UnknownParser(f"no parser {name!r}; known: {', '.join(PARSERS)}, or your own as package.module:function")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UnknownParser(f"parser {name!r} cannot be had: {error}; is its module on the Python path?") from error


def strip_think(text: str) -> str:
    """The text without reasoning blocks. Errors: ParseError for a block that was opened or closed only."""
    stripped = THINK.sub("", text).strip()
    if THINK_RESIDUE.search(stripped):
        raise ParseError("think_residue")
    return stripped


def parse_rewrite(text: str) -> tuple[Parsed, ...]:
    """The whole output is the rewrite."""
    if not text:
        raise ParseError("empty")
    return (Parsed(text),)


def parse_dialogue(text: str) -> tuple[Parsed, ...]:
    """A conversation: at least four lines that open with the name of a speaker, and at least two speakers."""
    speakers = [re.split(r"[:：]", match.group(), maxsplit=1)[0].strip(" *\n") for match in SPEAKER.finditer(text)]
    if len(speakers) < 4 or len(set(speakers)) < 2:
        raise ParseError("no_dialogue")
    return (Parsed(text),)


def parse_points(text: str) -> tuple[Parsed, ...]:
    """Knowledge points, one for each number or bullet; "no result" is an output without any."""
    if NO_POINTS.match(text):
        raise ParseError("no_points")
    points = [piece.strip() for piece in POINT.split(text)[1:]]
    if not points or not all(points):
        raise ParseError("no_list")
    return tuple(Parsed(point, listed=True) for point in points)


def parse_exercise(text: str) -> tuple[Parsed, ...]:
    """An explanation, an exercise and its solution, in this order and each once."""
    exercise, solution = EXERCISE.search(text), list(SOLUTION.finditer(text))
    if exercise is None or not solution or solution[0].start() < exercise.end():
        raise ParseError("no_exercise")
    question, answer = text[exercise.end() : solution[0].start()].strip(), text[solution[0].end() :].strip()
    if not question or not answer:
        raise ParseError("empty_part")
    return (Parsed(text),)


def parse_answer(text: str) -> tuple[Parsed, ...]:
    """A second reading: the answer, after its label where the model repeats that; an empty one is none."""
    answer = re.sub(r"^[\s*#]*(?:Answer|A|答案|回答|答)\s*\**\s*[:：]\s*\**", "", text).strip()
    if not answer:
        raise ParseError("empty")
    return (Parsed(text, answer=answer),)


def parse_edits(text: str) -> tuple[Parsed, ...]:
    """A program of edits, read by ``synth.edits``."""
    from synth.edits import ProgramError, parse_program

    try:
        parse_program(text)
    except ProgramError as error:
        raise ParseError("no_program") from error
    return (Parsed(text),)


def parse_score(text: str) -> tuple[Parsed, ...]:
    """A justification, and as its last line "Score: N" with a whole number from 0 to 5, given once."""
    if len(SCORE_LABEL.findall(text)) > 1:
        raise ParseError("several_scores")
    found = SCORE.fullmatch(text.rpartition("\n")[2])
    if not found:
        raise ParseError("no_score")
    if int(found[1]) > MAX_SCORE:
        raise ParseError("score_out_of_range")
    return (Parsed(text, score=int(found[1])),)


def parse_verdict(text: str) -> tuple[Parsed, ...]:
    """Reasons, and "Verdict: supported" or "Verdict: unsupported", given once."""
    said = [word.lower() for word in VERDICT.findall(text)]
    if len(said) != 1 or said[0] not in SUPPORTED | UNSUPPORTED:
        raise ParseError("no_verdict")
    return (Parsed(text, supported=said[0] in SUPPORTED),)


PARSERS: dict[str, Parser] = {
    "rewrite": parse_rewrite,
    "question": parse_question,
    "question_answer": parse_question_answer,
    "question_answers": parse_question_answers,
    "dialogue": parse_dialogue,
    "points": parse_points,
    "exercise": parse_exercise,
    "answer": parse_answer,
    "edits": parse_edits,
    "score": parse_score,
    "verdict": parse_verdict,
}
