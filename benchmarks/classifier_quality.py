"""The bundled classifiers on sources that no training saw: ``python -m benchmarks.classifier_quality``.

For each language the AUC with its 95 % interval, by sort of document and by source, and beside it what length, language
and topic alone would reach on the same documents. What is labelled how: benchmarks/quality_documents.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import quality_baselines as baselines
from benchmarks import report
from benchmarks.extraction_gold import WEB_PAGES
from benchmarks.quality_documents import Document, documents
from classifiers.evaluate import auc, figures
from classifiers.score import load_model, model_path, model_sha256, score

_BAR = 0.95
_BASELINE = 0.85  # a baseline above it would say much of what the model says
_NAMES = {"en": "English", "zh": "Chinese"}


def measure(name: str, docs: Sequence[Document], model: Path) -> dict[str, Any]:
    """Figures of one language.

    Errors: ValueError unless the documents are of both classes.
    """
    texts = [doc.content for doc in docs]
    labels = np.array([doc.positive for doc in docs])
    scores = score(load_model(model), texts)
    whole = figures(labels, scores, [doc.source for doc in docs], np.array([len(text) for text in texts]))
    kept = ("documents", "positives", "auc", "auc_interval", "interval_of", "accuracy", "precision", "recall")
    return {
        "model": model_sha256(model),
        **{key: whole[key] for key in kept},
        "sorts": parts(labels, scores, [doc.sort for doc in docs]),
        "manuals": parts(labels, scores, [doc.source if doc.sort == "manuals" else "" for doc in docs]),
        "baselines": {
            "length": baselines.by_length(labels, texts),
            "language": baselines.by_language(labels, texts),
            "topic": baselines.by_topic(labels, texts, [doc.source for doc in docs], name),
        },
    }


def parts(labels: np.ndarray, scores: np.ndarray, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """AUC, and the share of either class from 0.5 upwards, of each part that has a name and both classes."""
    found = {}
    for name in sorted(set(names) - {""}):
        own = np.array([other == name for other in names])
        truth, mine = labels[own], scores[own]
        if truth.any() and not truth.all():
            found[name] = {
                "positives": int(truth.sum()),
                "negatives": int((~truth).sum()),
                "auc": round(auc(truth, mine), 4),
                "kept_positives": round(float((mine[truth] >= 0.5).mean()), 3),
                "kept_negatives": round(float((mine[~truth] >= 0.5).mean()), 3),
            }
    return found


def bars(name: str, found: dict[str, Any]) -> list[report.Bar]:
    """The promised figures of one language."""
    title = _NAMES[name]
    worst = {kind: max(values.values()) for kind, values in found["baselines"].items()}
    return [
        report.at_least(found["auc"], f"AUC on held-out sources, {title}", _BAR, ""),
        *(report.at_most(value, f"AUC of the {kind} alone, {title}", _BASELINE, "") for kind, value in worst.items()),
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=WEB_PAGES.parent, help="folder of docs-pages and web-pages")
    parser.add_argument("--models", type=Path, help="folder of en.ftz and zh.ftz instead of the bundled models")
    args = parser.parse_args(argv)
    found = {}
    for name in _NAMES:
        model = args.models / f"{name}.ftz" if args.models else model_path(name)
        found[name] = measure(name, documents(name, args.data), model)
    report.show(report.body("classifier_quality", found, [bar for name in found for bar in bars(name, found[name])]))


if __name__ == "__main__":
    main()
