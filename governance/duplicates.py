"""Near-duplicates of a dump: buckets, stars, clusters (C of the data flow). Only ids, hashes and lengths travel.

Signatures of a group of shards are spilled as one coalesced run a partition; partitions are joined one by one, so
memory is set by the partition, not by the corpus. Any number of partitions and groups gives the same clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.cluster import Cluster
from governance.job import Job, annotation_parts, done_before
from governance.parts import read_all, read_parts
from governance.runner import FATE
from manifests.ledger import Account, Ledger, tally
from manifests.records import Part, PartWriter, Record, committed, read_record, read_records
from manifests.store import Store
from stages import dedup

SHARDS_A_RUN = 64
ROWS_A_PARTITION = 250_000  # documents: the worker that joins them peaks at 0.4 GB, with 1 million over 1 GB
_CLUSTER_GROUP_ROWS = 100_000  # rows a row group of the cluster table, so that a shard reads only its own
_SIGNATURE_COLUMNS = ("dedup.exact", "dedup.signature", "dedup.length", "dedup.scheme")
_LANGUAGE_COLUMNS = ("lang", "lang_score", "lang_second", "lang_second_share", "lang_script")
_VERDICT_COLUMNS = ("uid", FATE, *_LANGUAGE_COLUMNS, "num_words", "pii_masked")


@dataclass(frozen=True)
class Run:
    """A group of shards whose buckets are spilled together."""

    number: int
    shards: tuple[int, ...]


def find(job: Job, cluster: Cluster, numbers: Sequence[int]) -> None:
    """Find the clusters of a dump, in three steps that each resume."""
    job = replace(job, partitions=_partitions(job))
    map_pending(job, cluster, spread, runs_of(numbers), "buckets")
    map_pending(job, cluster, join, range(job.partitions), "stars")
    map_pending(job, cluster, gather, [0], "duplicates")


def runs_of(numbers: Sequence[int]) -> list[Run]:
    """The shards in groups."""
    starts = range(0, len(numbers), SHARDS_A_RUN)
    return [Run(start // SHARDS_A_RUN, tuple(numbers[start : start + SHARDS_A_RUN])) for start in starts]


def map_pending(job: Job, cluster: Cluster, work: Any, items: Sequence[Any], step: str) -> None:
    """Run a step of a shuffle for the items that have no record of it yet."""
    there = committed(job.store, job.base, step)
    pending = [item for item in items if getattr(item, "number", item) not in there]
    if pending:
        cluster.map(work, job, pending, lambda _item, _result: None)


def _partitions(job: Job) -> int:
    rows = sum(
        record.ledger[-1].kept.rows for record in read_records(job.store, job.base, "annotations") if record.ledger
    )
    return max(1, -(-rows // ROWS_A_PARTITION))


@done_before("buckets")
def spread(job: Job, run: Run) -> Record:
    """Annotations of a group of shards to bucket rows, one part a partition."""
    config = job.settings.l1.dedup.model_copy(update={"partitions": job.partitions})
    writers: dict[int, PartWriter] = {}
    records = (read_record(job.store, job.base, "annotations", number) for number in run.shards)
    columns = ("uid", FATE, *_SIGNATURE_COLUMNS)
    for table in chain.from_iterable(read_parts(job.store, annotation_parts(record), columns) for record in records):
        buckets = dedup.bucket_rows(table.filter(pc.is_null(table[FATE])), config)
        for partition in pc.unique(buckets["partition"]).to_pylist():
            rows = buckets.filter(pc.equal(buckets["partition"], partition))
            if partition not in writers:
                stem = f"{job.base}/_shuffle/p-{partition:05d}/run-{run.number:05d}"
                writers[partition] = PartWriter(job.store, stem, rows.schema)
            writers[partition].write(rows)
    parts = [writers[partition].finish() for partition in sorted(writers)]
    return Record("buckets", run.number, f"run {run.number}", job.fingerprint, parts)


@done_before("stars")
def join(job: Job, partition: int) -> Record:
    """The bucket rows of one partition to edges, at most n-1 a bucket."""
    folder = f"/p-{partition:05d}/"
    runs = [
        part for record in read_records(job.store, job.base, "buckets") for part in record.parts if folder in part.path
    ]
    tables = list(read_parts(job.store, runs))
    parts: list[Part] = []
    if tables:
        edges = dedup.stars(pa.concat_tables(tables))
        writer = PartWriter(job.store, f"{job.base}/_shuffle/edges/part-{partition:05d}", edges.schema)
        writer.write(edges)
        parts = [writer.finish()]
    return Record("stars", partition, f"partition {partition}", job.fingerprint, parts)


@done_before("duplicates")
def gather(job: Job, number: int) -> Record:
    """All edges to clusters: one row for each document that has a duplicate, sorted by uid."""
    parts = [part for record in read_records(job.store, job.base, "stars") for part in record.parts]
    edges = list(read_parts(job.store, parts))
    if not edges:
        return Record("duplicates", number, "clusters", job.fingerprint, [])
    clusters = dedup.components(pa.concat_tables(edges)).sort_by("uid")
    writer = PartWriter(job.store, f"{job.base}/duplicates/clusters", clusters.schema)
    for start in range(0, clusters.num_rows, _CLUSTER_GROUP_ROWS):
        writer.write(clusters.slice(start, _CLUSTER_GROUP_ROWS))
        writer.flush()
    return Record("duplicates", number, "clusters", job.fingerprint, [writer.finish()])


def clusters_of(job: Job, uids: pa.ChunkedArray) -> pa.Table | None:
    """The cluster rows among ``uids`` of one shard: only the row groups that span its uids are read."""
    record = read_record(job.store, job.base, "duplicates", 0)
    if not record.parts or not len(uids):
        return None
    wanted = dedup.uid_to_bytes(uids.combine_chunks())
    low, high = (pc.min_max(wanted.cast(pa.binary()))[name].as_py() for name in ("min", "max"))
    table = read_overlapping(job.store, record.parts[0], low, high)
    return table if table.num_rows else None


def read_overlapping(store: Store, part: Part, low: bytes, high: bytes) -> pa.Table:
    """The rows of those row groups of a part that may hold a uid from ``low`` to ``high``."""
    with store.map(part.path) as stream:
        file = pq.ParquetFile(stream)
        groups = [g for g in range(file.num_row_groups) if _overlaps(file.metadata.row_group(g), low, high)]
        return file.read_row_groups(groups, use_threads=False)


def _overlaps(group: Any, low: bytes, high: bytes) -> bool:
    names = [group.column(i).path_in_schema for i in range(group.num_columns)]
    statistics = group.column(names.index("uid")).statistics
    return statistics is None or not statistics.has_min_max or (statistics.min <= high and statistics.max >= low)


def settle(job: Job, notes: Record) -> tuple[pa.Table, Ledger]:
    """The verdicts of one shard with duplicates among them: fate, cluster_id, cluster_size beside the narrow columns.

    Returns the rows in the shard's order, and the account of the stage ``dedup``.
    """
    account = Account("dedup")
    table = read_all(job.store, annotation_parts(notes), _VERDICT_COLUMNS)
    if table is None:
        return pa.table({name: pa.array([], pa.string()) for name in ("uid", FATE)}), [account]
    came = pc.is_null(table[FATE])
    found = clusters_of(job, table["uid"])
    survivor, size, reason = _cluster_columns(table["uid"], found)
    fate = pc.coalesce(table[FATE], pc.binary_join_element_wise(pa.scalar("dedup."), reason, ""))
    uids = table["uid"].filter(came)
    after = fate.filter(came)
    account.came, account.kept = tally(uids), tally(uids.filter(pc.is_null(after)))
    for name in ("exact", "near"):
        hit = pc.fill_null(pc.equal(after, f"dedup.{name}"), False)
        if pc.any(hit).as_py():
            account.rejected[name] = tally(uids.filter(hit))
    table = table.set_column(table.column_names.index(FATE), FATE, fate)
    return table.append_column("cluster_id", survivor).append_column("cluster_size", size), [account]


def _cluster_columns(uids: pa.ChunkedArray, found: pa.Table | None) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Survivor (its own uid where it has no duplicate), cluster size (1), and reason (null for survivors)."""
    own = uids.combine_chunks()
    if found is None:
        return own, pa.array(np.ones(len(own), np.int32)), pa.nulls(len(own), pa.string())
    place = pc.index_in(own, value_set=dedup.uid_from_bytes(found["uid"].combine_chunks()))
    survivor = dedup.uid_from_bytes(found["survivor"].combine_chunks()).take(place)
    victim = pc.fill_null(pc.not_equal(survivor, own), False)
    word = pc.if_else(found["exact"].take(place).combine_chunks(), "exact", "near")
    reason = pc.if_else(victim, word, pa.scalar(None, pa.string()))
    size = pc.fill_null(found["cluster_size"].take(place).combine_chunks(), 1)
    return pc.coalesce(survivor, own), size.cast(pa.int32()), reason
