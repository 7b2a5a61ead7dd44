"""What search finds and what it costs: ``python -m benchmarks.search``.

Statements of real documentation pages in both languages are laid out as L4 and indexed as `governance index` does it,
both languages together. Questions with known answers are made of the same pages by rule, in other words
(benchmarks/search_questions.py), and asked with all lists, with full text alone and with vectors alone; a question is
answered if one of the first ten statements stands in a section that answers it. Half of the questions were not looked
at while weights were chosen. What an answer costs and the bytes of a statement are told of this index and, by generated
text, of ever larger ones, each in a process of its own (benchmarks/search_growth.py). ``--every 32 --sizes 10000`` to
see that it works.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.search_corpus import uid_of, write_l4
from benchmarks.search_growth import quantiles
from benchmarks.search_pages import Sentence, read_sentences
from benchmarks.search_questions import Question, make_questions
from governance.embedder import NONE
from governance.index import refresh
from governance.index_config import IndexConfig
from governance.index_table import FOLDER, RUNS, VECTOR, WORDS
from governance.progress import Progress
from governance.search import Query, Searcher
from manifests.store import Store, local_path

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
BARS = {"en": 0.9, "zh": 0.85}
MILLION, MILLION_MS = 1_000_000, 200.0
FIRST = 10
MODES = {"hybrid": (WORDS, RUNS, VECTOR), "bm25": (WORDS, RUNS), "vectors": (VECTOR,)}
SIZES = (10_000, 100_000, MILLION)


def sections_of(found: Iterable[Sentence]) -> dict[str, int]:
    """The section that a statement stands in, by its uid in the index."""
    return {uid_of(one.text): one.section for one in found}


def ask(
    searcher: Searcher, questions: Sequence[Question], sections: Mapping[str, Mapping[str, int]], modes: Sequence[str]
) -> tuple[list[int | None], list[float]]:
    """The place of the first right answer to each question, from 0, None where there is none; and milliseconds."""
    places, spent = [], []
    for question in questions:
        start = time.monotonic()
        answers = searcher.search(Query(question.text, limit=FIRST, modes=tuple(modes)))
        spent.append(1000 * (time.monotonic() - start))
        own = sections[question.lang]  # an answer in the other language answers nothing here
        right = (place for place, one in enumerate(answers) if own.get(one["uid"]) in question.sections)
        places.append(next(right, None))
    return places, spent


def shares(questions: Sequence[Question], places: Sequence[int | None]) -> dict[str, Any]:
    """Recall among the first ten by language, half and kind, with the mean reciprocal rank of each language."""
    groups: dict[str, list[int | None]] = defaultdict(list)
    for question, place in zip(questions, places, strict=True):
        half = "held out" if question.held_out else "looked at"
        for name in (question.lang, f"{question.lang} {half}", f"{question.lang} {question.kind}"):
            groups[name].append(place)
    return {
        name: {
            "questions": len(found),
            "recall": round(sum(place is not None for place in found) / len(found), 4),
            "mrr": round(sum(1 / (1 + place) for place in found if place is not None) / len(found), 4),
        }
        for name, found in sorted(groups.items())
    }


def quality(folder: Path, data: Path, every: int, embedder: str) -> dict[str, Any]:
    """Index the statements of the pages, ask every question, and count."""
    store, questions, sections = Store(str(folder)), list[Question](), dict[str, dict[str, int]]()
    for lang, share in (("en", every), ("zh", max(1, every // 4))):  # there are four times as many English pages
        found = read_sentences(data / "docs-pages" / f"{lang}.warc.gz", lang, share)
        write_l4(store, lang, found)
        sections[lang] = sections_of(found)
        questions += make_questions(found, lang)
    start = time.monotonic()
    change = refresh(store, IndexConfig(embedder=embedder), Progress("plain"))
    told = {
        "statements": {lang: len(one) for lang, one in sections.items()},
        "embedded_per_s": round(change.embedded / max(time.monotonic() - start, 1e-9), 1),
        "bytes_per_statement": round(_bytes(folder / FOLDER) / max(change.rows, 1)),
    }
    searcher = Searcher(store)
    for name, modes in MODES.items():
        if embedder == NONE and modes == (VECTOR,):
            continue
        places, spent = ask(searcher, questions, sections, modes)
        told[name] = shares(questions, places) | quantiles(spent)
        print(f"{name}: {json.dumps(told[name])}", file=sys.stderr, flush=True)
    return told


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def growth(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """The figures of generated indices, each built and asked by a process of its own."""
    told = []
    for size in sizes:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.search_growth", str(size)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"an index of {size:,} statements failed:\n{done.stderr[-2000:]}")
        told.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"growth: {json.dumps(told[-1])}", file=sys.stderr, flush=True)
    return told


def bars(found: Mapping[str, Any], grown: Sequence[Mapping[str, Any]]) -> list[report.Bar]:
    """The bars, of the figures."""
    best = found["hybrid"]
    made = [report.at_least(best[lang]["recall"], f"recall@{FIRST} {lang}", bar, "share") for lang, bar in BARS.items()]
    name = "an answer among a million, 95th percentile"
    largest = next((one for one in grown if one["rows"] == MILLION), None)
    if largest is None:
        return [*made, report.unmeasured("--sizes holds no million", name, MILLION_MS, "ms")]
    return [*made, report.at_most(largest["hybrid"]["p95_ms"], name, MILLION_MS, "ms")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Index, ask, grow and print the figures, last as one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with docs-pages")
    parser.add_argument("--every", type=int, default=8, help="of so many English pages one, of a quarter of it Chinese")
    parser.add_argument("--embedder", default=IndexConfig().embedder, help="as l4.index.embedder")
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="statements of the generated indices, or none")
    parser.add_argument("--folder", help="keep the corpus and its index here")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = local_path(options.folder or scratch)
        found = quality(folder, options.data, options.every, options.embedder)
    grown = growth(options.sizes)
    figures = {"embedder": options.embedder, "every": options.every, "pages": found, "growth": grown}
    report.show(report.body("search", figures, bars(found, grown)))


def _sizes(text: str) -> tuple[int, ...]:
    return () if text == "none" else tuple(int(size) for size in text.split(","))


if __name__ == "__main__":
    main()
