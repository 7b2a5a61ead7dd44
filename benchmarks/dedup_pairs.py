"""True similarity of texts, for the benchmarks of duplicates: sets of shingles in plain Python, all pairs compared.

Nothing here is shared with the product: shingles are cut by a regular expression and kept whole by a 64-bit hash, and
every pair that shares a shingle is looked at, so that what signatures miss is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import regex
from scipy.sparse import csr_array
from xxhash import xxh3_64_intdigest

WORDS, CHARACTERS = 5, 8  # of a shingle, English and Chinese
# Words are letters, digits and marks; a Han character is a word of its own. The ranges are those of the product.
_HAN = r"\u3007\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\U00020000-\U000323AF"
WORD = regex.compile(rf"[{_HAN}]|[[\p{{L}}\p{{N}}\p{{M}}]--[{_HAN}]]+", regex.VERSION1)
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Pairs:
    """Rows a[i] < b[i] of a corpus and the Jaccard similarity of their shingles."""

    a: np.ndarray
    b: np.ndarray
    jaccard: np.ndarray

    def where(self, mask: np.ndarray) -> Pairs:
        """Those that are marked."""
        return Pairs(self.a[mask], self.b[mask], self.jaccard[mask])


def shingles(text: str, lang: str) -> Iterator[str]:
    """Shingles as text, repeated ones too: words in English, letters and digits without spaces in Chinese."""
    words = WORD.findall(text.lower())
    units, size = ("".join(words), CHARACTERS) if lang == "zh" else (words, WORDS)
    joint = "" if lang == "zh" else " "
    return (joint.join(units[at : at + size]) for at in range(len(units) - size + 1))


def shingle_matrix(texts: Iterable[str], lang: str) -> csr_array:
    """A row a text, a column a shingle, 1 where the text holds it; int32."""
    sets = [
        np.unique(np.fromiter((xxh3_64_intdigest(shingle) for shingle in shingles(text, lang)), np.uint64))
        for text in texts
    ]
    offsets = np.cumsum([0, *map(len, sets)])
    known, columns = np.unique(np.concatenate([np.zeros(0, np.uint64), *sets]), return_inverse=True)
    ones = np.ones(len(columns), np.int32)
    return csr_array((ones, columns, offsets), shape=(len(sets), len(known)))


def true_pairs(matrix: csr_array, least: float) -> Pairs:
    """Every pair of rows at least so similar, in order of a, then b."""
    sizes = np.diff(matrix.indptr)
    columns = matrix.T.tocsr()
    found = []
    for start in range(0, matrix.shape[0], _ROWS_AT_ONCE):
        shared = (matrix[start : start + _ROWS_AT_ONCE] @ columns).tocoo()
        a, b = shared.row + start, shared.col
        jaccard = shared.data / (sizes[a] + sizes[b] - shared.data)
        keep = (a < b) & (jaccard >= least)
        found.append((a[keep], b[keep], jaccard[keep]))
    a, b, jaccard = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((b, a))
    return Pairs(a[order], b[order], jaccard[order])
