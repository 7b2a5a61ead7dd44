"""Compiled primitives over code points: decoding, hashing, lines, and a table that groups equal keys.

Equality of strings is equality of 64-bit hashes: two different lines of one page collide about once in 10^13 pages.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.codepoints import LINE_BREAK, SPACE
from stages.compiled import compiled

_BASE = 0x9E3779B97F4A7C15
BASE = np.uint64(_BASE)  # odd, so that powers never vanish modulo 2^64
_SQUARE, _CUBE, _FOURTH = (np.uint64(pow(_BASE, power, 1 << 64)) for power in (2, 3, 4))
_SPREAD = np.uint64(0xD6E8FEB86659FD93)
_ONE, _HALF = np.uint64(1), np.uint64(32)
NEWLINE, RETURN, BLANK = 10, 13, 32


@compiled
def wide(data: np.ndarray, i: int) -> tuple[np.uint32, int]:
    """The code point at byte i, which is none of ASCII, and its number of bytes."""
    b = np.uint32(data[i])
    if b < 0xE0:
        return (b & 0x1F) << 6 | (np.uint32(data[i + 1]) & 0x3F), 2
    if b < 0xF0:
        return (b & 0x0F) << 12 | (np.uint32(data[i + 1]) & 0x3F) << 6 | (np.uint32(data[i + 2]) & 0x3F), 3
    high = (b & 0x07) << 18 | (np.uint32(data[i + 1]) & 0x3F) << 12
    return high | (np.uint32(data[i + 2]) & 0x3F) << 6 | (np.uint32(data[i + 3]) & 0x3F), 4


@compiled
def decode(data: np.ndarray, start: int, stop: int, out: np.ndarray) -> int:
    """Decode UTF-8 ``data[start:stop]`` into ``out``; returns the number of code points. Input must be valid."""
    n, i = 0, start
    while i < stop:
        if data[i] < 0x80:
            out[n] = data[i]
            i += 1
        else:
            c, size = wide(data, i)
            out[n] = c
            i += size
        n += 1
    return n


@compiled
def read_page(
    data: np.ndarray,
    start: int,
    stop: int,
    flags: np.ndarray,
    narrow: bool,
    cps: np.ndarray,
    kinds: np.ndarray,
    breaks: np.ndarray,
) -> tuple[int, int]:
    """Decode UTF-8 into code points, their flags and the places where str.splitlines splits.

    narrow: full-width forms become the ASCII signs they are forms of. A space stands behind the last code point.
    Returns the numbers of code points and of breaks.
    """
    n, count, i = 0, 0, start
    while i < stop:
        c = np.uint32(data[i])
        if c < 0x80:
            i += 1
        else:
            c, size = wide(data, i)
            i += size
            if narrow and 0xFF01 <= c <= 0xFF5E:
                c -= np.uint32(0xFEE0)
            elif narrow and c == 0x3000:
                c = np.uint32(BLANK)
        kind = flags[c]
        cps[n] = c
        kinds[n] = kind
        if kind & LINE_BREAK:
            breaks[count] = n
            count += 1
        n += 1
    cps[n], kinds[n] = BLANK, SPACE
    return n, count


@compiled
def mix(x: np.uint64) -> np.uint64:
    """splitmix64's finaliser: every input bit reaches every output bit."""
    x = np.uint64(x)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def hash_span(cps: np.ndarray, start: int, stop: int) -> np.uint64:
    """A polynomial in BASE over the code points of a span, modulo 2^64, four at a step."""
    h, i = np.uint64(0), start
    while i + 4 <= stop:
        step = (np.uint64(cps[i]) + _ONE) * _CUBE + (np.uint64(cps[i + 1]) + _ONE) * _SQUARE
        h = h * _FOURTH + step + (np.uint64(cps[i + 2]) + _ONE) * BASE + np.uint64(cps[i + 3]) + _ONE
        i += 4
    while i < stop:
        h = h * BASE + np.uint64(cps[i]) + _ONE
        i += 1
    return h


@compiled
def strip_span(kinds: np.ndarray, start: int, stop: int) -> tuple[int, int]:
    """The span without white space at both ends, as str.strip."""
    while start < stop and kinds[start] & SPACE:
        start += 1
    while stop > start and kinds[stop - 1] & SPACE:
        stop -= 1
    return start, stop


@compiled
def power_table(size: int) -> np.ndarray:
    """BASE to the power 0..size-1, modulo 2^64."""
    powers = np.empty(size, np.uint64)
    power = np.uint64(1)
    for i in range(size):
        powers[i] = power
        power *= BASE
    return powers


@compiled
def raise_base(exponent: int, powers: np.ndarray) -> np.uint64:
    """BASE to a power, modulo 2^64: from the table as far as it reaches, else by squaring."""
    if exponent < powers.shape[0]:
        return powers[exponent]
    power, square = np.uint64(1), BASE
    while exponent:
        if exponent & 1:
            power *= square
        square *= square
        exponent >>= 1
    return power


class Slots(NamedTuple):
    """An open hash table that is used over and over without being cleared.

    A slot is taken when its owner is at least the base of the present use; owner less base is what it was given for.
    """

    keys: np.ndarray  # uint64 (a power of two,)
    owners: np.ndarray  # int64, as long
    base: np.ndarray  # int64 (1,)


@compiled
def make_slots(elements: int) -> Slots:
    """A table for at most so many elements. Parts that no page is large enough to reach cost no memory."""
    size = 16
    while size < 2 * elements:
        size *= 2
    return Slots(np.empty(size, np.uint64), np.zeros(size, np.int64), np.ones(1, np.int64))


@compiled
def open_slots(slots: Slots, elements: int) -> tuple[int, np.uint64]:
    """Begin a new use for at most so many elements; returns its base and the shift that makes slots of keys.

    A small page stays in a small, cached part of the table.
    """
    base, bits = slots.base[0], 4
    while 2 << bits < 3 * elements:
        bits += 1
    slots.base[0] = base + elements
    return base, np.uint64(64 - bits)


@compiled
def find_slot(slots: Slots, base: int, shift: np.uint64, key: np.uint64) -> np.int64:
    """The slot that holds the key, or the free one where it belongs."""
    # The best bits of a product are its highest; the first step brings the key's own high bits down to them.
    slot = np.int64(((key ^ (key >> _HALF)) * _SPREAD) >> shift)
    mask = np.int64((_ONE << (np.uint64(64) - shift)) - _ONE)
    while slots.owners[slot] >= base and slots.keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@compiled
def group_equal(
    keys: np.ndarray, count: int, slots: Slots, firsts: np.ndarray, counts: np.ndarray
) -> tuple[int, np.uint64]:
    """firsts[i]: first place of the key at i; counts[first]: its places. Returns base and shift, to look keys up."""
    base, shift = open_slots(slots, count)
    for i in range(count):
        slot = find_slot(slots, base, shift, keys[i])
        if slots.owners[slot] < base:
            slots.owners[slot] = base + i
            slots.keys[slot] = keys[i]
            counts[i] = 0
        first = slots.owners[slot] - base
        firsts[i] = first
        counts[first] += 1
    return base, shift
