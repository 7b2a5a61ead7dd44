"""Every row of a tier with what became of it and what would: read from annotations, a row group or a shard at a time.

VERDICTS have ``uid``; ``was`` and ``now``, the fate (null: kept), duplicates among them; ``rules``, whether the row
passed the stages of its tier as it was built; ``open``, what only a run can tell of a row that would pass them now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance import selection, tiers
from governance.config import Settings
from governance.duplicates import shuffle_of
from governance.job import Job, annotation_parts, data_parts
from governance.parts import read_all, read_parts
from governance.runner import ERROR, FATE, QUARANTINED, load_models, verdict
from governance.whatif_clusters import Clusters
from manifests.records import Record, committed, read_record, read_records
from manifests.store import Store
from stages import quality, ranks
from stages.contract import Stage
from stages.quality import Cut

COMPARED = "would be compared for duplicates"
SCORED = "would be scored"
CHECKED = "would be compared with question sets"
_SCORED = ("lang", "score")  # which lie beside the scores


@dataclass(frozen=True)
class Judge:
    """The stages of a tier under the proposed settings, and those of them that judge anew with what they load."""

    stages: tuple[Stage, ...]
    again: frozenset[str]
    models: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a new verdict follows from."""
        read = [name for stage in self.stages if stage.name in self.again for name in stage.needs]
        stored = [stage.reject_on for stage in self.stages if stage.reject_on and stage.name not in self.again]
        return tuple(dict.fromkeys(("uid", FATE, ERROR, *stored, *read)))

    def fates(self, table: pa.Table) -> pa.Array:
        """The fate of each row, by the stages' own code where they judge anew and by what is stored elsewhere."""
        fate, left = pa.nulls(table.num_rows, pa.string()), _left_at(self.stages, table[ERROR])
        for number, stage in enumerate(self.stages):
            if stage.reject_on is None:
                continue
            reasons = (self.again_by(stage, table) if stage.name in self.again else table)[stage.reject_on]
            there = pc.if_else(pa.array(left > number), reasons.combine_chunks(), pa.scalar(None, pa.string()))
            fate = verdict(stage.name, there, fate)
        broken = pa.array(left < len(self.stages))
        return pc.coalesce(fate, pc.if_else(broken, pa.scalar(QUARANTINED), pa.scalar(None, pa.string())))

    def again_by(self, stage: Stage, table: pa.Table) -> pa.Table:
        """The rows with the columns that a stage adds."""
        rows = table.select(list(dict.fromkeys(("uid", *stage.needs))))
        arguments = (self.models[stage.name],) if stage.load is not None else ()
        return stage.fn(rows, stage.config, *arguments)


def judge_of(settings: Settings, tier: str, again: frozenset[str], cuts: Mapping[str, Cut] | None = None) -> Judge:
    """How the rows of a tier are judged; ``cuts`` of the scores, at L2."""
    stages = tiers.stages_of(settings, tier)
    if cuts is not None:
        anew = quality.quality_stage(settings.l2.quality, cuts)
        stages = tuple(anew if stage.name == anew.name else stage for stage in stages)
    return Judge(stages, again, load_models([stage for stage in stages if stage.name in again]))


def _left_at(stages: Sequence[Stage], errors: pa.ChunkedArray) -> np.ndarray:
    """The number of the stage at which a row broke and left, that of all stages for others; int64 (n,)."""
    if errors.null_count == len(errors):
        return np.full(len(errors), len(stages))
    names = pa.array([stage.name for stage in stages])
    place = pc.index_in(pc.list_element(pc.split_pattern(errors.combine_chunks(), ":", max_splits=1), 0), names)
    return pc.fill_null(place, len(stages)).to_numpy(zero_copy_only=False)


