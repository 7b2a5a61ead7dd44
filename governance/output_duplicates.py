"""Outputs of L3 that add nothing: near-duplicates of each other, questions asked twice, and what L2 says elsewhere.

Over the whole dump, by ids and hashes alone, in the steps of a shuffle that each resume. First go the outputs that
another document of L2 holds; candidates among the rest meet in buckets, their shingles are counted, and of each cluster
the output of the smallest uid stays. Any number of workers and partitions and any kills give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance import buckets, clusters, confirm, duplicates, labels
from governance.cluster import Cluster
from governance.job import annotation_parts, data_parts, done_before
from governance.parts import read_parts
from governance.progress import Progress
from governance.refined import Refining
from governance.shuffle import Run, Shuffle, Spill, gathered, group_runs, map_pending, scratch, spilled
from manifests.records import Record, read_record, read_records, write_part
from stages import dedup, output_keys
from stages.output_keys import CONTAINED, HOLDERS, IN_L2, SAMPLED, SHARED
from stages.uids import uid_words

TIER = "L3"
STEP = "duplicates"  # its parts stay in the sealed tier, in a folder of this name
_TEXT = ("uid", "parent_uid", "lang", "text", "question", "answer")
_HELD_ROWS = 2_000_000  # holders of shingles, 24 bytes each, before those of commonplaces are dropped


@dataclass(frozen=True)
class Outputs(Shuffle):
    """A shuffle of the outputs of a dump, and of the documents of its L2."""

    sources: tuple[Run, ...] = ()  # the shards of L2, in runs


def find(job: Refining, cluster: Cluster, progress: Progress | None = None) -> Outputs:
    """Find the outputs that add nothing; returns the job as a shuffle, to read them with."""
    config = job.settings.l3.dedup
    shuffle = outputs_of(job)
    if not config.enabled:
        return shuffle
    own, partitions = range(len(shuffle.own.runs)), range(shuffle.partitions)
    against_l2 = (
        (sample_outputs, own, "output_samples"),
        (sample_documents, range(len(shuffle.sources)), "l2_samples"),
        (share, partitions, "shared"),
        (hold, partitions, "held"),
    )
    steps = (
        *(against_l2 if config.scope == "l2" and own else ()),
        (spread, own, "buckets"),
        (buckets.join, partitions, "stars"),
        (confirm.collect, partitions, "pairs"),
        (shingle, own, "shingles"),
        (confirm_outputs, partitions, "confirmed"),
    )
    tasks = sum(len(items) for _, items, _ in steps) + len(own)
    with (progress or Progress("silent")).stage("L3 duplicates", tasks, unit="tasks") as line:
        for work, items, step in steps:
            map_pending(shuffle, cluster, work, items, step, line)
        labels.find(shuffle, cluster)
        map_pending(shuffle, cluster, gather, own, STEP, line)
    return shuffle


def outputs_of(job: Refining) -> Outputs:
    """The job as a shuffle; its annotations are committed."""
    shuffle = duplicates.shuffle_of(job)
    documents = (
        (r.number, sum(p.rows for p in data_parts(r))) for r in read_records(job.store, job.parent_base, "data")
    )
    return Outputs(**vars(shuffle), sources=group_runs(list(documents)))


def kept_outputs(job: Outputs, run: Run) -> Iterator[pa.Table]:
    """The texts of the outputs that every check kept, from the annotations of a run's shards."""
    for number in run.shards:
        record = read_record(job.store, job.base, "annotations", number)
        for table in read_parts(job.store, annotation_parts(record), (*_TEXT, "row_uid")):
            yield table.filter(pc.is_valid(table["row_uid"])).select(_TEXT)


@done_before("output_samples", TIER)
def sample_outputs(job: Outputs, number: int) -> Record:
    """The sampled shingles of the outputs of a run, by their hash."""
    spill = Spill(job.store, scratch(job, "output_samples"), number, SAMPLED)
    for table in kept_outputs(job, job.own.runs[number]):
        rows = output_keys.sampled_of_outputs(table, job.settings.l3.dedup.l2_sample)
        spill.write(rows, dedup.partition_of(rows["key"].to_numpy(), job.partitions))
    return Record("output_samples", number, f"run {number}", job.fingerprint, spill.finish())


@done_before("l2_samples", TIER)
def sample_documents(job: Outputs, number: int) -> Record:
    """The sampled shingles of the documents of a run of L2, by their hash."""
    spill = Spill(job.store, scratch(job, "l2_samples"), number, HOLDERS)
    for shard in job.sources[number].shards:
        record = read_record(job.store, job.parent_base, "data", shard)
        for table in read_parts(job.store, data_parts(record), ("uid", "lang", "content")):
            rows = output_keys.sampled_of_documents(table, job.settings.l3.dedup.l2_sample)
            spill.write(rows, dedup.partition_of(rows["key"].to_numpy(), job.partitions))
    return Record("l2_samples", number, f"run {number}", job.fingerprint, spill.finish())


