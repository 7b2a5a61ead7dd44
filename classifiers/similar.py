"""Texts that are the same, or nearly: MinHash (Broder 1997) over runs of five words, in numpy, whole columns at once.

A word is a run of letters and digits, lower-cased; a Chinese, Japanese or Korean character is a word of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

NGRAM = 5  # words of a shingle, as FineWeb has it
BANDS, ROWS = 16, 4  # two texts of similarity 0.75 share a band with probability 0.998
_BATCH_CHARS = 4_000_000
_CODES = 0x110000
# Han with its extensions, kana, hangul.
_ALONE = ((0x2E80, 0x2FE0), (0x3040, 0x3100), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xAC00, 0xD7B0), (0xF900, 0xFB00),
          (0x20000, 0x32000))  # fmt: skip
_UNIT = np.uint64(0x9E3779B97F4A7C15)


def digest(text: str) -> bytes:
    """sha256 of a text without regard to case and white space; b"" for one of white space alone."""
    plain = " ".join(text.lower().split())
    return hashlib.sha256(plain.encode("utf-8", "replace")).digest() if plain else b""


def groups(texts: Sequence[str], similarity: float) -> np.ndarray:
    """Number of each text's group of near-duplicates, int64 (n,): those joined by pairs of at least this similarity.

    Args: texts, all different by ``digest`` and in an order of their own, on which the pairs looked at depend;
    similarity: Jaccard index of the shingles, 0 to 1, estimated from BANDS * ROWS hashes (standard error 0.05).
    A text shorter than a shingle is alone.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(texts)
    signatures, known = signature_table(texts)
    first, second = _candidates(signatures, np.flatnonzero(known))
    same = (signatures[first] == signatures[second]).mean(axis=1) >= similarity
    pairs = (first[same], second[same])
    graph = coo_array((np.ones(len(pairs[0]), bool), pairs), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def signature_table(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(signatures uint32 (n, BANDS * ROWS), whether the text has a shingle bool (n,))."""
    signatures = np.zeros((len(texts), BANDS * ROWS), np.uint32)
    known = np.zeros(len(texts), bool)
    for start, stop in _batches(texts):
        hashes, owner = shingles(texts[start:stop])
        if len(hashes):
            begins = np.flatnonzero(np.diff(owner, prepend=-1))
            rows = start + owner[begins]
            known[rows] = True
            for k, (flip, factor) in enumerate(zip(*_family(), strict=True)):
                signatures[rows, k] = np.minimum.reduceat((hashes ^ flip) * factor, begins)
    return signatures, known


def shingles(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hash of every shingle and the number of its text: uint32 (m,), int64 (m,), in the order of the texts."""
    # A space after each text, so that no word reaches into the next.
    joined = "".join(f"{text.lower()} " for text in texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = [len(text.lower()) + 1 for text in texts]
    kind = _kinds()[codes]
    before = np.concatenate([[0], kind[:-1]])
    starts = np.flatnonzero((kind == 2) | ((kind == 1) & (before != 1)))
    if len(starts) < NGRAM:
        return np.zeros(0, np.uint32), np.zeros(0, np.int64)
    words = _word_hashes(codes, kind, starts)
    owner = np.repeat(np.arange(len(texts)), lengths)[starts]
    runs = np.zeros(len(words) - NGRAM + 1, np.uint64)
    for i in range(NGRAM):
        runs = _mixed(runs * _UNIT + words[i : len(words) - NGRAM + 1 + i])
    whole = owner[: len(runs)] == owner[NGRAM - 1 :]
    return (runs[whole] >> np.uint64(32)).astype(np.uint32), owner[: len(runs)][whole]


def _word_hashes(codes: np.ndarray, kind: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """A hash of each word, uint64: the sum of its characters, each mixed with its place in the word."""
    place = np.arange(len(codes), dtype=np.uint64)
    begun = np.repeat(place[starts], np.diff(starts, append=len(codes)))
    first = int(starts[0])
    mixed = _mixed(codes[first:].astype(np.uint64) + (place[first:] - begun) * _UNIT)
    mixed[kind[first:] == 0] = 0  # what stands between two words
    return _mixed(np.add.reduceat(mixed, starts - first))


def _mixed(values: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _candidates(signatures: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that share a band: each row of a bucket with the bucket's first."""
    found = []
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[rows, band * ROWS : (band + 1) * ROWS])
        _, at, bucket = np.unique(part.view(f"V{4 * ROWS}").ravel(), return_index=True, return_inverse=True)
        first = rows[at[bucket]]
        found.append(np.stack([first, rows])[:, first != rows])
    first, second = np.unique(np.concatenate(found, axis=1), axis=1)
    return first, second


@cache
def _family() -> tuple[np.ndarray, np.ndarray]:
    """Flips and odd factors of the hash functions, uint32 (BANDS * ROWS,) each."""
    draws = np.random.Generator(np.random.PCG64(1)).integers(0, 1 << 32, (2, BANDS * ROWS), np.uint32)
    return draws[0], draws[1] | np.uint32(1)


@cache
def _kinds() -> np.ndarray:
    """Of each code point: 0 no part of a word, 1 part of one, 2 a word of its own; uint8."""
    kinds = np.fromiter((chr(code).isalnum() for code in range(_CODES)), np.uint8, _CODES)
    for start, stop in _ALONE:
        kinds[start:stop] *= 2
    return kinds


def _batches(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(start, stop) of runs of texts of about _BATCH_CHARS together."""
    ends = np.cumsum([len(text) for text in texts])
    start = 0
    while start < len(texts):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BATCH_CHARS, "right")))
        yield start, stop
        start = stop
