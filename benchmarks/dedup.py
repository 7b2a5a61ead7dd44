"""Removal of near-duplicates beside datatrove's four stages of MinHash: ``python -m benchmarks.dedup``.

Both start from the extracted text of the documentation pages, English and Chinese, in four files, and end with the kept
rows written: 5-grams, 14 bands of 8 hashes, two worker processes each, wall time. Ours is the real run of L1 without
cleaning and rules, on local Ray, whose own start is printed beside; once with confirmation, as it is by default, which
is what the bar is about, and once without, as datatrove works, which is what the answers are compared by.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.dedup_agreement import compare
from benchmarks.dedup_ours import WORKERS, address
from benchmarks.measure import Side, SideError, in_turns, run_side
from benchmarks.pages import read_pages

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "docs-pages"
RATIO = ("datatrove's four stages over ours, wall time", 8.0, "x")
AGREED = ("datatrove's duplicates agreed or explained", 0.99, "share")
# The settings of a side, None for the peer.
SIDES: dict[str, tuple[str, ...] | None] = {
    "ours": (),
    "ours_unconfirmed": ("l1.dedup.confirm=none",),
    "datatrove": None,
}
_FILES = 2  # a language
_RAY = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def write_texts(folder: Path, docs: Path, every: int) -> dict[str, str]:
    """The texts of every so many-th page by their addresses; written in the formats of both sides."""
    (folder / "rows").mkdir()
    (folder / "lines").mkdir()
    known: dict[str, str] = {}
    for language in ("en", "zh"):
        tables = read_pages(docs / f"{language}.warc.gz", every)
        texts = [text for table in tables for text in table["content"].to_pylist()]
        pages = {address(language, number): text for number, text in enumerate(texts)}
        for number in range(_FILES):
            some = list(pages.items())[number::_FILES]
            rows = {"url": [page for page, _ in some], "content": [text for _, text in some]}
            pq.write_table(pa.table(rows), folder / "rows" / f"{language}-{number}.parquet")
            lines = [json.dumps({"id": page, "text": text}, ensure_ascii=False) + "\n" for page, text in some]
            (folder / "lines" / f"{language}-{number}.jsonl").write_text("".join(lines), encoding="utf-8")
        known |= pages
    return known


def side(folder: Path, name: str, limit_s: float, _number: int) -> Side:
    """Run one side into a folder of its own; the last run's stays. Errors: SideError."""
    out, overrides = folder / name, SIDES[name]
    shutil.rmtree(out, ignore_errors=True)
    if overrides is None:
        return run_side("benchmarks.dedup_datatrove", [str(folder / "lines"), str(out)], limit_s)
    shutil.copytree(folder / "l0", out)
    arguments = [str(folder / "rows"), str(out), "find", *overrides]
    return run_side("benchmarks.dedup_ours", arguments, limit_s, _RAY)


def figures_of(sides: Sequence[Side], texts: int, size: int) -> dict[str, Any]:
    """The median run of a side, by wall time."""
    middle = sorted(sides, key=lambda side: side.result["wall_s"])[(len(sides) - 1) // 2]
    wall = statistics.median(side.result["wall_s"] for side in sides)
    rates = {"pages_per_s": round(texts / wall, 1), "mb_per_s": round(size / 1e6 / wall, 2)}
    memory = {"all_processes_peak_mib": round(middle.peak_mib)}
    return {**middle.result, "wall_s": round(wall, 2), **rates, **memory, "runs": len(sides)}


def answer(folder: Path, name: str) -> dict[str, Any]:
    """What a side found, see ``dedup_ours.answer``."""
    found = json.loads((folder / name / "answer.json").read_text())
    return found | {"links": [tuple(link) for link in found["links"]]}


def benchmark(docs: Path, every: int, runs: int, limit_s: float, folder: Path) -> dict[str, Any]:
    """All figures and bars. Errors: SideError where our own L0 cannot be built."""
    texts = write_texts(folder, docs, every)
    size = sum(len(text.encode()) for text in texts.values())
    run_side("benchmarks.dedup_ours", [str(folder / "rows"), str(folder / "l0"), "write"], limit_s)
    found = in_turns({name: partial(side, folder, name, limit_s) for name in SIDES}, runs)
    figures: dict[str, Any] = {"pages": len(texts), "text_mb": round(size / 1e6, 1), "workers": WORKERS}
    failures = {name: sides for name, sides in found.items() if isinstance(sides, str)}
    for name, sides in found.items():
        figures[name] = figures_of(sides, len(texts), size) if not isinstance(sides, str) else {"failed": sides}
    if failures:
        reason = "; ".join(f"{name}: {why}" for name, why in failures.items())
        return report.body("dedup", figures, [report.unmeasured(reason, *bar) for bar in (RATIO, AGREED)])
    walls = {name: figures[name]["wall_s"] for name in SIDES}
    figures["ratio"] = {name: round(walls["datatrove"] / walls[name], 1) for name in SIDES if name != "datatrove"}
    with_start = walls["ours"] + figures["ours"]["ray_start_s"]
    figures["ratio"]["ours_with_ray_start"] = round(walls["datatrove"] / with_start, 1)
    figures["agreement"] = compare(
        answer(folder, "ours_unconfirmed"), answer(folder, "datatrove"), texts, str(folder / "shingles")
    )
    explained = figures["agreement"]["datatrove_links"]["agreed_or_explained"]
    bars = [report.at_least(figures["ratio"]["ours"], *RATIO), report.at_least(explained, *AGREED)]
    return report.body("dedup", figures, bars)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dedup", description=__doc__)
    parser.add_argument("--docs", type=Path, default=DATA, help="folder of en.warc.gz and zh.warc.gz")
    parser.add_argument("--every", type=int, default=1, help="take every so many-th page")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side")
    parser.add_argument("--limit-s", type=float, default=900.0, help="seconds after which a side is ended")
    asked = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="dedup-") as folder:
            report.show(benchmark(asked.docs, asked.every, asked.runs, asked.limit_s, Path(folder)))
    except (SideError, FileNotFoundError) as error:
        bars = [report.unmeasured(str(error), *bar) for bar in (RATIO, AGREED)]
        report.show(report.body("dedup", {}, bars))


if __name__ == "__main__":
    main()
