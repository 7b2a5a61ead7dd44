"""From what a model wrote to what a row can hold. Plain functions, named in the header of a prompt file."""

from __future__ import annotations

import re
from dataclasses import dataclass

THINK = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
THINK_RESIDUE = re.compile(r"</?think>", re.IGNORECASE)
QUESTION = re.compile(r"^[\s*#]*(?:Question|Q|问题|问)\s*\d*\s*\**\s*[:：]\s*\**", re.MULTILINE)
ANSWER = re.compile(r"^[\s*#]*(?:Answer|A|答案|回答|答)\s*\d*\s*\**\s*[:：]\s*\**", re.MULTILINE)
SCORE_LABEL = re.compile(r"^[\s*#]*(?:Score|得分)\s*\**\s*[:：]", re.MULTILINE | re.IGNORECASE)
SCORE = re.compile(r"[\s*#]*(?:Score|得分)\s*\**\s*[:：]\s*\**\s*(\d{1,3})\s*(?:/\s*5|分)?[\s*.。]*", re.IGNORECASE)
MAX_SCORE = 5


@dataclass(frozen=True)
class Parsed:
    """One output, read. For a question-answer pair both parts are set; of a rewrite there is only the text; a judgement
    has a score."""

    text: str  # what the model wrote, without think blocks
    question: str | None = None
    answer: str | None = None
    score: int | None = None


class ParseError(ValueError):
    """An output that does not have the form asked for; ``reason`` is a snake_case word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse(parser: str, text: str) -> Parsed:
    """Read an output with the parser a prompt names.

    Errors: ParseError when the output has another form; ValueError for a parser that does not exist.
    """
    if parser == "rewrite":
        return parse_rewrite(text)
    if parser == "question_answer":
        return parse_question_answer(text)
    if parser == "score":
        return parse_score(text)
    raise ValueError(f"no parser {parser!r}; known: rewrite, question_answer, score")


def strip_think(text: str) -> str:
    """The text without reasoning blocks. Errors: ParseError for a block that was opened or closed only."""
    stripped = THINK.sub("", text).strip()
    if THINK_RESIDUE.search(stripped):
        raise ParseError("think_residue")
    return stripped


def parse_rewrite(text: str) -> Parsed:
    """The whole output is the rewrite."""
    text = strip_think(text)
    if not text:
        raise ParseError("empty")
    return Parsed(text)


def parse_question_answer(text: str) -> Parsed:
    """One pair, each part after its label, the question first or the answer first."""
    text = strip_think(text)
    questions, answers = list(QUESTION.finditer(text)), list(ANSWER.finditer(text))
    if len(questions) != 1 or len(answers) != 1:
        raise ParseError("not_one_pair")
    (question, answer), end = (questions[0], answers[0]), len(text)
    parts = (
        text[question.end() : answer.start() if answer.start() > question.start() else end].strip(),
        text[answer.end() : question.start() if question.start() > answer.start() else end].strip(),
    )
    if not all(parts):
        raise ParseError("empty_part")
    return Parsed(text, question=parts[0], answer=parts[1])


def parse_score(text: str) -> Parsed:
    """A justification, and as its last line "Score: N" with a whole number from 0 to 5, given once."""
    text = strip_think(text)
    if len(SCORE_LABEL.findall(text)) > 1:
        raise ParseError("several_scores")
    found = SCORE.fullmatch(text.rpartition("\n")[2])
    if not found:
        raise ParseError("no_score")
    if int(found[1]) > MAX_SCORE:
        raise ParseError("score_out_of_range")
    return Parsed(text, score=int(found[1]))
