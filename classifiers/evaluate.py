"""Figures that say how good a classifier is, on texts it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from classifiers.bootstrap import DRAWS, GRID, bootstrap, clusters, codes, interval

KEEP_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
CURVE_POINTS = 200
CALIBRATION_BINS = 10
HISTOGRAM_BINS = 20


def figures(
    labels: np.ndarray,
    scores: np.ndarray,
    sources: Sequence[str],
    lengths: np.ndarray,
    seed: int = 0,
    sites: Sequence[str | None] | None = None,
) -> dict[str, Any]:
    """Every figure of one labelled set, ready for JSON.

    Args: labels bool (n,); scores float (n,) in 0 to 1, NaN where nothing is left of the text; sources, sites: where
        each text is from; lengths int (n,), characters; seed: of the bootstrap.
    Out: documents, positives, nothing_left; auc, average_precision, each with an interval of 95 %, and `interval_of`,
        what the bootstrap draws; auc_of_length, of the bare length, turned to be above 0.5: a model near it has learnt
        nothing else; accuracy, precision, recall at 0.5 (precision 0 where nothing is kept); calibration;
        thresholds_for_keep_share; curves and their bands; sources, by name. Texts with nothing left are counted, and
        are in no other figure.
    Errors: ValueError for arrays of unlike length, scores outside 0 to 1, and unless both classes have scored texts.
    """
    labels, scores, lengths = np.asarray(labels, bool), np.asarray(scores, np.float64), np.asarray(lengths)
    check_alike(scores, labels, sources, lengths, *([] if sites is None else [sites]))
    check_scores(scores)
    known = ~np.isnan(scores)
    truth, found = labels[known], scores[known]
    check_classes(truth, int(len(labels) - known.sum()))
    drawn = clusters(labels, sources, sites).pick(known)
    boot = bootstrap(truth, found, drawn, seed)
    point, precision = auc(truth, found), average_precision(truth, found)
    by_length = auc(truth, lengths[known])
    verdicts = at_threshold(truth, found, 0.5)
    return {
        "documents": len(labels),
        "positives": int(labels.sum()),
        "nothing_left": int(len(labels) - known.sum()),
        "auc": round(point, 4),
        "auc_interval": interval(boot.auc, point),
        "average_precision": round(precision, 4),
        "average_precision_interval": interval(boot.average_precision, precision),
        "interval_of": {"unit": drawn.unit, "number": len(np.unique(drawn.number)), "draws": DRAWS},
        "auc_of_length": round(max(by_length, 1 - by_length), 4),
        **{name: verdicts[name] for name in ("accuracy", "precision", "recall")},
        "calibration": calibration(truth, found),
        "thresholds_for_keep_share": keep_shares(truth, found),
        "curves": curves(truth, found),
        "bands": {
            "grid": GRID.round(4).tolist(),
            "recall": boot.recall_band.round(4).tolist(),
            "precision": boot.precision_band.round(4).tolist(),
        },
        "sources": by_source(labels, scores, sources),
    }


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half. Errors: ValueError unless both classes."""
    from scipy.stats import rankdata

    check_classes(labels)
    positives = int(labels.sum())
    ranks = rankdata(scores)[labels].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * (len(labels) - positives)))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the precision-recall curve as the mean precision over the positives; equal scores fall together."""
    check_classes(labels)
    _, found, kept = steps(labels, scores)
    return float(np.sum(np.diff(found, prepend=0) * found / kept) / found[-1])


def steps(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(thresholds descending, positives kept, texts kept) for each different score as threshold."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # of each run of equal scores
    return ordered[last], np.cumsum(labels[order])[last], last + 1


def curves(labels: np.ndarray, scores: np.ndarray) -> dict[str, list[float]]:
    """Both curves as columns over falling thresholds, at most CURVE_POINTS, spread evenly along the ROC curve."""
    thresholds, found, kept = steps(labels, scores)
    recall = found / found[-1]
    rate = (kept - found) / (kept[-1] - found[-1])
    walked = recall + rate
    wanted = np.linspace(walked[0], walked[-1], CURVE_POINTS)
    rows = np.unique(np.minimum(np.searchsorted(walked, wanted), len(walked) - 1))
    columns = {
        "recall": recall,
        "false_positive_rate": rate,
        "precision": found / kept,
        "keep_share": kept / kept[-1],
    }
    return {"threshold": thresholds[rows].tolist()} | {name: x[rows].round(4).tolist() for name, x in columns.items()}


def calibration(labels: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """How far the score is the chance of a positive: bins of equal width, expected calibration error, Brier score.

    Source: Guo et al. 2017 (arXiv:1706.04599) for the error. brier_of_share is what the constant share would score.
    """
    number = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    count = np.bincount(number, minlength=CALIBRATION_BINS)
    total = np.bincount(number, scores, CALIBRATION_BINS), np.bincount(number, labels, CALIBRATION_BINS)
    mean, share = (np.divide(part, count, where=count > 0, out=np.zeros(CALIBRATION_BINS)) for part in total)
    prior = labels.mean()
    return {
        "bins": [
            {
                "low": i / CALIBRATION_BINS,
                "high": (i + 1) / CALIBRATION_BINS,
                "documents": int(count[i]),
                "mean_score": round(float(mean[i]), 4) if count[i] else None,
                "positive_share": round(float(share[i]), 4) if count[i] else None,
            }
            for i in range(CALIBRATION_BINS)
        ],
        "ece": round(float(np.sum(count * np.abs(mean - share)) / len(scores)), 4),
        "brier": round(float(np.mean((scores - labels) ** 2)), 4),
        "brier_of_share": round(float(prior * (1 - prior)), 4),
    }


def threshold_for_keep_share(scores: np.ndarray, share: float) -> float:
    """The highest threshold that keeps at least `share` of the scored texts: more only where scores tie with it.

    Args: scores float (n,), NaN where nothing is left (neither kept nor counted); share above 0, at most 1.
    Errors: ValueError for another share, or no score.
    """
    known = scores[~np.isnan(scores)]
    if not 0 < share <= 1:
        raise ValueError(f"keep share {share} is not above 0 and at most 1")
    if not len(known):
        raise ValueError("no text could be scored, so no threshold keeps any")
    # The share as it is written: 0.07 * 100 is a little more than 7.
    kept = math.ceil(Fraction(str(share)) * len(known))
    return float(np.partition(known, len(known) - kept)[len(known) - kept])


def at_threshold(labels: np.ndarray | None, scores: np.ndarray, threshold: float) -> dict[str, float]:
    """What keeping scores >= threshold does: the share kept and, where there are labels, how right that is.

    Args: scores without NaN; labels of both classes, or None. Precision is 0 where nothing is kept.
    """
    kept = scores >= threshold
    row = {"threshold": threshold, "keep_share": round(float(np.mean(kept)), 4)}
    if labels is None:
        return row
    found = int(np.sum(kept & labels))
    return row | {
        "accuracy": round(float(np.mean(kept == labels)), 4),
        "precision": round(found / max(1, int(kept.sum())), 4),
        "recall": round(found / int(labels.sum()), 4),
        "false_positive_rate": round(float(np.mean(kept[~labels])), 4),
    }


def keep_shares(labels: np.ndarray | None, scores: np.ndarray) -> list[dict[str, float]]:
    """The threshold for each of KEEP_SHARES, and what it does; arguments as `at_threshold`."""
    thresholds = {share: threshold_for_keep_share(scores, share) for share in KEEP_SHARES}
    return [{"wanted": share} | at_threshold(labels, scores, limit) for share, limit in thresholds.items()]


def by_source(labels: np.ndarray | None, scores: np.ndarray, sources: Sequence[str]) -> dict[str, dict[str, Any]]:
    """For each source: documents, nothing_left, mean score, histogram; with labels also positives, histogram of the
    positives, and its AUC: its own positives against its own negatives, or, of one class only, against all others.
    """
    number, names = codes(sources), list(dict.fromkeys(sources))
    known = ~np.isnan(scores)
    groups = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number, minlength=len(names)))[:-1])
    result = {}
    for name, rows in sorted(zip(names, groups, strict=True)):
        scored = rows[known[rows]]
        row: dict[str, Any] = {
            "documents": len(rows),
            "nothing_left": len(rows) - len(scored),
            "mean_score": round(float(scores[scored].mean()), 4) if len(scored) else None,
            "histogram": histogram(scores[scored]),
        }
        if labels is not None:
            positive = scored[labels[scored]]
            row |= {"positives": int(labels[rows].sum()), "histogram_of_positives": histogram(scores[positive])}
            row |= auc_of_source(labels, scores, scored, known)
        result[name] = row
    return result


def auc_of_source(labels: np.ndarray, scores: np.ndarray, rows: np.ndarray, known: np.ndarray) -> dict[str, Any]:
    """The AUC of one source's scored rows, and whether `against` its own other class or that of all sources."""
    own = bool(len(rows)) and not (labels[rows].all() or not labels[rows].any())
    if not own and len(rows):
        rows = np.concatenate([rows, np.flatnonzero(known & (labels != labels[rows[0]]))])
    if not len(rows) or labels[rows].all() or not labels[rows].any():
        return {"auc": None, "auc_against": None}
    return {"auc": round(auc(labels[rows], scores[rows]), 4), "auc_against": "itself" if own else "all"}