@done_before("shared", TIER)
def share(job: Outputs, partition: int) -> Record:
    """How many shingles of a partition each output shares with each document, memory set by the outputs."""
    own = gathered(spilled(job, "output_samples", scratch(job, "output_samples"), partition), SAMPLED)
    wanted = dedup.distinct(own["key"].to_numpy())
    holders = HOLDERS.empty_table()
    for table in spilled(job, "l2_samples", scratch(job, "l2_samples"), partition):
        hits = table.filter(pa.array(dedup.is_among(table["key"].to_numpy(), wanted)))
        holders = pa.concat_tables([holders, hits.cast(HOLDERS)])
        if holders.num_rows > _HELD_ROWS:
            holders = output_keys.fewer_holders(holders)
    rows = output_keys.shared_of(own, holders)
    spill = Spill(job.store, scratch(job, "shared"), partition, SHARED)
    spill.write(rows, dedup.uid_partition(rows["uid"], job.partitions))
    return Record("shared", partition, f"partition {partition}", job.fingerprint, spill.finish())


@done_before("held", TIER)
def hold(job: Outputs, partition: int) -> Record:
    """The outputs of a partition that a document of L2 holds, sent to the runs that hold them."""
    shared = gathered(spilled(job, "shared", scratch(job, "shared"), partition), SHARED)
    rows = output_keys.contained(shared, job.settings.l3.dedup)
    spill = Spill(job.store, scratch(job, "held"), partition, CONTAINED)
    places, runs = job.runs_of(rows["uid"])
    spill.write(rows.take(pa.array(places)), runs)
    return Record("held", partition, f"partition {partition}", job.fingerprint, spill.finish())


def _held(job: Outputs, run: int) -> pa.Table:
    return gathered(spilled(job, "held", scratch(job, "held"), run), CONTAINED)


@done_before("buckets", TIER)
def spread(job: Outputs, number: int) -> Record:
    """The outputs of a run by the buckets that they fall into, without those that L2 holds."""
    held = _held(job, number)["uid"].combine_chunks()
    spill = Spill(job.store, f"{job.base}/{buckets.BAND_INDEX}", number, dedup.KEYS)
    for table in kept_outputs(job, job.own.runs[number]):
        left = table.filter(pc.invert(pc.is_in(dedup.uid_to_bytes(table["uid"]), value_set=held)))
        rows = output_keys.output_rows(left, job.settings.l3.dedup)
        spill.write(rows, dedup.partition_of(rows["key"].to_numpy(), job.partitions))
    return Record("buckets", number, f"run {number}", job.fingerprint, spill.finish())


@done_before("shingles", TIER)
def shingle(job: Outputs, number: int) -> Record:
    """The shingles of the outputs of a run that are candidates."""
    wanted = confirm.asked(job, "pairs", "wanted", number)
    spill = Spill(job.store, scratch(job, "shingles"), number, confirm.SHINGLES)
    for table in kept_outputs(job, job.own.runs[number]) if wanted.num_rows else ():
        uids = dedup.uid_to_bytes(table["uid"])
        mask = pc.is_in(uids, value_set=wanted["uid"].combine_chunks())
        found = output_keys.output_shingles(table.filter(mask), job.settings.l3.dedup)
        confirm.answer(spill, wanted, pa.table([uids.filter(mask), found], schema=confirm.SHINGLES))
    return Record("shingles", number, f"run {number}", job.fingerprint, spill.finish())


@done_before("confirmed", TIER)
def confirm_outputs(job: Outputs, partition: int) -> Record:
    """The pairs of a partition that ask one question, or are alike by their shingles."""
    pairs = gathered(spilled(job, "pairs", scratch(job, "pairs"), partition), dedup.PAIRS)
    roots = [pairs["a"], pairs["rank_a"], pa.nulls(pairs.num_rows, pa.float32())]
    pairs = pa.table([*pairs.columns, *roots], schema=clusters.CONFIRMED)
    similarity = confirm.similarities(job, partition, pairs)
    alike = (similarity >= job.settings.l3.dedup.threshold) | (pairs["kind"].to_numpy() != dedup.NEAR)
    return confirm.tell(job, partition, confirm.with_similarity(pairs, similarity).filter(pa.array(alike)))


@done_before(STEP, TIER)
def gather(job: Outputs, number: int) -> Record:
    """The outputs of a run that have duplicates, or are held by L2, sorted by uid, as CLUSTERS."""
    found = pa.concat_tables([clusters.of_run(job, number, output_keys.KINDS), _held_clusters(_held(job, number))])
    record = Record(STEP, number, f"run {number}", job.fingerprint)
    if found.num_rows:
        found = found.take(pa.array(np.lexsort(uid_words(found["uid"])[::-1])))
        record.parts = [write_part(job.store, f"{job.base}/{STEP}/clusters-{number:05d}", [found], clusters.CLUSTERS)]
    return record


def _held_clusters(held: pa.Table) -> pa.Table:
    """CLUSTERS of the outputs that L2 holds: the survivor is the document."""
    count = held.num_rows
    none = {"survivor_dump": pa.string(), "survivor_length": pa.int32(), "cluster_size": pa.int32()}
    columns = [held["uid"], held["document"], *(pa.nulls(count, kind) for kind in none.values())]
    columns += [pa.array([IN_L2] * count, pa.string()), held["document"], held["share"]]
    return pa.table(columns, schema=clusters.CLUSTERS)


def duplicates_of(job: Outputs, shard: int) -> pa.Table:
    """uid and reason of the outputs that add nothing, among those of a shard and of its run."""
    found = clusters.CLUSTERS.empty_table()
    if job.settings.l3.dedup.enabled:
        run = next(run.number for run in job.own.runs if shard in run.shards)
        found = clusters.stored(job, run)
        found = found.filter(pc.is_valid(found["reason"]))
    return pa.table([dedup.uid_from_bytes(found["uid"]), found["reason"]], names=["uid", "reason"])
