"""From labelled documents to what is trained on and what is measured on, without anything on both sides.

Every step writes a reason beside the documents it leaves out, so that of each source in = train + held_out +
other_sources + what each reason took. Order and chance come from the hash of a text: the order of the input is nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from classifiers.similar import digest, groups

DOCUMENTS = pa.schema(
    [("content", pa.string()), ("positive", pa.bool_()), ("source", pa.string()), ("site", pa.string()),
     ("test", pa.bool_())]
)  # fmt: skip
SETS = TRAIN, HELD_OUT, OTHER_SOURCES = "train", "held_out", "other_sources"
# Why a document is in none of the three; before these come the reasons that the caller gives in the column "drop".
REASONS = ("empty", "both_classes", "duplicate", "leaked", "weight", "cap", "balance", "site_in_train")
_COLUMNS = (*DOCUMENTS.names[1:], "file", "drop")
_SHOWN = 80  # characters of a text in a message


class SplitConfig(BaseModel):
    """How the seeds are made into sets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    held_out: float = Field(0.1, gt=0, lt=1)  # share of the documents kept for the metrics, by site
    ratio: float | None = Field(1.0, gt=0)  # negatives per positive, by leaving out documents; None: all stay
    seed: int = 0
    on_overlap: Literal["refuse", "drop"] = "refuse"  # what to do about a text that is in both classes
    similarity: float = Field(0.75, gt=0, le=1)  # Jaccard similarity of 5-word shingles from which two texts are one
    # Share of a test source's documents that may be texts of the training sources; they are left out of the test.
    max_overlap: float = Field(0.05, ge=0, le=1)


@dataclass(frozen=True)
class Quota:
    """How much of a source is taken: at most `cap` documents; each with probability `weight`, or so many times."""

    cap: int | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Sets:
    """Documents tables of DOCUMENTS, in the order of their hash; a document of weight 2 is twice in `train`.

    counts: {"sources": {name: {"label", "split_by", "in", each reason, "train", "held_out", "other_sources"}},
    "total": the same sums over all, "lines": rows of train by class}.
    """

    train: pa.Table
    held_out: pa.Table
    other_sources: pa.Table
    counts: dict[str, Any]


@dataclass(frozen=True)
class _Rows:
    """The documents in the order of their hash, and what has become of each: a reason, a set, or None as yet."""

    table: pa.Table  # as DOCUMENTS
    keys: np.ndarray  # bytes, the digest of each text
    positive: np.ndarray
    source: np.ndarray
    site: np.ndarray  # None where there is none
    file: np.ndarray  # for messages; None where it is not told
    test: np.ndarray
    draws: np.ndarray  # float64 (n, 3) in 0 to 1, by text and seed: for weight, balance, repetition
    fate: np.ndarray

    @property
    def undecided(self) -> np.ndarray:
        """Which documents nothing has become of yet, bool (n,)."""
        return np.array([fate is None for fate in self.fate], bool)

    def open(self, test: bool) -> np.ndarray:
        """Numbers of the training or the test documents that nothing has become of yet."""
        return np.flatnonzero(self.undecided & (self.test == test))


def prepare(documents: pa.Table, cfg: SplitConfig, quotas: Mapping[str, Quota] | None = None) -> Sets:
    """De-duplicate, sample, balance and split.

    Args: documents with the columns of DOCUMENTS, and where there are `drop` string (reason of the caller to leave
    it out, null keeps) and `file` string (where it is from, for messages); quotas by source, all of it by default.
    Errors: ValueError, with the remedy, for a class that is missing or left empty, a text in both classes
    (on_overlap = "refuse"), a test source that overlaps training above cfg.max_overlap.
    """
    rows, quotas = _ordered(documents, cfg.seed), quotas or {}
    _check_classes(rows, rows.open(test=False), "the training sources have", "give seeds of both classes")
    _mark_same(rows, cfg)
    copies = _sample(rows, quotas)
    _balance(rows, copies, cfg.ratio)
    left = "after de-duplication, weights, caps and balancing the training sources have"
    _check_classes(rows, rows.open(test=False), left, "give more seeds, or raise caps, weights or split.ratio")
    _hold_out(rows, cfg)
    _set_test_aside(rows)
    train = np.repeat(np.arange(len(rows.fate)), np.where(rows.fate == TRAIN, copies, 0))
    chosen = (train, *(np.flatnonzero(rows.fate == name) for name in (HELD_OUT, OTHER_SOURCES)))
    return Sets(*(rows.table.take(pa.array(numbers, pa.int64())) for numbers in chosen), _counts(rows, train))


