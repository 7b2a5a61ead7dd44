"""How many documents of each shard L3 writes from: all of them, or the best of the whole dump up to a limit.

The best are those of the highest score, whatever shard they lie in. Only counts leave a worker: the score that the last
document of the limit has is found digit by digit, as ranks of L2 are, and of the documents that have it just as much,
each shard gives its share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.cluster import Cluster
from governance.job import Job, data_parts
from governance.parts import read_visible, visible_rows
from manifests.records import Part, read_record, read_records
from stages import ranks
from stages.ranks import Target
from synth.engines import engine_languages

_SIGN = np.uint32(1 << 31)


@dataclass(frozen=True)
class Quota:
    """A shard, and how many of its documents to write from, the best first."""

    number: int
    documents: int


@dataclass(frozen=True)
class _Count:
    """What to count in a shard: the digits of scores that follow a prefix, or, at the last level, the scores from one
    score on."""

    job: Job
    languages: tuple[str, ...]
    prefix: int
    level: int


def quotas(job: Job, cluster: Cluster, numbers: Sequence[int]) -> list[Quota]:
    """The quota of every shard: its documents in languages that the model writes, as many as are among the best."""
    languages = engine_languages(job.settings.l3.engine)
    counts = {
        record.number: visible_rows(
            job.store, [part for part in data_parts(record) if part.path.split("/")[-2] in languages]
        )
        for record in read_records(job.store, job.parent_base, "data")
    }
    total, limit = sum(counts.values()), job.settings.l3.max_documents
    if limit is None or limit >= total:
        return [Quota(number, counts[number]) for number in numbers]
    target = Target(0, total - limit)
    for level in range(ranks.PASSES):
        found = _gather(cluster, _digits, _Count(job, languages, target.prefix, level), numbers)
        target = ranks.narrow([target], {target.prefix: np.sum(list(found.values()), axis=0)})[0]
    sides = _gather(cluster, _sides, _Count(job, languages, target.prefix, ranks.PASSES), numbers)
    better = {number: above for number, (above, _) in sides.items()}
    equal = _apportion(limit - sum(better.values()), [sides[number][1] for number in numbers])
    return [Quota(number, better[number] + more) for number, more in zip(numbers, equal, strict=True)]


def best(job: Job, parts: Sequence[Part], documents: int) -> set[str]:
    """uids of so many documents of a shard, the highest scores first, equal ones by uid."""
    uids: list[str] = []
    keys: list[np.ndarray] = []
    for rows in _rows(job, parts, engine_languages(job.settings.l3.engine), ("uid", "score", "lang")):
        uids += rows["uid"].to_pylist()
        keys.append(order_of(rows["score"]))
    ranked = sorted(zip((-np.concatenate(keys).astype(np.int64)).tolist() if keys else [], uids, strict=True))
    return {uid for _, uid in ranked[:documents]}


def order_of(scores: pa.ChunkedArray) -> np.ndarray:
    """Whole numbers in the order of the scores, uint32 (n,) below 2^30, whatever the scores' range; null and NaN are 0.

    The bits of a positive float32 grow with it and those of a negative one shrink. The last two of 32 are dropped, so
    that scores which differ by less than a millionth count as equal.
    """
    values = np.nan_to_num(pc.fill_null(scores.cast(pa.float32()), 0.0).to_numpy().astype(np.float32), nan=0.0)
    bits = (values + np.float32(0.0)).view(np.uint32)  # minus zero becomes zero
    return np.where(bits & _SIGN, ~bits, bits | _SIGN) >> np.uint32(2)


def _digits(count: _Count, number: int) -> np.ndarray:
    """How often each digit follows the prefix among the scores of a shard, int64 (1024,)."""
    found = ranks.count_digits(_order(count, number).view(np.float32), [count.prefix], count.level)
    return found[count.prefix]


def _sides(count: _Count, number: int) -> tuple[int, int]:
    """How many scores of a shard are above the one found, and how many are it."""
    order = _order(count, number)
    return int(np.count_nonzero(order > count.prefix)), int(np.count_nonzero(order == count.prefix))


def _order(count: _Count, number: int) -> np.ndarray:
    parts = data_parts(read_record(count.job.store, count.job.parent_base, "data", number))
    found = [order_of(rows["score"]) for rows in _rows(count.job, parts, count.languages, ("score", "lang"))]
    return np.concatenate(found) if found else np.zeros(0, np.uint32)


def _rows(job: Job, parts: Sequence[Part], languages: tuple[str, ...], columns: Sequence[str]) -> list[pa.Table]:
    """Narrow columns of the documents of a shard that the model can write from."""
    wanted = pa.array(languages, pa.string())
    return [table.filter(pc.is_in(table["lang"], wanted)) for table in read_visible(job.store, parts, columns)]


def _gather(
    cluster: Cluster, work: Callable[[_Count, int], Any], count: _Count, numbers: Sequence[int]
) -> dict[int, Any]:
    found: dict[int, Any] = {}
    cluster.map(work, count, numbers, found.__setitem__)
    return found


def _apportion(wanted: int, sizes: Sequence[int]) -> list[int]:
    """Whole shares of a number, in proportion to sizes that make up at least that number."""
    total, before, given = max(1, sum(sizes)), 0, 0
    shares = []
    for size in sizes:
        before += size
        shares.append(wanted * before // total - given)
        given += shares[-1]
    return shares
