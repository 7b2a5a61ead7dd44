"""Our L0 to L2 over a WARC in this process, with the CPU time of each stage; run by benchmarks.spine.

It is the real run (readers, stages, ledger, records, store) with ``workers=0``: one shard after the other, without Ray.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.measure import Clock, cpu_seconds, rate
from governance import duplicates, pipeline, tiers
from governance.cluster import Cluster
from governance.config import Settings
from governance.funnel import tier_row
from governance.inputs import find_shards
from governance.progress import Progress
from manifests.store import Store
from stages.contract import Stage

DUMP = "benchmark"
LOADING = "load models"  # start-up, of each tier's first shard in a process


def build(archive: Path, out: Path, level: str) -> dict[str, dict[str, Any]]:
    """Build up to a level from one archive; returns each tier's line of the funnel."""
    request = pipeline.Request(level, find_shards([str(archive)], DUMP), Store(str(out)), DUMP, Settings())
    with Cluster(workers=0) as cluster:
        outcome = pipeline.run(request, cluster, Progress("silent"))
    return {tier: tier_row(manifest) for tier, manifest in outcome.manifests.items()}


def clocked(stage: Stage, clock: Clock) -> Stage:
    """The stage with its CPU time charged; a stage that runs twice (cleaning does) is charged for both."""

    def fn(batch: pa.Table, *rest: Any) -> pa.Table:
        clock.rows[stage.name] += batch.num_rows
        with clock.on(stage.name):
            return stage.fn(batch, *rest)

    def load(config: Any) -> Any:
        assert stage.load is not None
        with clock.on(LOADING):
            return stage.load(config)

    return replace(stage, fn=fn, load=stage.load and load)


def watch(clock: Clock) -> None:
    """Put the clock around the reader, every stage and the shuffle, where the steps look them up."""
    read, find = tiers.read_input, duplicates.find

    def all_clocked(choose: Callable[..., tuple[Stage, ...]]) -> Callable[..., tuple[Stage, ...]]:
        return lambda *arguments: tuple(clocked(stage, clock) for stage in choose(*arguments))

    def read_clocked(*arguments: Any) -> Iterator[pa.Table]:
        return clock.each("read", read(*arguments), lambda table: table.num_rows)

    def find_clocked(*arguments: Any) -> None:
        with clock.on("duplicates"):
            find(*arguments)

    tiers.stages_of, tiers.entry_stages = all_clocked(tiers.stages_of), all_clocked(tiers.entry_stages)
    tiers.read_input, duplicates.find = read_clocked, find_clocked


def main() -> None:
    """``ARCHIVE WARM_UP PAGES OUT``: prints CPU seconds by stage, in all, and of the start-up."""
    archive, warm_up, pages, out = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    build(warm_up, out / "warm-up", "L2")
    clock = Clock()
    watch(clock)
    start_up, wall = cpu_seconds(), time.monotonic()
    spent = {}
    for level in ("L1", "L2"):  # the peer's blocks end where L1 does
        before = cpu_seconds() - clock.spent[LOADING]
        with clock.on("rest"):  # Parquet, hashes, records, ledger, store
            counts = build(archive, out / "run", level)
        spent[level] = cpu_seconds() - clock.spent[LOADING] - before
    loading = clock.spent.pop(LOADING)
    result = {
        "stages": clock.table(),
        "l0_to_l1": rate(pages, spent["L1"]),
        "all": rate(pages, sum(spent.values())),
        "wall_s": round(time.monotonic() - wall, 2),
        "start_up_cpu_s": round(start_up + loading, 2),
        "counts": counts,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
