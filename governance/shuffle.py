"""Shuffles: rows go from groups of shards to partitions and back as parts in the output store, and nothing else does.

A step maps sources to one record each; the parts of a record are named by what they hold and where they go. What is
read is checked against the sha256 in its record. A part that is damaged or gone is built again from what it was made
of, by the step that made it, which must give the same bytes: it is never skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from governance.cluster import Cluster
from governance.errors import CorpusError
from governance.job import Job, builder_of
from governance.progress import Line
from manifests.records import SCRATCH, Part, PartWriter, Record, committed, read_records
from manifests.store import Store
from stages.contract import Resources
from stages.uids import uid_words

ROWS_A_RUN = 500_000  # documents: the worker that spills their 15 keys each holds 0.2 GB of them
_NEEDS = Resources(memory_gib=1.5)  # a partition's rows, sorted; measured 1.05
HELD_BYTES = 64 << 20  # spilled rows that wait for their row group


@dataclass(frozen=True)
class Run:
    """Shards that are worked off together: they spill one part a partition."""

    number: int
    shards: tuple[int, ...]


@dataclass(frozen=True)
class Dump:
    """A dump as a shuffle sees it."""

    name: str
    fingerprint: str
    runs: tuple[Run, ...]
    keys: np.ndarray  # first 8 digits of the uids of each shard, uint32
    run_of_key: np.ndarray  # the number of the run that holds the shard
    partitions: int
    against: tuple[str, ...] = ()  # older dumps among which its duplicates were looked for


@dataclass(frozen=True)
class Shuffle(Job):
    """A job whose rows meet those of other shards, and of older dumps.

    Runs of all dumps have one numbering, in which those of the job's own come first.
    """

    dumps: tuple[Dump, ...] = ()  # by age, the oldest first; the last is the job's own

    @property
    def age(self) -> int:
        """The age of the job's own dump."""
        return len(self.dumps) - 1

    @property
    def own(self) -> Dump:
        """The job's own dump."""
        return self.dumps[-1]

    @cached_property
    def _first_runs(self) -> np.ndarray:
        """The number of the first run of each dump, by age, the own one's at the end."""
        counts = [len(dump.runs) for dump in self.dumps]
        return np.r_[counts[-1] + np.cumsum([0, *counts[:-2]]), 0] if len(counts) > 1 else np.zeros(1, np.int64)

    @cached_property
    def _shards(self) -> tuple[np.ndarray, np.ndarray]:
        """Keys of the shards of all dumps, sorted, and the run of each."""
        keys = np.concatenate([dump.keys for dump in self.dumps])
        runs = np.concatenate([d.run_of_key + f for d, f in zip(self.dumps, self._first_runs, strict=True)])
        order = np.argsort(keys, kind="stable")
        return keys[order], runs[order]

    @property
    def runs(self) -> int:
        """How many runs all dumps have."""
        return sum(len(dump.runs) for dump in self.dumps)

    def at(self, age: int) -> Shuffle:
        """The job of an older dump, as when it was built."""
        dump = self.dumps[age]
        older = tuple(each for each in self.dumps if each.name in dump.against)
        return replace(
            self, dump=dump.name, fingerprint=dump.fingerprint, partitions=dump.partitions, dumps=(*older, dump)
        )

    def find_run(self, number: int) -> tuple[int, Run]:
        """The age of the dump that holds a run, and the run."""
        age = int(self.ages_of(np.array([number]))[0])
        return age, self.dumps[age].runs[number - self._first_runs[age]]

    def ages_of(self, runs: np.ndarray) -> np.ndarray:
        """The age of the dump that holds each run."""
        order = np.argsort(self._first_runs)
        return order[np.searchsorted(self._first_runs[order], runs, side="right") - 1]

    def runs_of(self, uids: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
        """Places in ``uids`` and the runs that may hold them: one each, or two where shards share their digits."""
        keys, runs = self._shards
        heads = (uid_words(uids)[0] >> np.uint64(32)).astype(np.uint32)
        left = np.searchsorted(keys, heads)
        counts = np.searchsorted(keys, heads, side="right") - left
        places = np.repeat(np.arange(len(heads)), counts)
        nth = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        return places, runs[np.repeat(left, counts) + nth]


def group_runs(rows: Sequence[tuple[int, int]]) -> tuple[Run, ...]:
    """Runs of neighbouring shards, given as (number, rows), of at most ROWS_A_RUN rows; a larger shard is one alone."""
    runs: list[Run] = []
    shards: list[int] = []
    held = 0
    for number, count in rows:
        if shards and held + count > ROWS_A_RUN:
            runs.append(Run(len(runs), tuple(shards)))
            shards, held = [], 0
        shards.append(number)
        held += count
    return (*runs, Run(len(runs), tuple(shards))) if shards else tuple(runs)


def map_pending(
    job: Job, cluster: Cluster, work: Any, items: Sequence[Any], step: str, line: Line | None = None
) -> None:
    """Run a step of a shuffle for the items that have no record of it yet, and tell a line of progress."""
    there = committed(job.store, job.base, step)
    pending = [item for item in items if getattr(item, "number", item) not in there]
    if line:
        line.advance(len(items) - len(pending), 0, step)
    if pending:
        cluster.map(work, job, pending, lambda _item, _result: line.advance(1, 0, step) if line else None, _NEEDS)


class Spill:
    """Rows on their way from one source: one part for each destination that gets any."""

    def __init__(self, store: Store, folder: str, source: int, schema: pa.Schema, hashes: bool = True) -> None:
        """``folder`` says what the rows are, e.g. ``L1/web/_shuffle/stars``."""
        self._store, self._folder, self._source, self._schema, self._hashes = store, folder, source, schema, hashes
        self._writers: dict[int, PartWriter] = {}
        self._held = 0

    def write(self, table: pa.Table, destination: np.ndarray) -> None:
        """Append rows to the parts of their destinations, in order."""
        if table.num_rows == 0:
            return
        order = np.argsort(destination.astype(np.int32), kind="stable")
        ordered, there = table.take(pa.array(order)), destination[order]
        bounds = np.flatnonzero(np.r_[True, there[1:] != there[:-1], True])
        for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            self._writer(int(there[start])).write(ordered.slice(start, stop - start))
        self._held += table.nbytes
        if self._held >= HELD_BYTES:
            for writer in self._writers.values():
                writer.flush()
            self._held = 0

    def _writer(self, destination: int) -> PartWriter:
        if destination not in self._writers:
            stem = f"{self._folder}/{_to(destination)}/from-{self._source:05d}"
            self._writers[destination] = PartWriter(self._store, stem, self._schema, self._hashes)
        return self._writers[destination]

    def finish(self) -> list[Part]:
        """The parts, by destination."""
        return [self._writers[destination].finish() for destination in sorted(self._writers)]


def _to(destination: int) -> str:
    return f"to-{destination:05d}"


def scratch(job: Job, name: str) -> str:
    """The folder of rows that only the build of the tier needs."""
    return f"{job.base}/{SCRATCH}/{name}"


def spilled(
    job: Job, step: str, folder: str, destination: int, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """The tables that a step spilled to a destination, in the order of their sources."""
    below = f"{folder}/{_to(destination)}/"
    for record in read_records(job.store, job.base, step):
        for part in record.parts:
            if part.path.startswith(below):
                yield read_sound(job, record, part, columns)


def gathered(tables: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """Tables as one of a schema, which may be empty."""
    return pa.concat_tables([schema.empty_table(), *(table.cast(schema) for table in tables)]).combine_chunks()


def read_sound(job: Job, record: Record, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
    """A part whose bytes are those that its record names; built again where they are not.

    Errors: CorpusError where building it again gives other bytes: what it was made from has changed.
    """
    data = _bytes_of(job.store, part)
    if data is None:
        rebuilt = builder_of(record.step, job.tier)(job, record.number)
        data = _bytes_of(job.store, part) if part in rebuilt.parts else None
    if data is None:
        raise CorpusError(
            f"{part.path} is damaged, and what it was made from has changed since",
            "run `governance verify` to see what is damaged, then build again with --rebuild",
        )
    return pq.read_table(pa.BufferReader(data), columns=list(columns) if columns else None, use_threads=False)


def _bytes_of(store: Store, part: Part) -> bytes | None:
    """The bytes of a part, None if they are gone or others."""
    try:
        data = store.get(part.path)
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == part.sha256 else None
