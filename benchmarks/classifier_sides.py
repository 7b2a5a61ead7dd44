"""One side of ``benchmarks.classifier``, in a process of its own, by its name, texts, model, runs and window.

``ours``, ``predict`` (fastText alone, on lines that are normalised already) or ``plain`` (the published steps).
Loading and compiling are left out by a first pass.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks import classifier_plain as plain
from benchmarks.measure import median_cpu
from classifiers.normalize import bundled_tokenizer, folded, load_normalizer, normalize
from classifiers.score import load_model, score

BATCH = 256


def ours(texts: list[str], path: Path, runs: int, window: int) -> dict[str, Any]:
    """Texts to scores, whole and windowed; the steps before the tokenizer alone."""
    model = load_model(path)

    def scored(window: int) -> list[float]:
        return [float(one) for batch in batches(texts) for one in score(model, batch, window)]

    return {
        "score_s": median_cpu(lambda: scored(0), runs),
        "windowed_s": median_cpu(lambda: scored(window), runs),
        "fold_s": median_cpu(lambda: [folded(batch) for batch in batches(texts)], runs),
        "line_s": median_cpu(lambda: [normalize(load_normalizer(), batch) for batch in batches(texts)], runs),
        "scores": scored(0),
        "windowed": scored(window),
    }


def predict(texts: list[str], path: Path, runs: int, _: int) -> dict[str, Any]:
    """fastText's predict on the finished lines, as many at once as the other side takes."""
    import fasttext

    model = fasttext.load_model(str(path))
    lines = [normalize(load_normalizer(), batch) for batch in batches(texts)]
    return {"score_s": median_cpu(lambda: [model.predict(batch) for batch in lines], runs)}


def plainly(texts: list[str], path: Path, runs: int, _: int) -> dict[str, Any]:
    """The published steps, text by text."""
    import fasttext
    from tokenizers import Tokenizer

    tokenizer, model = Tokenizer.from_file(str(bundled_tokenizer())), fasttext.load_model(str(path))

    def scored() -> list[float]:
        return [plain.score(plain.line(text, tokenizer), model) for text in texts]

    return {
        "score_s": median_cpu(scored, runs),
        "fold_s": median_cpu(lambda: [plain.folded(text) for text in texts], runs),
        "scores": scored(),
    }


def batches(texts: list[str]) -> list[list[str]]:
    """The texts, some hundred at a time."""
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]


if __name__ == "__main__":
    name, parquet, path, passes, characters = sys.argv[1:]
    side = {"ours": ours, "predict": predict, "plain": plainly}[name]
    print(json.dumps(side(pq.read_table(parquet)["content"].to_pylist(), Path(path), int(passes), int(characters))))
