"""One side of benchmarks.language in this process: ``SIDE TEXTS RUNS`` prints CPU seconds of each pass, and languages.

The sides: ``ours``, the stage; ``fasttext``, lid.176 on the whole text as one line; ``one_pass``, the machine's bound.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from benchmarks.measure import cpu_seconds
from classifiers.language_id import load_language_model, model_path

_BATCH_ROWS = 1000  # more than the 16 MB of HTML that a shard is read in at once


def ours(table: pa.Table) -> Callable[[], list[Any]]:
    """The stage as the pipeline runs it, batch by batch."""
    from stages.language import LanguageConfig, language

    model, cfg = load_language_model(), LanguageConfig()
    batches = [table.select(["content"]).slice(start, _BATCH_ROWS) for start in range(0, len(table), _BATCH_ROWS)]
    language(batches[0].slice(0, 10), cfg, model)
    return lambda: [language(batch, cfg, model) for batch in batches]


def fasttext(table: pa.Table) -> Callable[[], list[Any]]:
    """fastText's predict, a text a line; it wants Python strings."""
    import fasttext as library

    model = library.load_model(str(model_path()))

    def run() -> list[Any]:
        texts = [text.replace("\n", " ") for text in table["content"].to_pylist()]
        return model.predict(texts, k=1)[0]

    return run


def one_pass(table: pa.Table) -> Callable[[], list[Any]]:
    """The least any implementation of the model does for a text it reads whole: hash its n-grams, look each up."""
    from stages.codepoints import view_text

    text, arrays = view_text(table["content"]), load_language_model().arrays
    sizes = (arrays.shortest, arrays.longest, np.uint64(len(arrays.ngram_rows)))
    _hash_all(text.data[:100], arrays.ngram_bits, *sizes)
    return lambda: [_hash_all(text.data, arrays.ngram_bits, *sizes)]


@njit
def _hash_all(data: np.ndarray, bits: np.ndarray, shortest: int, longest: int, bucket: np.uint64) -> int:
    """N-grams of the bytes' characters that the model has a vector for; words are not looked at."""
    found = 0
    for i in range(len(data)):
        if data[i] & 0xC0 == 0x80:
            continue
        hashed = np.uint64(2166136261)
        j = i
        for length in range(1, longest + 1):
            if j >= len(data):
                break
            hashed = ((hashed ^ np.uint64(data[j])) * np.uint64(16777619)) & np.uint64(0xFFFFFFFF)
            j += 1
            while j < len(data) and data[j] & 0xC0 == 0x80:
                hashed = ((hashed ^ np.uint64(data[j])) * np.uint64(16777619)) & np.uint64(0xFFFFFFFF)
                j += 1
            if length >= shortest:
                place = hashed % bucket
                found += bits[place >> np.uint64(3)] >> (place & np.uint64(7)) & 1
    return found


def languages(side: str, results: list[Any]) -> list[str | None]:
    """The language of each page, in the codes that the stage writes."""
    if side == "ours":
        return [language for table in results for language in table["lang"].to_pylist()]
    names = {"als": "gsw"}
    codes = (labels[0].removeprefix("__label__") if labels else None for labels in results)
    return [names.get(code or "", code) for code in codes]


def figures(results: list[pa.Table]) -> dict[str, Any]:
    """What the stage says beside the language: how many pages of each verdict, second language and script."""
    table = pa.concat_tables(results)
    columns = {"drop": "language.drop", "second": "lang_second", "script": "lang_script"}
    counts = {name: table[column].value_counts().to_pylist() for name, column in columns.items()}
    return {name: {str(row["values"]): row["counts"] for row in rows} for name, rows in counts.items()}


def main() -> None:
    """``SIDE TEXTS RUNS``."""
    side, path, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    run = {"ours": ours, "fasttext": fasttext, "one_pass": one_pass}[side](pq.read_table(path))
    seconds, results = [], []
    for _ in range(runs):
        before = cpu_seconds()
        results = run()
        seconds.append(round(cpu_seconds() - before, 3))
    result: dict[str, Any] = {"cpu_s": seconds}
    if side != "one_pass":
        result["languages"] = languages(side, results)
    if side == "ours":
        result |= figures(results)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
