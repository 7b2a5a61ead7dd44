"""Texts of question sets as letters and words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stages.codepoints import view_text
from stages.letter_kernels import are_characters, fold
from stages.letters import folding

_APOSTROPHES = frozenset("'’‘ʼ`´")


@dataclass(frozen=True)
class Folded:
    """Texts one after the other: text k has letters ``bounds[k]:bounds[k + 1]`` and words likewise."""

    letters: np.ndarray  # uint16
    bounds: np.ndarray  # int64 (texts + 1,)
    words: np.ndarray  # int64 (words + 1,), the letter at which each starts
    word_bounds: np.ndarray  # int64 (texts + 1,)
    characters: np.ndarray  # bool (texts,): mostly of a script without spaces

    @property
    def num_letters(self) -> np.ndarray:
        """Letters of each text."""
        return np.diff(self.bounds)

    @property
    def num_words(self) -> np.ndarray:
        """Words of each text."""
        return np.diff(self.word_bounds)


def fold_texts(texts: Sequence[str]) -> Folded:
    """Letters and words of texts.

    A word is what stands between characters that are no letters, but for apostrophes and marks, which part none; each
    character of a script without spaces is a word.
    """
    view, table = view_text(pa.array(texts, pa.large_string())), folding()
    size = 2 * len(view.data) + 1
    letters, places = np.empty(size, np.uint16), np.empty(size, np.int32)
    bounds, starts, characters = [0], [np.zeros(0, np.int64)], []
    for row, text in enumerate(texts):
        at = bounds[-1]
        count, number = fold(view.data, view.offsets[row], view.offsets[row + 1], *table, letters[at:], places[at:])
        starts.append(_word_starts(letters[at : at + count], places[at : at + count], text) + at)
        characters.append(2 * number > count)
        bounds.append(at + count)
    word_bounds = np.cumsum([len(some) for some in starts])
    words = np.concatenate([*starts, np.array(bounds[-1:])])
    return Folded(letters[: bounds[-1]].copy(), np.array(bounds), words, word_bounds, np.array(characters, bool))


def sums(flags: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """How many flags are set between each two bounds."""
    total = np.concatenate([[0], np.cumsum(flags)])
    return total[bounds[1:]] - total[bounds[:-1]]


def _word_starts(letters: np.ndarray, places: np.ndarray, text: str) -> np.ndarray:
    """Letters at which words start."""
    if not len(letters):
        return np.zeros(0, np.int64)
    apart = np.diff(places) > 1
    alone = are_characters(letters)
    for k in np.flatnonzero(apart):
        apart[k] = not all(one in _APOSTROPHES or _is_mark(one) for one in text[places[k] + 1 : places[k + 1]])
    return np.flatnonzero(np.concatenate([[True], apart | alone[1:] | alone[:-1]]))


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Me", "Cf")