def histogram(scores: np.ndarray) -> list[int]:
    """Counts in HISTOGRAM_BINS of equal width from 0 to 1."""
    return np.histogram(scores, HISTOGRAM_BINS, (0, 1))[0].tolist()


def check_classes(labels: np.ndarray, nothing_left: int = 0) -> None:
    """Errors: ValueError naming the counts unless both classes are there."""
    positives = int(labels.sum())
    if not positives or positives == len(labels):
        left_out = f" ({nothing_left} texts with nothing left to score are not counted)" if nothing_left else ""
        negatives = len(labels) - positives
        raise ValueError(
            f"a test set needs both classes, and has {positives} positives and {negatives} negatives{left_out}"
        )


def check_scores(scores: np.ndarray) -> None:
    """Errors: ValueError for a score outside 0 to 1."""
    outside = scores[~np.isnan(scores) & ~((scores >= 0) & (scores <= 1))]
    if len(outside):
        raise ValueError(f"{len(outside)} scores lie outside 0 to 1, the first is {outside[0]}: give probabilities")


def check_alike(scores: np.ndarray, *columns: Sequence[Any] | np.ndarray) -> None:
    """Errors: ValueError where a column has not a value for each score."""
    lengths = [len(scores), *map(len, columns)]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"scores, labels, sources and lengths have {', '.join(map(str, lengths))} values: give one each"
        )
