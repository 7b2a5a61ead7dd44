"""L0 to L2 over real web pages beside the same work by datatrove's blocks: ``python -m benchmarks.spine``.

CPU time of one process each, on the same archive in the same run. Start-up, models and compilation are left out on
both sides: each first works off a few pages, and is measured from there. Then ours alone, on a random part of the
documentation pages and on all of them: neither memory nor CPU time for a MB of HTML may depend on the number of pages.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import report, spine_growth
from benchmarks.measure import Side, in_turns, run_side
from benchmarks.spine_archives import first_pages, uncompressed_size, write_warm_up

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
PAGES = DATA / "web-pages" / "pages.warc.gz"
DOCS = DATA / "docs-pages" / "en.warc.gz"
# Name, bar and unit. The peer's blocks end where L1 does, so the speeds that are compared do too.
SPEED = ("pages of one core, L0 to L1", 100.0, "pages/s")
RATIO = ("ratio to datatrove, L0 to L1", 10.0, "x")
MEMORY = ("peak memory of one worker, start-up and all inputs", 1024.0, "MiB")
FILTERS = ("gopher_repetition", "gopher_quality", "c4", "fineweb")
SAME_WORK = {  # the stages and the peer's blocks that do the same; our rules are verdicts on figures
    "read": (("read",), ("read",)),
    "extract": (("extract",), ("extract",)),
    "language": (("language",), ("language",)),
    "rules": (("figures", *FILTERS), FILTERS),
    "duplicates": (
        ("dedup", "duplicates"),
        tuple(f"minhash {name}" for name in ("read", "signatures", "buckets", "clusters", "filter", "write")),
    ),
}


def run_sides(archive: Path, warm_up: Path, pages: int, runs: int, limit_s: float, scratch: Path) -> dict[str, Any]:
    """Figures of both sides; a side that fails is a string that says why."""

    def run(name: str, number: int) -> Side:
        arguments = [str(archive), str(warm_up), str(pages), str(scratch / f"{name}-{number}")]
        return run_side(f"benchmarks.spine_{name}", arguments, limit_s, {"HF_HOME": str(scratch / "hub")})

    sides = in_turns({name: partial(run, name) for name in ("ours", "datatrove")}, runs)
    return {name: found if isinstance(found, str) else figures_of(found) for name, found in sides.items()}


def figures_of(sides: list[Side]) -> dict[str, Any]:
    """The median run's figures by CPU time, the median peak memory, and the CPU time of every run."""
    seconds = [side.result["all"]["cpu_s"] for side in sides]
    middle = sorted(sides, key=lambda side: side.result["all"]["cpu_s"])[(len(sides) - 1) // 2].result
    peak = statistics.median(side.peak_mib for side in sides)
    return middle | {"peak_memory_mib": round(peak), "cpu_s_of_runs": seconds}


def measure(source: Path, docs: Path, pages: int | None, sample: int, runs: int, limit_s: float) -> dict[str, Any]:
    """Run both sides, then ours at two sizes; the object to print."""
    with tempfile.TemporaryDirectory() as folder:
        archive, warm_up = Path(folder, "pages.warc.gz"), Path(folder, "warm-up.warc.gz")
        count = first_pages(source, pages, archive)
        write_warm_up(warm_up)
        size = {"compressed": archive.stat().st_size, "uncompressed": uncompressed_size(archive)}
        sides = run_sides(archive, warm_up, count, runs, limit_s, Path(folder))
        growth = spine_growth.measure(docs, warm_up, sample, runs, limit_s, Path(folder))
    there = {name: side for name, side in sides.items() if not isinstance(side, str)}
    figures = {"input": source.name, "pages": count, "warc_bytes": size} | sides | {"growth": growth}
    figures["cpu_hours_per_tb_of_warc"] = {name: hours_per_tb(side, size) for name, side in there.items()}
    if len(there) == 2:
        figures["ratio_by_part"] = ratios(there["ours"]["stages"], there["datatrove"]["stages"])
    return report.body("spine", figures, [*bars(sides["ours"], sides["datatrove"], growth), *spine_growth.bars(growth)])


def hours_per_tb(side: dict[str, Any], size: dict[str, int]) -> dict[str, float]:
    """CPU hours for L0 to L1 of a terabyte of such archives."""
    hours = side["l0_to_l1"]["cpu_s"] / 3600
    return {name: round(hours / (count / 1e12), 1) for name, count in size.items()}


def ratios(ours: dict[str, Any], peer: dict[str, Any]) -> dict[str, float]:
    """CPU seconds of the parts that took any on both sides, the peer's over ours."""
    found = {}
    for part, names in SAME_WORK.items():
        fast, slow = (
            sum(table[name]["cpu_s"] for name in row if name in table)
            for table, row in zip((ours, peer), names, strict=True)
        )
        if fast and slow:
            found[part] = round(slow / fast, 1)
    return found


def bars(ours: dict[str, Any] | str, peer: dict[str, Any] | str, growth: dict[str, Any] | str) -> list[report.Bar]:
    """The bars of speed and of the highest memory; a side that is a string did not run, and says why."""
    if isinstance(ours, str):
        return [report.unmeasured(ours, *bar) for bar in (SPEED, RATIO, MEMORY)]
    peaks = [ours["peak_memory_mib"], *ours["peak_resident_mib"].values()]
    if not isinstance(growth, str):
        peaks += [growth[name]["highest_resident_mib"] for name in ("part", "whole")]
    found = [report.at_least(ours["l0_to_l1"]["rows_per_s_core"], *SPEED), report.at_most(max(peaks), *MEMORY)]
    if isinstance(peer, str):
        return [*found, report.unmeasured(peer, *RATIO)]
    times = peer["l0_to_l1"]["cpu_s"] / ours["l0_to_l1"]["cpu_s"]
    return [*found, report.at_least(round(times, 2), *RATIO)]


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spine", description=__doc__)
    parser.add_argument("--input", type=Path, default=PAGES, help="a WARC of pages, gzip (default: the shared pages)")
    parser.add_argument("--docs", type=Path, default=DOCS, help="a WARC of more pages (default: the shared manuals)")
    parser.add_argument("--pages", type=int, help="only the first so many pages of the input")
    parser.add_argument("--sample", type=int, default=spine_growth.SAMPLE, help="pages of the random part of --docs")
    parser.add_argument("--runs", type=int, default=3, help="runs of a side that takes less than two minutes")
    parser.add_argument("--limit-s", type=float, default=1800, help="seconds after which a side is given up")
    options = parser.parse_args(arguments)
    if not options.input.is_file():
        reason = f"no input at {options.input}; name a WARC with --input"
        report.show(report.body("spine", {}, [*bars(reason, reason, reason), *spine_growth.bars(reason)]))
        return
    report.show(measure(options.input, options.docs, options.pages, options.sample, options.runs, options.limit_s))


if __name__ == "__main__":
    main()
