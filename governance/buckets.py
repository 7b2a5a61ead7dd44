"""Candidate pairs of duplicates: rows of one text first, then rows that share a band or a canonical URL.

Keys are spilled by ranges of the key space. What is spilled is the dump's index: a later dump joins its own keys with
it and never sees the text again. Rows that are exact copies of a better one take no further part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.job import Job, annotation_parts, done_before
from governance.parts import read_parts
from governance.runner import FATE
from governance.shuffle import Run, Shuffle, Spill, gathered, scratch, spilled
from manifests.records import Record, read_record
from stages import dedup
from stages.uids import UID, uid_words

EXACT_INDEX, BAND_INDEX = "index/exact", "index/bands"  # folders of a tier that stay when it is sealed
VICTIMS = pa.schema([("uid", UID)])
_OLD_ROWS = 1_000_000  # of older dumps that are held before only the best of each key are

Keys = Callable[[pa.Table], np.ndarray]


def kept_rows(job: Job, run: Run, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Columns of the rows that every rule kept, from the annotations of a run's shards."""
    for number in run.shards:
        record = read_record(job.store, job.base, "annotations", number)
        for table in read_parts(job.store, annotation_parts(record), ("uid", FATE, *columns)):
            yield table.filter(pc.is_null(table[FATE]))


@done_before("keys")
def spread_exact(job: Shuffle, number: int) -> Record:
    """The rows of a run by the hash of their text."""
    run = job.own.runs[number]
    spill = Spill(job.store, f"{job.base}/{EXACT_INDEX}", number, dedup.EXACT_KEYS)
    for table in kept_rows(job, run, ("dedup.exact", "dedup.length")):
        rows = dedup.exact_rows(table)
        spill.write(rows, dedup.partition_of(_heads(rows), job.partitions))
    return Record("keys", number, f"run {number}", job.fingerprint, spill.finish())


@done_before("exact")
def join_exact(job: Shuffle, partition: int) -> Record:
    """Rows of one text to pairs, each with the best of them, and to the list of those that are done with."""
    own = gathered(spilled(job, "keys", f"{job.base}/{EXACT_INDEX}", partition), dedup.EXACT_KEYS)
    rows, age = _with_older(job, own, "keys", EXACT_INDEX, partition, _heads, 1)
    pairs = dedup.exact_pairs(rows, age, job.age)
    spill = Spill(job.store, scratch(job, "exact"), partition, dedup.PAIRS)
    spill.write(pairs, dedup.uid_partition(pairs["b"], job.partitions))
    victims = Spill(job.store, scratch(job, "victims"), partition, VICTIMS)
    places, runs = job.runs_of(pairs["b"])
    mine = runs < len(job.own.runs)
    victims.write(pa.table([pairs["b"].take(pa.array(places[mine]))], schema=VICTIMS), runs[mine])
    return Record("exact", partition, f"partition {partition}", job.fingerprint, [*spill.finish(), *victims.finish()])


@done_before("buckets")
def spread(job: Shuffle, number: int) -> Record:
    """The rows of a run by the buckets that they fall into, without exact copies."""
    config = job.settings.l1.dedup
    victims = gathered(spilled(job, "exact", scratch(job, "victims"), number), VICTIMS)["uid"].combine_chunks()
    spill = Spill(job.store, f"{job.base}/{BAND_INDEX}", number, dedup.KEYS)
    columns = ("dedup.signature", "dedup.url", "dedup.length", "dedup.scheme")
    for table in kept_rows(job, job.own.runs[number], columns):
        copies = pc.is_in(dedup.uid_to_bytes(table["uid"]), value_set=victims)
        rows = dedup.band_rows(table.filter(pc.invert(copies)), config)
        spill.write(rows, dedup.partition_of(rows["key"].to_numpy(), job.partitions))
    return Record("buckets", number, f"run {number}", job.fingerprint, spill.finish())


@done_before("stars")
def join(job: Shuffle, partition: int) -> Record:
    """The buckets of one partition to candidate pairs, a number that grows with their rows and not with its square."""
    own = gathered(spilled(job, "buckets", f"{job.base}/{BAND_INDEX}", partition), dedup.KEYS)
    rows, age = _with_older(job, own, "buckets", BAND_INDEX, partition, _band_keys, dedup.OLD_A_KEY)
    pairs = dedup.bucket_pairs(rows, age, job.age)
    spill = Spill(job.store, scratch(job, "stars"), partition, dedup.PAIRS)
    spill.write(pairs, dedup.uid_partition(pairs["b"], job.partitions))
    return Record("stars", partition, f"partition {partition}", job.fingerprint, spill.finish())


def _heads(rows: pa.Table) -> np.ndarray:
    return uid_words(rows["digest"])[0]


def _band_keys(rows: pa.Table) -> np.ndarray:
    return rows["key"].to_numpy()


def _with_older(
    job: Shuffle, own: pa.Table, step: str, folder: str, partition: int, keys: Keys, most: int
) -> tuple[pa.Table, np.ndarray]:
    """The own rows of a partition and those of older dumps that share a key with them, and the age of each.

    Of the older ones only the ``most`` best of a key are taken, so that memory is set by the own rows.
    """
    if not job.age:
        return own, np.zeros(own.num_rows, np.int64)
    wanted = dedup.distinct(keys(own))
    older, ages = own.schema.empty_table(), np.zeros(0, np.int64)
    for age in range(job.age):
        for table in _older_tables(job.at(age), step, folder, partition, job.partitions):
            hits = table.filter(pa.array(dedup.is_among(keys(table), wanted)))
            older = pa.concat_tables([older, hits.cast(older.schema)])
            ages = np.r_[ages, np.full(hits.num_rows, age)]
            if older.num_rows > _OLD_ROWS:
                older, ages = _best(older, ages, keys, most)
    older, ages = _best(older, ages, keys, most)
    return pa.concat_tables([older, own]).combine_chunks(), np.r_[ages, np.full(own.num_rows, job.age)]


def _best(rows: pa.Table, ages: np.ndarray, keys: Keys, most: int) -> tuple[pa.Table, np.ndarray]:
    named = pa.table({"key": keys(rows), "uid": rows["uid"], "length": rows["length"]})
    kept = dedup.best_of_each(named, ages, most)
    return rows.take(pa.array(kept)).combine_chunks(), ages[kept]


def _older_tables(job: Shuffle, step: str, folder: str, partition: int, partitions: int) -> Iterator[pa.Table]:
    """The tables of a dump's index that may hold keys of one of ``partitions`` partitions."""
    low, high = (-(-((partition + more) << 32) // partitions) - more for more in (0, 1))
    for theirs in range(low * job.partitions >> 32, (high * job.partitions >> 32) + 1):
        yield from spilled(job, step, f"{job.base}/{folder}", theirs)
