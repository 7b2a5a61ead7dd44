"""Questions with known answers, from the files that evaluation sets come in: choices, contexts, continuations.

Answers are scored by their likelihood, so nothing is generated and a small model has something to show too. Known
layouts are those of llm-foundry's gauntlet (query and choices, context and continuation, options of a context) and of
AGIEval (passage, question, options, label).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from annealing.errors import TrainerError

Kind = Literal["choice", "word", "answer"]
_MARK = re.compile(r"^\s*[(（]?([A-H])(?:\s*[)）.、．。:：]|\s)\s*")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_STEPS = re.compile(r"<<.*?>>")  # GSM8K's notes for a calculator
# Below this mean length choices are words and letters, which are compared as they are; a byte more must not decide.
_WORDS_BYTES = 12


@dataclass(frozen=True)
class Question:
    """Continuations to choose from, each with what stands before it."""

    contexts: tuple[str, ...]
    choices: tuple[str, ...]
    gold: int


@dataclass(frozen=True)
class QuestionSet:
    """The questions of a file."""

    name: str
    kind: Kind  # choice: one of several; word: the continuation itself; answer: a text, judged by its likelihood alone
    language: str  # zh, or other
    questions: tuple[Question, ...]

    @property
    def chance(self) -> float | None:
        """The accuracy of a guess; None where there is nothing to choose from."""
        if self.kind != "choice":
            return None
        return sum(1 / len(question.choices) for question in self.questions) / len(self.questions)

    @property
    def by_byte(self) -> bool:
        """Whether a choice's likelihood is divided by its bytes, without which the shortest sentence would win."""
        sizes = [len(choice.encode()) for question in self.questions for choice in question.choices]
        return sum(sizes) / len(sizes) > _WORDS_BYTES


def language_of(text: str) -> str:
    """zh for a text of which a tenth or more is Han, else other."""
    sample = "".join(text[:2000].split())
    return "zh" if sample and len(_HAN.findall(sample)) >= 0.1 * len(sample) else "other"


def open_questions(place: Path, limit: int | None = None) -> list[QuestionSet]:
    """The sets of a JSONL file, or of all in a folder; ``limit``: questions of each, spread over the file.

    Errors: TrainerError when there is none, or a line is of no known layout or broken.
    """
    files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
    if not files or not all(file.is_file() for file in files):
        raise TrainerError(f"{place} holds no questions", "name a JSONL file, or a folder of them")
    return [_open(file, limit) for file in files]


def _open(file: Path, limit: int | None) -> QuestionSet:
    try:
        lines = [line for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    except UnicodeDecodeError as error:
        raise TrainerError(f"{file} is no UTF-8: {error}", "convert it") from error
    if not lines:
        raise TrainerError(f"{file} is empty", "leave it out")
    count = min(limit or len(lines), len(lines))
    picked = [number * len(lines) // count for number in range(count)]
    rows = [_row(lines[number], f"{file}, line {number + 1}") for number in picked]
    kind, make = _layout(rows[0], str(file))
    questions = []
    for number, row in zip(picked, rows, strict=True):
        try:
            questions.append(_checked(make(row)))
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise TrainerError(
                f"{file}, line {number + 1} is not like the first: {error!r}", "mend the file"
            ) from error
    sample = "".join(one.contexts[0] + one.choices[one.gold] for one in questions[:20])
    return QuestionSet(file.stem, kind, language_of(sample), tuple(questions))


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise TrainerError(f"{where} is no JSON: {error}", "mend the file") from error
    if not isinstance(row, dict):
        raise TrainerError(f"{where} is no JSON object", "mend the file")
    return row


def _checked(question: Question) -> Question:
    if type(question.gold) is not int:
        raise TypeError(f"gold is no whole number: {question.gold!r}")
    if not 0 <= question.gold < len(question.choices):
        raise ValueError(f"there is no choice {question.gold}")
    if not all(question.choices) or len(question.contexts) != len(question.choices):
        raise ValueError("an empty choice")
    "".join((*question.contexts, *question.choices)).encode()  # half a surrogate pair is no text
    return question


def _layout(row: dict[str, Any], where: str) -> tuple[Kind, Callable[[dict[str, Any]], Question]]:
    for names, kind, make in _LAYOUTS:
        if names <= set(row):
            return kind, make
    known = "; ".join(", ".join(sorted(names)) for names, _, _ in _LAYOUTS)
    raise TrainerError(f"{where}: fields {', '.join(row)} are no layout known here", f"known: {known}")


def _choices(row: dict[str, Any]) -> Question:
    """query, choices, gold: the answer follows on a line of its own where the query asks a question."""
    query = row["query"].rstrip()
    asks = "Question:" in query and not query.endswith("Answer:")
    context = f"{query}\nAnswer:" if asks else query
    choices = tuple(f" {choice.strip()}" for choice in row["choices"])
    return Question((context,) * len(choices), choices, row["gold"])


def _contexts(row: dict[str, Any]) -> Question:
    """context_options, continuation, gold: the same words after several beginnings (WinoGrande)."""
    contexts = tuple(option.rstrip() for option in row["context_options"])
    return Question(contexts, (f" {row['continuation'].strip()}",) * len(contexts), row["gold"])


def _word(row: dict[str, Any]) -> Question:
    """context, continuation: what comes next (LAMBADA)."""
    return Question((row["context"].rstrip(),), (f" {row['continuation'].strip()}",), 0)


def _solution(row: dict[str, Any]) -> Question:
    """context, chain_of_thought, answer: a reasoned solution (GSM8K)."""
    steps = _STEPS.sub("", row["chain_of_thought"]).strip()
    return Question(
        (f"Question: {row['context'].strip()}\nAnswer:",), (f" {steps}\nThe answer is {row['answer']}.",), 0
    )


def _options(row: dict[str, Any]) -> Question:
    """passage, question, options, label (AGIEval): the text of an option is the answer, not its letter."""
    options = [option.strip() for option in row["options"]]
    marks = [mark[1] for option in options if (mark := _MARK.match(option))]
    marked = len(marks) == len(options)  # else "A" may be a word of the first option
    # Files hold options in another order than their letters, and letters that stand twice: those go by place.
    in_order = marked and len(set(marks)) == len(marks)
    letters = marks if in_order else [chr(ord("A") + number) for number in range(len(options))]
    texts = [(_MARK.sub("", option) if marked else option) or option for option in options]
    chinese = language_of(row["question"] + "".join(texts)) == "zh"
    ask, answer, space = ("问题：", "答案：", "") if chinese else ("Question: ", "Answer:", " ")
    passage = f"{row['passage'].strip()}\n" if row.get("passage") else ""
    context = f"{passage}{ask}{row['question'].strip()}\n{answer}"
    choices = tuple(space + text for text in texts)
    return Question((context,) * len(choices), choices, letters.index(row["label"].strip()))


_LAYOUTS: tuple[tuple[set[str], Kind, Callable[[dict[str, Any]], Question]], ...] = (
    ({"query", "choices", "gold"}, "choice", _choices),
    ({"context_options", "continuation", "gold"}, "choice", _contexts),
    ({"context", "chain_of_thought", "answer"}, "answer", _solution),
    ({"context", "continuation"}, "word", _word),
    ({"question", "options", "label"}, "choice", _options),
)