def _ordered(documents: pa.Table, seed: int) -> _Rows:
    """The documents by the hash of text and seed, equal texts by their other columns."""
    texts = documents["content"].to_pylist()
    keys = [digest(text) if text else b"" for text in texts]
    hashes = [hashlib.sha256(f"{seed} ".encode() + key).digest() for key in keys]
    others = documents.drop_columns(["content"]).to_pylist()
    order = sorted(range(len(keys)), key=lambda i: (hashes[i], texts[i] or "", sorted(map(repr, others[i].items()))))
    table = documents.take(pa.array(order, pa.int64()))
    nothing = [None] * len(order)
    columns = {name: table[name].to_pylist() if name in table.column_names else nothing for name in _COLUMNS}
    reasons = [reason or (None if keys[i] else "empty") for i, reason in zip(order, columns.pop("drop"), strict=True)]
    numbers = np.frombuffer(b"".join(hashes[i][:24] for i in order), ">u8").reshape(-1, 3)
    return _Rows(
        table=table.select(DOCUMENTS.names).cast(DOCUMENTS),
        keys=np.array([keys[i] for i in order], object),
        positive=np.array(columns.pop("positive"), bool),
        test=np.array(columns.pop("test"), bool),
        draws=numbers / 2.0**64,
        fate=np.array(reasons, object),
        **{name: np.array(values, object) for name, values in columns.items()},
    )


def _check_classes(rows: _Rows, numbers: np.ndarray, where: str, remedy: str) -> None:
    """Errors: ValueError unless the rows of these numbers are of both classes."""
    positives = int(rows.positive[numbers].sum())
    if not 0 < positives < len(numbers):
        raise ValueError(f"{where} {positives} positives and {len(numbers) - positives} negatives: {remedy}")


def _mark_same(rows: _Rows, cfg: SplitConfig) -> None:
    """Texts of both classes, all but the first of near-duplicates, and test documents that training has as well."""
    numbers = np.flatnonzero(rows.undecided)
    firsts: dict[bytes, int] = {}
    for number in numbers.tolist():
        firsts.setdefault(rows.keys[number], number)
    found = groups(rows.table["content"].take(pa.array(list(firsts.values()), pa.int64())).to_pylist(), cfg.similarity)
    group_of = dict(zip(firsts, found.tolist(), strict=True))
    group = np.array([group_of[rows.keys[number]] for number in numbers], np.int64)
    size = len(firsts)
    has = [np.bincount(group[mask[numbers]], minlength=size) > 0 for mask in (rows.positive, ~rows.positive)]
    trained = np.bincount(group[~rows.test[numbers]], minlength=size) > 0
    both = (has[0] & has[1])[group]
    if both.any() and cfg.on_overlap == "refuse":
        raise ValueError(_both_classes(rows, numbers[both], group[both]))
    repeated = np.ones(len(numbers), bool)
    repeated[np.unique(2 * group + rows.test[numbers], return_index=True)[1]] = False
    leaked = rows.test[numbers] & trained[group] & ~repeated
    rows.fate[numbers[repeated]] = "duplicate"
    rows.fate[numbers[leaked]] = "leaked"
    rows.fate[numbers[both]] = "both_classes"
    _check_overlap(rows, numbers, group, cfg.max_overlap)


def _both_classes(rows: _Rows, numbers: np.ndarray, group: np.ndarray) -> str:
    first = numbers[group == group[0]]
    positive, negative = (first[rows.positive[first] == kind][0] for kind in (True, False))
    text = " ".join(rows.table["content"][int(positive)].as_py().split())[:_SHOWN]
    return (
        f"{len(set(group.tolist()))} texts are in both classes, word for word or nearly: one of"
        f" {_place(rows, positive)} and {_place(rows, negative)} begins {text!r}: remove them, or set"
        ' split.on_overlap = "drop" to leave them out'
    )


def _check_overlap(rows: _Rows, numbers: np.ndarray, group: np.ndarray, most: float) -> None:
    """Errors: ValueError naming a test source of which more than this share is in the training sources."""
    leaked = rows.fate[numbers] == "leaked"
    for name in np.unique(rows.source[numbers[leaked]].astype(str)):
        ours = rows.source[numbers] == name
        compared = int((ours & (leaked | rows.undecided[numbers])).sum())
        count = int((ours & leaked).sum())
        if count > most * compared:
            example = np.flatnonzero(ours & leaked)[0]
            twin = numbers[(group == group[example]) & ~rows.test[numbers]][0]
            raise ValueError(
                f"the test source {_place(rows, numbers[example])} overlaps the training sources: {count} of its"
                f" {compared} documents are in them, word for word or nearly, one in {_place(rows, twin)}: leave them"
                f" out of one side, or raise split.max_overlap (now {most:g}) and they are left out of the test"
            )


def _place(rows: _Rows, number: int) -> str:
    """Source and file of a document, for messages."""
    file = rows.file[number]
    return f"{rows.source[number]!r} ({file})" if file else repr(rows.source[number])


def _sample(rows: _Rows, quotas: Mapping[str, Quota]) -> np.ndarray:
    """Mark what weights and caps leave out; return how often each document is trained on, int64 (n,)."""
    copies = np.ones(len(rows.fate), np.int64)
    for name, quota in quotas.items():
        ours = (rows.source == name) & rows.undecided
        rows.fate[ours & (rows.draws[:, 0] >= quota.weight)] = "weight"
        kept = np.flatnonzero(ours & (rows.draws[:, 0] < quota.weight))
        if quota.cap is not None:
            rows.fate[kept[quota.cap :]] = "cap"
        whole = int(max(1, quota.weight))
        copies[kept] = whole + (rows.draws[kept, 2] < max(1, quota.weight) - whole)
    return copies


