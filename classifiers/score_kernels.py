"""The probability of a label by a fastText model of words and word n-grams, from the ids of token pieces, compiled.

The arithmetic of fastText 0.9.2, in its order and precision: the mean of the vectors of words and then of n-grams in
float32, a product with each label's vector, softmax, and the 1e-5 that its predict adds before it takes the logarithm.
One file without helpers elsewhere, so that numba's own disk cache notices every change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

_BASIS, _PRIME, _SIGN = np.uint32(2166136261), np.uint32(16777619), np.uint32(0xFFFFFF00)
_NGRAM_FACTOR = np.uint64(116049371)
_EPSILON = 1e-5


class ScoreArrays(NamedTuple):
    """A model, its words looked up for every token piece."""

    piece_starts: np.ndarray  # int32 (pieces + 1,), where the words of a piece begin: none, one, or some at white space
    word_rows: np.ndarray  # int32, the row of each such word, -1 unknown to the model
    word_hashes: np.ndarray  # int32, fastText's hash of it
    trims: np.ndarray  # bool (pieces,), white space other than a space at an end, which a line's ends lose
    vectors: np.ndarray  # float32 (rows, dim)
    num_words: int
    bucket: int
    ngram_rows: np.ndarray  # int32 (bucket,), -1 dropped; empty where every bucket has its row after the words
    word_ngrams: int
    end_row: int  # of "</s>", which ends every line; -1 where the model has none
    end_hash: int
    output: np.ndarray  # float32 (2, dim)
    positive: int  # the label whose probability is wanted


@njit(cache=True, nogil=True)
def hash_words(data: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """fastText's hash of many words: 32-bit FNV-1a over signed bytes, int32 (n,)."""
    hashes = np.empty(len(starts) - 1, np.int32)
    for word in range(len(hashes)):
        hashed = _BASIS
        for i in range(starts[word], starts[word + 1]):
            byte = np.uint32(data[i])
            hashed = np.uint32((hashed ^ (byte | _SIGN if byte & np.uint32(0x80) else byte)) * _PRIME)
        hashes[word] = np.int32(hashed)
    return hashes


@njit(cache=True, nogil=True)
def probability(rows: np.ndarray, hashes: np.ndarray, model: ScoreArrays, hidden: np.ndarray) -> float:
    """P(positive label) of a line, from its words up to the first "</s>"; NaN when the model knows nothing of them."""
    hidden[:] = np.float32(0)
    added = count = 0
    while hashes[count] != model.end_hash or rows[count] != model.end_row:
        count += 1
    count += 1
    for word in range(count):
        if rows[word] >= 0:
            hidden += model.vectors[rows[word]]
            added += 1
    for first in range(count):
        hashed = np.uint64(np.int64(hashes[first]))
        for last in range(first + 1, min(count, first + model.word_ngrams)):
            hashed = hashed * _NGRAM_FACTOR + np.uint64(np.int64(hashes[last]))
            place = np.int64(hashed % np.uint64(model.bucket))
            row = model.ngram_rows[place] if len(model.ngram_rows) else model.num_words + place
            if row >= 0:
                hidden += model.vectors[row]
                added += 1
    if not added:
        return np.nan
    hidden *= np.float32(1.0 / added)
    first_sum, second_sum = np.float32(0), np.float32(0)
    for i in range(len(hidden)):
        first_sum += model.output[0, i] * hidden[i]
        second_sum += model.output[1, i] * hidden[i]
    largest = max(first_sum, second_sum)
    first_chance = np.float32(np.exp(first_sum - largest))
    second_chance = np.float32(np.exp(second_sum - largest))
    total = first_chance + second_chance
    first_log = np.float32(np.log(np.float64(first_chance / total) + _EPSILON))
    second_log = np.float32(np.log(np.float64(second_chance / total) + _EPSILON))
    best = 0 if first_log > second_log else 1  # of two equal ones fastText names the second
    told = min(np.float64(np.float32(np.exp(first_log if best == 0 else second_log))), 1.0)
    return told if best == model.positive else 1.0 - told


@njit(cache=True, nogil=True)
def probabilities(ids: np.ndarray, starts: np.ndarray, model: ScoreArrays) -> tuple[np.ndarray, np.ndarray]:
    """P(positive label) of the texts whose piece ids stand one after the other.

    Args: ids uint32; starts int64 (n + 1,).
    Returns: float64 (n,), NaN where nothing is left of a text; odd bool (n,), texts whose line loses a part of its
    first or last piece, which are not worked out.
    """
    number = len(starts) - 1
    found, odd = np.full(number, np.nan), np.zeros(number, np.bool_)
    hidden = np.empty(model.vectors.shape[1], np.float32)
    for text in range(number):
        start, stop = starts[text], starts[text + 1]
        while start < stop and _is_nothing(ids[start], model):
            start += 1
        while start < stop and _is_nothing(ids[stop - 1], model):
            stop -= 1
        if start == stop:
            continue
        if model.trims[ids[start]] or model.trims[ids[stop - 1]]:
            odd[text] = True
            continue
        count = 0
        for i in range(start, stop):
            count += model.piece_starts[ids[i] + 1] - model.piece_starts[ids[i]]
        rows, hashes = np.empty(count + 1, np.int32), np.empty(count + 1, np.int32)
        count = 0
        for i in range(start, stop):
            for word in range(model.piece_starts[ids[i]], model.piece_starts[ids[i] + 1]):
                rows[count], hashes[count] = model.word_rows[word], model.word_hashes[word]
                count += 1
        rows[count], hashes[count] = model.end_row, model.end_hash
        found[text] = probability(rows, hashes, model, hidden)
    return found, odd


@njit(cache=True, nogil=True)
def _is_nothing(piece: int, model: ScoreArrays) -> bool:
    """Whether a piece leaves no trace at the end of a line: a space, or no token."""
    return model.piece_starts[piece] == model.piece_starts[piece + 1] and not model.trims[piece]
