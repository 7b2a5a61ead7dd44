"""Lines that repeat on many pages of one host, found across shards: a narrow pass of its own before L1 is annotated.

It reads the text of L0 once more, for the gain that the stage ``host_lines`` can drop the lines before every rule,
signature and score of L1, in annotating and again in selecting, as cleaning is done. Only ids and hashes travel: 40
bytes a line are spilled by host, one run of shards a part, and come back as pairs of page and line, sorted by page. A
partition is joined slice by slice, so a large host takes longer, not more memory. Any number of partitions, slices and
groups of shards gives the same pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from governance.cluster import Cluster
from governance.duplicates import Run, map_pending, read_overlapping, runs_of
from governance.inputs import shard_key
from governance.job import Job, data_parts, done_before
from governance.parts import read_parts
from manifests.records import Part, PartWriter, Record, read_record, read_records
from stages import host_lines as stage
from stages.dedup import partition_of, uid_from_bytes

PAGES_A_PARTITION = 50_000
ROWS_A_SLICE = 4_000_000  # lines: the worker that joins them holds about 0.5 GB
_GROUP_ROWS = 100_000  # rows a row group of the pairs, so that a shard reads only its own
_COLUMNS = ("uid", "url", "content")


def find(job: Job, cluster: Cluster, numbers: Sequence[int]) -> None:
    """Find the repeated lines of a dump, in two steps that each resume."""
    job = replace(job, partitions=_partitions(job))
    map_pending(job, cluster, spread, runs_of(numbers), "lines")
    map_pending(job, cluster, join, range(job.partitions), "repeated")


def _partitions(job: Job) -> int:
    pages = sum(part.rows for record in read_records(job.store, job.parent_base, "data") for part in data_parts(record))
    return max(1, -(-pages // PAGES_A_PARTITION))


@done_before("lines")
def spread(job: Job, run: Run) -> Record:
    """The text of a group of shards to hashes of lines, one part a partition of hosts."""
    writers: dict[int, PartWriter] = {}
    for number in run.shards:
        parent = read_record(job.store, job.parent_base, "data", number)
        for batch in read_parts(job.store, data_parts(parent), _COLUMNS):
            lines = stage.page_lines(batch, job.settings.l1.host_lines)
            partition = pa.array(partition_of(lines["host"].to_numpy(), job.partitions))
            for which in pc.unique(partition).to_pylist():
                if which not in writers:
                    stem = f"{job.base}/_shuffle/lines/p-{which:05d}/run-{run.number:05d}"
                    writers[which] = PartWriter(job.store, stem, stage.LINES)
                writers[which].write(lines.filter(pc.equal(partition, which)))
    parts = [writers[which].finish() for which in sorted(writers)]
    return Record("lines", run.number, f"run {run.number}", job.fingerprint, parts)


@done_before("repeated")
def join(job: Job, partition: int) -> Record:
    """The lines of one partition of hosts to the pairs of page and repeated line."""
    folder = f"/p-{partition:05d}/"
    runs = [
        part for record in read_records(job.store, job.base, "lines") for part in record.parts if folder in part.path
    ]
    slices = max(1, -(-sum(part.rows for part in runs) // ROWS_A_SLICE))
    writer = PartWriter(job.store, f"{job.base}/_shuffle/repeated/part-{partition:05d}", stage.PAIRS)
    for number in range(slices):
        pairs = stage.repeated_lines(_slice(job, runs, number, slices), job.settings.l1.host_lines)
        for start in range(0, pairs.num_rows, _GROUP_ROWS):
            writer.write(pairs.slice(start, _GROUP_ROWS))
            writer.flush()
    return Record("repeated", partition, f"partition {partition}", job.fingerprint, [writer.finish()])


def _slice(job: Job, runs: Sequence[Part], number: int, slices: int) -> pa.Table:
    """The lines of a partition whose hash falls into a slice, and the rows that stand for the pages."""
    tables = [stage.LINES.empty_table()]
    for table in read_parts(job.store, runs):
        line = table["line"].to_numpy()
        tables.append(table.filter(pa.array((line == stage.PAGE) | (line % slices == number))))
    return pa.concat_tables(tables)


def with_repeated(job: Job, shard: str, batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The batches of the shard of a name with the column that the stage needs; as they are where it is off."""
    if not job.settings.l1.host_lines.enabled:
        yield from batches
        return
    pairs = _pairs_of(job, shard_key(job.dump, shard))
    for batch in batches:
        place = pc.index_in(batch["uid"].combine_chunks(), value_set=pairs["uid"].combine_chunks())
        yield batch.append_column(stage.REPEATED, pairs["line"].combine_chunks().take(place))


def _pairs_of(job: Job, key: str) -> pa.Table:
    """The pages of one shard that hold repeated lines: uid string and line, a list, one row a page."""
    low, high = bytes.fromhex(key + "00" * 12), bytes.fromhex(key + "ff" * 12)
    tables = [stage.PAIRS.empty_table()]
    for record in read_records(job.store, job.base, "repeated"):
        for part in record.parts:
            table = read_overlapping(job.store, part, low, high)
            uids = table["uid"].cast(pa.binary())
            tables.append(table.filter(pc.and_(pc.greater_equal(uids, low), pc.less_equal(uids, high))))
    pairs = pa.concat_tables(tables)
    strings = pa.table({"uid": uid_from_bytes(pairs["uid"]), "line": pairs["line"]})
    grouped = strings.group_by("uid", use_threads=False).aggregate([("line", "list")])
    return grouped.rename_columns({"line_list": "line"})
