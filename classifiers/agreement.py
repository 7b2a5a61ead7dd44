"""How far two models agree on the same texts, and which of them is better where the texts have labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from classifiers.bootstrap import bootstrap, clusters, interval
from classifiers.evaluate import auc, check_alike, check_classes, check_scores


def agreement(first: np.ndarray, second: np.ndarray, thresholds: tuple[float, float]) -> dict[str, Any]:
    """Rank correlation of two models' scores, and how their verdicts at their thresholds go together.

    Args: first, second float (n,) in 0 to 1, NaN where nothing is left.
    Out: documents that both scored, left_out, spearman (null where a model gives all one score), kappa (Cohen 1960;
        null where chance alone gives full agreement), equal_share, table of counts: both, first, second, neither.
    Errors: ValueError for unlike lengths, scores outside 0 to 1, or no text that both scored.
    """
    known = both_scored(first, second)
    a, b = first[known], second[known]
    keep_a, keep_b = a >= thresholds[0], b >= thresholds[1]
    equal = float(np.mean(keep_a == keep_b))
    chance = float(keep_a.mean() * keep_b.mean() + (1 - keep_a.mean()) * (1 - keep_b.mean()))
    return {
        "documents": len(a),
        "left_out": int(len(first) - len(a)),
        "spearman": spearman(a, b),
        "kappa": round((equal - chance) / (1 - chance), 4) if chance < 1 else None,
        "equal_share": round(equal, 4),
        "table": {
            "both": int(np.sum(keep_a & keep_b)),
            "first": int(np.sum(keep_a & ~keep_b)),
            "second": int(np.sum(~keep_a & keep_b)),
            "neither": int(np.sum(~keep_a & ~keep_b)),
        },
    }


def both_scored(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rows that both models could score, bool (n,). Errors: ValueError as `agreement`."""
    check_alike(first, second)
    check_scores(first)
    check_scores(second)
    known = ~np.isnan(first) & ~np.isnan(second)
    if not known.any():
        raise ValueError("no text could be scored by both models, so there is nothing to compare")
    return known


def spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation, ties by their mean rank; null where one side is all ties."""
    from scipy.stats import rankdata

    if first.min() == first.max() or second.min() == second.max():
        return None
    return round(float(np.corrcoef(rankdata(first), rankdata(second))[0, 1]), 4)


def disagreements(first: np.ndarray, second: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows on which two models disagree most: (those the first ranks higher, those the second does), worst first.

    By the distance of the ranks, since the scores of two models need not be on one scale; at most `number` a side.
    """
    from scipy.stats import rankdata

    rows = np.flatnonzero(both_scored(first, second))
    ahead = (rankdata(first[rows]) - rankdata(second[rows])) / len(rows)
    order = np.argsort(-ahead, kind="stable")
    higher, lower = order[ahead[order] > 0], order[::-1][ahead[order[::-1]] < 0]
    return rows[higher[:number]], rows[lower[:number]]


def difference(
    labels: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    sources: Sequence[str],
    sites: Sequence[str | None] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """AUC of the first model less that of the second, on the texts both scored, with its interval of 95 %.

    The bootstrap measures both on the same draws, so what makes a draw hard for both takes nothing from the answer.
    Errors: ValueError as `figures`.
    """
    known = both_scored(first, second)
    check_alike(first, labels, sources, *([] if sites is None else [sites]))
    truth = labels[known]
    check_classes(truth, int(len(labels) - known.sum()))
    drawn = clusters(labels, sources, sites).pick(known)
    draws = [bootstrap(truth, scores[known], drawn, seed).auc for scores in (first, second)]
    point = auc(truth, first[known]) - auc(truth, second[known])
    return {"auc": round(point, 4), "auc_interval": interval(draws[0] - draws[1], point)}
