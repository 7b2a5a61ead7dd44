"""Confidence intervals by the bootstrap, over whole sources or sites where there are enough of them.

Pages of one site resemble each other, so drawing single pages would promise more than a set of few sites can hold
(Field and Welsh 2007). A draw is a vector of weights per cluster; a sparse matrix of counts per cluster and score
bin turns all draws of a block into curves by one product, so nothing is sorted more than once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 1000
MIN_CLUSTERS = 5  # of each class; with fewer, their draws say nothing of a further one
MAX_BINS = 1024  # of scores; up to so many different scores the draws are exact
GRID = np.linspace(0, 1, 51)  # where the bands of the two curves are read
_BLOCK = 20_000_000  # weights held at once


@dataclass(frozen=True)
class Clusters:
    """What is drawn with replacement: the number of the cluster of each document, from 0 without gaps, int64 (n,)."""

    unit: str  # "sources", "sites" or "documents"
    number: np.ndarray

    def pick(self, rows: np.ndarray) -> Clusters:
        """The clusters of some of the documents; rows bool or int."""
        return Clusters(self.unit, np.unique(self.number[rows], return_inverse=True)[1])


@dataclass(frozen=True)
class Draws:
    """The figures of every draw that has both classes."""

    auc: np.ndarray  # (draws,)
    average_precision: np.ndarray  # (draws,)
    recall_band: np.ndarray  # (2, grid): 95 % of the draws' recall at a false positive rate of GRID
    precision_band: np.ndarray  # (2, grid): 95 % of the draws' precision at a recall of GRID


def clusters(labels: np.ndarray, sources: Sequence[str], sites: Sequence[str | None] | None = None) -> Clusters:
    """Whole sources where each class has MIN_CLUSTERS of them, else whole sites, else single documents.

    Args: labels bool (n,); a page without site counts as one of its source's own.
    """
    numbers = {"sources": codes(sources)}
    if sites is not None:
        known = codes([site or "" for site in sites])
        nameless = np.array([not site for site in sites], bool)
        numbers["sites"] = np.where(nameless, known.max(initial=0) + 1 + numbers["sources"], known)
    for unit, number in numbers.items():
        if min(len(np.unique(number[labels])), len(np.unique(number[~labels]))) >= MIN_CLUSTERS:
            return Clusters(unit, number)
    return Clusters("documents", np.arange(len(labels)))


def codes(values: Sequence[str]) -> np.ndarray:
    """A number for each different value, in order of first appearance, int64 (n,)."""
    import pyarrow as pa

    return pa.array(values, pa.string()).dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)


def bootstrap(labels: np.ndarray, scores: np.ndarray, drawn: Clusters, seed: int, draws: int = DRAWS) -> Draws:
    """Draw clusters with replacement and measure each draw; the same clusters and seed give the same draws.

    Args: labels bool (n,), both classes; scores float (n,) without NaN.
    """
    from scipy.sparse import csr_matrix

    bins = score_bins(labels, scores)
    width = int(bins.max()) + 1
    shape = (int(drawn.number.max()) + 1, 2 * width)
    cells = csr_matrix((np.ones(len(bins)), (drawn.number, bins + width * labels)), shape=shape)
    # Single documents are drawn within their class: a small set would else often lose one of them.
    strata = labels.astype(np.int64) if drawn.unit == "documents" else np.zeros(shape[0], np.int64)
    parts = []
    for weights in _weights(strata, seed, draws):
        counts = (cells.T @ weights.T).T
        counts = counts[(counts[:, :width].sum(1) > 0) & (counts[:, width:].sum(1) > 0)]
        parts.append(_measure(counts[:, width:], counts[:, :width]))
    auc, average_precision, recall, precision = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Draws(auc, average_precision, *(np.percentile(curve, (2.5, 97.5), axis=0) for curve in (recall, precision)))


def interval(values: np.ndarray, point: float) -> list[float]:
    """The middle 95 % of the draws, widened to hold the figure itself where binning or chance left it outside."""
    low, high = np.percentile(values, (2.5, 97.5))
    return [round(float(min(low, point)), 4), round(float(max(high, point)), 4)]


def score_bins(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Number of each score's bin, ascending, int64 (n,): one for each different score, or quantiles of each class."""
    distinct, number = np.unique(scores, return_inverse=True)
    if len(distinct) <= MAX_BINS:
        return number
    at = np.linspace(0, 1, MAX_BINS // 2)
    edges = np.unique(np.concatenate([np.quantile(scores[labels], at), np.quantile(scores[~labels], at)]))
    return np.maximum(np.searchsorted(edges, scores, side="right") - 1, 0)


def _weights(strata: np.ndarray, seed: int, draws: int) -> Iterator[np.ndarray]:
    """Blocks of draws, float64 (draws of the block, clusters): how often each cluster was taken."""
    random = np.random.default_rng(seed)
    rows = max(1, _BLOCK // len(strata))
    for start in range(0, draws, rows):
        block = np.empty((min(rows, draws - start), len(strata)))
        for stratum in np.unique(strata):
            members = np.flatnonzero(strata == stratum)
            taken = random.integers(0, len(members), (len(block), len(members)))
            taken += np.arange(len(block))[:, None] * len(members)
            block[:, members] = np.bincount(taken.ravel(), minlength=taken.size).reshape(taken.shape)
        yield block


def _measure(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """AUC, average precision, recall and precision on GRID of counts (draws, bins), bins ascending by score."""
    positives, negatives = positive.sum(1), negative.sum(1)
    below = np.cumsum(negative, axis=1) - negative / 2  # ties count half
    auc = (positive * below).sum(1) / (positives * negatives)
    found = np.cumsum(positive[:, ::-1], axis=1)
    wrong = np.cumsum(negative[:, ::-1], axis=1)
    # Bins that a draw left empty at the top have no precision yet; none of its positives lie there.
    precision = found / np.maximum(found + wrong, 1)
    average_precision = (positive[:, ::-1] * precision).sum(1) / positives
    recall, rate = found / positives[:, None], wrong / negatives[:, None]
    start = np.zeros(1)
    on_roc = [np.interp(GRID, np.append(start, x), np.append(start, y)) for x, y in zip(rate, recall, strict=True)]
    # The smallest step that reaches the recall; 1e-9 for the rounding of the grid.
    on_pr = [p[np.searchsorted(r, np.maximum(GRID, 1e-9) - 1e-9)] for r, p in zip(recall, precision, strict=True)]
    return auc, average_precision, np.array(on_roc).reshape(-1, len(GRID)), np.array(on_pr).reshape(-1, len(GRID))
