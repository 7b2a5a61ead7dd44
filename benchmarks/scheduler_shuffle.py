"""The shuffle that finds duplicates, on generated signatures with planted clusters; run by benchmarks.scheduler."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import peak, reset_peak
from governance import duplicates
from governance.cluster import Cluster
from governance.config import Settings
from governance.job import Job
from governance.parts import read_all
from governance.runner import FATE
from manifests.ledger import Account, tally
from manifests.records import Part, Record, commit, read_record, write_part
from manifests.store import Store
from stages.dedup import DedupConfig, uid_from_bytes
from stages.minhash import fixed_binary

SEED = 1
CLUSTER_SIZE = 5
CLUSTERS_A_ROW = 0.002  # planted clusters: one row in a hundred has duplicates
_FINGERPRINT = "benchmark"


def job_of(out: Path) -> Job:
    """The L1 of a dump that has nothing but annotations."""
    return Job(Store(str(out)), "L1", "benchmark", Settings(), _FINGERPRINT, "L0")


def write_annotations(job: Job, rows: int, shards: int) -> int:
    """Commit generated annotations, as annotate would, evenly over the shards; returns the number of clusters planted.

    A cluster is rows anywhere in the dump that share one signature; half of the clusters share the exact hash too.
    """
    random = np.random.Generator(np.random.PCG64(SEED))
    clusters = int(rows * CLUSTERS_A_ROW)
    origin = np.arange(rows)
    members = random.permutation(rows)[: clusters * CLUSTER_SIZE].reshape(-1, CLUSTER_SIZE)
    origin[members] = members[:, :1]
    exact = origin.copy()
    exact[members[: clusters // 2]] = members[: clusters // 2]
    for number, chunk in enumerate(np.array_split(np.arange(rows), shards)):
        table = _annotations(number, chunk, origin[chunk], exact[chunk], job.settings.l1.dedup)
        part = write_part(job.store, f"{job.base}/annotations/part-{number:05d}", [table], table.schema)
        count = tally(table["uid"])
        ledger = [Account("dedup", count, count)]
        commit(job.store, job.base, Record("annotations", number, f"shard-{number}", _FINGERPRINT, [part], ledger))
    return clusters


def _annotations(shard: int, rows: np.ndarray, origin: np.ndarray, exact: np.ndarray, cfg: DedupConfig) -> pa.Table:
    """Rows of one shard with the columns that the shuffle reads; ``origin`` and ``exact`` name the text they hold."""
    heads = np.full((len(rows), 1), shard, ">u4").view(np.uint8)
    signatures = _draw(origin, cfg.num_hashes * 4, 1)
    columns = {
        "uid": uid_from_bytes(fixed_binary(np.hstack([heads, _draw(rows, 12, 2)]))),
        FATE: pa.nulls(len(rows), pa.string()),
        "dedup.exact": fixed_binary(_draw(exact, 16, 3)),
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
    return (x ^ (x >> np.uint64(31))).view(np.uint8)[:, :width]


def found(job: Job) -> dict[str, int]:
    """Clusters, and rows that are in one, by what the shuffle committed."""
    parts: list[Part] = read_record(job.store, job.base, "duplicates", 0).parts
    table = read_all(job.store, parts, ("uid", "survivor", "cluster_size"))
    if table is None:
        return {"clusters": 0, "members": 0}
    return {"clusters": len(table["survivor"].unique()), "members": table.num_rows}


def shuffle(job: Job, shards: int) -> dict[str, Any]:
    """Find the duplicates on Ray, then once more as a resumed run would."""
    with Cluster() as cluster:
        cluster.slots()
        before, start = reset_peak(), time.monotonic()
        duplicates.find(job, cluster, range(shards))
        wall, grown = time.monotonic() - start, peak() - before
        start = time.monotonic()
        duplicates.find(job, cluster, range(shards))
        again = time.monotonic() - start
    times = {"wall_s": round(wall, 2), "resume_s": round(again, 2)}
    return times | {"driver_growth_mib": grown >> 20} | found(job)


def main() -> None:
    """``OUT ROWS SHARDS write|find``: commits the annotations, or shuffles them; prints what came of it."""
    job, rows, shards = job_of(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
    if sys.argv[4] == "write":
        result: dict[str, Any] = {"planted": write_annotations(job, rows, shards)}
    else:
        result = shuffle(job, shards)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
