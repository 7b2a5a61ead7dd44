"""L3 of the bundled crawl by the bundled model, and by a base model in Chinese: ``python -m benchmarks.bundled_l3``.

The whole stage with its default settings, on CPU: what is verified counts, which is what passed every check, the round
trip and the search for near-duplicates. Both sides go on from the same L2.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.base_model import NoBaseModel, prepare_base_model
from benchmarks.measure import SideError, run_side
from benchmarks.refined import build, by_task

CORES = 2
PAIRS = ("verified question-answer pairs, English, bundled model", 80, "pairs")
REWRITES = ("verified rewrites, English, bundled model", 200, "rewrites")
MINUTES = ("minutes of the engine for them, loading excluded", 15, "minutes")
CHINESE = ("verified Chinese rows, base model", 20, "rows")
# The base model writes a fifth as fast as the bundled one; this many of its best documents are enough for the bar.
CHINESE_DOCUMENTS = 40


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bundled_l3", description=__doc__)
    parser.add_argument("--limit-s", type=float, default=2400.0, help="seconds for each side")
    parser.add_argument("--documents", type=int, help="English documents to write from; default: all")
    parser.add_argument("--keep", type=Path, help="folder that keeps both corpora, `english` and `chinese`")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report.show(run(args.keep or Path(folder), args.limit_s, args.documents))


def run(out: Path, limit_s: float, documents: int | None = None) -> dict[str, Any]:
    """Both sides, one after the other, each on two cores. Returns: the benchmark's body."""
    source = out / "l2"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # and of all that it starts
    build(source, "L2", {})
    english, wrong = _side(source, out / "english", {"l3": {"max_documents": documents}}, limit_s)
    bars = _english_bars(english) if english else [report.unmeasured(wrong, *bar) for bar in (PAIRS, REWRITES, MINUTES)]
    chinese, wrong = _chinese(source, out / "chinese", limit_s)
    if chinese:
        bars.append(report.at_least(chinese["rows"], *CHINESE))
    else:
        bars.append(report.unmeasured(wrong, *CHINESE))
    sides = {"english": english, "chinese": chinese}
    return report.body("bundled_l3", {name: told(side) for name, side in sides.items() if side}, bars)


def _english_bars(english: dict[str, Any]) -> list[report.Bar]:
    figures = english["figures"]
    return [
        report.at_least(figures.get("verified_qa_pairs", 0), *PAIRS),
        report.at_least(figures.get("verified_rewrites", 0), *REWRITES),
        report.at_most(round(english["engine_s"] / 60, 2), *MINUTES),
    ]


def _chinese(source: Path, corpus: Path, limit_s: float) -> tuple[dict[str, Any], str]:
    try:
        model = prepare_base_model()
    except NoBaseModel as error:
        return {}, str(error)
    l3 = {
        "engine": {"model": str(model), "languages": ["zh"]},
        "synthesize": {"scale": "small"},
        "max_documents": CHINESE_DOCUMENTS,
    }
    return _side(source, corpus, {"l3": l3}, limit_s)


def _side(source: Path, corpus: Path, settings: dict[str, Any], limit_s: float) -> tuple[dict[str, Any], str]:
    """What a run tells, or why there is none."""
    shutil.copytree(source, corpus)
    threads = {"OMP_NUM_THREADS": str(CORES)}
    try:
        return run_side("benchmarks.refined", (str(corpus), json.dumps(settings)), limit_s, threads).result, ""
    except SideError as error:
        return {}, str(error)


def told(side: dict[str, Any]) -> dict[str, Any]:
    """The figures that are printed: those of the engine, of the tier, and of each task."""
    figures = {name: value for name, value in side["figures"].items() if not name.startswith("by.")}
    engine = {
        name: side[name] for name in ("loading_s", "engine_s", "answers", "output_tokens", "tokens_per_s", "rows")
    }
    return engine | {"tier": figures, "tasks": by_task(side)}


if __name__ == "__main__":
    main()
