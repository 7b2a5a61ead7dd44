"""Letters out of UTF-8, and the hashes of windows and word n-grams of them, compiled."""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled
from stages.text_kernels import BASE

_ONE, _HALF = np.uint64(1), np.uint64(32)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)


@compiled
def is_character(letter: int) -> bool:
    """Whether a letter is of a script that sets no spaces between words: Han, kana, Thai, Lao, Khmer, Burmese."""
    if letter < 0x0E00:
        return False
    if letter < 0x2E80:
        return letter < 0x0F00 or 0x1000 <= letter < 0x10A0 or 0x1780 <= letter < 0x1800
    return letter < 0xA000 or 0xF900 <= letter < 0xFB00


@compiled
def are_characters(letters: np.ndarray) -> np.ndarray:
    """``is_character`` of each letter."""
    flags = np.empty(letters.shape[0], np.bool_)
    for i in range(letters.shape[0]):
        flags[i] = is_character(letters[i])
    return flags


@compiled
def fold(
    data: np.ndarray, start: int, stop: int, first: np.ndarray, table: np.ndarray, out: np.ndarray, places: np.ndarray
) -> tuple[int, int]:
    """The letters of UTF-8 ``data[start:stop]``, at most two a byte, and the code points they stand at.

    Returns their number, and how many are of a script without spaces.
    """
    n = characters = place = 0
    i = start
    while i < stop:
        b = np.uint32(data[i])
        if b < 0x80:
            c = b
            i += 1
        elif b < 0xE0:
            c = (b & 0x1F) << 6 | (np.uint32(data[i + 1]) & 0x3F)
            i += 2
        elif b < 0xF0:
            c = (b & 0x0F) << 12 | (np.uint32(data[i + 1]) & 0x3F) << 6 | (np.uint32(data[i + 2]) & 0x3F)
            i += 3
        else:
            c = (b & 0x07) << 18 | (np.uint32(data[i + 1]) & 0x3F) << 12
            c |= (np.uint32(data[i + 2]) & 0x3F) << 6 | (np.uint32(data[i + 3]) & 0x3F)
            i += 4
        for k in range(first[c], first[c + 1]):
            out[n] = table[k]
            places[n] = place
            characters += is_character(table[k])
            n += 1
        place += 1
    return n, characters


@compiled
def finish(h: np.uint64) -> np.uint64:
    """Bring all bits of a rolling hash to its highest ones."""
    return (h ^ (h >> _HALF)) * _SPREAD


@compiled
def window_hashes(letters: np.ndarray, starts: np.ndarray, size: int, out: np.ndarray) -> None:
    """The finished hashes of windows of ``size`` letters at ``starts``."""
    for k in range(starts.shape[0]):
        h = np.uint64(size)
        for i in range(starts[k], starts[k] + size):
            h = h * BASE + np.uint64(letters[i]) + _ONE
        out[k] = finish(h)


@compiled
def gram_hashes(letters: np.ndarray, words: np.ndarray, begin: int, end: int, size: int, out: np.ndarray) -> int:
    """Finished hashes of all runs of ``size`` words among words ``begin:end``; returns their number."""
    count = max(0, end - begin - size + 1)
    for k in range(count):
        h = np.uint64(size)
        for i in range(words[begin + k], words[begin + k + size]):
            h = h * BASE + np.uint64(letters[i]) + _ONE
        out[k] = finish(h)
    return count


@compiled
def all_grams(
    letters: np.ndarray, words: np.ndarray, word_bounds: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The grams of every text, of ``sizes[t]`` words each: hashes, texts, and the words at which they start."""
    hashes = np.empty(words.shape[0], np.uint64)
    texts, starts = np.empty(words.shape[0], np.int32), np.empty(words.shape[0], np.int32)
    n = 0
    for t in range(word_bounds.shape[0] - 1):
        begin = word_bounds[t]
        count = gram_hashes(letters, words, begin, word_bounds[t + 1], sizes[t], hashes[n:])
        for k in range(count):
            texts[n + k], starts[n + k] = t, begin + k
        n += count
    return hashes[:n], texts[:n], starts[:n]
