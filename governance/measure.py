"""A model's figures on questions and held-out texts, as the verbs that evaluate and compare ask for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from governance import statistics
from governance.statistics import Items

TEXT_BYTES = 262_144  # held-out text of each source and language: some seconds for 5M parameters on two cores


@dataclass(frozen=True)
class Held:
    """Texts of which a share is held out."""

    name: str
    places: tuple[str, ...]
    holdout: float
    independent: bool = False  # no model was trained on its like


@dataclass(frozen=True)
class Yardstick:
    """What models are measured on."""

    questions: tuple[str, ...] = ()
    texts: tuple[Held, ...] = ()
    limit: int | None = None  # questions of a set
    max_bytes: int = TEXT_BYTES  # of text, of each source and language
    seq_len: int | None = None  # default: the model's own
    device: str = "auto"

    @cached_property
    def sets(self) -> list[Any]:
        """The question sets. Errors: TrainerError, for two of one name too."""
        from annealing.errors import TrainerError
        from annealing.questions import open_questions

        found = [one for place in self.questions for one in open_questions(Path(place).expanduser(), self.limit)]
        names = [one.name for one in found]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise TrainerError(f"two question sets are named {twice}", "rename one of the files")
        return found

    @cached_property
    def documents(self) -> list[Any]:
        """The held-out texts by source and language. Errors: TrainerError when a source holds none out."""
        return [one for held in self.texts for one in _documents(held, self.max_bytes)]

    def read(self) -> None:
        """Read all of it now. Errors: TrainerError."""
        self.sets, self.documents  # noqa: B018

    @cached_property
    def fingerprint(self) -> str:
        """Of the questions and texts themselves: figures of another fingerprint cannot be compared."""
        digest = hashlib.sha256(f"{self.seq_len}".encode())
        for one in (*self.sets, *self.documents):
            digest.update(repr(one).encode(errors="surrogatepass"))
        return digest.hexdigest()

    @property
    def parts(self) -> int:
        """Sets of questions and of texts."""
        return len(self.sets) + len(self.documents)


def _documents(held: Held, max_bytes: int) -> list[Any]:
    """The texts of several places under one name; a place that holds none out is passed over unless all do."""
    from annealing.errors import NothingHeldOut
    from annealing.evaluate import Texts, held_out

    found: dict[str, tuple[Any, ...]] = {}
    problem: NothingHeldOut | None = None
    for place in held.places:
        try:
            parts = held_out(place, held.holdout, max_bytes // len(held.places))
        except NothingHeldOut as error:
            problem = error
            continue
        for part in parts:
            found[part.language] = (*found.get(part.language, ()), *part.documents)
    if not found and problem is not None:
        raise problem
    return [Texts(held.name, language, found[language]) for language in sorted(found)]


def measure(folder: Path, yardstick: Yardstick, told: Callable[[str], None] = lambda name: None) -> list[Any]:
    """The figures of a model: annealing.evaluate.Group, one a set and metric. ``told``: of each part that is done.

    Errors: TrainerError.
    """
    from annealing import evaluate
    from annealing.scoring import Scorer

    scorer = Scorer(folder, yardstick.device)
    length = yardstick.seq_len or evaluate.row_length(folder, scorer.shape.max_position_embeddings)
    found: list[Any] = []
    for questions in yardstick.sets:
        found += evaluate.on_questions(scorer, questions, length)
        told(questions.name)
    for texts in yardstick.documents:
        found.append(evaluate.on_texts(scorer, texts, length))
        told(texts.name)
    return found


def items(group: Any) -> Items:
    """A group's items, for intervals."""
    return Items(group.keys, group.found, group.size)


def figure(group: Any) -> dict[str, Any]:
    """A group as a row of a report: the value with its interval."""
    found = statistics.of_figure([items(group)])
    return {
        "name": group.name, "metric": group.metric, "of": group.of, "language": group.language,
        "items": len(group.keys), "value": found.value, "low": found.low, "high": found.high, "chance": group.chance,
    }  # fmt: skip


def save(groups: Sequence[Any], path: Path, fingerprint: str) -> None:
    """Keep the figures with all their items. Written whole."""
    from annealing.weights import write_json

    body = [asdict(group) | {"found": group.found.tolist(), "size": group.size.tolist()} for group in groups]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"fingerprint": fingerprint, "groups": body})


def load(path: Path, fingerprint: str) -> list[Any] | None:
    """Figures that were kept, or None where there are none of this fingerprint."""
    from annealing.evaluate import Group

    if not path.is_file():
        return None
    body = json.loads(path.read_text(encoding="utf-8"))
    if body["fingerprint"] != fingerprint:
        return None
    arrays = ("keys", "found", "size")
    return [
        Group(
            keys=tuple(one["keys"]), found=np.array(one["found"]), size=np.array(one["size"]),
            **{name: value for name, value in one.items() if name not in arrays},
        )
        for one in body["groups"]
    ]  # fmt: skip
