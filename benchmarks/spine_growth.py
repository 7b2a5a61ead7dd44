"""Whether our cost grows with the pages alone: L0 to L1 over a part of an archive and over all of it, in turns."""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.measure import Side, in_turns, run_side
from benchmarks.spine_archives import first_pages, random_pages

SAMPLE = 1000  # pages
# Either may be the larger one: a part that costs more than the whole is as wrong as one that costs less.
SAME_MEMORY = ("peak memory for all pages and for a random part, larger over smaller", 1.1, "x")
SAME_COST = ("CPU per MB of HTML for all pages and for a random part, larger over smaller", 1.1, "x")


def measure(source: Path, warm_up: Path, sample: int, runs: int, limit_s: float, scratch: Path) -> dict[str, Any] | str:
    """Medians of both sizes and their ratios, or why there are none."""
    if not source.is_file():
        return f"no input at {source}; name a WARC with --docs"
    archives = {name: scratch / f"{name}.warc.gz" for name in ("part", "whole")}
    pages = (random_pages(source, sample, archives["part"]), first_pages(source, None, archives["whole"]))

    def run(name: str, count: int, number: int) -> Side:
        out = str(scratch / f"{name}-{number}")
        return run_side("benchmarks.spine_ours", [str(archives[name]), str(warm_up), str(count), out, "L1"], limit_s)

    sides = in_turns({name: partial(run, name, count) for name, count in zip(archives, pages, strict=True)}, runs)
    sizes: dict[str, Any] = {}
    for name, found in sides.items():
        if isinstance(found, str):
            return found
        sizes[name] = medians([side.result for side in found]) | {"bytes": archives[name].stat().st_size}
    return sizes | {
        key: ratio(sizes["part"][key], sizes["whole"][key]) for key in ("cpu_s_per_mb_of_html", "peak_resident_mib")
    }


def medians(results: list[dict[str, Any]]) -> dict[str, Any]:
    """CPU time per MB and peak memory of one size, and the stages of its median run."""
    ordered = sorted(results, key=lambda result: result["l0_to_l1"]["cpu_s"])
    middle = ordered[(len(ordered) - 1) // 2]
    return {
        "pages": middle["l0_to_l1"]["rows"],
        "html_bytes": middle["html_bytes"],
        "l0_to_l1": middle["l0_to_l1"],
        "cpu_s_of_runs": [result["l0_to_l1"]["cpu_s"] for result in results],
        "cpu_s_per_mb_of_html": round(middle["l0_to_l1"]["cpu_s"] / (middle["html_bytes"] / 1e6), 5),
        "peak_resident_mib": statistics.median_low(result["peak_resident_mib"]["l0_to_l1"] for result in results),
        "highest_resident_mib": max(max(result["peak_resident_mib"].values()) for result in results),
        "stages": middle["stages"],
    }


def ratio(part: float, whole: float) -> dict[str, float]:
    """Whole over part, and larger over smaller."""
    return {"whole_over_part": round(whole / part, 3), "larger_over_smaller": round(max(whole / part, part / whole), 3)}


def bars(growth: dict[str, Any] | str) -> list[report.Bar]:
    """The bars; a string says why there is nothing to judge."""
    if isinstance(growth, str):
        return [report.unmeasured(growth, *bar) for bar in (SAME_MEMORY, SAME_COST)]
    return [
        report.at_most(growth["peak_resident_mib"]["larger_over_smaller"], *SAME_MEMORY),
        report.at_most(growth["cpu_s_per_mb_of_html"]["larger_over_smaller"], *SAME_COST),
    ]
