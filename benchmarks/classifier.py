"""A quality score beside fastText's bare predict and the plain published steps: ``python -m benchmarks.classifier``.

CPU time of one process each, on the same texts in the same run, with a model of the released shape: 256 dimensions,
word trigrams, two million buckets. It is trained on the spot, so that nothing has to be downloaded.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.measure import SideError, run_side
from benchmarks.pages import read_pages
from classifiers import fit
from classifiers.normalize import load_normalizer, normalize

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
# Of every so many records one: half of these pages train the model, the other half is measured.
INPUTS = {"docs-pages/en.warc.gz": 24, "docs-pages/zh.warc.gz": 8, "web-pages/pages.warc.gz": 4}
SHAPE = {"dim": 256, "wordNgrams": 3, "bucket": 2_000_000, "minCount": 5}
# The published rate and epochs on millions of texts; on hundreds of them more are needed before scores leave 0.5.
TRAINING = {"lr": 0.5, "epoch": 25, "thread": 2}
WINDOW = 1_200
TO_PREDICT = ("normalise and score, to bare fasttext.predict", 0.45, "x")
TO_PLAIN = ("normalise and score, to the plain published steps", 3.0, "x")
FOLDING = ("normalisation before the tokenizer, to plain", 4.0, "x")
WINDOWED = (f"windows of {WINDOW:,} characters, to the full text", 3.0, "x")
RANKS = ("rank correlation of windowed and full scores", 0.95, "Spearman")
BARS = (TO_PREDICT, TO_PLAIN, FOLDING, WINDOWED, RANKS)


def measure(archives: dict[Path, int], runs: int, limit_s: float, shape: dict[str, int]) -> dict[str, Any]:
    """Train the model, run the sides; the object to print."""
    with tempfile.TemporaryDirectory() as folder:
        texts, model = Path(folder, "texts.parquet"), Path(folder, "model.bin")
        pages = read_texts(archives)
        seen = pa.array(np.arange(len(pages)) % 2 == 0)
        train(pages.filter(seen), model, shape)
        pages = pages.filter(pc.invert(seen))
        pq.write_table(pages, texts)
        figures: dict[str, Any] = {
            "pages": {row["values"]: row["counts"] for row in pages["input"].value_counts().to_pylist()},
            "text_bytes": int(pc.sum(pc.binary_length(pages["content"])).as_py()),
            "model": {**shape, "bytes": model.stat().st_size},
        }
        sides: dict[str, Any] = {}
        for name in ("ours", "predict", "plain"):
            try:
                arguments = [name, str(texts), str(model), str(runs), str(WINDOW)]
                sides[name] = run_side("benchmarks.classifier_sides", arguments, limit_s).result
            except SideError as error:
                return report.body("classifier", figures, [report.unmeasured(str(error), *bar) for bar in BARS])
    return report.body("classifier", figures | rates(sides, figures) | agreement(sides, pages), bars(sides))


def read_texts(archives: dict[Path, int]) -> pa.Table:
    """The texts that L0 makes of the archives, with the archive's name as input."""
    tables = []
    for archive, every in archives.items():
        found = pa.concat_tables(rows.select(["content"]) for rows in read_pages(archive, every))
        tables.append(found.append_column("input", pa.array(["/".join(archive.parts[-2:])] * len(found))))
    return pa.concat_tables(tables)


def train(pages: pa.Table, out: Path, shape: dict[str, int]) -> None:
    """A model that tells the last archive from the others, by fastText in a process of its own."""
    lines = normalize(load_normalizer(), pages["content"].to_pylist())
    inputs = pages["input"].to_pylist()
    labels = ["neg" if name == inputs[-1] else "pos" for name in inputs]
    path = out.with_suffix(".txt")
    path.write_text(
        "".join(f"__label__{label} {line}\n" for label, line in zip(labels, lines, strict=True)), encoding="utf-8"
    )
    job = {"input": str(path), "output": str(out), "train": shape | TRAINING, "quantise": None}
    subprocess.run([sys.executable, str(fit.__file__), json.dumps(job)], check=True)


def rates(sides: dict[str, Any], figures: dict[str, Any]) -> dict[str, Any]:
    """Seconds of every side and what they make: documents and megabytes a second of one core."""
    documents = sum(figures["pages"].values())
    return {
        name: {
            what.removesuffix("_s"): {
                "cpu_s": round(seconds, 3),
                "docs_per_s_core": round(documents / seconds, 1),
                "mb_per_s_core": round(figures["text_bytes"] / 1e6 / seconds, 1),
            }
            for what, seconds in side.items()
            if what.endswith("_s")
        }
        for name, side in sides.items()
    }


def agreement(sides: dict[str, Any], pages: pa.Table) -> dict[str, Any]:
    """How far the scores are from the published ones, and what a window does to their order, by input."""
    whole, part, published = scores(sides)
    inputs = np.array(pages["input"].to_pylist())
    return {
        "largest_difference_to_published_score": float(np.nanmax(np.abs(whole - published))),
        "score_quantiles": [round(float(q), 4) for q in np.nanquantile(whole, [0.05, 0.25, 0.5, 0.75, 0.95])],
        "rank_correlation": {name: order(whole[inputs == name], part[inputs == name]) for name in np.unique(inputs)},
    }


def bars(sides: dict[str, Any]) -> list[report.Bar]:
    """What was promised."""
    ours, predict, plain = sides["ours"], sides["predict"], sides["plain"]
    whole, part, _ = scores(sides)
    values = (
        predict["score_s"] / ours["score_s"],
        plain["score_s"] / ours["score_s"],
        plain["fold_s"] / ours["fold_s"],
        ours["score_s"] / ours["windowed_s"],
        order(whole, part),
    )
    return [report.at_least(round(value, 3), *bar) for value, bar in zip(values, BARS, strict=True)]


def scores(sides: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of the full texts, of their windows, and by the published steps, float64 (n,)."""
    ours = sides["ours"]
    return (
        np.array(ours["scores"], float),
        np.array(ours["windowed"], float),
        np.array(sides["plain"]["scores"], float),
    )


def order(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation."""
    from scipy.stats import spearmanr

    return round(float(spearmanr(one, other)[0]), 4)


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classifier", description=__doc__)
    parser.add_argument("--input", type=Path, nargs="+", help="WARCs, two or more (default: some of the shared pages)")
    parser.add_argument("--bucket", type=int, default=SHAPE["bucket"], help="buckets of n-grams in the model")
    parser.add_argument("--runs", type=int, default=3, help="passes over the texts, of which the median is taken")
    parser.add_argument("--limit-s", type=float, default=900, help="seconds after which a side is given up")
    options = parser.parse_args(arguments)
    archives = dict.fromkeys(options.input or [], 1) or {DATA / path: every for path, every in INPUTS.items()}
    missing = [str(path) for path in archives if not path.is_file()]
    if missing:
        reason = f"no input at {missing[0]}; name WARCs with --input"
        report.show(report.body("classifier", {}, [report.unmeasured(reason, *bar) for bar in BARS]))
        return
    report.show(measure(archives, options.runs, options.limit_s, SHAPE | {"bucket": options.bucket}))


if __name__ == "__main__":
    main()
