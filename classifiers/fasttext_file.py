"""fastText's binary file (Joulin et al. 2016, arXiv:1607.01759) as arrays that compiled code can read.

The file is mapped, not loaded: the matrix of a released classifier is 2 GB, and all processes of a machine share the
pages that they touch.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

LABEL, END = "__label__", b"</s>"
HIERARCHICAL, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
EMPTY = -1
_MAGIC, _VERSION = 793712314, 12
_SUPERVISED = 3
_ARGS = ("dim", "ws", "epoch", "min_count", "neg", "word_ngrams", "loss", "model", "bucket", "minn", "maxn", "rate")
_FNV_BASIS, _FNV_PRIME, _LOW32 = 2166136261, 16777619, 0xFFFFFFFF


@dataclass(frozen=True)
class ModelFile:
    """A supervised model. Rows of ``vectors`` are words, then buckets of n-grams, or those that quantisation kept."""

    args: dict[str, int]
    words: list[bytes]
    word_counts: np.ndarray  # int64 (words,), occurrences in training
    labels: list[str]  # by falling count, as they come in the file
    label_counts: list[int]
    kept: np.ndarray | None  # int32 (n, 2), bucket and place of the n-grams that quantisation kept; None: all
    vectors: np.ndarray  # float32 (rows, dim)
    output: np.ndarray  # float32 (labels, dim)

    @cached_property
    def ngram_rows(self) -> np.ndarray:
        """int32 (bucket,): the row of each hash bucket, EMPTY for one that quantisation dropped."""
        first = len(self.words)
        if self.kept is None:
            return np.arange(first, first + self.args["bucket"], dtype=np.int32)
        rows = np.full(self.args["bucket"], EMPTY, np.int32)
        rows[self.kept[:, 0]] = first + self.kept[:, 1]
        return rows


def read_model(path: Path) -> ModelFile:
    """Read a .bin or .ftz. Errors: ValueError naming the file when it is no fastText classifier, or is damaged."""
    try:
        file = _File(path)
        args = _args(file)
        words, word_counts, labels, label_counts, kept = _dictionary(file)
        vectors, output = (_matrix(file, quantised=bool(file.take("?")[0])) for _ in range(2))
        _check_sizes(args, len(words), len(labels), kept, vectors, output)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise ValueError(f"{path} is not a fastText classifier, or is damaged: {error}") from error
    return ModelFile(args, words, word_counts, labels, label_counts, kept, vectors, output)


def _check_sizes(
    args: dict[str, int], words: int, labels: int, kept: np.ndarray | None, vectors: np.ndarray, output: np.ndarray
) -> None:
    """Refuse a file whose parts do not fit: compiled code reads without looking. Errors: ValueError."""
    places = args["bucket"] if kept is None else len(kept)
    if vectors.shape != (words + places, args["dim"]) or output.shape != (labels, args["dim"]):
        raise ValueError(f"its matrices are {vectors.shape} and {output.shape}, its dictionary says otherwise")
    if args["word_ngrams"] > 1 and args["bucket"] < 1:
        raise ValueError("it has n-grams and no buckets for them")
    if (
        kept is not None
        and len(kept)
        and not ((kept >= 0).all() and kept[:, 0].max() < args["bucket"] and kept[:, 1].max() < places)
    ):
        raise ValueError("it keeps n-grams that it has no room for")


class _File:
    """The bytes of a model file and the place reached in them."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream:
            self.data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 0

    def take(self, form: str) -> tuple[Any, ...]:
        """The next values of a struct format."""
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def array(self, kind: str, count: int) -> np.ndarray:
        """The next ``count`` numbers."""
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values

    def string(self) -> bytes:
        """The next string, which ends at a zero."""
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise IndexError("a string does not end")
        value = self.data[self.at : end]
        self.at = end + 1
        return value


def _args(file: _File) -> dict[str, int]:
    if file.take("ii") != (_MAGIC, _VERSION):
        raise ValueError(f"its first bytes are not those of a fastText model of version {_VERSION}")
    args = dict(zip(_ARGS, file.take("12i"), strict=True))
    file.take("d")
    if args["model"] != _SUPERVISED:
        raise ValueError("it holds word vectors and no labels: train it with train_supervised")
    return args


def _dictionary(file: _File) -> tuple[list[bytes], np.ndarray, list[str], list[int], np.ndarray | None]:
    _, num_words, num_labels, _, num_kept = file.take("iiiqq")
    if min(num_words, num_labels) < 0:
        raise ValueError("its dictionary has a negative size")
    entries = []
    for _ in range(num_words + num_labels):
        name = file.string()
        entries.append((name, file.take("qb")[0]))
    words, labels = entries[:num_words], entries[num_words:]
    kept = file.array("<i4", 2 * num_kept).reshape(-1, 2) if num_kept >= 0 else None
    counts = np.array([count for _, count in words], np.int64)
    names = [name.decode() for name, _ in labels]
    return [name for name, _ in words], counts, names, [count for _, count in labels], kept


def _matrix(file: _File, quantised: bool) -> np.ndarray:
    """A dense matrix, or a product-quantised one multiplied out."""
    if not quantised:
        rows, columns = file.take("qq")
        return file.array("<f4", rows * columns).reshape(rows, columns)
    (has_norms,) = file.take("?")
    rows, columns, size = file.take("qqi")
    codes = file.array("u1", size).reshape(rows, -1)
    matrix = _multiply_out(codes, _centroids(file))
    if has_norms:
        norm_codes = file.array("u1", rows).reshape(rows, 1)
        matrix *= _multiply_out(norm_codes, _centroids(file))
    if matrix.shape != (rows, columns):
        raise ValueError("the parts of its quantised vectors do not add up")
    return matrix


def _centroids(file: _File) -> list[np.ndarray]:
    """The 256 centroids of each part of a vector, each (256, width); the last part may be narrower."""
    dim, parts, width, last = file.take("4i")
    widths = [width] * (parts - 1) + [last]
    values = file.array("<f4", dim * 256)
    return [part.reshape(256, -1) for part in np.split(values, 256 * np.cumsum(widths)[:-1])]


def _multiply_out(codes: np.ndarray, centroids: list[np.ndarray]) -> np.ndarray:
    """The float32 rows that the codes stand for, one code a part."""
    return np.concatenate([part[codes[:, number]] for number, part in enumerate(centroids)], axis=1)


def fnv(word: bytes) -> int:
    """fastText's hash: 32-bit FNV-1a over signed bytes."""
    hashed = _FNV_BASIS
    for byte in word:
        hashed = (hashed ^ (byte | 0xFFFFFF00 if byte & 0x80 else byte)) * _FNV_PRIME & _LOW32
    return hashed
