"""Generated annotations with planted duplicates, and the shuffle that finds them; run by benchmarks.dedup_scale.

Rows have signatures and no text, so candidates are confirmed by their signatures alone. Planted are clusters of rows
with one signature, half of them with one text hash; pairs whose hashes are equal with a given probability, as those of
pages of that Jaccard similarity are; and, where asked for, a bucket of rows that share one band and nothing else.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.collision_curve import confirmed
from benchmarks.measure import peak, reset_peak
from governance import duplicates
from governance.cluster import Cluster
from governance.config import L1, Run, Settings
from governance.inputs import shard_key
from governance.job import Job
from governance.parts import read_parts
from governance.runner import FATE
from manifests.ledger import Account, tally
from manifests.records import Record, commit, read_records, write_part
from manifests.store import Store
from stages.dedup import DedupConfig, uid_from_bytes
from stages.uids import fixed_binary

SEED = 1
CLUSTER_SIZE = 5
CLUSTERS_A_ROW = 0.002  # one row in a hundred stands in a planted cluster
PAIRS_A_ROW = 0.005  # of each similarity: one row in twenty stands in a planted pair
SIMILARITIES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_FINGERPRINT = "benchmark"


@dataclass(frozen=True)
class Plan:
    """Which rows stand in what is planted: a function of the sizes alone."""

    rows: int
    shards: int
    hot: int  # rows that share a band

    @cached_property
    def _shuffled(self) -> np.ndarray:
        return np.random.Generator(np.random.PCG64(SEED)).permutation(self.rows)

    @property
    def clusters(self) -> np.ndarray:
        """Row numbers (clusters, CLUSTER_SIZE)."""
        count = int(self.rows * CLUSTERS_A_ROW)
        return self._shuffled[: count * CLUSTER_SIZE].reshape(-1, CLUSTER_SIZE)

    def pairs(self, which: int) -> np.ndarray:
        """Row numbers (pairs, 2) of one of SIMILARITIES."""
        count = int(self.rows * PAIRS_A_ROW)
        start = self.clusters.size + which * 2 * count
        return self._shuffled[start : start + 2 * count].reshape(-1, 2)

    @property
    def hot_rows(self) -> np.ndarray:
        """Rows of the bucket, which stand in nothing else."""
        return self._shuffled[self.rows - self.hot :]

    def uids(self, rows: np.ndarray) -> np.ndarray:
        """Uids uint8 (n, 16): the key of the row's shard, then a hash of its number."""
        heads = np.array([int(shard_key("benchmark", _name(s)), 16) for s in range(self.shards)], ">u4")
        shard = rows * self.shards // self.rows
        return np.hstack([heads[shard].reshape(-1, 1).view(np.uint8).reshape(-1, 4), _draw(rows, 12, 2)])

    def batches(self) -> Iterator[np.ndarray]:
        """The rows of each shard."""
        shard = np.arange(self.rows) * self.shards // self.rows
        yield from np.split(np.arange(self.rows), np.searchsorted(shard, np.arange(1, self.shards)))


def _name(shard: int) -> str:
    return f"shard-{shard}"


def job_of(out: Path) -> Job:
    """The L1 of a dump that has nothing but annotations."""
    settings = Settings(l1=L1(dedup=DedupConfig(confirm="signatures")), run=Run())
    return Job(Store(str(out)), "L1", "benchmark", settings, _FINGERPRINT, "L0")


