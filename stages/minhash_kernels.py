"""Shingles, MinHash signatures and normalised text, compiled, straight from UTF-8."""

from __future__ import annotations

import numpy as np

from stages.codepoints import HAN, SPACE, WORD
from stages.compiled import compiled
from stages.rules import CHINESE
from stages.text_kernels import BASE, BLANK, mix, wide

EMPTY = np.uint32(0xFFFFFFFF)
ASCII = 0x80
BLOCK = 4096  # shingles that all hashes of a signature go over at a time
LOW_BITS = np.uint64(0xFFFFFFFF)
NONE, ONE = np.uint64(0), np.uint64(1)


@compiled
def letter_table(flags: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """What an ASCII character adds to a shingle, uint64 (128,): its lower-cased code point and 1, or 0 for none.

    Small enough to stay in the fastest cache, unlike the tables of all code points.
    """
    letters = np.zeros(ASCII, np.uint64)
    for c in range(ASCII):
        if flags[c] & WORD:
            letters[c] = np.uint64(lower[c]) + ONE
    return letters


@compiled
def word_hashes(
    data: np.ndarray, start: int, stop: int, letters: np.ndarray, flags: np.ndarray, lower: np.ndarray, out: np.ndarray
) -> tuple[int, int]:
    """Hashes of the lower-cased Unicode words (a Han character is a word); returns their number and the code points.

    Without a branch on where a word ends: what is written past the last word is overwritten by the next one.
    """
    count, n, i, h = 0, 0, start, NONE
    while i < stop:
        n += 1
        if data[i] < ASCII:
            unit = letters[data[i]]
            i += 1
        else:
            c, size = wide(data, i)
            i += size
            unit = np.uint64(lower[c]) + ONE if flags[c] & WORD else NONE
            if flags[c] & HAN:
                out[count] = h
                count += h != NONE
                out[count] = unit
                count += 1
                h = NONE
                continue
        out[count] = h
        count += (unit == NONE) & (h != NONE)
        # The factor does not wait for the last product, as a choice between h and 0 would.
        h = h * (BASE if unit else NONE) + unit
    out[count] = h
    count += h != NONE
    for j in range(count):
        out[j] = mix(out[j])
    return count, n


@compiled
def character_hashes(
    data: np.ndarray, start: int, stop: int, letters: np.ndarray, flags: np.ndarray, lower: np.ndarray, out: np.ndarray
) -> tuple[int, int]:
    """Hashes of the lower-cased letters and digits one by one, no space or punctuation; returns as word_hashes."""
    count, n, i = 0, 0, start
    while i < stop:
        n += 1
        if data[i] < ASCII:
            unit = letters[data[i]]
            i += 1
        else:
            c, size = wide(data, i)
            i += size
            unit = np.uint64(lower[c]) + ONE if flags[c] & WORD else NONE
        out[count] = unit
        count += unit != NONE
    for j in range(count):
        out[j] = mix(out[j])
    return count, n


@compiled
def shingle_hashes(units: np.ndarray, count: int, size: int, out: np.ndarray) -> int:
    """Hashes of every run of ``size`` units, a rolling polynomial; returns their number."""
    if count < size:
        return 0
    drop = np.uint64(1)
    for _ in range(size):
        drop *= BASE
    h = np.uint64(0)
    for i in range(count):
        h = h * BASE + units[i]
        if i >= size:
            h -= units[i - size] * drop
        if i >= size - 1:
            out[i - size + 1] = mix(h)
    return count - size + 1


@compiled
def keep_minima(
    shingles: np.ndarray, count: int, flips: np.ndarray, factors: np.ndarray, low: np.ndarray, signature: np.ndarray
) -> None:
    """Lower each entry of a signature to the smallest hash of the shingles: (low 32 bits ^ flip) * factor mod 2^32.

    low: room for a block of BLOCK values, which stays in the fastest cache while all hashes go over it. Shingles are
    the inner loop, so that a minimum is kept in a register; LLVM makes it eight or more lanes wide.
    """
    for start in range(0, count, BLOCK):
        size = min(BLOCK, count - start)
        for s in range(size):
            low[s] = np.uint32(shingles[start + s] & LOW_BITS)
        for k in range(signature.shape[0]):
            flip, factor, least = flips[k], factors[k], signature[k]
            for s in range(size):
                least = min(least, np.uint32(np.uint32(low[s] ^ flip) * factor))
            signature[k] = least


@compiled
def shingle_page(
    code: int,
    data: np.ndarray,
    start: int,
    stop: int,
    letters: np.ndarray,
    flags: np.ndarray,
    lower: np.ndarray,
    words_size: int,
    characters_size: int,
    units: np.ndarray,
    shingles: np.ndarray,
) -> tuple[int, int]:
    """Shingle hashes of the page ``data[start:stop]`` in its language.

    letters: of letter_table. units: room for one more than the bytes; shingles: for as many.
    Returns the number of shingles, duplicates included, and of code points.
    """
    if code == CHINESE:
        count, n = character_hashes(data, start, stop, letters, flags, lower, units)
        return shingle_hashes(units, count, characters_size, shingles), n
    count, n = word_hashes(data, start, stop, letters, flags, lower, units)
    return shingle_hashes(units, count, words_size, shingles), n


@compiled
def signatures(
    data: np.ndarray,
    offsets: np.ndarray,
    codes: np.ndarray,
    flags: np.ndarray,
    lower: np.ndarray,
    words_size: int,
    characters_size: int,
    flips: np.ndarray,
    factors: np.ndarray,
    room: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signatures uint32 (n, k), shingles int64 (n,) and code points int64 (n,) of every row.

    A row without a shingle keeps the largest value everywhere. room: bytes of the longest row.
    """
    rows = codes.shape[0]
    out = np.full((rows, flips.shape[0]), EMPTY, np.uint32)
    shingled, lengths = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    units, shingles = np.empty(room + 1, np.uint64), np.empty(room + 1, np.uint64)
    low, letters = np.empty(BLOCK, np.uint32), letter_table(flags, lower)
    for r in range(rows):
        count, n = shingle_page(
            codes[r], data, offsets[r], offsets[r + 1], letters, flags, lower,
            words_size, characters_size, units, shingles,
        )  # fmt: skip
        keep_minima(shingles, count, flips, factors, low, out[r])
        shingled[r], lengths[r] = count, n
    return out, shingled, lengths


@compiled
def _encode(c: int, out: np.ndarray, at: int) -> int:
    """Write a code point as UTF-8; returns the next position."""
    if c < 0x80:
        out[at] = c
        return at + 1
    if c < 0x800:
        out[at], out[at + 1] = 0xC0 | c >> 6, 0x80 | c & 0x3F
        return at + 2
    if c < 0x10000:
        out[at], out[at + 1], out[at + 2] = 0xE0 | c >> 12, 0x80 | c >> 6 & 0x3F, 0x80 | c & 0x3F
        return at + 3
    out[at], out[at + 1] = 0xF0 | c >> 18, 0x80 | c >> 12 & 0x3F
    out[at + 2], out[at + 3] = 0x80 | c >> 6 & 0x3F, 0x80 | c & 0x3F
    return at + 4


@compiled
def _normalise_row(
    data: np.ndarray,
    start: int,
    stop: int,
    letters: np.ndarray,
    flags: np.ndarray,
    lower: np.ndarray,
    out: np.ndarray,
    begin: int,
) -> int:
    """Write one row from ``begin`` on; returns the place after it."""
    at, i, blank = begin, start, True  # blank: another space would be one too many
    while i < stop:
        if data[i] < ASCII:
            c = letters[data[i]]
            i += 1
            out[at] = c
            at += (c != BLANK) | (not blank)
            blank = c == BLANK
            continue
        c, size = wide(data, i)
        i += size
        if not flags[c] & SPACE:
            at = _encode(np.int64(lower[c]), out, at)
            blank = False
        elif not blank:
            out[at] = BLANK
            at += 1
            blank = True
    return at - (blank and at > begin)


@compiled
def normalise(
    data: np.ndarray, offsets: np.ndarray, flags: np.ndarray, lower: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lower-cased text, white space runs as one space and none at the ends.

    Returns UTF-8 bytes and their offsets int64 (n + 1,).
    """
    rows = offsets.shape[0] - 1
    letters = np.empty(ASCII, np.uint8)
    for c in range(ASCII):
        letters[c] = BLANK if flags[c] & SPACE else lower[c]
    # A two-byte capital may have a three-byte small letter.
    out = np.empty((offsets[rows] - offsets[0]) * 3 // 2 + 4, np.uint8)
    bounds = np.zeros(rows + 1, np.int64)
    at = 0
    for r in range(rows):
        at = _normalise_row(data, offsets[r], offsets[r + 1], letters, flags, lower, out, at)
        bounds[r + 1] = at
    return out, bounds