def _balance(rows: _Rows, copies: np.ndarray, ratio: float | None) -> None:
    """Leave out training documents, by chance, of the class that has more than the ratio allows."""
    numbers = rows.open(test=False)
    positive = rows.positive[numbers]
    positives, negatives = (int(copies[numbers[mask]].sum()) for mask in (positive, ~positive))
    if ratio is None or negatives == ratio * positives:
        return
    many = negatives > ratio * positives
    wanted = ratio * positives if many else negatives / ratio
    ours = numbers[~positive if many else positive]
    ours = ours[np.argsort(rows.draws[ours, 1], kind="stable")]
    rows.fate[ours[np.cumsum(copies[ours]) > wanted + 0.5]] = "balance"


def _hold_out(rows: _Rows, cfg: SplitConfig) -> None:
    """Give whole sites, by chance, to the held-out set until each source has given its share; the rest is trained on.

    A document without a site is a site of its own. Errors: ValueError for a class of which one side would have none.
    """
    numbers = rows.open(test=False)
    members: dict[str, list[int]] = {}
    for number in numbers.tolist():
        members.setdefault(rows.site[number] or f"\0{rows.keys[number].hex()}", []).append(number)
    order = sorted(members, key=lambda site: hashlib.sha256(f"{cfg.seed} {site}".encode()).digest())
    room = {name: max(1, round(cfg.held_out * count)) for name, count in Counter(rows.source[numbers]).items()}
    left = Counter(rows.positive[numbers].tolist())
    rows.fate[numbers] = TRAIN
    for site in order:
        given = members[site]
        if all(room[name] >= count for name, count in Counter(rows.source[given]).items()) and _spared(
            rows, given, left
        ):
            _give(rows, given, room, left)
    for kind in (True, False):  # where every site is larger than its source's share, the smallest is given
        if not _is_held(rows, kind):
            able = [
                site for site in order if kind in rows.positive[members[site]] and _spared(rows, members[site], left)
            ]
            if not able:
                raise ValueError(_one_site(rows, numbers, kind))
            _give(rows, members[min(able, key=lambda site: len(members[site]))], room, left)


def _spared(rows: _Rows, given: list[int], left: Counter) -> bool:
    """Whether each class keeps a document for training without these."""
    return all(left[kind] > count for kind, count in Counter(rows.positive[given].tolist()).items())


def _give(rows: _Rows, given: list[int], room: dict[str, int], left: Counter) -> None:
    rows.fate[given] = HELD_OUT
    left.subtract(rows.positive[given].tolist())
    for name in rows.source[given]:
        room[name] -= 1


def _is_held(rows: _Rows, kind: bool) -> bool:
    return bool(((rows.fate == HELD_OUT) & (rows.positive == kind)).any())


def _one_site(rows: _Rows, numbers: np.ndarray, kind: bool) -> str:
    word = "positives" if kind else "negatives"
    sites = sorted({str(site) for site in rows.site[numbers[rows.positive[numbers] == kind]] if site})
    where = f"all come from {', '.join(sites[:3])}" if sites else "are a single document"
    return (
        f"the {word} {where}, so none can be held out without their site being trained on: give {word} from more"
        ' sites, or write site = "" at the source to split it by document'
    )


def _set_test_aside(rows: _Rows) -> None:
    """Keep of the test sources the sites that are not trained on. Errors: ValueError for one class only."""
    trained = set(rows.site[rows.fate == TRAIN]) - {None}
    numbers = rows.open(test=True)
    known = np.array([site in trained for site in rows.site[numbers]], bool)
    rows.fate[numbers[known]] = "site_in_train"
    rows.fate[numbers[~known]] = OTHER_SOURCES
    if rows.test.any():
        left = "without texts and sites that are trained on, the test sources have"
        _check_classes(rows, numbers[~known], left, "mark sources of both classes test = true, on sites of their own")


def _counts(rows: _Rows, train: np.ndarray) -> dict[str, Any]:
    """What has become of the documents of each source; every column adds up to "in"."""
    fates = [*REASONS, *sorted(set(rows.fate) - {*REASONS, *SETS}), *SETS]
    sources: dict[str, dict[str, Any]] = {}
    for name in sorted(set(rows.source)):
        ours = rows.source == name
        found = Counter(rows.fate[ours])
        kinds = set(rows.positive[ours].tolist())
        sources[name] = {
            "label": "both" if len(kinds) > 1 else "positive" if kinds == {True} else "negative",
            "split_by": "site" if any(site is not None for site in rows.site[ours]) else "document",
            "in": int(ours.sum()),
            **{fate: found[fate] for fate in fates},
        }
    total = Counter(rows.fate)
    positives = int(rows.positive[train].sum())
    return {
        "sources": sources,
        "total": {"in": len(rows.fate)} | {fate: total[fate] for fate in fates},
        "lines": {"positives": positives, "negatives": len(train) - positives},
    }
