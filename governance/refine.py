"""L3 from the driver: shards are handed to workers with engines, and what they tell is shown. It sees no text."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from governance.cluster import Cluster
from governance.config import L3
from governance.metrics import Metrics
from governance.progress import Progress, engine_note
from governance.quotas import Quota, quotas
from governance.refined import STEP, Refining
from governance.refiner import Refiner
from manifests.records import committed
from stages.contract import Resources

_DOCUMENTS_AN_ITEM = 2_000  # shards are handed to workers in groups of about this many documents
_ENGINE_GIB = 4.0  # of main memory: vLLM with a small model takes 1.8, and 1 for the cache where it has no GPU
_SILENT_S = 600.0  # a worker speaks every second, but not while it loads a shard's log or a table of checks


def build(job: Refining, cluster: Cluster, progress: Progress, numbers: Sequence[int]) -> dict[str, int]:
    """Ask and judge for every shard that has no record yet.

    Returns: what the workers counted, such as answers, log_hits and restarts.
    """
    there = committed(job.store, job.base, STEP)
    shares = quotas(job, cluster, numbers)
    pending = [quota for quota in shares if quota.number not in there]
    total, left = (sum(quota.documents for quota in some) for some in (shares, pending))
    seen: Counter[str] = Counter()
    start = time.monotonic()
    limits = job.settings.l3
    documents = progress.stage("L3 refine", total=total, done=total - left, unit="documents")
    with documents as line, Metrics(limits.metrics_port) as metrics:

        def show(event: dict[str, Any]) -> None:
            seen.update(event["counts"])
            metrics.take(event)
            line.advance(event["counts"].get("documents", 0), 0, engine_note(seen, time.monotonic() - start))

        if pending:
            items = list(_items(pending, limits.engines))
            needs = needs_of(limits, cluster)
            cluster.stream(Refiner, job, items, show, limits.engines, needs, _SILENT_S)
    return dict(seen)


def needs_of(limits: L3, cluster: Cluster) -> Resources:
    """What one worker with its engine needs. An engine on CPUs takes its share of them all, but no more than a node
    has; one on a GPU or a server only waits."""
    if not limits.engine.is_local:
        return Resources()
    if limits.gpus_per_engine > 0:
        return Resources(1, limits.gpus_per_engine, _ENGINE_GIB)
    return Resources(max(1, min(cluster.widest(), cluster.slots() // limits.engines)), 0, _ENGINE_GIB)


def _items(pending: Sequence[Quota], engines: int) -> Iterator[tuple[Quota, ...]]:
    """Groups of shards, so that a worker's engines stay full across small shards and all workers have work."""
    limit = min(_DOCUMENTS_AN_ITEM, sum(quota.documents for quota in pending) // (2 * engines))
    group: list[Quota] = []
    for quota in pending:
        group.append(quota)
        if sum(one.documents for one in group) >= limit:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)
