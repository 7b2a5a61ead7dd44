"""What repeats across shards, found before L1 is annotated: lines of a host, paragraphs of a dump.

Each is a narrow pass of its own that reads the text of L0 once more, for the gain that its stage can drop what repeats
before every rule, signature and score of L1, in annotating and again in selecting, as cleaning is done. Only ids and
hashes travel, in three steps that each resume: hashes of lines are spilled by key, joined partition by partition to
pairs of row and line, and these are spilled by uid and gathered, so that a shard opens one part. Memory is set by the
partition and by what is spilled at once. Any number of partitions, slices, spills and groups of shards gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.cluster import Cluster
from governance.config import Settings
from governance.errors import CorpusError
from governance.inputs import shard_key
from governance.job import Job, data_parts, done_before
from governance.parts import read_overlapping, read_parts
from governance.shuffle import Run, Spill, gathered, group_runs, map_pending, scratch, spilled
from manifests.records import Part, PartWriter, Record, read_record, read_records
from stages import host_lines, paragraphs
from stages.dedup import partition_of
from stages.host_lines import PAIRS
from stages.uids import byte_rows, uid_from_bytes, uid_words

PAGES_A_PARTITION = 100_000  # of some 20 long paragraphs each: the worker that joins them holds 0.4 GB
SPILL_BYTES = 64 << 20  # hashes that a step holds before it writes them out
ROWS_A_SLICE = 4_000_000  # lines of a host: the worker that joins them holds about 0.5 GB
_GROUP_ROWS = 100_000  # rows a row group of the pairs, so that a shard reads only its own
_COLUMNS = ("uid", "url", "content")


@dataclass(frozen=True)
class Pass:
    """What one pass looks for; the functions and the setting ``l1.<name>`` are its stage's."""

    name: str
    column: str  # that the stage needs: hashes of a row's repeated lines
    schema: pa.Schema  # of the rows that are spilled
    key: str  # of its columns, by which they are partitioned
    skewed: bool  # a key may have any number of lines, which are then joined slice by slice
    rows: Callable[[pa.Table, Any], pa.Table]  # text to rows
    find: Callable[[Iterable[pa.Table], Any], pa.Table]  # rows of a partition to what repeats
    pairs: Callable[[pa.Table, pa.Table], pa.Table]  # rows and what repeats to uid and line

    def step(self, name: str) -> str:
        """The name of a step in the records, and of its folder."""
        return f"{self.name}_{name}"

    def config(self, settings: Settings) -> Any:
        """The settings of the stage."""
        return getattr(settings.l1, self.name)


