"""Personal data found and missed, and the rate, beside datatrove's PIIFormatter: ``python -m benchmarks.pii``.

Precision and recall come from a generated corpus with known answers (benchmarks/pii_corpus.py), the rate and the hits
on real pages from the text of the shared crawls. What is printed of pages is masked text alone.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.measure import SideError, run_side
from benchmarks.pages import read_pages
from benchmarks.pii_corpus import MASKS, Case, cases

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
CRAWL = Path(__file__).resolve().parent.parent / "examples" / "crawl"
ARCHIVES = {"web-pages": "web-pages/pages", "docs-pages en": "docs-pages/en", "docs-pages zh": "docs-pages/zh"}
KNOWN_TO_PEER = ("email", "ip")
RATE = ("documents of one core", 2000.0, "docs/s")
RATIO = ("ratio to datatrove, which knows two of the seven kinds", None, "x")
RECALL = ("lowest recall of a kind, held-out half", 0.98, "share")
PRECISION = ("lowest precision of a kind, held-out half", 0.98, "share")
_CONTEXT = 40  # characters of masked text printed on each side of a mask
_ANY_MASK = re.compile("|".join(map(re.escape, MASKS.values())))


def page_texts(archives: dict[str, Path], limit: int) -> Iterator[tuple[str, str]]:
    """Source and text of the first pages of each archive, as L0 extracts them."""
    for source, archive in archives.items():
        count = 0
        for rows in read_pages(archive):
            texts = rows["content"].to_pylist()[: limit - count]
            yield from ((source, text) for text in texts)
            count += len(texts)
            if count >= limit:
                break


def scores(
    answers: Sequence[str], known: Sequence[Case], kinds: Sequence[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Recall and precision by half and kind. Right is only the exact text with the mask in place of the whole value;
    every other mask of a kind is a false hit, also beside a value of which a part was left."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for half in dict.fromkeys(case.half for case in known):
        right, wrong, wanted = Counter[str](), Counter[str](), Counter[str]()
        for case, answer in zip(known, answers, strict=True):
            if case.half != half:
                continue
            wanted[case.sort] += 1
            right[case.sort] += answer == case.masked and case.sort in MASKS
            masks = Counter(_ANY_MASK.findall(answer))
            for kind in kinds:
                wrong[kind] += masks[MASKS[kind]] - (kind == case.sort and answer == case.masked)
        table[half] = {
            kind: {
                "values": wanted[kind],
                "recall": round(right[kind] / max(wanted[kind], 1), 4),
                "precision": round(right[kind] / max(right[kind] + wrong[kind], 1), 4),
                "false_hits": wrong[kind],
            }
            for kind in kinds
        }
    return table


def hits_on_pages(sources: Sequence[str], masked: Sequence[str], samples: int) -> dict[str, Any]:
    """How many masks and documents with one by source and kind, and some masked context of each kind."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    contexts: dict[str, list[str]] = defaultdict(list)
    names = {mask: kind for kind, mask in MASKS.items()}
    for source, text in zip(sources, masked, strict=True):
        counts[source]["documents"] += 1
        for found in _ANY_MASK.finditer(text):
            counts[source][names[found.group()]] += 1
            around = text[max(0, found.start() - _CONTEXT) : found.end() + _CONTEXT]
            contexts[names[found.group()]].append(" ".join(around.split()))
    rng = random.Random(1)
    shown = {kind: rng.sample(rows, min(samples, len(rows))) for kind, rows in sorted(contexts.items())}
    return {"counts": {source: dict(counted) for source, counted in counts.items()}, "masked_context": shown}


def side(name: str, folder: Path, known: Sequence[Case], documents: int, runs: int, limit_s: float) -> dict[str, Any]:
    """Run one side; its rate and scores. Errors: SideError."""
    arguments = [name, *(str(folder / file) for file in ("pages.parquet", "cases.parquet")), str(folder), str(runs)]
    ran = run_side("benchmarks.pii_side", arguments, limit_s)
    answers = pq.read_table(folder / f"{name}-cases.parquet")["content"].to_pylist()
    seconds = statistics.median(ran.result["cpu_s_of_runs"])
    size = sum(map(len, (text.encode() for text in pq.read_table(folder / "pages.parquet")["content"].to_pylist())))
    return {
        **ran.result,
        "docs_per_s_core": round(documents / seconds, 1),
        "mb_per_s_core": round(size / seconds / 1e6, 2),
        "share_of_a_bare_pass": round(ran.result["bare_pass_s"] / seconds, 4),
        "peak_memory_mib": round(ran.peak_mib),
        "by_half_and_kind": scores(answers, known, tuple(MASKS) if name == "ours" else KNOWN_TO_PEER),
    }


def measure(archives: dict[str, Path], options: argparse.Namespace) -> dict[str, Any]:
    """Run both sides; the object to print."""
    known = cases(options.seed, options.each)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources, texts = zip(*page_texts(archives, options.pages), strict=True)
        pq.write_table(pa.table({"content": texts}), folder / "pages.parquet")
        pq.write_table(pa.table({"content": [case.text for case in known]}), folder / "cases.parquet")
        sides: dict[str, Any] = {}
        for label in ("ours", "datatrove"):
            try:
                sides[label] = side(label, folder, known, len(texts), options.runs, options.limit_s)
            except SideError as error:
                sides[label] = str(error)
        pages = {}
        if isinstance(sides["ours"], dict):
            masked = pq.read_table(folder / "ours-pages.parquet")["content"].to_pylist()
            pages = hits_on_pages(sources, masked, options.samples)
    return report.body("pii", {**sides, "pages": pages}, bars(sides["ours"], sides["datatrove"]))


def bars(ours: dict[str, Any] | str, peer: dict[str, Any] | str) -> list[report.Bar]:
    """What was promised; a side that is a string did not finish, and says why."""
    if isinstance(ours, str):
        return [report.unmeasured(ours, *bar) for bar in (RATE, RECALL, PRECISION, RATIO)]
    held = ours["by_half_and_kind"]["held"].values()
    found = [
        report.at_least(ours["docs_per_s_core"], *RATE),
        report.at_least(min(kind["recall"] for kind in held), *RECALL),
        report.at_least(min(kind["precision"] for kind in held), *PRECISION),
    ]
    if isinstance(peer, str):
        return [*found, report.unmeasured(peer, *RATIO)]
    return [*found, report.at_least(round(ours["docs_per_s_core"] / peer["docs_per_s_core"], 2), *RATIO)]


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pii", description=__doc__)
    parser.add_argument("--pages", type=int, default=2000, help="pages of each archive, at most")
    parser.add_argument("--each", type=int, default=300, help="generated texts of every kind, sort and half")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3, help="runs of the rate; the median counts")
    parser.add_argument("--samples", type=int, default=5, help="masked contexts printed of each kind")
    parser.add_argument("--limit-s", type=float, default=900, help="seconds after which a side is given up")
    options = parser.parse_args(arguments)
    archives = {source: DATA / f"{path}.warc.gz" for source, path in ARCHIVES.items()}
    if not all(path.is_file() for path in archives.values()):  # the rate then is that of the bundled crawl
        archives = {path.name: path for path in sorted(CRAWL.glob("*.warc.gz"))}
    report.show(measure(archives, options))


if __name__ == "__main__":
    main()
