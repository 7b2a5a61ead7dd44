"""The scheduler without work to hide behind: ``python -m benchmarks.scheduler``.

Very many empty shards, and the signatures of very many generated rows, through the real scheduler on local Ray, the
real ledger and the real store.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import report, scheduler_shards
from benchmarks.dedup_planted import CLUSTERS_A_ROW
from benchmarks.measure import Side, SideError, run_side

GROWTH_BAR_MIB = 500.0  # of the driver
RESUME_BAR_S = 30.0  # of a finished run, from the command line to its end
WORKER_BAR_MIB = 1024.0
Figures = dict[str, Any] | str  # or why there are none
# Loopback only; and what Ray prints about a machine without accelerators is noise.
_RAY = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def empty_shards(folder: Path, count: int, level: str, limit_s: float) -> dict[str, Any]:
    """Figures of building a level from ``count`` empty inputs. Errors: SideError."""
    start = time.monotonic()
    scheduler_shards.write_inputs(folder / "inputs", count)
    _say(f"{count} inputs written in {time.monotonic() - start:.0f} s")
    built = _run("benchmarks.scheduler_shards", _shard_arguments(folder, level), limit_s)
    speed = {"shards_per_s": round(count / built.result["wall_s"], 1)}
    return {"level": level, **built.result, **speed, **_memory(built)}


def resume(folder: Path, level: str, limit_s: float) -> dict[str, Any]:
    """Figures of the same run again, in a new process. Errors: SideError, also when it built anything."""
    again = _run("benchmarks.scheduler_shards", _shard_arguments(folder, level), limit_s)
    if again.result["built"]:
        raise SideError(f"the second run built {again.result['built']} again")
    return {"command_s": round(again.wall_s, 2), **again.result}


def _shard_arguments(folder: Path, level: str) -> list[str]:
    return [str(folder / "inputs"), str(folder / "out"), level]


def signatures(folder: Path, rows: int, shards: int, limit_s: float) -> dict[str, Any]:
    """Figures of the shuffle over the signatures of ``rows`` generated rows. Errors: SideError."""
    arguments = [str(folder / "corpus"), str(rows), str(shards), "0"]
    _run("benchmarks.dedup_planted", [*arguments, "write"], limit_s)
    side = _run("benchmarks.dedup_planted", [*arguments, "find"], limit_s)
    return {
        "rows": rows,
        "shards": shards,
        **side.result,
        **_memory(side),
        "planted_clusters": int(rows * CLUSTERS_A_ROW),
        "rows_per_s": round(rows / side.result["wall_s"], 1),
    }


def _run(module: str, arguments: Sequence[str], limit_s: float) -> Side:
    side = run_side(module, arguments, limit_s, _RAY)
    _say(f"{module} {arguments[-1]}: {side.wall_s:.0f} s")
    return side


def _memory(side: Side) -> dict[str, int]:
    return {"all_processes_peak_mib": round(side.peak_mib), "worker_peak_mib": round(side.worker_peak_mib)}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def bars(shards: Figures, again: Figures, shuffle: Figures) -> list[report.Bar]:
    """The bars; a part that is a string did not finish, and says why."""
    return [
        _bar("driver growth, empty shards", shards, "driver_growth_mib", GROWTH_BAR_MIB, "MiB"),
        _bar("resume of the finished run", again, "command_s", RESUME_BAR_S, "s"),
        _bar("peak memory of a worker, empty shards", shards, "worker_peak_mib", WORKER_BAR_MIB, "MiB"),
        _bar("driver growth, shuffle of signatures", shuffle, "driver_growth_mib", GROWTH_BAR_MIB, "MiB"),
        _bar("resume of the finished shuffle", shuffle, "resume_s", RESUME_BAR_S, "s"),
        _bar("peak memory of a worker, shuffle", shuffle, "worker_peak_mib", WORKER_BAR_MIB, "MiB"),
        _exact("planted clusters missed or invented", shuffle),
    ]


def _bar(name: str, figures: Figures, figure: str, bar: float, unit: str) -> report.Bar:
    if isinstance(figures, str):
        return report.unmeasured(figures, name, bar, unit)
    return report.at_most(figures[figure], name, bar, unit)


def _exact(name: str, figures: Figures) -> report.Bar:
    if isinstance(figures, str):
        return report.unmeasured(figures, name, 0, "clusters and rows")
    wrong = figures["planted_clusters"] - figures["whole_clusters"] + figures["others"]
    return report.at_most(wrong, name, 0, "clusters and rows")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run all parts; the object to print."""
    limit = options.limit_s
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        folder = Path(scratch)
        figures = {
            "empty_shards": _or_reason(lambda: empty_shards(folder, options.shards, options.level, limit)),
            "resume": _or_reason(lambda: resume(folder, options.level, limit)),
            "signatures": _or_reason(lambda: signatures(folder, options.rows, options.row_shards, limit)),
        }
    return report.body("scheduler", figures, bars(*figures.values()))


def _or_reason(part: Callable[[], dict[str, Any]]) -> Figures:
    """The figures of a part, or why it did not finish: the other parts are measured all the same."""
    try:
        return part()
    except SideError as error:
        return str(error)


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scheduler", description=__doc__)
    parser.add_argument("--shards", type=int, default=100_000, help="empty inputs")
    parser.add_argument("--level", default="L0", choices=("L0", "L1", "L2"), help="tier to build from them")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows with signatures")
    parser.add_argument("--row-shards", type=int, default=200, help="shards that these rows come in")
    parser.add_argument("--limit-s", type=float, default=3600, help="seconds after which a part is given up")
    parser.add_argument("--scratch", type=Path, help="where the generated files go (default: the system's)")
    report.show(measure(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
