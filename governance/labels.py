"""Confirmed pairs to the survivor of each row: in one worker while the pairs fit, else in rounds over partitions.

Both give the same labels. The rounds alternate large-star and small-star (stages/components.py) until they change
nothing; each is committed like any step, so a run that is killed in between goes on with the round it was in.
"""

from __future__ import annotations

import pyarrow as pa

from governance.cluster import Cluster
from governance.clusters import CONFIRMED
from governance.job import done_before
from governance.shuffle import Shuffle, Spill, gathered, map_pending, scratch, spilled
from manifests.records import Record, read_record, read_records
from stages import dedup
from stages.components import (
    EDGES,
    LABELS,
    both_ways,
    checksum,
    components,
    contracted,
    distinct_edges,
    labels_of,
    large_star,
    small_star,
)


def find(job: Shuffle, cluster: Cluster) -> None:
    """Commit the labels of all rows that have duplicates."""
    folder = scratch(job, "confirmed")
    records = read_records(job.store, job.base, "confirmed")
    pairs = sum(part.rows for record in records for part in record.parts if part.path.startswith(f"{folder}/"))
    if pairs <= job.settings.run.pairs_in_memory:
        map_pending(job, cluster, label, [0], "labels")
        return
    map_pending(job, cluster, contract, range(job.partitions), "contracted")
    last = _rounds(job, cluster)
    map_pending(job, cluster, label, range(last * job.partitions, (last + 1) * job.partitions), "labels")


def _rounds(job: Shuffle, cluster: Cluster) -> int:
    """Large-star and small-star in turn until the edges stay as they were; returns the number of rounds."""
    before, number = None, 0
    while True:
        for _ in ("large", "small"):
            numbers = range(number * job.partitions, (number + 1) * job.partitions)
            map_pending(job, cluster, one_round, numbers, "rounds")
            number += 1
        sums = [read_record(job.store, job.base, "rounds", each).figures for each in numbers]
        edges = sum(each["edges"] for each in sums), sum(each["checksum"] for each in sums) % (1 << 64)
        if edges == before:
            return number
        before = edges


def _edges(number: int) -> str:
    return f"edges-{number:03d}"


def _route(job: Shuffle, name: str, number: int, edges: pa.Table) -> Spill:
    """Edges on their way to the partitions of their u."""
    spill = Spill(job.store, scratch(job, name), number, EDGES)
    spill.write(edges, dedup.uid_partition(edges["u"], job.partitions))
    return spill


def _confirmed(job: Shuffle, partition: int) -> pa.Table:
    """The confirmed pairs of a partition as edges from the worse row to where the better one leads."""
    pairs = gathered(spilled(job, "confirmed", scratch(job, "confirmed"), partition), CONFIRMED)
    return pa.table([pairs["b"], pairs["root"], pairs["rank_b"], pairs["rank_root"]], schema=EDGES)


def _send(job: Shuffle, labels: pa.Table, number: int) -> Record:
    """Labels to the runs that hold their rows; those of older dumps stand as they are."""
    spill = Spill(job.store, scratch(job, "labels"), number, LABELS)
    places, runs = job.runs_of(labels["uid"])
    mine = (runs < len(job.own.runs)) & (dedup.age_of(labels["rank"].to_numpy())[places] == job.age)
    spill.write(labels.take(pa.array(places[mine])).combine_chunks(), runs[mine])
    return Record("labels", number, f"labels {number}", job.fingerprint, spill.finish())


@done_before("contracted")
def contract(job: Shuffle, partition: int) -> Record:
    """The confirmed pairs of a partition to as few edges as keep their components."""
    spill = _route(job, _edges(0), partition, both_ways(contracted(_confirmed(job, partition))))
    return Record("contracted", partition, f"partition {partition}", job.fingerprint, spill.finish())


@done_before("rounds")
def one_round(job: Shuffle, number: int) -> Record:
    """One partition of a large-star (even rounds) or a small-star (odd ones)."""
    turn, partition = divmod(number, job.partitions)
    step = "rounds" if turn else "contracted"
    edges = distinct_edges(gathered(spilled(job, step, scratch(job, _edges(turn)), partition), EDGES))
    figures = {"edges": edges.num_rows, "checksum": checksum(edges)}
    after = large_star(edges) if turn % 2 == 0 else both_ways(small_star(edges))
    spill = _route(job, _edges(turn + 1), number, after)
    return Record("rounds", number, f"round {turn}", job.fingerprint, spill.finish(), figures=figures)


@done_before("labels")
def label(job: Shuffle, number: int) -> Record:
    """All confirmed pairs to labels, in memory (number 0); else what the last round left around the survivors of a
    partition."""
    if number == 0:
        return _send(job, components(gathered((_confirmed(job, p) for p in range(job.partitions)), EDGES)), number)
    turn, partition = divmod(number, job.partitions)
    stars = gathered(spilled(job, "rounds", scratch(job, _edges(turn)), partition), EDGES)
    return _send(job, labels_of(distinct_edges(stars)), number)
