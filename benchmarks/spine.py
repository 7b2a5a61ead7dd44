"""L0 to L2 over real web pages beside the same work by datatrove's blocks: ``python -m benchmarks.spine``.

CPU time of one process each, on the same archive in the same run. Start-up, models and compilation are left out on
both sides: each first works off a few pages, and is measured from there.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.measure import Side, SideError, run_side

PAGES = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "web-pages" / "pages.warc.gz"
CRAWL = Path(__file__).resolve().parent.parent / "examples" / "crawl"
WARM_UP_PAGES = 20  # of each language: enough that rows reach every stage
LONG_RUN_S = 120.0  # a side that takes longer is run once
# Name, bar and unit. The peer's blocks end where L1 does, so the speeds that are compared do too.
SPEED = ("pages of one core, L0 to L1", 100.0, "pages/s")
RATIO = ("ratio to datatrove, L0 to L1", 10.0, "x")
MEMORY = ("peak memory of one worker", 1024.0, "MiB")


def first_pages(source: Path, count: int | None, target: Path) -> int:
    """Copy the head of a WARC up to its ``count``-th page (all of them for None); returns the number of pages."""
    from stages.warc import read_records

    pages, end = 0, None
    with source.open("rb") as stream:
        for record in read_records(stream, frozenset(), 0):
            if pages == count:
                end = record.offset
                break
            pages += record.type == "response"
        stream.seek(0)
        target.write_bytes(stream.read(end))
    return pages


def write_warm_up(target: Path) -> None:
    """A WARC of a few pages of the bundled crawl in each language; archives one after the other are one archive."""
    heads = b""
    for archive in sorted(CRAWL.glob("*.warc.gz")):
        first_pages(archive, WARM_UP_PAGES, target)
        heads += target.read_bytes()
    target.write_bytes(heads)


def median_side(module: str, arguments: list[str], runs: int, limit_s: float, scratch: Path) -> list[Side]:
    """Run a side up to ``runs`` times, once if it takes long; sorted by CPU time. Errors: SideError."""
    sides: list[Side] = []
    for number in range(runs):
        out = scratch / f"{module.rpartition('.')[2]}-{number}"
        sides.append(run_side(module, [*arguments, str(out)], limit_s, {"HF_HOME": str(scratch / "hub")}))
        print(f"{module} {number + 1}/{runs}: {sides[-1].wall_s:.0f} s", file=sys.stderr, flush=True)
        if sides[-1].wall_s > LONG_RUN_S:
            break
    return sorted(sides, key=lambda side: side.result["all"]["cpu_s"])


def figures_of(sides: list[Side]) -> dict[str, Any]:
    """The median run's figures, the median peak memory, and the CPU time of every run."""
    middle = sides[(len(sides) - 1) // 2].result
    peak = statistics.median(side.peak_mib for side in sides)
    seconds = [side.result["all"]["cpu_s"] for side in sides]
    return middle | {"peak_memory_mib": round(peak), "cpu_s_of_runs": seconds}


def measure(source: Path, pages: int | None, runs: int, limit_s: float) -> dict[str, Any]:
    """Run both sides; the object to print."""
    with tempfile.TemporaryDirectory() as folder:
        archive, warm_up = Path(folder, "pages.warc.gz"), Path(folder, "warm-up.warc.gz")
        count = first_pages(source, pages, archive)
        write_warm_up(warm_up)
        arguments = [str(archive), str(warm_up), str(count)]
        sides: dict[str, dict[str, Any] | str] = {}
        for name, module in (("ours", "benchmarks.spine_ours"), ("datatrove", "benchmarks.spine_datatrove")):
            try:
                sides[name] = figures_of(median_side(module, arguments, runs, limit_s, Path(folder)))
            except SideError as error:
                sides[name] = str(error)
        figures = {"input": source.name, "pages": count, "bytes": archive.stat().st_size} | sides
    if not isinstance(sides["ours"], str) and not isinstance(sides["datatrove"], str):
        figures["ratio_by_stage"] = ratios(sides["ours"]["stages"], sides["datatrove"]["stages"])
    return report.body("spine", figures, bars(sides["ours"], sides["datatrove"]))


def ratios(ours: dict[str, Any], peer: dict[str, Any]) -> dict[str, float]:
    """Rows a second of one core, ours over the peer's, of the stages that both have and that saw rows."""
    speeds = {name: (ours[name]["rows_per_s_core"], peer[name]["rows_per_s_core"]) for name in peer if name in ours}
    return {name: round(fast / slow, 1) for name, (fast, slow) in speeds.items() if slow}


def bars(ours: dict[str, Any] | str, peer: dict[str, Any] | str) -> list[report.Bar]:
    """The bars; a side that is a string did not run, and says why."""
    if isinstance(ours, str):
        return [report.unmeasured(ours, *bar) for bar in (SPEED, RATIO, MEMORY)]
    found = [
        report.at_least(ours["l0_to_l1"]["rows_per_s_core"], *SPEED),
        report.at_most(ours["peak_memory_mib"], *MEMORY),
    ]
    if isinstance(peer, str):
        return [*found, report.unmeasured(peer, *RATIO)]
    times = peer["l0_to_l1"]["cpu_s"] / ours["l0_to_l1"]["cpu_s"]
    return [*found, report.at_least(round(times, 2), *RATIO)]


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spine", description=__doc__)
    parser.add_argument("--input", type=Path, default=PAGES, help="a WARC of pages, gzip (default: the shared pages)")
    parser.add_argument("--pages", type=int, help="only the first so many pages")
    parser.add_argument("--runs", type=int, default=3, help="runs of a side that takes less than a minute")
    parser.add_argument("--limit-s", type=float, default=1800, help="seconds after which a side is given up")
    options = parser.parse_args(arguments)
    if not options.input.is_file():
        reason = f"no input at {options.input}; name a WARC with --input"
        report.show(report.body("spine", {}, bars(reason, reason)))
        return
    report.show(measure(options.input, options.pages, options.runs, options.limit_s))


if __name__ == "__main__":
    main()
