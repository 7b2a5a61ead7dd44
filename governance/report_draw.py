"""Which rows a report shows: of every rule those whose uid has the smallest hash, so that the same corpus and seed
give the same rows whatever the order of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.report_tiers import Tier
from governance.runner import FATE

CLEANED = "cleaned"  # rows that a tier kept after it changed their text
_SURPLUS = 3  # of those, times as many are drawn: some turn out to be duplicates


@dataclass(frozen=True, order=True)
class Drawn:
    """A row that is shown, and the dump it is of."""

    rank: int
    uid: str
    dump: str


class Draw:
    """The rows drawn so far, ``count`` of each label of a level; memory for these alone."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self._count, self._seed = count, seed
        self._drawn: dict[tuple[str, str], list[Drawn]] = {}

    def add(self, tier: Tier, table: pa.Table) -> None:
        """Draw among the rejected rows of some annotations by their fate, and among those that were kept cleaned."""
        self.add_rows(tier, table["uid"], table[FATE])
        if "clean.chars_removed" in table.column_names:
            changed = pc.not_equal(pc.fill_null(table["clean.chars_removed"], 0), 0)
            some = table.filter(pc.and_(pc.is_null(table[FATE]), changed))
            self.add_rows(tier, some["uid"], pa.array([CLEANED] * some.num_rows, pa.string()), _SURPLUS)

    def add_rows(self, tier: Tier, uids: pa.ChunkedArray, labels: pa.ChunkedArray | pa.Array, times: int = 1) -> None:
        """Draw among rows by label; a row whose label is null is left out."""
        import polars as pl

        known = pc.is_valid(labels)
        uids, labels = uids.filter(known), labels.filter(known)
        if not len(uids) or not self._count:
            return
        frame = pl.DataFrame({"uid": uids, "label": labels, "rank": ranks(uids, self._seed)})
        best = frame.sort("rank", "uid").group_by("label", maintain_order=True).head(self._count * times)
        for label, uid, rank in best.select("label", "uid", "rank").iter_rows():
            self._drawn.setdefault((tier.name, label), []).append(Drawn(rank, uid, tier.dump))
        for label in best["label"].unique():
            key = (tier.name, label)
            self._drawn[key] = sorted(self._drawn[key])[: self._count * times]

    def of(self, level: str, label: str) -> Sequence[Drawn]:
        """The rows drawn of a label."""
        return self._drawn.get((level, label), ())

    def count(self) -> int:
        """How many rows are drawn in all."""
        return sum(map(len, self._drawn.values()))

    def labels(self, level: str) -> list[str]:
        """The labels of a level, sorted."""
        return sorted(label for found, label in self._drawn if found == level)


def ranks(uids: pa.ChunkedArray | pa.Array, seed: int = 0) -> np.ndarray:
    """A hash of each uid, uint64 (n,): splitmix64 over its two halves and the seed."""
    text = "".join(uids.to_pylist())
    halves = np.frombuffer(bytes.fromhex(text), ">u8").reshape(-1, 2).astype(np.uint64)
    return _mixed(_mixed(halves[:, 0] + np.uint64(seed)) ^ halves[:, 1])


def _mixed(x: np.ndarray) -> np.ndarray:
    """splitmix64's finaliser."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
