"""Clusters of duplicates: which row survives, why the others do not, and the table that says so."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.job import Job, done_before
from governance.shuffle import Run, Shuffle, gathered, read_sound, scratch, spilled
from manifests.records import Record, committed, read_record, write_part
from stages import dedup
from stages.components import LABELS
from stages.uids import UID, uid_to_bytes, uid_words

# root: a, or the survivor of its cluster where a is of an older dump.
CONFIRMED = pa.schema([*dedup.PAIRS, ("root", UID), ("rank_root", pa.uint64()), ("similarity", pa.float32())])
# Of one row: another that it was confirmed to be like; worse: the other is the better one.
VIEWS = pa.schema(
    [("uid", UID), ("other", UID), ("kind", pa.int8()), ("similarity", pa.float32()), ("worse", pa.bool_())]
)
# Of a row that has duplicates: what became of it. reason is null for the survivor; match is the row that it was
# confirmed to be like, the survivor if that is one of them, and similarity that of the two.
CLUSTERS = pa.schema(
    [
        ("uid", UID),
        ("survivor", UID),
        ("survivor_dump", pa.string()),
        ("survivor_length", pa.int32()),
        ("cluster_size", pa.int32()),
        ("reason", pa.string()),
        ("match", UID),
        ("similarity", pa.float32()),
    ]
)


@done_before("duplicates")
def gather(job: Shuffle, number: int) -> Record:
    """The clusters of the rows of a run: one row for each that has a duplicate, sorted by uid."""
    clusters = of_run(job, number, dedup.KINDS)
    record = Record("duplicates", number, f"run {number}", job.fingerprint)
    if clusters.num_rows:
        record.parts = [write_part(job.store, f"{job.base}/duplicates/clusters-{number:05d}", [clusters], CLUSTERS)]
    return record


def of_run(job: Shuffle, number: int, kinds: tuple[str, ...]) -> pa.Table:
    """CLUSTERS of the rows of a run; ``kinds`` names the kinds of pairs."""
    labels = gathered(spilled(job, "labels", scratch(job, "labels"), number), LABELS)
    if labels.num_rows == 0:
        return CLUSTERS.empty_table()
    views = gathered(spilled(job, "confirmed", scratch(job, "views"), number), VIEWS)
    return clusters_from(labels, views, tuple(dump.name for dump in job.dumps), kinds)


def clusters_from(
    labels: pa.Table, views: pa.Table, dumps: tuple[str, ...], kinds: tuple[str, ...] = dedup.KINDS
) -> pa.Table:
    """CLUSTERS of LABELS and VIEWS of the same rows; ``dumps`` are their names by age, ``kinds`` those of pairs."""
    labels = _first_of_each(labels, ())
    # That a worse row holds the same text is no reason to go.
    better = pc.and_(pc.equal(views["kind"], dedup.EXACT), pc.invert(views["worse"]))
    views = views.filter(pc.invert(better)).combine_chunks()
    place = pc.index_in(views["uid"].combine_chunks(), value_set=labels["uid"].combine_chunks())
    best = _best_views(views, labels["survivor"].combine_chunks().take(place))
    mine = pc.index_in(labels["uid"].combine_chunks(), value_set=best["uid"].combine_chunks())
    match, kind, similarity = (best[name].combine_chunks().take(mine) for name in ("other", "kind", "similarity"))
    victim = pc.not_equal(labels["uid"], labels["survivor"]).combine_chunks()
    ranks = labels["survivor_rank"].to_numpy()
    columns = [
        labels["uid"],
        labels["survivor"],
        pa.array(dumps, pa.string()).take(pa.array(dedup.age_of(ranks))),
        dedup.length_of(ranks),
        labels["cluster_size"],
        pc.if_else(victim, pa.array(kinds).take(kind), pa.scalar(None, pa.string())),
        pc.if_else(victim, match, pa.scalar(None, UID)),
        pc.if_else(victim, similarity, pa.scalar(None, pa.float32())),
    ]
    return pa.table(columns, schema=CLUSTERS)


def _best_views(views: pa.Table, survivors: pa.Array) -> pa.Table:
    """The view of each row that says best why it goes: its exact copy, else the survivor, else what it is most like."""
    copy = pc.equal(views["kind"], dedup.EXACT).to_numpy()
    survivor = pc.equal(views["other"].combine_chunks(), survivors).to_numpy(zero_copy_only=False)
    alike = pc.fill_null(views["similarity"], -1).to_numpy()
    return _first_of_each(views, (*uid_words(views["other"])[::-1], -alike, ~survivor, ~copy))


def _first_of_each(table: pa.Table, keys: tuple[np.ndarray, ...]) -> pa.Table:
    """The first row of each uid by keys, the last of which counts most; sorted by uid."""
    high, low = uid_words(table["uid"])
    order = np.lexsort((*keys, low, high))
    first = np.ones(len(order), bool)
    first[1:] = (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])
    return table.take(pa.array(order[first])).combine_chunks()


def older_clusters(job: Shuffle, age: int, run: Run) -> pa.Table:
    """CLUSTERS of a run of an older dump; empty for the job's own, whose clusters are not known yet."""
    return stored(job.at(age), run.number) if age < job.age else CLUSTERS.empty_table()


def survivors_of(job: Shuffle, found: pa.Table, uids: pa.Array, ranks: np.ndarray) -> tuple[pa.Array, pa.Array]:
    """The survivors of rows, and their ranks, by the clusters of their run; a row that is in none is its own."""
    place = pc.index_in(uids, value_set=found["uid"].combine_chunks())
    ages = pc.index_in(found["survivor_dump"], value_set=pa.array([dump.name for dump in job.dumps]))
    theirs = pa.array(dedup.rank(found["survivor_length"].to_numpy(), ages.to_numpy()))
    survivor = pc.coalesce(found["survivor"].combine_chunks().take(place), uids)
    return survivor, pc.coalesce(theirs.take(place), pa.array(ranks))


def clusters_of_shard(job: Shuffle, shard: int, uids: pa.ChunkedArray) -> pa.Table:
    """The cluster rows among ``uids`` of one shard of the job's own dump."""
    run = next(run.number for run in job.own.runs if shard in run.shards)
    table = stored(job, run)
    return table.filter(pc.is_in(table["uid"], value_set=uid_to_bytes(uids.combine_chunks())))


def clusters_of(job: Job, uids: pa.ChunkedArray) -> pa.Table | None:
    """The cluster rows among ``uids``, which may be of any shards; None if there are none."""
    wanted = uid_to_bytes(uids.combine_chunks()) if len(uids) else pa.array([], UID)
    tables = (stored(job, number) for number in sorted(committed(job.store, job.base, "duplicates")))
    table = gathered((table.filter(pc.is_in(table["uid"], value_set=wanted)) for table in tables), CLUSTERS)
    return table if table.num_rows else None


def stored(job: Job, run: int) -> pa.Table:
    """CLUSTERS of the rows of a run."""
    record = read_record(job.store, job.base, "duplicates", run)
    return gathered((read_sound(job, record, part) for part in record.parts), CLUSTERS)
