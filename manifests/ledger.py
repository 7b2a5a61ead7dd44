"""Accounts of rows: in = kept + rejected (by reason) + quarantined, with an order-free checksum beside each count.

The checksum is the sum of the uids' last 64 bits modulo 2^64, so one row lost and another doubled cannot cancel,
and accounts of shards add up to the account of the tier in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MASK = (1 << 64) - 1
REQUESTS = "requests"  # the account of what an LLM was asked, which stands beside the chain of row stages
OUTPUTS = "outputs"  # the account of what it wrote: several outputs may come from one request
ROWS = "rows"  # the account of the rows made of outputs, whose uids are others
TAKEN_DOWN = "taken_down"  # the account of rows that a compaction removed, by its number, after all others of a tier
STATEMENTS = "statements"  # the account of what L4 found in documents and in what was written from them
MADE_HERE = (REQUESTS, STATEMENTS)  # accounts of what a tier makes: what comes in is no row of the tier below
_BESIDE = (REQUESTS, ROWS)


@dataclass(frozen=True)
class Tally:
    """A number of rows and the checksum of their uids."""

    rows: int = 0
    checksum: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.rows + other.rows, (self.checksum + other.checksum) & _MASK)

    def to_json(self) -> list[Any]:
        """``[rows, checksum as 16 hex digits]``."""
        return [self.rows, f"{self.checksum:016x}"]

    @staticmethod
    def from_json(value: list[Any]) -> Tally:
        """The inverse of ``to_json``."""
        return Tally(int(value[0]), int(value[1], 16))


def tally(uids: pa.Array | pa.ChunkedArray) -> Tally:
    """Count and checksum of uids, strings of 32 hex digits without nulls."""
    if len(uids) == 0:
        return Tally()
    if isinstance(uids, pa.ChunkedArray):
        uids = uids.combine_chunks()
    text = pc.binary_join(pa.ListArray.from_arrays([0, len(uids)], uids.cast(pa.string())), "")[0].as_py()
    if len(text) != 32 * len(uids):
        raise ValueError("a uid is not 32 hex digits")
    halves = np.frombuffer(bytes.fromhex(text), dtype=">u8").reshape(-1, 2)
    return Tally(len(uids), int(halves[:, 1].astype(np.uint64).sum(dtype=np.uint64)))


@dataclass
class Account:
    """What one stage did with its rows."""

    stage: str
    came: Tally = field(default_factory=Tally)
    kept: Tally = field(default_factory=Tally)
    rejected: dict[str, Tally] = field(default_factory=dict)
    quarantined: Tally = field(default_factory=Tally)

    def add(self, other: Account) -> None:
        """Add the account of other rows of the same stage."""
        self.came += other.came
        self.kept += other.kept
        self.quarantined += other.quarantined
        for reason, count in other.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, Tally()) + count

    def balances(self) -> bool:
        """Whether in = kept + rejected + quarantined, in rows and in uids."""
        return self.came == sum(self.rejected.values(), self.kept + self.quarantined)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with reasons in order."""
        return {
            "stage": self.stage,
            "in": self.came.to_json(),
            "kept": self.kept.to_json(),
            "rejected": {reason: count.to_json() for reason, count in sorted(self.rejected.items())},
            "quarantined": self.quarantined.to_json(),
        }

    @staticmethod
    def from_json(value: dict[str, Any]) -> Account:
        """The inverse of ``to_json``."""
        return Account(
            value["stage"],
            Tally.from_json(value["in"]),
            Tally.from_json(value["kept"]),
            {reason: Tally.from_json(count) for reason, count in value["rejected"].items()},
            Tally.from_json(value["quarantined"]),
        )


Ledger = list[Account]


def merge(ledgers: Iterable[Ledger]) -> Ledger:
    """The sum of ledgers, stage by stage, in the order in which stages first appear.

    Of a shard that no compaction touched, all that was kept passes through the account of those that one did touch.
    """
    each = [ledger for ledger in ledgers if ledger]
    total: dict[str, Account] = {}
    for account in (account for ledger in each for account in ledger):
        total.setdefault(account.stage, Account(account.stage)).add(account)
    if TAKEN_DOWN in total:
        for kept in (ledger[-1].kept for ledger in each if ledger[-1].stage != TAKEN_DOWN):
            total[TAKEN_DOWN].add(Account(TAKEN_DOWN, kept, kept))
    return list(total.values())


def faults(ledger: Ledger) -> list[str]:
    """What does not balance: inside a stage, or from one stage's kept rows to the next one's input."""
    found = [f"{a.stage}: {a.came.rows} rows in, another number or other rows out" for a in ledger if not a.balances()]
    for before, after in pairwise([account for account in ledger if account.stage not in _BESIDE]):
        if before.kept != after.came:
            found.append(f"{before.stage} kept {before.kept.rows} rows, {after.stage} received {after.came.rows}")
    return found


def kept_over_time(ledger: Ledger) -> list[Tally]:
    """What a tier kept: now, and before each compaction, back to when it was built. None for an empty ledger."""
    if not ledger:
        return []
    last = ledger[-1]
    found = [last.kept]
    if last.stage == TAKEN_DOWN:
        for number in sorted(last.rejected, reverse=True):
            found.append(found[-1] + last.rejected[number])
    return found


def dump(ledger: Ledger) -> list[dict[str, Any]]:
    """The ledger as JSON values."""
    return [account.to_json() for account in ledger]


def load(values: list[dict[str, Any]]) -> Ledger:
    """The inverse of ``dump``."""
    return [Account.from_json(value) for value in values]
