"""Train a fastText quality classifier from two lists of texts, and measure it on texts it has not seen."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from classifiers.evaluate import metrics
from classifiers.normalize import Normalizer, load_normalizer, normalize
from classifiers.score import NEGATIVE, POSITIVE, model_sha256, score_lines

# glibc takes blocks above 32 MiB from the kernel, zeroed, which fastText's training needs: see fit.py.
MIN_MATRIX_BYTES = 33 * 2**20
FIT = Path(__file__).with_name("fit.py")


class TrainConfig(BaseModel):
    """Settings of fastText; the defaults are those of the released Ultra-FineWeb classifiers where published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dim: int = Field(256, ge=1)
    lr: float = Field(0.1, gt=0)
    word_ngrams: int = Field(3, ge=2)
    min_count: int = Field(5, ge=1)
    epochs: int = Field(3, ge=1)
    bucket: int = Field(2_000_000, ge=1)  # n-gram hashes; not published, fastText's default
    seed: int = 0
    held_out: float = Field(0.1, gt=0, lt=1)  # share of the texts kept for the metrics, by hash of the text
    quantise: bool = False
    cutoff: int = Field(0, ge=0)  # rows kept when quantising, 0 = all
    threads: int = Field(1, ge=1)  # more than one is faster and gives another model every time

    @model_validator(mode="after")
    def matrix_is_large(self) -> TrainConfig:
        """Refuse a matrix so small that fastText leaves part of it uninitialised."""
        if self.dim * self.bucket * 4 < MIN_MATRIX_BYTES:
            least = -(-MIN_MATRIX_BYTES // (4 * self.dim))
            raise ValueError(f"bucket {self.bucket} is too small for dim {self.dim}: give at least {least}")
        return self


def train(
    positives: Sequence[str],
    negatives: Sequence[str],
    cfg: TrainConfig,
    out: Path,
    tests: dict[str, tuple[Sequence[str], Sequence[str]]] | None = None,
) -> dict[str, Any]:
    """Train, write the model to `out`, and return what its card says.

    Args: texts as they are, not normalised; tests: further test sets by name, each (positives, negatives), such as
    sources that training never saw. Texts of which normalisation leaves nothing, and doubles, are left out.
    Errors: ValueError when a class is empty or a text is in both classes; RuntimeError with fastText's message.
    """
    normalizer = load_normalizer()
    classes = {POSITIVE: unique(normalizer, positives), NEGATIVE: unique(normalizer, negatives)}
    check_classes(classes)
    split = {label: held_out(lines, cfg.held_out) for label, lines in classes.items()}
    fit({label: lines for label, (lines, _) in split.items()}, cfg, out)
    import fasttext

    model = fasttext.load_model(str(out))
    figures = {"held_out": measure(model, split[POSITIVE][1], split[NEGATIVE][1])}
    for name, (test_positives, test_negatives) in (tests or {}).items():
        figures[name] = measure(model, unique(normalizer, test_positives), unique(normalizer, test_negatives))
    return {
        "model": out.name,
        "sha256": model_sha256(out),
        "bytes": out.stat().st_size,
        "config": cfg.model_dump(),
        "training": {"positives": len(split[POSITIVE][0]), "negatives": len(split[NEGATIVE][0])},
        "metrics": figures,
    }


def unique(normalizer: Normalizer, texts: Sequence[str]) -> list[str]:
    """Normalised lines without empty ones and doubles, in the order of their hash, so that input order is nothing."""
    return sorted(filter(None, dict.fromkeys(normalize(normalizer, texts))), key=digest)


def digest(line: str) -> bytes:
    """sha256 of a line, the order that shuffles without a seed."""
    return hashlib.sha256(line.encode("utf-8")).digest()


def check_classes(classes: dict[str, list[str]]) -> None:
    """Errors: ValueError for a class with too few texts, or a text in both classes."""
    for label, lines in classes.items():
        if len(lines) < 2:
            raise ValueError(f"class {label} has {len(lines)} texts after de-duplication: give more")
    both = set(classes[POSITIVE]) & set(classes[NEGATIVE])
    if both:
        raise ValueError(f"{len(both)} texts are in both classes, the first begins {min(both)[:80]!r}: remove them")


def held_out(lines: list[str], share: float) -> tuple[list[str], list[str]]:
    """(training, held-out) lines; at least one in each. `lines` are in the order of their hash already."""
    test = min(max(1, round(len(lines) * share)), len(lines) - 1)
    return lines[test:], lines[:test]


def fit(classes: dict[str, list[str]], cfg: TrainConfig, out: Path) -> None:
    """Train, quantise and write the model; the lines of both classes are mixed in the order of their hash."""
    labelled = sorted((digest(line), f"{label} {line}\n") for label, lines in classes.items() for line in lines)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("".join(line for _, line in labelled), encoding="utf-8", newline="\n")
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


def measure(model: Any, positives: list[str], negatives: list[str]) -> dict[str, float]:
    """Metrics of a model on held-out lines."""
    lines = [*positives, *negatives]
    labels = np.arange(len(lines)) < len(positives)
    return metrics(labels, score_lines(model, lines), lines)
