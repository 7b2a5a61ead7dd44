"""``governance diff``: two outputs of the same input, row by row: fates, figures and settings.

A uid names its shard, so shards of the same input are compared two and two; memory for the narrow columns of two
shards. Rows of two dumps are the same where their input and its record are: the first 8 digits of a uid name the dump.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance import commands, whatif_page
from governance.config import Settings
from governance.duplicates import shuffle_of
from governance.errors import UsageError
from governance.job import Job, annotation_parts
from governance.parts import read_all, read_parts
from governance.pipeline import LEVELS, read_manifest
from governance.plan import differences
from governance.runner import FATE
from governance.whatif import dump_of
from governance.whatif_clusters import Clusters
from governance.whatif_examples import Sample, starts_of
from manifests.records import Record, committed, read_records
from manifests.store import Store
from manifests.tombstones import read_tombstones

KINDS = ("kept_to_rejected", "rejected_to_kept", "other_reason")
_KEY = "key"  # what two dumps have in common of a uid: 24 hex digits of the record
_SHOWN_FIGURES = 20
# Numbers that name something and measure nothing.
_NO_FIGURES = {
    "archive_offset",
    "dedup.url",
    "decontaminate.item",
    "decontaminate.start",
    "decontaminate.end",
    "status",
}


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance diff``."""

    a: str
    b: str
    tier: str
    dumps: tuple[str, ...]
    examples: int


@dataclass
class Side:
    """One of the two: a sealed tier of a dump, and what was counted of it."""

    output: str
    store: Store
    tier: str
    dump: str
    rows: int = 0
    kept: int = 0
    sums: dict[str, np.ndarray] = field(default_factory=dict)  # by figure: rows, sum, sum of squares

    @property
    def base(self) -> str:
        """The tier's folder."""
        return f"{self.tier}/{self.dump}"

    def shards(self) -> dict[str, Record]:
        """The records that name annotations, by the base name of their input."""
        step = "annotations" if committed(self.store, self.base, "annotations") else "data"
        return {record.name: record for record in read_records(self.store, self.base, step)}

    def fates(self, record: Record) -> pa.Table:
        """uid, key and fate (duplicates among them) of a shard, sorted by key."""
        table = read_all(self.store, annotation_parts(record), ("uid", FATE))
        if table is None:
            table = pa.table({"uid": pa.array([], pa.string()), FATE: pa.array([], pa.string())})
        uids, fate = table["uid"].combine_chunks(), table[FATE].combine_chunks()
        if self.tier == "L1" and record.step == "annotations":
            kinds = self._clusters.kinds(record.number, table["uid"]) if len(table) else pa.nulls(0, pa.string())
            fate = pc.coalesce(fate, pc.binary_join_element_wise(pa.scalar("dedup."), kinds, ""))
        self.rows += len(fate)
        self.kept += fate.null_count
        return pa.table({"uid": uids, _KEY: pc.utf8_slice_codeunits(uids, 8, 32), FATE: fate}).sort_by(_KEY)

    @cached_property
    def _clusters(self) -> Clusters:
        """The clusters of duplicates of L1."""
        manifest = read_manifest(self.store, self.tier, self.dump) or {}
        older = tuple(manifest["plan"].get("against", ()))
        return Clusters(
            shuffle_of(Job(self.store, self.tier, self.dump, Settings(), manifest["fingerprint"], "L0", older=older))
        )

    def measure(self, record: Record) -> None:
        """Add up the figures of a shard."""
        for table in read_parts(self.store, annotation_parts(record)):
            for column in table.schema:
                if column.name not in _NO_FIGURES and (
                    pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
                ):
                    values = table[column.name].drop_null().to_numpy().astype(np.float64)
                    sums = np.array([len(values), values.sum(), np.square(values).sum()])
                    self.sums[column.name] = self.sums.get(column.name, np.zeros(3)) + sums

    def told(self) -> dict[str, Any]:
        """As JSON values."""
        return {"output": self.output, "dump": self.dump, "rows": self.rows, "kept": self.kept}


def diff(ask: Ask, as_json: bool) -> None:
    """Compare and print. Errors: UsageError, CorpusError."""
    body = compare(ask)
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        whatif_page.show_diff(body)


def compare(ask: Ask) -> dict[str, Any]:
    """What differs, as JSON values in a fixed order."""
    a, b = sides_of(ask)
    ours, theirs = a.shards(), b.shards()
    counts: Counter[tuple[str | None, str | None]] = Counter()
    out = (read_tombstones(a.store), read_tombstones(b.store))
    samples = {kind: Sample(ask.examples, out) for kind in KINDS}
    only_a = only_b = 0
    for name in sorted({*ours, *theirs}):
        pair = [side.fates(shards[name]) if name in shards else None for side, shards in ((a, ours), (b, theirs))]
        for side, shards in ((a, ours), (b, theirs)):
            if name in shards:
                side.measure(shards[name])
        left, right = pair
        both = _joined(left, right) if left is not None and right is not None else None
        met = 0 if both is None else both.num_rows
        only_a += 0 if left is None else left.num_rows - met
        only_b += 0 if right is None else right.num_rows - met
        if both is not None:
            _count(both, counts, samples)
    return {
        "tier": ask.tier,
        "a": a.told(),
        "b": b.told(),
        "settings": list(settings_between(a, b)),
        "only_in_a": only_a,
        "only_in_b": only_b,
        "changed": sum(counts.values()),
        "fates": [
            {"a": was, "b": now, "rows": rows}
            for (was, now), rows in sorted(counts.items(), key=lambda one: (-one[1], str(one[0])))
        ],
        "figures": _figures(a.sums, b.sums),
        "examples": {kind: _examples(a, samples[kind]) for kind in KINDS},
    }


