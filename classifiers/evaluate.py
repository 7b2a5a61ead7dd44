"""Figures that say how good a classifier is, on texts it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def metrics(labels: np.ndarray, scores: np.ndarray, texts: Sequence[str], threshold: float = 0.5) -> dict[str, float]:
    """Figures of one test set; labels bool (n,), scores float (n,) without NaN.

    auc_of_length is the AUC of the bare text length, turned to be above 0.5: a model near it has learnt nothing else.
    Errors: ValueError unless both classes are there.
    """
    kept = scores >= threshold
    true_positives = int(np.sum(kept & labels))
    by_length = auc(labels, np.array([float(len(text)) for text in texts]))
    return {
        "documents": len(labels),
        "positives": int(labels.sum()),
        "auc": round(auc(labels, scores), 4),
        "auc_of_length": round(max(by_length, 1 - by_length), 4),
        "accuracy": round(float(np.mean(kept == labels)), 4),
        "precision": round(true_positives / max(1, int(kept.sum())), 4),
        "recall": round(true_positives / int(labels.sum()), 4),
    }


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half."""
    from scipy.stats import rankdata

    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        raise ValueError(f"a test set needs both classes, and has {positives} positives and {negatives} negatives")
    ranks = rankdata(scores)[labels].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))
