"""How the search for duplicates grows: ``python -m benchmarks.dedup_scale``.

The product's shuffle on local Ray over 1, 3 and 10 million generated signatures (benchmarks/dedup_planted.py), with
planted clusters and one bucket of 100,000 rows that share a band and nothing else. Takes about ten minutes and 15 GB of
disk at the full size.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.dedup_planted import CLUSTERS_A_ROW, PAIRS_A_ROW, SIMILARITIES, theory
from benchmarks.measure import SideError, run_side
from stages.dedup import DedupConfig

SIZES = (1_000_000, 3_000_000, 10_000_000)
HOT = 100_000
ROWS_A_SHARD = 10_000
TIME = ("time for all rows, the largest size over the smallest", 13.0, "x")
MEMORY = ("peak memory of a process, at the largest size", 2048.0, "MiB")
DISK = ("disk, at the largest size", 20.0, "GB")
WHOLE = ("planted clusters of equal signatures not found whole, all sizes", 0.0, "clusters")
OTHERS = ("rows in clusters that were not planted, all sizes", 0.0, "rows")
# Over 18 shares, an honest deviation beyond 4 standard errors happens once in 900 runs.
THEORY = ("planted pairs recovered, largest deviation from theory", 4.0, "standard errors")
_RAY = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def one_size(folder: Path, rows: int, hot: int, limit_s: float) -> dict[str, Any]:
    """Figures of one size. Errors: SideError."""
    arguments = [str(folder), str(rows), str(max(1, rows // ROWS_A_SHARD)), str(hot)]
    run_side("benchmarks.dedup_planted", [*arguments, "write"], limit_s, _RAY)
    side = run_side("benchmarks.dedup_planted", [*arguments, "find"], limit_s, _RAY)
    shutil.rmtree(folder)
    print(f"{rows:,} rows: {side.result['wall_s']} s", file=sys.stderr, flush=True)
    return {
        "rows": rows,
        **side.result,
        "rows_per_s": round(rows / side.result["wall_s"]),
        "all_processes_peak_mib": round(side.peak_mib),
        "process_peak_mib": round(side.worker_peak_mib),
        "recovered": recovered(rows, side.result["pairs"]),
    }


def recovered(rows: int, pairs: Sequence[int]) -> list[dict[str, float]]:
    """Share of the planted pairs of each similarity that stand in one cluster, beside what theory says."""
    planted = int(rows * PAIRS_A_ROW)
    found = []
    for similarity, count in zip(SIMILARITIES, pairs, strict=True):
        expected = theory(similarity, DedupConfig())
        # At least one pair's worth, so that a share of all but 1 does not make a single pair an outlier.
        error = math.sqrt(max(expected * (1 - expected), 1 / planted) / planted)
        found.append(
            {
                "similarity": similarity,
                "planted": planted,
                "share": round(count / planted, 5),
                "theory": round(expected, 5),
                "standard_errors": round(abs(count / planted - expected) / error, 2),
            }
        )
    return found


def bars(sizes: list[dict[str, Any]] | str) -> list[report.Bar]:
    """The bars; a string says why there is nothing to judge."""
    every = (TIME, MEMORY, DISK, WHOLE, OTHERS, THEORY)
    if isinstance(sizes, str):
        return [report.unmeasured(sizes, *bar) for bar in every]
    first, last = sizes[0], sizes[-1]
    missed = sum(int(size["rows"] * CLUSTERS_A_ROW) - size["whole_clusters"] for size in sizes)
    deviation = max(share["standard_errors"] for size in sizes for share in size["recovered"])
    values = (
        round(last["wall_s"] / first["wall_s"], 2), last["process_peak_mib"], last["disk_gb"], missed,
        sum(size["others"] for size in sizes), deviation,
    )  # fmt: skip
    return [report.at_most(value, *bar) for value, bar in zip(values, every, strict=True)]


def measure(sizes: Sequence[int], hot: int, scratch: Path | None, limit_s: float) -> dict[str, Any]:
    """Run all sizes; the object to print."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        try:
            found: list[dict[str, Any]] | str = [one_size(Path(folder, str(n)), n, hot, limit_s) for n in sizes]
        except SideError as error:
            found = str(error)
    return report.body("dedup_scale", {"hot_bucket": hot, "sizes": found}, bars(found))


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dedup_scale", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of rows, the smallest first")
    parser.add_argument("--hot", type=int, default=HOT, help="rows of the bucket that share a band")
    parser.add_argument("--limit-s", type=float, default=3600, help="seconds after which a size is given up")
    parser.add_argument("--scratch", type=Path, help="where the generated files go (default: the system's)")
    options = parser.parse_args(arguments)
    report.show(measure(options.sizes, options.hot, options.scratch, options.limit_s))


if __name__ == "__main__":
    main()