def sides_of(ask: Ask) -> tuple[Side, Side]:
    """The two that are compared. Errors: UsageError where a tier is not sealed, or a dump is not there."""
    if len(ask.dumps) > 2:
        raise UsageError("--dump is given more than twice", "once for both sides, or first A's, then B's")
    names = [*ask.dumps, *ask.dumps][:2] or [None, None]
    a, b = (_side(output, ask.tier, name) for output, name in zip((ask.a, ask.b), names, strict=True))
    return a, b


def _side(output: str, tier: str, dump: str | None) -> Side:
    """Errors: UsageError where the tier is not sealed."""
    store = commands.existing(output)
    side = Side(output, store, tier, dump_of(store, dump))
    if read_manifest(store, tier, side.dump) is None:
        raise UsageError(
            f"{tier} of dump {side.dump!r} in {output} is not sealed", f"finish it: governance run --level {tier}"
        )
    return side


def _joined(left: pa.Table, right: pa.Table) -> pa.Table:
    """The rows of both: uid and b_uid, a and b (their fates)."""
    place = pc.index_in(left[_KEY].combine_chunks(), value_set=right[_KEY].combine_chunks())
    met = pc.is_valid(place)
    mine, other = left.filter(met), right.take(place.filter(met))
    return pa.table({"uid": mine["uid"], "b_uid": other["uid"], "a": mine[FATE], "b": other[FATE]})


def _count(both: pa.Table, counts: Counter[tuple[str | None, str | None]], samples: Mapping[str, Sample]) -> None:
    """Add the rows whose fates differ."""
    same = pc.equal(pc.fill_null(both["a"], ""), pc.fill_null(both["b"], ""))
    table = both.filter(pc.invert(same))
    pairs = table.group_by(["a", "b"], use_threads=False).aggregate([([], "count_all")])
    for row in pairs.to_pylist():
        counts[row["a"], row["b"]] += row["count_all"]
    kept_a, kept_b = pc.is_null(table["a"]), pc.is_null(table["b"])
    masks = (kept_a, kept_b, pc.invert(pc.or_(kept_a, kept_b)))
    for kind, mask in zip(KINDS, masks, strict=True):
        samples[kind].add(kind, table.filter(mask))


def _figures(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """The figures of both whose means lie farthest apart, in standard deviations of the two together."""
    found: list[dict[str, Any]] = []
    for name in sorted({*a} & {*b}):
        if not a[name][0] or not b[name][0] or np.array_equal(a[name], b[name]):
            continue
        means = a[name][1] / a[name][0], b[name][1] / b[name][0]
        rows, total, squares = a[name] + b[name]
        spread = float(np.sqrt(max(squares / rows - (total / rows) ** 2, 0.0)))
        shift = (means[1] - means[0]) / spread if spread else 0.0
        if means[0] != means[1]:
            found.append({"figure": name, "a": float(means[0]), "b": float(means[1]), "shift": float(shift)})
    found.sort(key=lambda one: (-abs(one["shift"]), one["figure"]))
    return found[:_SHOWN_FIGURES]


def settings_between(a: Side, b: Side) -> Iterator[str]:
    """Where the plans of both differ, up to the tier that is compared."""
    for tier in LEVELS[: LEVELS.index(a.tier) + 1]:
        found = [read_manifest(side.store, tier, side.dump) for side in (a, b)]
        if found[0] is None or found[1] is None:
            continue
        plans = [_told(one["plan"]) for one in found if one is not None]
        yield from (f"{tier}: {line}" for line in differences(plans[0], plans[1]))


def _told(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What of a plan is told: its own settings, models and inputs, not the fingerprint of its parent."""
    return {name: value for name, value in plan.items() if name not in ("parent", "against")}


def _examples(side: Side, sample: Sample) -> list[dict[str, Any]]:
    """Rows with their address and the start of their text, as the tier below of A holds them."""
    rows = [row for tables in sample.found.values() for table in tables for row in table.to_pylist()]
    found = {row["uid"]: {"a_uid": row["uid"], "b_uid": row["b_uid"], "a": row["a"], "b": row["b"]} for row in rows}
    below = LEVELS[max(LEVELS.index(side.tier) - 1, 0)]
    if committed(side.store, f"{below}/{side.dump}", "data"):
        for uid, start in starts_of(side.store, f"{below}/{side.dump}", found):
            found[uid] |= start
    return [found[uid] for uid in sorted(found)]
