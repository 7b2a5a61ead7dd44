"""Band keys of signatures, and the similarity of pairs, compiled."""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled
from stages.minhash_kernels import LOW_BITS, letter_table, shingle_page
from stages.text_kernels import mix

_SALT = np.uint64(0x9E3779B97F4A7C15)


@compiled
def band_keys(signatures: np.ndarray, bands: int, rows: int) -> np.ndarray:
    """A 64-bit key of each band, uint64 (n, bands): a hash of its number and its values, lowest bit 0."""
    out = np.empty((signatures.shape[0], bands), np.uint64)
    for n in range(signatures.shape[0]):
        for band in range(bands):
            key = mix(np.uint64(band + 1))
            for row in range(rows):
                key = mix(key ^ (np.uint64(signatures[n, band * rows + row]) + _SALT))
            out[n, band] = key & ~np.uint64(1)
    return out


@compiled
def equal_hashes(signatures: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many hashes the signatures of rows a[i] and b[i] share, int64 (n,)."""
    out = np.zeros(a.shape[0], np.int64)
    for pair in range(a.shape[0]):
        left, right, same = signatures[a[pair]], signatures[b[pair]], 0
        for k in range(signatures.shape[1]):
            same += left[k] == right[k]
        out[pair] = same
    return out


@compiled
def shared_values(values: np.ndarray, offsets: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many values the sorted sets of rows a[i] and b[i] share, int64 (n,)."""
    out = np.zeros(a.shape[0], np.int64)
    for pair in range(a.shape[0]):
        i, j = offsets[a[pair]], offsets[b[pair]]
        i_end, j_end = offsets[a[pair] + 1], offsets[b[pair] + 1]
        same = 0
        while i < i_end and j < j_end:
            x, y = values[i], values[j]
            same += x == y
            i += x <= y
            j += y <= x
        out[pair] = same
    return out


@compiled
def shingle_lists(
    data: np.ndarray, offsets: np.ndarray, codes: np.ndarray, flags: np.ndarray, lower: np.ndarray,
    words_size: int, characters_size: int, room: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The distinct shingles of every row in order, the low 32 bits of their hashes: values uint32, offsets (n + 1,)."""
    rows = codes.shape[0]
    bounds = np.zeros(rows + 1, np.int64)
    out = np.empty(1024, np.uint32)
    units, shingles = np.empty(room + 1, np.uint64), np.empty(room + 1, np.uint64)
    letters = letter_table(flags, lower)
    for r in range(rows):
        count, _ = shingle_page(
            codes[r], data, offsets[r], offsets[r + 1], letters, flags, lower,
            words_size, characters_size, units, shingles,
        )  # fmt: skip
        own = np.sort((shingles[:count] & LOW_BITS).astype(np.uint32))
        at = bounds[r]
        if at + count > out.shape[0]:
            out = np.concatenate((out, np.empty(max(count, out.shape[0]), np.uint32)))
        for k in range(count):
            if k == 0 or own[k] != own[k - 1]:
                out[at] = own[k]
                at += 1
        bounds[r + 1] = at
    return out[: bounds[rows]], bounds