PASSES = {
    each.name: each
    for each in (
        Pass(
            "host_lines", host_lines.REPEATED, host_lines.LINES, "host", True,
            host_lines.page_lines, host_lines.repeated_lines, host_lines.pages_with,
        ),
        Pass(
            "paragraphs", paragraphs.REPEATED, paragraphs.PARAGRAPHS, "line", False,
            paragraphs.page_paragraphs, paragraphs.first_rows, paragraphs.later_rows,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Repeats(Job):
    """A job, the pass that it is about, and the shards whose lines are spilled together."""

    of: str = ""
    runs: tuple[Run, ...] = ()

    @property
    def each(self) -> Pass:
        """The pass."""
        return PASSES[self.of]

    @property
    def config(self) -> Any:
        """The settings of the pass."""
        return self.each.config(self.settings)


def enabled(settings: Settings) -> list[Pass]:
    """The passes that are on."""
    return [each for each in PASSES.values() if each.config(settings).enabled]


def find(job: Job, cluster: Cluster, each: Pass) -> None:
    """Find what repeats in a dump."""
    job = _repeats(job, each)
    for name, count in (("spread", len(job.runs)), ("joined", job.partitions), ("repeated", job.partitions)):
        map_pending(job, cluster, partial(build, name), range(count), each.step(name))


def build(name: str, job: Repeats, number: int) -> dict[str, Any]:
    """One item of a step, where it is not committed yet."""
    return _STEPS[job.each.step(name)](job, number)


def _repeats(job: Job, each: Pass) -> Repeats:
    pages = {
        record.number: sum(part.rows for part in data_parts(record))
        for record in read_records(job.store, job.parent_base, "data")
    }
    inherited = {field.name: getattr(job, field.name) for field in fields(Job)}
    inherited["partitions"] = max(1, -(-sum(pages.values()) // PAGES_A_PARTITION))
    return Repeats(**inherited, of=each.name, runs=group_runs(sorted(pages.items())))


def _spread(job: Repeats, number: int) -> Record:
    """The text of a group of shards to hashes of lines, by partition of their keys."""
    parents = (read_record(job.store, job.parent_base, "data", shard) for shard in job.runs[number].shards)
    texts = (batch for parent in parents for batch in read_parts(job.store, data_parts(parent), _COLUMNS))
    rows = (job.each.rows(batch, job.config) for batch in texts)
    parts = _spill(job, "spread", number, job.each.schema, rows, lambda table: table[job.each.key].to_numpy())
    return Record(job.each.step("spread"), number, f"run {number}", job.fingerprint, parts)


def _join(job: Repeats, number: int) -> Record:
    """The lines of one partition to the pairs of row and repeated line, by partition of the uids."""
    slices = max(1, -(-sum(table.num_rows for table in _lines(job, number)) // ROWS_A_SLICE)) if job.each.skewed else 1

    def pairs() -> Iterator[pa.Table]:
        for which in range(slices):
            repeated = job.each.find(_lines(job, number, which, slices), job.config)
            for table in _lines(job, number, which, slices):
                yield job.each.pairs(table, repeated)

    parts = _spill(job, "joined", number, PAIRS, pairs(), lambda table: uid_words(table["uid"])[0])
    return Record(job.each.step("joined"), number, f"partition {number}", job.fingerprint, parts)


def _lines(job: Repeats, partition: int, which: int = 0, slices: int = 1) -> Iterator[pa.Table]:
    """The rows of a partition whose line falls into a slice, and those that stand for the pages."""
    step = job.each.step("spread")
    for table in spilled(job, step, scratch(job, step), partition):
        line = table["line"].to_numpy()
        yield table.filter(pa.array((line == host_lines.PAGE) | (line % slices == which))) if slices > 1 else table


def _gather(job: Repeats, number: int) -> Record:
    """The pairs of one partition of uids as one part, sorted by uid and line."""
    joined, step = job.each.step("joined"), job.each.step("repeated")
    pairs = gathered(spilled(job, joined, scratch(job, joined), number), PAIRS)
    pairs = pairs.sort_by([("uid", "ascending"), ("line", "ascending")])
    writer = PartWriter(job.store, f"{scratch(job, step)}/part-{number:05d}", PAIRS, hashes=True)
    for start in range(0, pairs.num_rows, _GROUP_ROWS):
        writer.write(pairs.slice(start, _GROUP_ROWS))
        writer.flush()
    # A shard learns from any record how many partitions there are.
    figures = {"partitions": job.partitions}
    return Record(step, number, f"partition {number}", job.fingerprint, [writer.finish()], figures=figures)


_STEPS = {
    each.step(name): done_before(each.step(name))(work)
    for each in PASSES.values()
    for name, work in (("spread", _spread), ("joined", _join), ("repeated", _gather))
}


def _spill(
    job: Repeats, name: str, number: int, schema: pa.Schema, tables: Iterable[pa.Table],
    keys: Callable[[pa.Table], np.ndarray],
) -> list[Part]:  # fmt: skip
    """Write tables by partition of their keys, in several parts where there is more of them than may be held."""
    parts: list[Part] = []
    spill, held = None, 0
    for table in tables:
        spill = spill or Spill(job.store, scratch(job, job.each.step(name)), number, schema)
        spill.write(table, partition_of(keys(table), job.partitions))
        held += table.nbytes
        if held >= SPILL_BYTES:
            parts += spill.finish()
            spill, held = None, 0
    return [*parts, *spill.finish()] if spill else parts


def with_repeated(job: Job, shard: str, batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The batches of the shard of a name with the column that each stage needs which is on."""
    columns = {each.column: _lines_of(job, each, shard_key(job.dump, shard)) for each in enabled(job.settings)}
    for batch in batches:
        for name, lines in columns.items():
            place = pc.index_in(batch["uid"].combine_chunks(), value_set=lines["uid"].combine_chunks())
            batch = batch.append_column(name, lines["line"].combine_chunks().take(place))
        yield batch


def without_repeated(job: Job, batch: pa.Table) -> pa.Table:
    """A batch as if nothing in it repeated, for the stages that need the columns."""
    for each in enabled(job.settings):
        batch = batch.append_column(each.column, pa.nulls(batch.num_rows, pa.list_(pa.uint64())))
    return batch


def _lines_of(job: Job, each: Pass, key: str) -> pa.Table:
    """The rows of one shard that hold repeated lines: uid string and line, an ascending list, one row a uid."""
    partitions = read_record(job.store, job.base, each.step("repeated"), 0).figures["partitions"]
    low, high = bytes.fromhex(key + "00" * 12), bytes.fromhex(key + "ff" * 12)
    head = np.array([int.from_bytes(low[:8])], np.uint64)  # the shard's key is what the partition is chosen by
    pairs = _read_pairs(job, each, int(partition_of(head, partitions)[0]), low, high)
    uids = pairs["uid"].cast(pa.binary())
    return _by_row(pairs.filter(pc.and_(pc.greater_equal(uids, low), pc.less_equal(uids, high))))


def _read_pairs(job: Job, each: Pass, number: int, low: bytes, high: bytes) -> pa.Table:
    """The pairs of one partition about some uids; a part that is damaged or gone is built again."""
    (part,) = read_record(job.store, job.base, each.step("repeated"), number).parts
    try:
        return read_overlapping(job.store, part, low, high)
    except (FileNotFoundError, pa.ArrowInvalid, OSError) as error:
        if part not in _gather(_repeats(job, each), number).parts:
            raise CorpusError(
                f"{part.path} is damaged, and what it was made from has changed since", "build again with --rebuild"
            ) from error
    return read_overlapping(job.store, part, low, high)


def _by_row(pairs: pa.Table) -> pa.Table:
    """Pairs in order, one row a uid."""
    uids, lines = pairs["uid"].combine_chunks(), pairs["line"].combine_chunks()
    rows = byte_rows(uids)
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    starts = np.flatnonzero(first)
    lists = pa.ListArray.from_arrays(pa.array(np.r_[starts, len(rows)].astype(np.int32)), lines)
    return pa.table({"uid": uid_from_bytes(uids.take(pa.array(starts))), "line": lists})
