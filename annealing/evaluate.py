"""What a model knows: accuracy and likelihood on questions, bits per byte of texts that no training saw.

Bits per byte do not depend on the tokenizer. Every figure keeps its items, so that two models can be compared by
question and by document.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from annealing.checkpoint import read_state
from annealing.documents import Dataset, Document, open_dataset, rows
from annealing.errors import NothingHeldOut, TrainerError
from annealing.questions import QuestionSet, language_of
from annealing.scoring import Item, Scored, Scorer
from annealing.weights import TRAINED

Metric = Literal["accuracy", "bits_per_byte"]
_LONGEST = 1024  # tokens of a row for a model that does not say what it was trained with


@dataclass(frozen=True)
class Group:
    """One figure with its items: the sum of ``found`` over the sum of ``size``."""

    name: str
    metric: Metric
    of: Literal["questions", "text"]
    language: str
    keys: tuple[str, ...]  # what the items are, the same for every model
    found: np.ndarray  # float64 (items,): right answers, or bits
    size: np.ndarray  # float64 (items,): 1, or bytes
    chance: float | None = None  # the accuracy of a guess

    @property
    def value(self) -> float:
        """The figure."""
        return float(self.found.sum() / self.size.sum())


@dataclass(frozen=True)
class Texts:
    """Documents of one source and language."""

    name: str
    language: str
    documents: tuple[Document, ...]


def trained_with(folder: Path) -> dict[str, Any]:
    """``seq_len`` and ``holdout`` of a model that this trainer wrote, else {}."""
    path = folder / TRAINED
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    state = read_state(folder)  # a checkpoint
    return {"seq_len": state["recipe"]["phases"][-1]["seq_len"], "holdout": state["recipe"]["holdout"]} if state else {}


def row_length(folder: Path, longest: int) -> int:
    """Tokens of a row when scoring: as in training, where that is known; a model knows no positions beyond."""
    return int(trained_with(folder).get("seq_len", min(longest, _LONGEST)))


def held_out(place: str, holdout: float, max_bytes: int, name: str = "", column: str = "") -> list[Texts]:
    """Held-out documents of a source by language, up to ``max_bytes`` of each, from blocks spread over it.

    The last document of a language is cut where its bytes end. The same source gives the same documents to every model.
    Errors: NothingHeldOut; TrainerError for a source that cannot be read.
    """
    dataset = open_dataset(place, column or None)
    found: dict[str, list[Document]] = {}
    room: dict[str, int] = {}
    for document in _spread(dataset, holdout, max_bytes):
        language = document.lang or language_of(document.text)
        whole = document.text.encode()
        text = whole[: room.setdefault(language, max_bytes)].decode(errors="ignore")
        room[language] = max(0, room[language] - len(whole))
        if text:
            found.setdefault(language, []).append(replace(document, text=text))
    if not found:
        raise NothingHeldOut(
            f"{place}: none of its documents is held out at a share of {holdout:g}",
            "name more data, or hold out a larger share",
        )
    return [Texts(name or place, language, tuple(found[language])) for language in sorted(found)]


def _spread(dataset: Dataset, holdout: float, max_bytes: int) -> list[Document]:
    """Held-out documents of blocks in a shuffled order, until there are enough for two languages."""
    order = np.random.default_rng(0).permutation(len(dataset.blocks))
    found: list[Document] = []
    size = 0
    for number in order:
        part = rows(dataset, dataset.blocks[int(number)], holdout, held=True)
        found += part
        size += sum(len(one.text.encode()) for one in part)
        if size > 4 * max_bytes:
            break
    return found


def on_texts(scorer: Scorer, texts: Texts, length: int) -> Group:
    """Bits per byte of a set of texts, one item a document.

    A document is cut into rows of ``length`` tokens; the first of a row is seen and not scored but the last of the row
    before, so that every token of the text counts once.
    """
    ids = scorer.tokenizer.plain([document.text for document in texts.documents])
    rows = [(number, item) for number, tokens in enumerate(ids) for item in _rows(tokens, scorer.first, length)]
    scored = scorer.score([item for _, item in rows])
    bits = np.bincount([number for number, _ in rows], scored.nats / math.log(2), len(ids))
    size = np.array([len(document.text.encode()) for document in texts.documents], float)
    keys = tuple(document.key or str(number) for number, document in enumerate(texts.documents))
    return Group(f"{texts.name} ({texts.language})", "bits_per_byte", "text", texts.language, keys, bits, size)


def _rows(tokens: list[int], first: int, length: int) -> list[Item]:
    whole = np.array([first, *tokens], np.int64)
    return [Item(whole[start : start + length + 1], 1) for start in range(0, len(tokens), length)]


def on_questions(scorer: Scorer, questions: QuestionSet, length: int) -> list[Group]:
    """Accuracy (where there is a choice) and bits per byte of the right answers of a set, one item a question."""
    items = [
        _item(scorer, context, choice, length)
        for question in questions.questions
        for context, choice in zip(question.contexts, question.choices, strict=True)
    ]
    return _judged(questions, scorer.score(items))


def _item(scorer: Scorer, context: str, choice: str, length: int) -> Item:
    """Context and continuation as tokens; a token that reaches into the continuation is scored. Cut at the left.

    Errors: TrainerError when the tokenizer has no token for the continuation.
    """
    encoded = scorer.tokenizer.core.encode(context + choice, add_special_tokens=False)
    # A byte of a character that is spelt in bytes may end where it starts, so that its end alone does not tell.
    places = np.array(encoded.offsets, np.int64).reshape(-1, 2)
    before = int(((places[:, 0] < len(context)) & (places[:, 1] <= len(context))).sum())
    if before == len(places):
        raise TrainerError(f"{scorer.tokenizer.folder}: the tokenizer has no token for {choice!r}", "use another model")
    ids = np.array([scorer.first, *encoded.ids], np.int64)
    cut = max(0, min(before, len(ids) - length - 1))
    return Item(ids[cut:], before + 1 - cut)


def _judged(one: QuestionSet, scored: Scored) -> list[Group]:
    keys = tuple(str(number) for number in range(len(one.questions)))
    ones = np.ones(len(one.questions))
    sizes = [[len(choice.encode()) for choice in question.choices] for question in one.questions]
    starts = np.concatenate([[0], np.cumsum([len(question.choices) for question in one.questions])])
    gold = starts[:-1] + [question.gold for question in one.questions]
    answer = f"{one.name}, right answer"
    size = np.concatenate(sizes).astype(float)
    bits = Group(answer, "bits_per_byte", "questions", one.language, keys, scored.nats[gold] / math.log(2), size[gold])
    if one.kind == "answer":
        return [bits]
    if one.kind == "word":
        right = scored.greedy[gold].astype(float)
    else:
        weighed = scored.nats / size if one.by_byte else scored.nats
        pairs = zip(starts[:-1], one.questions, strict=True)
        right = np.array([_right(weighed[start : start + len(each.choices)], each.gold) for start, each in pairs])
    return [Group(one.name, "accuracy", "questions", one.language, keys, right, ones, one.chance), bits]


def _right(nats: np.ndarray, gold: int) -> float:
    """1 where the right choice is the likeliest; a tie is shared."""
    best = np.flatnonzero(nats <= nats.min())
    return 1 / len(best) if gold in best else 0.0