class L1Rows:
    """The rows of L1, shard by shard; memory for the columns of a row group, and for those that lose a duplicate."""

    def __init__(self, store: Store, dump: str, plan: Mapping[str, Any], fingerprint: str, judge: Judge) -> None:
        self._store, self.judge = store, judge
        job = Job(store, "L1", dump, Settings(), fingerprint, "L0", older=tuple(plan.get("against", ())))
        self.clusters = Clusters(shuffle_of(job))
        self._base, self._below = f"L1/{dump}", f"L0/{dump}"

    def shards(self) -> list[int]:
        """The numbers of the shards."""
        return sorted(committed(self._store, self._base, "annotations"))

    def of(self, number: int) -> Iterator[pa.Table]:
        """VERDICTS of a shard, with the columns that they follow from."""
        record = read_record(self._store, self._base, "annotations", number)
        here = annotated(self._store, record)
        columns = dict.fromkeys((*self.judge.columns, "lang"))
        beside = [name for name in columns if name not in here] if here else []
        other, done = self._other(number, beside), 0
        for table in read_parts(self._store, annotation_parts(record), [name for name in columns if name in here]):
            for name in beside:
                table = table.append_column(name, other[name].slice(done, table.num_rows))
            done += table.num_rows
            yield self._verdicts(number, table)

    def _other(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Narrow columns of the tier below, whose rows are those of the annotations."""
        parent = read_record(self._store, self._below, "data", number)
        rows = read_all(self._store, data_parts(parent), columns) if columns else None
        return pa.table({}) if rows is None else rows

    def _verdicts(self, number: int, table: pa.Table) -> pa.Table:
        rules, now = table[FATE].combine_chunks(), self.judge.fates(table)
        kind = self.clusters.kinds(number, table["uid"])
        passed, passes = pc.is_null(rules), pc.is_null(now)
        self.clusters.lose(number, table["uid"].filter(pc.and_(passed, pc.invert(passes))))
        doubled = pc.binary_join_element_wise(pa.scalar("dedup."), kind, "")
        newly = pc.and_(passes, pc.invert(passed))
        columns = {
            "was": pc.coalesce(rules, doubled),
            "now": pc.coalesce(now, doubled),
            "rules": passed,
            "open": pc.if_else(newly, pa.scalar(COMPARED), pa.scalar(None, pa.string())),
        }
        for name, values in columns.items():
            table = table.append_column(name, values)
        return table


def annotated(store: Store, record: Record) -> set[str]:
    """The names of the columns of a shard's annotations; none where it has no rows."""
    import pyarrow.parquet as pq

    for part in annotation_parts(record):
        with store.map(part.path) as stream:
            return set(pq.read_schema(stream).names)
    return set()


class L2Rows:
    """The rows of L2, shard by shard; memory for the narrow columns of a shard."""

    def __init__(self, store: Store, dump: str, judge: Judge, checks: bool) -> None:
        self._store, self._base, self.judge, self._checks = store, f"L2/{dump}", judge, checks

    def shards(self) -> list[int]:
        """The numbers of the shards."""
        return sorted(committed(self._store, self._base, "data"))

    def of(self, number: int, gone: pa.Array | None = None) -> pa.Table | None:
        """VERDICTS of a shard with lang and score; rows whose uid is in ``gone`` have left L1."""
        scores = read_record(self._store, self._base, selection.STEP, number)
        notes = read_record(self._store, self._base, "data", number)
        columns = [name for name in self.judge.columns if name not in _SCORED]
        table = read_all(self._store, annotation_parts(notes), columns)
        if table is None:
            return None
        found = read_all(self._store, scores.parts, _SCORED)
        for name in _SCORED:
            table = table.append_column(name, found[name] if found is not None else pa.nulls(0))
        was, now = table[FATE].combine_chunks(), self.judge.fates(table)
        newly = pc.and_(pc.is_null(now), pc.is_valid(was)) if self._checks else pa.array([False] * len(table))
        left = (
            pa.array([False] * len(table)) if gone is None else pc.is_in(table["uid"].combine_chunks(), value_set=gone)
        )
        now = pc.if_else(left, pa.scalar("L1"), now)
        newly = pc.and_(newly, pc.invert(left))
        columns = {
            "was": was,
            "now": now,
            "rules": pc.is_null(was),
            "open": pc.if_else(newly, pa.scalar(CHECKED), pa.scalar(None, pa.string())),
        }
        for name, values in columns.items():
            table = table.append_column(name, values)
        return table


def cuts_of(store: Store, dump: str, settings: Settings) -> dict[str, Cut]:
    """Where scores would be cut; counted from the scores that are there where ranks decide."""
    config = settings.l2.quality
    if not any(config.needs_ranks(language) for language in config.models):
        return quality.fixed_cuts(config)

    def count(level: int, prefixes: selection.Prefixes) -> dict[str, ranks.Counts]:
        sums = {name: {p: np.zeros(ranks.DIGITS, np.int64) for p in of} for name, of in prefixes.items()}
        for record in read_records(store, f"L2/{dump}", selection.STEP):
            for table in read_parts(store, record.parts, ("lang", "score")):
                for name, of in prefixes.items():
                    for prefix, digits in ranks.count_digits(selection.values_of(table, name), of, level).items():
                        sums[name][prefix] += digits
        return sums

    return selection.counted_cuts(config, count)
