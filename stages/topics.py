"""Topics: clusters of statements by their vectors, found once on a sample and the same for any cut into shards.

Vectors of length one and centroids are rounded to whole 2048ths, so that every product and sum is exact: a row has the
same topic whatever the batch, the machine and the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stages.topic_names import name_topics
from stages.topic_words import word_vectors

VERSION = 1  # bump if topics change for the same vectors
SAMPLE_ROWS = 50_000
_SCALE = 2048  # the sum of products of two such rows stays below 2**24, up to which float32 counts exactly
_ROUNDS = 20
_MAX_TOPICS = 400
_BATCH = 16_384  # rows compared with all centroids at once


@dataclass(frozen=True)
class Topics:
    """What assigns topics: centroids, float32 (k, d), whole numbers; names (k,), distinct."""

    centroids: np.ndarray
    names: tuple[str, ...]


def sample_of(uids: pa.Array | pa.ChunkedArray, rows: int = SAMPLE_ROWS) -> np.ndarray:
    """Which rows are in the sample: those of the smallest hashes of their uids, in the order of the hashes.

    The sample of a union is the sample of its parts' samples together.
    """
    import xxhash

    hashes = np.array([xxhash.xxh3_64_intdigest(uid) for uid in uids.to_pylist()], np.uint64)
    return np.argsort(hashes, kind="stable")[:rows]


def find_topics(
    vectors: np.ndarray | None, texts: pa.Array | pa.ChunkedArray, langs: pa.Array | pa.ChunkedArray, seed: int,
    k: int | None = None,
) -> Topics:  # fmt: skip
    """Topics of a sample.

    Args: vectors, float (n, d), rows of any length above 0; None: those of the words of the texts (``word_vectors``),
        by which no English statement comes near a Chinese one but by names. k, topics at most; by default the square
        root of half the rows, 400 at most.
    Errors: ValueError for vectors that are not finite, or not as many as texts.
    """
    rows = _rounded(word_vectors(texts) if vectors is None else vectors)
    if len(rows) != len(texts):
        raise ValueError(f"there are {len(rows)} vectors and {len(texts)} texts; give one vector a text")
    if len(rows) == 0:
        return Topics(np.zeros((0, rows.shape[1]), np.float32), ())
    wanted = k or min(_MAX_TOPICS, max(1, round(np.sqrt(len(rows) / 2))))
    centroids = _cluster(rows, min(wanted, len(rows)), np.random.default_rng(seed))
    label = assign_topics(rows, centroids)
    used, label = np.unique(label, return_inverse=True)
    return Topics(centroids[used], tuple(name_topics(texts, langs, label, len(used))))


def topic_names_of(
    topics: Topics, vectors: np.ndarray | None, texts: pa.Array | pa.ChunkedArray
) -> pa.Array:  # fmt: skip
    """The name of the topic of each row of a shard, by vectors as those that the topics were found with: string (n,),
    null for a vector of zeros, as of a text without words."""
    rows = _rounded(word_vectors(texts) if vectors is None else vectors)
    if len(topics.names) == 0:
        return pa.nulls(len(rows), pa.string())
    says_nothing = ~rows.any(axis=1)
    nearest = pa.array(assign_topics(rows, topics.centroids), mask=says_nothing)
    return pa.array(topics.names, pa.string()).take(nearest)


def topics_of(
    vectors: np.ndarray | None, texts: pa.Array | pa.ChunkedArray, langs: pa.Array | pa.ChunkedArray, seed: int,
    k: int | None = None,
) -> pa.Array:  # fmt: skip
    """The topic of each row where all rows are at hand; see ``find_topics``."""
    return topic_names_of(find_topics(vectors, texts, langs, seed, k), vectors, texts)


def assign_topics(rows: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The nearest centroid of each rounded row, the first of equals: int64 (n,)."""
    starts = range(0, len(rows), _BATCH)
    parts = [np.argmax(rows[start : start + _BATCH] @ centroids.T, axis=1) for start in starts]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _rounded(vectors: np.ndarray) -> np.ndarray:
    """Rows made of length one, in whole 2048ths: float32 (n, d). A row of zeros, as of a text without words, stays."""
    rows = np.asarray(vectors, np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError("vectors must be a matrix of finite numbers, one row a text")
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    # Rounded towards zero, so that no row gets longer and no sum passes the exact numbers of float32.
    return np.trunc(rows / np.where(lengths > 0, lengths, 1) * _SCALE).astype(np.float32)


def _cluster(rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Spherical k-means (Dhillon and Modha 2001), started by k-means++; centroids as rounded rows."""
    centroids = _start(rows, k, rng)
    label = np.full(len(rows), -1)
    for _ in range(_ROUNDS):
        before, label = label, assign_topics(rows, centroids)
        if np.array_equal(before, label):
            break
        centroids = _means(rows, label, centroids)
    return centroids


def _means(rows: np.ndarray, label: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The direction of the rows of each label; that of a label without rows stays."""
    order = np.argsort(label, kind="stable")
    used, first = np.unique(label[order], return_index=True)
    sums = np.add.reduceat(rows[order].astype(np.float64), first, axis=0)  # whole numbers: exact in any order
    means = before.copy()
    means[used] = _rounded(sums)
    return means


def _start(rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """k rows far from each other: each drawn with a chance that grows with its distance to those before."""
    chosen = [int(rng.integers(len(rows)))]
    near = rows @ rows[chosen[0]]
    for _ in range(k - 1):
        far = np.maximum(_SCALE * _SCALE - near.astype(np.float64), 0) ** 2
        total = np.cumsum(far)
        chosen.append(int(np.searchsorted(total, rng.random() * total[-1], "right").clip(0, len(rows) - 1)))
        near = np.maximum(near, rows @ rows[chosen[-1]])
    return rows[chosen].copy()
