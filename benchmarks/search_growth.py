"""How the index of `governance search` grows: ``python -m benchmarks.search_growth SIZE``, a side of benchmarks.search.

Statements of generated text, half of them Chinese, by the frequencies of words in both languages, and generated
vectors around random centres; questions are made of words of one statement and embedded by the real embedder, so that
the time of an answer holds all of it. Prints a JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from governance.index import CURRENT
from governance.index_config import IndexConfig
from governance.index_table import FOLDER, VECTOR, connect, index_table, table_schema
from governance.search import Query, Searcher
from governance.search_text import folded, runs_of, words_of
from manifests.store import Store

_BATCH = 20_000
_DIM = 384
_WORDS = 50_000  # of a vocabulary
_CENTRES = 2_000
_QUESTIONS = 60
_STATUS = ("supported",) * 6 + ("unsupported",) * 2 + ("corroborated", "contradicted")


class Generator:
    """Text and vectors by a seed."""

    def __init__(self, seed: int = 1) -> None:
        from wordfreq import top_n_list, word_frequency

        self.random = np.random.default_rng(seed)
        self.words, self.shares = {}, {}
        for lang in ("en", "zh"):
            self.words[lang] = np.array(top_n_list(lang, _WORDS), dtype=object)
            shares = np.array([word_frequency(word, lang) for word in self.words[lang]])
            self.shares[lang] = shares / shares.sum()
        self.centres = self.random.normal(size=(_CENTRES, _DIM)).astype(np.float32)

    def texts(self, lang: str, count: int, low: int, high: int) -> list[str]:
        """So many texts of ``low`` to ``high`` words."""
        sizes = self.random.integers(low, high + 1, count)
        words = self.random.choice(self.words[lang], sizes.sum(), p=self.shares[lang])
        ends = np.cumsum(sizes)
        space = " " if lang == "en" else ""
        return [space.join(words[end - size : end]) for size, end in zip(sizes, ends, strict=True)]

    def vectors(self, count: int) -> np.ndarray:
        """float16 (count, dim), of length 1, around the centres."""
        found = self.centres[self.random.integers(0, _CENTRES, count)]
        found = found + self.random.normal(scale=0.7, size=found.shape).astype(np.float32)
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)

    def table(self, start: int, count: int) -> pa.Table:
        """Rows of the index, the first numbered ``start``."""
        langs = ["en", "zh"] * (count // 2)
        texts = dict(
            zip(("en", "zh"), (iter(self.texts(lang, count // 2, 12, 24)) for lang in ("en", "zh")), strict=False)
        )
        titles = dict(
            zip(("en", "zh"), (iter(self.texts(lang, count // 2, 2, 5)) for lang in ("en", "zh")), strict=False)
        )
        rows = [_row(start + place, lang, next(texts[lang]), next(titles[lang])) for place, lang in enumerate(langs)]
        schema = table_schema(_DIM)
        columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in schema.names if name != VECTOR}
        vectors = pa.array(self.vectors(count).reshape(-1))
        return pa.table({**columns, VECTOR: pa.FixedSizeListArray.from_arrays(vectors, _DIM)}, schema=schema)


def _row(number: int, lang: str, text: str, title: str) -> dict[str, str]:
    uid, searched = f"{number:032x}", folded(f"{title}\n{text}")
    evidence = {
        "role": "source", "evidence_uid": uid, "start": 0, "end": len(text), "text": text, "before": text[:100],
        "after": text[-100:], "url": f"https://host{number % 5000}.example.org/{number}", "title": title,
    }  # fmt: skip
    return {
        "uid": uid, "unit": f"growth/{number // 100_000:05d}", "row_hash": uid, "text_hash": uid, "statement": text,
        "title": title, "lang": lang, "status": _STATUS[number % len(_STATUS)], "topic": f"topic {number % 1000}",
        "date": f"20{number % 26:02d}-01-{1 + number % 28:02d}", "evidence_uid": uid, "parent_uid": uid,
        "words": words_of(searched), "runs": runs_of(searched),
        "record": json.dumps({"num_hosts": 1, "evidence": [evidence]}, ensure_ascii=False),
    }  # fmt: skip


def build(folder: Path, size: int) -> dict[str, Any]:
    """Write an index of so many statements; seconds and bytes."""
    store, config = Store(str(folder)), IndexConfig()
    start = time.monotonic()
    table = connect(store).create_table("growth", schema=table_schema(_DIM))
    generator = Generator()
    for first in range(0, size, _BATCH):
        table.add(generator.table(first, min(_BATCH, size - first)))
    written = time.monotonic()
    index_table(table, config)
    store.put(
        f"{FOLDER}/growth.json", json.dumps({"table": "growth", "config": config.model_dump(), "dim": _DIM}).encode()
    )
    store.put(CURRENT, b'{"table": "growth"}')
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "rows": size, "generate_s": round(written - start, 1), "index_s": round(time.monotonic() - written, 1),
        "bytes_per_statement": round(used / size),
    }  # fmt: skip


def ask(folder: Path, size: int) -> dict[str, Any]:
    """Milliseconds of an answer once the index is open: with all lists, and with each alone."""
    searcher = Searcher(Store(str(folder)))
    questions = list(_questions(size))
    figures: dict[str, Any] = {}
    for name, modes in (("hybrid", None), ("bm25", ("words", "runs")), ("vectors", ("vector",))):
        spent = []
        for text in questions:
            query = Query(text) if modes is None else Query(text, modes=modes)
            start = time.monotonic()
            searcher.search(query)
            spent.append(1000 * (time.monotonic() - start))
        # The first questions load what an open index then holds.
        figures[name] = quantiles(spent[len(spent) // 6 :])
    return figures


def quantiles(spent: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and largest of some milliseconds."""
    ordered = sorted(spent)
    return {
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "max_ms": round(ordered[-1], 1),
    }


def _questions(size: int) -> Iterator[str]:
    """Questions in both languages, of words that statements hold."""
    generator = Generator(seed=2)
    english = generator.texts("en", _QUESTIONS // 2, 5, 9)
    chinese = generator.texts("zh", _QUESTIONS // 2, 3, 6)
    for one, other in zip(english, chinese, strict=True):
        yield f"how do I {one}?"
        yield f"如何{other}？"


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, build, ask, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_growth", description=__doc__)
    parser.add_argument("size", type=int, help="statements")
    parser.add_argument("--folder", type=Path, help="keep the index here")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        built = build(folder, options.size) if not (folder / CURRENT).exists() else {"rows": options.size}
        print(json.dumps(built | ask(folder, options.size)))


if __name__ == "__main__":
    main()
