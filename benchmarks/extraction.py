"""Main text of real pages beside resiliparse and trafilatura: ``python -m benchmarks.extraction``.

Quality on the gold of one split, speed on all pages as CPU time of one process each, all sides in turns in the same
run. Only figures over all pages are printed, so that nobody tunes on a page of the test split.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.extraction_gold import WEB_PAGES, article_scores, read_gold, score
from benchmarks.extraction_sides import SIDES
from benchmarks.measure import Side, in_turns, run_side
from benchmarks.spine_archives import first_pages, uncompressed_size

SEGMENTS = ("segments", 0.935, "F1")
ENGLISH = ("article en", 0.945, "F1")
CHINESE = ("article zh, above resiliparse's", 0.02, "F1")
CERTAIN = ("article zh, above resiliparse's, lower end of the paired 95 % interval", 0.0, "F1")
RATIO = ("ratio to trafilatura, pages of one core", 4.0, "x")
BARS = (SEGMENTS, ENGLISH, CHINESE, CERTAIN, RATIO)
PEERS = ("resiliparse", "trafilatura", "trafilatura_fast")
_SAMPLES, _SEED = 10_000, 1  # of the bootstrap
_TERABYTE = 1e12


@dataclass(frozen=True)
class Found:
    """What a side's runs gave: their results, their peak memory, and the texts of the last."""

    results: list[dict[str, Any]]
    peak_mib: float
    rows: list[dict[str, Any]]

    def cpu_s(self) -> float:
        """CPU seconds of the median run, the lower of two."""
        return statistics.median_low(result["cpu_s"] for result in self.results)

    def texts(self) -> dict[str, str]:
        """Text by URL."""
        return {row["url"]: row["content"] or "" for row in self.rows}


def run_sides(archive: Path, runs: int, limit_s: float, scratch: Path) -> dict[str, Found | str]:
    """Run all sides; one that fails is a string that says why."""

    def run(name: str, _: int) -> Side:
        arguments = [name, str(archive), str(scratch / f"{name}.jsonl")]
        return run_side("benchmarks.extraction_sides", arguments, limit_s)

    found: dict[str, Found | str] = {}
    for name, sides in in_turns({name: partial(run, name) for name in SIDES}, runs).items():
        if isinstance(sides, str):
            found[name] = sides
            continue
        lines = (scratch / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        peak = statistics.median(side.peak_mib for side in sides)
        found[name] = Found([side.result for side in sides], peak, [json.loads(line) for line in lines])
    return found


def measure(folder: Path, split: str, pages: int | None, runs: int, limit_s: float) -> dict[str, Any]:
    """Run all sides; the object to print."""
    golds = read_gold(folder, split)
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "pages.warc.gz")
        first_pages(folder / "pages.warc.gz", pages, archive)
        found = run_sides(archive, runs, limit_s, Path(scratch))
        size = {"compressed": archive.stat().st_size, "uncompressed": uncompressed_size(archive)}
    there = {name: side for name, side in found.items() if isinstance(side, Found)}
    if pages is not None:  # a gold page without a text counts as empty, so those that were left out must go
        urls = {row["url"] for side in there.values() for row in side.rows}
        golds = [gold for gold in golds if gold["url"] in urls]
    figures: dict[str, Any] = {"split": split, "gold_pages": len(golds), "warc_bytes": size}
    figures |= {name: side if isinstance(side, str) else side_figures(side, golds) for name, side in found.items()}
    if "ours" in there:
        figures |= comparison(there, golds) | costs(there["ours"], size)
    return report.body("extraction", figures, bars(figures))


