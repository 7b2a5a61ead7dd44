"""Sampled shingles of rows, compiled."""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled
from stages.minhash_kernels import letter_table, shingle_page


@compiled
def sampled_shingles(
    data: np.ndarray, offsets: np.ndarray, codes: np.ndarray, flags: np.ndarray, lower: np.ndarray,
    words_size: int, characters_size: int, sample: int, room: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The distinct shingles of every row in order whose hash is a multiple of ``sample``: values uint64, offsets
    (n + 1,)."""
    rows = codes.shape[0]
    bounds = np.zeros(rows + 1, np.int64)
    out = np.empty(1024, np.uint64)
    units, shingles = np.empty(room + 1, np.uint64), np.empty(room + 1, np.uint64)
    letters, every = letter_table(flags, lower), np.uint64(sample)
    for r in range(rows):
        count, _ = shingle_page(
            codes[r], data, offsets[r], offsets[r + 1], letters, flags, lower,
            words_size, characters_size, units, shingles,
        )  # fmt: skip
        kept = 0
        for k in range(count):
            if shingles[k] % every == 0:
                shingles[kept] = shingles[k]
                kept += 1
        own = np.sort(shingles[:kept])
        at = bounds[r]
        if at + kept > out.shape[0]:
            out = np.concatenate((out, np.empty(max(kept, out.shape[0]), np.uint64)))
        for k in range(kept):
            if k == 0 or own[k] != own[k - 1]:
                out[at] = own[k]
                at += 1
        bounds[r + 1] = at
    return out[: bounds[rows]], bounds
