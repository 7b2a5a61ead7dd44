"""What a report is made from: the tiers of an output as their manifests, or where one is unfinished its records, tell
them, and the parts of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.errors import CorpusError, UsageError
from governance.job import annotation_parts, data_parts
from governance.pipeline import read_manifest
from governance.status import dumps
from manifests import ledger as accounts
from manifests.ledger import Account
from manifests.records import Part, Record, read_records
from manifests.store import Store

LEVELS = ("L0", "L1", "L2", "L3", "L4")
# The steps of a tier whose ledgers add up to its own, in order.
STEPS = {
    "L0": ("data",), "L1": ("annotations", "data"), "L2": ("data",), "L3": ("annotations", "data"),
    "L4": ("annotations", "data"),
}  # fmt: skip


@dataclass(frozen=True)
class Tier:
    """One tier of one dump. ``sealed`` false: it is under way, and everything is of its committed shards alone."""

    name: str
    dump: str
    plan: dict[str, Any]
    sealed: bool
    ledger: tuple[Account, ...]
    rows: int
    bytes: int
    shards: Mapping[str, int]  # committed, by step
    figures: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] | None = None

    @property
    def base(self) -> str:
        """Its folder in the store."""
        return f"{self.name}/{self.dump}"

    def config(self, stage: str) -> dict[str, Any]:
        """The settings of a stage, empty where it did not run."""
        return self.plan.get("stages", {}).get(stage, {}).get("config") or {}


def read_tiers(store: Store, dump: str | None) -> list[Tier]:
    """The tiers of a store by level and dump. Errors: UsageError for a dump that is not there, CorpusError."""
    there = dumps(store)
    if dump is not None and dump not in {name for _, name in there}:
        names = ", ".join(sorted({name for _, name in there})) or "none"
        raise UsageError(f"no dump {dump!r} in {store.url}", f"--dump names one of those that are there: {names}")
    return [_read_tier(store, tier, name) for tier, name in there if dump in (None, name)]


def _read_tier(store: Store, tier: str, dump: str) -> Tier:
    manifest = read_manifest(store, tier, dump)
    if manifest is not None:
        ledger = tuple(accounts.load(manifest["ledger"]))
        shards = {"data": manifest["shards"]}
        told = (manifest["rows"], manifest["bytes"], shards, manifest["figures"], manifest)
        return Tier(tier, dump, manifest["plan"], True, ledger, *told)
    return _under_way(store, tier, dump)


def _under_way(store: Store, tier: str, dump: str) -> Tier:
    """A tier without a manifest, summed up from what is committed."""
    base = f"{tier}/{dump}"
    plan = json.loads(store.get(f"{base}/plan.json"))["plan"]
    ledger: list[Account] = []
    shards, figures, totals = Counter[str](), Counter[str](), Counter[str]()
    for step in STEPS[tier]:
        found: list[Account] = []
        for record in records(store, base, step):
            shards[step] += 1
            found = accounts.merge([found, record.ledger])
            figures.update({name: value for name, value in record.figures.items() if isinstance(value, int)})
            totals.update({"rows": sum(p.rows for p in data_parts(record)) if step == "data" else 0})
            totals.update({"bytes": sum(p.bytes for p in data_parts(record)) if step == "data" else 0})
        ledger += found
    return Tier(tier, dump, plan, False, tuple(ledger), totals["rows"], totals["bytes"], shards, dict(figures))


def records(store: Store, base: str, step: str) -> Iterator[Record]:
    """The records of a step. Errors: CorpusError for one that is damaged."""
    try:
        yield from read_records(store, base, step)
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"a record of {step} in {base} is not readable: {error}", "see `governance verify`"
        ) from error


def note_parts(store: Store, tier: Tier) -> Iterator[Part]:
    """The parts that hold verdicts."""
    for step in STEPS[tier.name]:
        for record in records(store, tier.base, step):
            yield from annotation_parts(record)


def text_parts(store: Store, tier: Tier) -> Iterator[Part]:
    """The parts that hold text."""
    for record in records(store, tier.base, "data"):
        yield from data_parts(record)


def step_parts(store: Store, tier: Tier, step: str) -> Iterator[Part]:
    """The parts of a step beside verdicts and text: ``scores``, ``duplicates``."""
    for record in records(store, tier.base, step):
        yield from record.parts


def of_level(tiers: Sequence[Tier], level: str) -> list[Tier]:
    """The tiers of one level, one a dump."""
    return [tier for tier in tiers if tier.name == level]


def summed(tiers: Sequence[Tier]) -> list[Account]:
    """The accounts of one level over all dumps, in order; a stage that stands twice in a ledger stays two."""
    found: dict[tuple[str, int], Account] = {}
    for tier in tiers:
        seen = Counter[str]()
        for account in tier.ledger:
            seen[account.stage] += 1
            found.setdefault((account.stage, seen[account.stage]), Account(account.stage)).add(account)
    return list(found.values())
