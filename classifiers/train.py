"""Train a quality classifier on prepared sets of documents, and measure it on those it has not seen."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from classifiers.evaluate import figures
from classifiers.normalize import load_normalizer, normalize, tokenizer_sha256
from classifiers.score import NEGATIVE, POSITIVE, load_model, model_sha256, score
from classifiers.split import HELD_OUT, OTHER_SOURCES, Sets
from classifiers.static import StaticConfig, fit_static

# glibc takes blocks above 32 MiB from the kernel, zeroed, which fastText's training needs: see fit.py.
MIN_MATRIX_BYTES = 33 * 2**20
FIT = Path(__file__).with_name("fit.py")


class TrainConfig(BaseModel):
    """What is trained; fastText's defaults are those of the released Ultra-FineWeb classifiers where published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["fasttext", "static"] = "fasttext"
    static: StaticConfig | None = None  # of kind "static", which reads nothing below
    dim: int = Field(256, ge=1)
    lr: float = Field(0.1, gt=0)
    word_ngrams: int = Field(3, ge=2)
    min_count: int = Field(5, ge=1)
    epochs: int = Field(3, ge=1)
    bucket: int = Field(2_000_000, ge=1)  # n-gram hashes; not published, fastText's default
    seed: int = 0
    quantise: bool = False
    cutoff: int = Field(0, ge=0)  # rows kept when quantising, 0 = all
    threads: int = Field(1, ge=1)  # more than one is faster and gives another model every time

    @model_validator(mode="after")
    def can_be_trained(self) -> TrainConfig:
        """Refuse a matrix so small that fastText leaves part of it uninitialised, and half a static model."""
        if (self.kind == "static") != (self.static is not None):
            raise ValueError('kind = "static" and a table [model.static] with embeddings go together')
        if self.dim * self.bucket * 4 < MIN_MATRIX_BYTES:
            least = -(-MIN_MATRIX_BYTES // (4 * self.dim))
            raise ValueError(f"bucket {self.bucket} is too small for dim {self.dim}: give at least {least}")
        return self


def train(sets: Sets, cfg: TrainConfig, out: Path, tell: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Train, write the model to `out`, and return what its card says; the same sets in any order give the same bytes.

    Args: tell is called with the name of each step as it begins.
    Out: model, kind, bytes, sha256, tokenizer_sha256 (null for a static model), config, counts, metrics: the figures of
    "held_out" and, where there are test sources, "other_sources".
    Errors: ValueError for a class of which normalisation leaves nothing; RuntimeError with fastText's message.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    if cfg.static is not None:
        tell("fitting the head")
        fit_static(sets.train, cfg.static, out)
    else:
        tell("normalising")
        lines = labelled_lines(sets.train)
        tell("training fastText")
        fit(lines, cfg, out)
    tell("measuring")
    return {
        "model": out.name,
        "kind": cfg.kind,
        "sha256": model_sha256(out),
        "tokenizer_sha256": None if cfg.static else tokenizer_sha256(),
        "bytes": size(out),
        "config": cfg.model_dump(exclude=None if cfg.static else {"static"}),
        "counts": sets.counts,
        "metrics": measure(out, sets),
    }


def labelled_lines(documents: pa.Table) -> list[str]:
    """fastText's input: a normalised line of each document behind its label, in the order of the lines' hash.

    Errors: ValueError for a class of which nothing is left.
    """
    lines = normalize(load_normalizer(), documents["content"].to_pylist())
    labels = [POSITIVE if positive else NEGATIVE for positive in documents["positive"].to_pylist()]
    labelled = [f"{label} {line}\n" for label, line in zip(labels, lines, strict=True) if line]
    for label in (POSITIVE, NEGATIVE):
        if not any(line.startswith(label) for line in labelled):
            raise ValueError(f"normalisation leaves nothing of the documents with {label}: give other seeds")
    return sorted(labelled, key=lambda line: hashlib.sha256(line.partition(" ")[2].encode("utf-8")).digest())


def fit(lines: list[str], cfg: TrainConfig, out: Path) -> None:
    """Train, quantise and write a fastText model. Errors: RuntimeError with fastText's message."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("".join(lines), encoding="utf-8", newline="\n")
        job = json.dumps({"input": str(path), "output": str(out)} | fasttext_settings(cfg))
        done = subprocess.run([sys.executable, str(FIT), job], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"fastText could not be trained: {done.stderr.strip()[-500:]}")


def fasttext_settings(cfg: TrainConfig) -> dict[str, Any]:
    """The settings in fastText's own names."""
    train = {
        "dim": cfg.dim,
        "lr": cfg.lr,
        "wordNgrams": cfg.word_ngrams,
        "minCount": cfg.min_count,
        "epoch": cfg.epochs,
        "bucket": cfg.bucket,
        "seed": cfg.seed,
        "thread": cfg.threads,
    }
    return {"train": train, "quantise": {"cutoff": cfg.cutoff, "thread": cfg.threads} if cfg.quantise else None}


def measure(model: Path, sets: Sets) -> dict[str, dict[str, Any]]:
    """The figures of a model on the sets it was not trained on."""
    classifier = load_model(model)
    found = {}
    for name, documents in ((HELD_OUT, sets.held_out), (OTHER_SOURCES, sets.other_sources)):
        if documents.num_rows:
            texts = documents["content"].to_pylist()
            found[name] = figures(
                np.array(documents["positive"].to_pylist(), bool),
                score(classifier, texts),
                documents["source"].to_pylist(),
                np.array([len(text) for text in texts]),
                sites=documents["site"].to_pylist(),
            )
    return found


def size(model: Path) -> int:
    """Bytes of a model: a file, or all files of a folder."""
    files = [model] if model.is_file() else [path for path in model.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)