def side_figures(side: Found, golds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Quality where the side gives texts, speed, memory, and the CPU seconds of every run."""
    first, spent = side.results[0], side.cpu_s()
    speed = {
        "pages": first["pages"],
        "pages_per_s_core": round(first["pages"] / spent, 1),
        "html_mb_per_s_core": round(first["html_bytes"] / 1e6 / spent, 1),
        "cpu_s_of_runs": [round(result["cpu_s"], 2) for result in side.results],
        "start_up_cpu_s": first["start_up_cpu_s"],
        "peak_memory_mib": round(side.peak_mib),
    }
    return (score(golds, side.texts()) if side.rows else {}) | speed


def comparison(there: Mapping[str, Found], golds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ours beside each other side: how many times the speed, and the articles' F1 page by page."""
    ours = there["ours"]
    peers = {name: side for name, side in there.items() if name in PEERS}
    figures: dict[str, Any] = {
        "ratio_of_speed": {name: round(side.cpu_s() / ours.cpu_s(), 2) for name, side in peers.items()},
        "above": {
            name: {
                lang: paired(*(article_scores(golds, texts, lang) for texts in (ours.texts(), side.texts())))
                for lang in ("en", "zh")
            }
            for name, side in peers.items()
        },
    }
    if "parse" in there:
        figures["share_of_bare_parse"] = round(there["parse"].cpu_s() / ours.cpu_s(), 3)
    return figures


def paired(ours: Mapping[str, float], peer: Mapping[str, float]) -> dict[str, float] | None:
    """Mean difference over pages with its 95 % interval, by drawing pages anew; None without pages."""
    if not ours:
        return None
    gains = np.array([ours[url] - peer[url] for url in sorted(ours)])
    draws = np.random.default_rng(_SEED).integers(0, len(gains), (_SAMPLES, len(gains)))
    low, high = np.quantile(gains[draws].mean(axis=1), (0.025, 0.975)).tolist()
    return {"mean": round(float(gains.mean()), 4), "low": round(low, 4), "high": round(high, 4), "pages": len(gains)}


def costs(ours: Found, size: Mapping[str, int]) -> dict[str, Any]:
    """How often the second opinion is asked, what is rejected, and CPU time for a large crawl; reading not included."""
    extractors = Counter(row["extractor"] for row in ours.rows)
    return {
        "second_opinion_ratio": round(extractors["blocks+trafilatura"] / len(ours.rows), 4),
        "rejected": dict(Counter(row["extract.drop"] for row in ours.rows if row["extract.drop"])),
        "cpu_hours_per_tb_of_warc": {
            name: round(ours.cpu_s() / 3600 / (count / _TERABYTE), 1) for name, count in size.items()
        },
    }


def bars(figures: Mapping[str, Any]) -> list[report.Bar]:
    """The bars; a side that is a string did not run, and says why."""
    ours = figures["ours"]
    if isinstance(ours, str):
        return [report.unmeasured(ours, *bar) for bar in BARS]
    segments, english = ours["segments"]["f1"], ours.get("article_en_f1")
    return [
        report.at_least(segments, *SEGMENTS),
        _no_pages(ENGLISH) if english is None else report.at_least(english, *ENGLISH),
        *_chinese(figures),
        _ratio(figures),
    ]


def _chinese(figures: Mapping[str, Any]) -> list[report.Bar]:
    if isinstance(figures["resiliparse"], str):
        return [report.unmeasured(figures["resiliparse"], *bar) for bar in (CHINESE, CERTAIN)]
    gain = figures["above"]["resiliparse"]["zh"]
    if gain is None:
        return [_no_pages(CHINESE), _no_pages(CERTAIN)]
    return [report.at_least(gain["mean"], *CHINESE), report.above(gain["low"], *CERTAIN)]


def _ratio(figures: Mapping[str, Any]) -> report.Bar:
    if isinstance(figures["trafilatura"], str):
        return report.unmeasured(figures["trafilatura"], *RATIO)
    return report.at_least(figures["ratio_of_speed"]["trafilatura"], *RATIO)


def _no_pages(bar: tuple[str, float, str]) -> report.Bar:
    return report.unmeasured("no gold page of that kind", *bar)


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description=__doc__)
    parser.add_argument("--folder", type=Path, default=WEB_PAGES, help="holds pages.warc.gz and gold.jsonl")
    parser.add_argument("--split", choices=("test", "dev"), default="test", help="gold to score against")
    parser.add_argument("--pages", type=int, help="only the first so many pages")
    parser.add_argument("--runs", type=int, default=3, help="runs of a side that takes less than two minutes")
    parser.add_argument("--limit-s", type=float, default=900, help="seconds after which a side is given up")
    options = parser.parse_args(arguments)
    missing = [name for name in ("pages.warc.gz", "gold.jsonl") if not (options.folder / name).is_file()]
    if missing:
        reason = f"no {missing[0]} in {options.folder}; name its folder with --folder"
        report.show(report.body("extraction", {}, bars({"ours": reason})))
        return
    report.show(measure(options.folder, options.split, options.pages, options.runs, options.limit_s))


if __name__ == "__main__":
    main()