def write_annotations(job: Job, plan: Plan) -> None:
    """Commit generated annotations, as annotate would, evenly over the shards."""
    origin, exact, similarity = np.arange(plan.rows), np.arange(plan.rows), np.ones(plan.rows, np.float32)
    clusters = plan.clusters
    origin[clusters] = clusters[:, :1]
    exact[clusters[: len(clusters) // 2]] = clusters[: len(clusters) // 2, :1]
    for which, value in enumerate(SIMILARITIES):
        pairs = plan.pairs(which)
        origin[pairs[:, 1]], similarity[pairs[:, 1]] = pairs[:, 0], value
    hot = np.zeros(plan.rows, bool)
    hot[plan.hot_rows] = True
    for number, rows in enumerate(plan.batches()):
        table = _annotations(plan, rows, origin[rows], exact[rows], similarity[rows], hot[rows], job.settings.l1.dedup)
        part = write_part(job.store, f"{job.base}/annotations/part-{number:05d}", [table], table.schema)
        count = tally(table["uid"])
        ledger = [Account("dedup", count, count)]
        commit(job.store, job.base, Record("annotations", number, _name(number), _FINGERPRINT, [part], ledger))


def _annotations(
    plan: Plan, rows: np.ndarray, origin: np.ndarray, exact: np.ndarray, similarity: np.ndarray, hot: np.ndarray,
    cfg: DedupConfig,
) -> pa.Table:  # fmt: skip
    """Rows of one shard with the columns that the shuffle reads."""
    signatures = _draw(origin, cfg.num_hashes * 4, 1).view("<u4").copy()
    near = np.flatnonzero(similarity < 1)
    chance = _draw(rows[near], cfg.num_hashes * 4, 4).view("<u4") / np.float64(1 << 32)
    own = _draw(rows[near], cfg.num_hashes * 4, 5).view("<u4")
    signatures[near] = np.where(chance < similarity[near, None], signatures[near], own)
    signatures[hot, : cfg.banding[1]] = 7
    columns = {
        "uid": uid_from_bytes(fixed_binary(plan.uids(rows))),
        FATE: pa.nulls(len(rows), pa.string()),
        "dedup.exact": fixed_binary(_draw(exact, 16, 3)),
        "dedup.url": pa.nulls(len(rows), pa.uint64()),
        "dedup.signature": fixed_binary(signatures),
        "dedup.length": pa.array((rows % 5000 + 200).astype(np.int32)),
        "dedup.scheme": pa.array([cfg.scheme] * len(rows), pa.string()),
    }
    return pa.table(columns)


def _draw(keys: np.ndarray, width: int, stream: int) -> np.ndarray:
    """Random bytes (n, width), a function of key and stream alone, so that equal keys get equal bytes."""
    words = -(-width // 8)
    with np.errstate(over="ignore"):
        x = keys.astype(np.uint64)[:, None] * np.uint64(words) + np.arange(words, dtype=np.uint64)
        x = (x + np.uint64(stream << 48)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.ascontiguousarray((x ^ (x >> np.uint64(31))).view(np.uint8)[:, :width])


def theory(similarity: float, cfg: DedupConfig) -> float:
    """Probability that a pair shares a band and that its estimate reaches the threshold."""
    return float(confirmed(np.array([similarity]), cfg.model_copy(update={"confirm": "signatures"}))[0])


def found(job: Job, plan: Plan) -> dict[str, Any]:
    """What the shuffle committed of what was planted, and of what was not."""
    records = read_records(job.store, job.base, "duplicates")
    tables = [table for record in records for table in read_parts(job.store, record.parts, ("uid", "survivor"))]
    if not tables:
        return {"clusters": 0, "members": 0, "whole_clusters": 0, "pairs": [], "others": 0}
    table = pa.concat_tables(tables)
    uids, survivors = table["uid"].combine_chunks(), table["survivor"].combine_chunks()

    def survivor_of(rows: np.ndarray) -> np.ndarray:
        place = pc.index_in(fixed_binary(plan.uids(rows.ravel())), value_set=uids)
        number = pc.index_in(survivors.take(place), value_set=uids)  # a survivor names itself
        return pc.fill_null(number, -1).to_numpy(zero_copy_only=False).reshape(rows.shape)

    clusters = survivor_of(plan.clusters)
    whole = (clusters[:, :1] == clusters).all(axis=1) & (clusters[:, 0] >= 0)
    pairs = [survivor_of(plan.pairs(which)) for which in range(len(SIMILARITIES))]
    together = [int(((both[:, 0] == both[:, 1]) & (both[:, 0] >= 0)).sum()) for both in pairs]
    return {
        "clusters": len(survivors.unique()),
        "members": table.num_rows,
        "whole_clusters": int(whole.sum()),
        "pairs": together,
        "others": table.num_rows - int((clusters >= 0).sum()) - 2 * sum(together),
    }


def shuffle(job: Job, plan: Plan) -> dict[str, Any]:
    """Find the duplicates on Ray, then once more as a resumed run would."""
    with Cluster() as cluster:
        cluster.slots()
        before, start = reset_peak(), time.monotonic()
        duplicates.find(job, cluster)
        wall, grown = time.monotonic() - start, peak() - before
        start = time.monotonic()
        duplicates.find(job, cluster)
        again = time.monotonic() - start
    disk = sum(item.size for item in job.store.list(job.base))
    times = {"wall_s": round(wall, 2), "resume_s": round(again, 2), "disk_gb": round(disk / 1e9, 3)}
    return times | {"driver_growth_mib": grown >> 20} | found(job, plan)


def main() -> None:
    """``OUT ROWS SHARDS HOT write|find``: commits the annotations, or shuffles them; prints what came of it."""
    rows, shards, hot = map(int, sys.argv[2:5])
    job, plan = job_of(Path(sys.argv[1])), Plan(rows, shards, hot)
    result: dict[str, Any] = {}
    if sys.argv[5] == "write":
        write_annotations(job, plan)
    else:
        result = shuffle(job, plan)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
