"""Our L0 to L2 over a WARC in this process, with the CPU time of each stage; run by benchmarks.spine.

It is the real run (readers, stages, ledger, records, store) with ``workers=0``: one shard after the other, without Ray.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.measure import Clock, cpu_seconds, peak, rate, reset_peak
from governance import duplicates, pipeline, tiers
from governance.cluster import Cluster
from governance.config import Settings
from governance.funnel import tier_row
from governance.inputs import find_shards
from governance.progress import Progress
from governance.shuffle import Shuffle
from manifests.store import Store
from stages import quality
from stages.contract import Stage

DUMP = "benchmark"
LOADING = "load models"  # start-up, of each tier's first shard in a process
_MIB = 1 << 20


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


def watch(clock: Clock, html: list[int]) -> None:
    """Put the clock around the reader, every stage and the shuffle, where the steps look them up.

    The bytes of the pages of each batch that is read go to ``html``.
    """
    read, find = tiers.read_input, duplicates.find

    def all_clocked(choose: Callable[..., tuple[Stage, ...]]) -> Callable[..., tuple[Stage, ...]]:
        return lambda *arguments: tuple(clocked(stage, clock) for stage in choose(*arguments))

    def one_clocked(make: Callable[..., Stage]) -> Callable[..., Stage]:
        return lambda *arguments: clocked(make(*arguments), clock)

    def read_clocked(*arguments: Any) -> Iterator[pa.Table]:
        for table in clock.each("read", read(*arguments), lambda table: table.num_rows):
            html.append(pc.sum(pc.binary_length(table["payload"])).as_py() or 0)
            yield table

    def find_clocked(*arguments: Any) -> Shuffle:
        with clock.on("duplicates"):
            return find(*arguments)

    tiers.stages_of = all_clocked(tiers.stages_of)
    tiers.read_input, duplicates.find = read_clocked, find_clocked
    quality.scores_stage, quality.quality_stage = one_clocked(quality.scores_stage), one_clocked(quality.quality_stage)


@dataclass(frozen=True)
class Built:
    """What building up to a level took: CPU seconds in all and by stage, without those of loading models."""

    cpu_s: float
    loading_s: float
    stages: dict[str, Any]
    counts: dict[str, dict[str, Any]]


def build_clocked(clock: Clock, archive: Path, out: Path, level: str) -> Built:
    """Build up to a level with the clock set back to nothing."""
    clock.spent.clear()
    clock.rows.clear()
    before = cpu_seconds()
    with clock.on("rest"):  # Parquet, hashes, records, ledger, store
        counts = build(archive, out, level)
    spent, loading = cpu_seconds() - before, clock.spent.pop(LOADING, 0.0)
    return Built(spent - loading, loading, stage_table(clock), counts)


def stage_table(clock: Clock) -> dict[str, Any]:
    """The clock's table in the order of the tiers, with each name's share of the time."""
    cfg = Settings()
    planned = ["read", *(stage.name for stage in (*tiers.l0(cfg), *tiers.l1(cfg), *tiers.l2(cfg)))]
    total = sum(clock.spent.values())
    names = [name for name in dict.fromkeys([*planned, *clock.spent]) if name in clock.spent]
    return {name: row | {"share": round(clock.spent[name] / total, 4)} for name, row in clock.table(names).items()}


def main() -> None:
    """``ARCHIVE WARM_UP PAGES OUT [LEVEL]``: prints CPU seconds by stage, in all, and of the start-up; peak memory."""
    archive, warm_up, pages, out = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    level = sys.argv[5] if len(sys.argv) > 5 else "L2"
    build(warm_up, out / "warm-up", level)
    clock, html = Clock(), list[int]()
    watch(clock, html)
    start_up, wall = cpu_seconds(), time.monotonic()
    peaks = {"start_up": peak()}
    reset_peak()
    built = [build_clocked(clock, archive, out / "run", "L1")]  # the peer's blocks end where L1 does
    peaks["l0_to_l1"] = peak()
    if level == "L2":
        built.append(build_clocked(clock, archive, out / "run", "L2"))
        peaks["l0_to_l2"] = peak()
    result = {
        "stages": built[0].stages,
        "stages_of_l2": built[-1].stages if level == "L2" else None,
        "l0_to_l1": rate(pages, built[0].cpu_s),
        "all": rate(pages, sum(part.cpu_s for part in built)),
        "html_bytes": sum(html),
        "wall_s": round(time.monotonic() - wall, 2),
        "start_up_cpu_s": round(start_up + sum(part.loading_s for part in built), 2),
        "peak_resident_mib": {name: round(size / _MIB) for name, size in peaks.items()},
        "counts": built[-1].counts,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
