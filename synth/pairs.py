"""Question-answer pairs in the habits of real models: labels, numbers, markdown, JSON with or without a fence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from synth.parsed import Parsed, ParseError

# Runs are possessive: a model in a loop of line breaks would else cost the cube of their number, a minute for 2,000.
_BEFORE = r"^[\s*#>-]*+(?:\d{1,2}\s*+[.)、．:：]?\s*+)?\**+\s*+"
_AFTER = r"\s*+\(?\d*+\)?\s*+\**+\s*+[:：.]\s*\**"
QUESTION = re.compile(rf"{_BEFORE}(?:Question|Q|问题|问){_AFTER}", re.MULTILINE | re.IGNORECASE)
ANSWER = re.compile(rf"{_BEFORE}(?:Answer|A|答案|回答|答){_AFTER}", re.MULTILINE | re.IGNORECASE)
FENCE = re.compile(r"^```[a-z]*\s*\n(.*?)\n?```\s*$", re.DOTALL | re.IGNORECASE)
HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # half of an escaped pair: no text, and no file can hold it
_QUESTION_KEYS = ("question", "q", "问题", "问")
_ANSWER_KEYS = ("answer", "a", "答案", "回答", "答")


def parse_question_answer(text: str) -> tuple[Parsed, ...]:
    """One pair, each part after its label, the question first or the answer first."""
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
    return (Parsed(text, question=parts[0], answer=parts[1]),)


def parse_question(text: str) -> tuple[Parsed, ...]:
    """One question on one line, with or without its label; its answer is what the model was shown."""
    question = QUESTION.sub("", text.strip(), count=1).strip()
    if not question or "\n" in question:
        raise ParseError("not_one_question")
    return (Parsed(text, question=question),)


def parse_question_answers(text: str) -> tuple[Parsed, ...]:
    """Several pairs, as JSON or each part after its label. A pair without one of its parts is left out.

    Errors: ParseError when no pair is whole.
    """
    fenced = FENCE.match(text.strip())
    body = fenced[1] if fenced else text.strip()
    found = list(_of_json(body)) if body[:1] in ("[", "{") else list(_of_labels(body))
    if not found:
        raise ParseError("no_pairs")
    return tuple(Parsed(f"{question}\n{answer}", question=question, answer=answer) for question, answer in found)


def _of_labels(text: str) -> Iterator[tuple[str, str]]:
    """Question, then answer, up to the next question."""
    marks = sorted(
        [(match.start(), match.end(), True) for match in QUESTION.finditer(text)]
        + [(match.start(), match.end(), False) for match in ANSWER.finditer(text)]
    )
    ends = [*(start for start, _, _ in marks[1:]), len(text)][: len(marks)]
    question = ""
    for (_, start, asks), end in zip(marks, ends, strict=True):
        part = _bare(text[start:end])
        if asks:
            question = part
        elif question and part:
            yield question, part
            question = ""


def _bare(text: str) -> str:
    """Without the rule or the emphasis that some models put between pairs."""
    return re.sub(r"\n\s*(?:-{3,}|\*{3,}|#+)\s*$", "", text.strip()).strip().removesuffix("**").strip()


def _of_json(text: str) -> Iterator[tuple[str, str]]:
    """Pairs of an array, of an object that holds one, or of one object a line. Errors: ParseError for broken JSON."""
    try:
        values = [json.loads(text)]
    except ValueError:  # broken, or a number of thousands of digits
        try:
            values = [json.loads(line) for line in text.split("\n") if line.strip()]
        except (ValueError, RecursionError) as error:
            raise ParseError("broken_json") from error
    except RecursionError as error:
        raise ParseError("broken_json") from error
    for value in values:
        for item in _objects(value):
            pair = _value(item, _QUESTION_KEYS), _value(item, _ANSWER_KEYS)
            if all(pair):
                yield pair


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of an answer, one level down at most: {"pairs": [...]} or [...] or {...}."""
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, dict):
            inner = [entry for entry in item.values() if isinstance(entry, list)]
            yield from (entry for entry in (inner[0] if inner else [item]) if isinstance(entry, dict))


def _value(item: dict[str, Any], keys: tuple[str, ...]) -> str:
    named = {str(key).lower(): value for key, value in item.items()}
    found = next((named[key] for key in keys if isinstance(named.get(key), str)), "")
    return "" if HALF_CHARACTER.search(found) else found.strip()
