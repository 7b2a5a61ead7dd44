"""Duplicates of a dump (C of the data flow): keys, candidate pairs, confirmation, clusters. No text travels.

Every step works off runs of shards or partitions of keys and rows, one by one, commits a record, and takes what the
step before it spilled, so memory is set by the run and the partition, not by the corpus. Any number of workers and
partitions, any order of input, and any kills give the same clusters.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance import buckets, clusters, confirm, labels
from governance.cluster import Cluster
from governance.inputs import shard_key
from governance.job import Job, annotation_parts
from governance.parts import read_all
from governance.progress import Progress
from governance.runner import FATE
from governance.shuffle import Dump, Shuffle, group_runs, map_pending
from manifests.ledger import Account, Ledger, tally
from manifests.records import Record, read_records
from manifests.store import Store
from stages import dedup

ROWS_A_PARTITION = 250_000  # documents: the worker that joins their keys peaks at 0.5 GB
_LANGUAGE_COLUMNS = ("lang", "lang_score", "lang_second", "lang_second_share", "lang_script")
_VERDICT_COLUMNS = ("uid", FATE, *_LANGUAGE_COLUMNS, "num_words", "pii_masked")


def find(job: Job, cluster: Cluster, progress: Progress | None = None) -> Shuffle:
    """Find the clusters of a dump, in steps that each resume; returns the job as a shuffle, to read them with."""
    shuffle = shuffle_of(job)
    own, every, partitions = range(len(shuffle.own.runs)), range(shuffle.runs), range(shuffle.partitions)
    steps = (
        (buckets.spread_exact, own, "keys"),
        (buckets.join_exact, partitions, "exact"),
        (buckets.spread, own, "buckets"),
        (buckets.join, partitions, "stars"),
        (confirm.collect, partitions, "pairs"),
        (confirm.sketch, every, "sketches"),
        (confirm.estimate, partitions, "estimates"),
        (confirm.shingle, every, "shingles"),
        (confirm.confirm, partitions, "confirmed"),
    )
    tasks = sum(len(items) for _, items, _ in steps) + len(own)
    with (progress or Progress("silent")).stage("L1 duplicates", tasks, unit="tasks") as line:
        for work, items, step in steps:
            map_pending(shuffle, cluster, work, items, step, line)
        labels.find(shuffle, cluster)
        map_pending(shuffle, cluster, clusters.gather, own, "duplicates", line)
    return shuffle


def shuffle_of(job: Job, weight: int = 1) -> Shuffle:
    """The job with what a shuffle must know of its own shards and of those of the older dumps.

    weight: as how many documents a row counts for the memory of whoever holds it.
    """
    older = [_dump(job, name, weight) for name in job.older]
    own = _dump(job, job.dump, weight)
    dumps = (*(dump for dump in older if dump.runs), own)
    return Shuffle(
        job.store, job.tier, job.dump, job.settings, job.fingerprint, job.parent, own.partitions, job.older, dumps
    )


def _dump(job: Job, name: str, weight: int) -> Dump:
    """A dump as its annotations tell it: memory for a few numbers a shard."""
    shards: list[tuple[int, int]] = []
    keys: list[int] = []
    fingerprint = job.fingerprint
    for record in read_records(job.store, f"{job.tier}/{name}", "annotations"):
        shards.append((record.number, weight * record.ledger[-1].kept.rows if record.ledger else 0))
        keys.append(int(shard_key(name, record.name), 16))
        fingerprint = record.fingerprint
    runs = group_runs(shards)
    run_of_key = np.repeat([run.number for run in runs], [len(run.shards) for run in runs]).astype(np.int64)
    partitions = max(1, -(-sum(rows for _, rows in shards) // ROWS_A_PARTITION))
    against = job.older if name == job.dump else _against(job.store, f"{job.tier}/{name}")
    return Dump(name, fingerprint, runs, np.array(keys, np.uint32), run_of_key, partitions, against)


def _against(store: Store, base: str) -> tuple[str, ...]:
    """The dumps that an older one was compared with."""
    return tuple(json.loads(store.get(f"{base}/plan.json"))["plan"].get("against", ()))


def settle(job: Shuffle, notes: Record) -> tuple[pa.Table, Ledger]:
    """The verdicts of one shard with duplicates among them: fate, cluster_id, cluster_size beside the narrow columns.

    Returns the rows in the shard's order, and the account of the stage ``dedup``.
    """
    account = Account("dedup")
    table = read_all(job.store, annotation_parts(notes), _VERDICT_COLUMNS)
    if table is None:
        return pa.table({name: pa.array([], pa.string()) for name in ("uid", FATE)}), [account]
    came = pc.is_null(table[FATE])
    found = clusters.clusters_of_shard(job, notes.number, table["uid"])
    survivor, size, reason = _cluster_columns(table["uid"], found)
    fate = pc.coalesce(table[FATE], pc.binary_join_element_wise(pa.scalar("dedup."), reason, ""))
    uids = table["uid"].filter(came)
    after = fate.filter(came)
    account.came, account.kept = tally(uids), tally(uids.filter(pc.is_null(after)))
    for name in sorted(dedup.KINDS):
        hit = pc.fill_null(pc.equal(after, f"dedup.{name}"), False)
        if pc.any(hit).as_py():
            account.rejected[name] = tally(uids.filter(hit))
    table = table.set_column(table.column_names.index(FATE), FATE, fate)
    return table.append_column("cluster_id", survivor).append_column("cluster_size", size), [account]


def _cluster_columns(uids: pa.ChunkedArray, found: pa.Table) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Survivor (its own uid where it has no duplicate), cluster size (1), and reason (null for survivors)."""
    own = uids.combine_chunks()
    place = pc.index_in(own, value_set=dedup.uid_from_bytes(found["uid"].combine_chunks()))
    survivor = dedup.uid_from_bytes(found["survivor"].combine_chunks()).take(place)
    size = pc.fill_null(found["cluster_size"].combine_chunks().take(place), 1)
    return pc.coalesce(survivor, own), size.cast(pa.int32()), found["reason"].combine_chunks().take(place)
