"""Boosted trees over blocks."""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled

_ROWS = 128  # of figures that stay in the cache while all trees read them


@compiled
def predict(f, feature, threshold, left, value, roots, depths):
    """Probability of each row by a forest.

    Args: f float32 (n, m); of every tree's nodes, laid end to end: feature int32, threshold float32, left int32, the
        child for figures up to the threshold, with the other child after it, and of a leaf itself (its threshold is
        infinite), value float32; roots int32, where each tree starts; depths int32, of each tree.
    Out: float32 (n,).
    """
    n = len(f)
    scores = np.zeros(n, np.float32)
    for start in range(0, n, _ROWS):
        _add_scores(f, start, min(n, start + _ROWS), feature, threshold, left, value, roots, depths, scores)
    return (1 / (1 + np.exp(-scores))).astype(np.float32)


@compiled
def _add_scores(f, start, end, feature, threshold, left, value, roots, depths, scores):
    for tree in range(len(roots)):
        root, depth, i = roots[tree], depths[tree], start
        while i + 4 <= end:  # four rows at once, without branches: each waits for memory while the others go on
            a = b = c = d = root
            for _ in range(depth):
                a = left[a] + (f[i, feature[a]] > threshold[a])
                b = left[b] + (f[i + 1, feature[b]] > threshold[b])
                c = left[c] + (f[i + 2, feature[c]] > threshold[c])
                d = left[d] + (f[i + 3, feature[d]] > threshold[d])
            scores[i] += value[a]
            scores[i + 1] += value[b]
            scores[i + 2] += value[c]
            scores[i + 3] += value[d]
            i += 4
        while i < end:
            a = root
            for _ in range(depth):
                a = left[a] + (f[i, feature[a]] > threshold[a])
            scores[i] += value[a]
            i += 1
