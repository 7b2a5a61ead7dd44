"""Compiled primitives over code points: decoding, lines, and counting with an open hash table.

Everything here works on a slice ``[start, stop)`` of a uint32 array of code points and allocates nothing.
Equality of strings is equality of 64-bit hashes: two different lines of one page collide about once in 10^13 pages.
"""

from __future__ import annotations

import numpy as np

from stages.codepoints import LINE_BREAK, SPACE
from stages.compiled import compiled

BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that powers never vanish modulo 2^64
NEWLINE, RETURN = 10, 13


@compiled
def decode(data: np.ndarray, start: int, stop: int, out: np.ndarray) -> int:
    """Decode UTF-8 ``data[start:stop]`` into ``out``; returns the number of code points. Input must be valid."""
    n = 0
    i = start
    while i < stop:
        b = np.uint32(data[i])
        if b < 0x80:
            out[n] = b
            i += 1
        elif b < 0xE0:
            out[n] = (b & 0x1F) << 6 | (np.uint32(data[i + 1]) & 0x3F)
            i += 2
        elif b < 0xF0:
            out[n] = (b & 0x0F) << 12 | (np.uint32(data[i + 1]) & 0x3F) << 6 | (np.uint32(data[i + 2]) & 0x3F)
            i += 3
        else:
            out[n] = (
                (b & 0x07) << 18
                | (np.uint32(data[i + 1]) & 0x3F) << 12
                | (np.uint32(data[i + 2]) & 0x3F) << 6
                | (np.uint32(data[i + 3]) & 0x3F)
            )
            i += 4
        n += 1
    return n


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
    """A 64-bit hash of the code points of a span."""
    h = np.uint64(stop - start)
    for i in range(start, stop):
        h = h * BASE + np.uint64(cps[i]) + np.uint64(1)
    return mix(h)


@compiled
def strip_span(cps: np.ndarray, start: int, stop: int, flags: np.ndarray) -> tuple[int, int]:
    """The span without white space at both ends, as str.strip."""
    while start < stop and flags[cps[start]] & SPACE:
        start += 1
    while stop > start and flags[cps[stop - 1]] & SPACE:
        stop -= 1
    return start, stop


@compiled
def split_lines(cps: np.ndarray, n: int, flags: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> int:
    """Split as str.splitlines; returns the number of lines."""
    count = 0
    begin = 0
    i = 0
    while i < n:
        if flags[cps[i]] & LINE_BREAK:
            starts[count] = begin
            stops[count] = i
            count += 1
            if cps[i] == RETURN and i + 1 < n and cps[i + 1] == NEWLINE:
                i += 1
            begin = i + 1
        i += 1
    if begin < n:
        starts[count] = begin
        stops[count] = n
        count += 1
    return count


@compiled
def split_runs(cps: np.ndarray, start: int, stop: int, min_newlines: int, starts: np.ndarray, stops: np.ndarray) -> int:
    """Split at every run of at least ``min_newlines`` newlines, as re.split; returns the number of pieces (>= 1)."""
    count = 0
    begin = start
    i = start
    while i < stop:
        if cps[i] != NEWLINE:
            i += 1
            continue
        run = i
        while run < stop and cps[run] == NEWLINE:
            run += 1
        if run - i >= min_newlines:
            starts[count] = begin
            stops[count] = i
            count += 1
            begin = run
        i = run
    starts[count] = begin
    stops[count] = stop
    return count + 1


@compiled
def slot_mask(elements: int) -> np.uint64:
    """Mask of a table for so many elements: a small page stays in a small, cached part of the table."""
    size = 16
    while size < 2 * elements:
        size *= 2
    return np.uint64(size - 1)


@compiled
def find_slot(table: np.ndarray, epochs: np.ndarray, epoch: int, mask: np.uint64, key: np.uint64) -> np.uint64:
    """The slot of a key among the first mask + 1 of an open table; it is free when its epoch is older."""
    slot = key & mask
    while epochs[slot] == epoch and table[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@compiled
def count_duplicates(
    cps: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    count: int,
    table: np.ndarray,
    epochs: np.ndarray,
    epoch: int,
) -> tuple[int, int]:
    """Elements, and their code points, that repeat an earlier element."""
    repeated, chars, mask = 0, 0, slot_mask(count)
    for i in range(count):
        key = hash_span(cps, starts[i], stops[i])
        slot = find_slot(table, epochs, epoch, mask, key)
        if epochs[slot] == epoch:
            repeated += 1
            chars += stops[i] - starts[i]
        else:
            epochs[slot] = epoch
            table[slot] = key
    return repeated, chars


@compiled
def prefix_hashes(
    cps: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    count: int,
    separator: int,
    hashes: np.ndarray,
    lengths: np.ndarray,
) -> None:
    """Polynomial hashes of the first 0..count units joined, and their lengths in code points.

    separator: 1 puts one space behind each unit, 0 joins them directly.
    The hash of units i..j is ``hashes[j] - hashes[i] * BASE ** (lengths[j] - lengths[i])``.
    """
    h = np.uint64(0)
    hashes[0] = h
    lengths[0] = 0
    for w in range(count):
        for i in range(starts[w], stops[w]):
            # Mixed values keep a polynomial modulo 2^64 from meeting its known weak strings.
            h = h * BASE + mix(np.uint64(cps[i]) + BASE)
        if separator:
            h = h * BASE + mix(np.uint64(32) + BASE)
        hashes[w + 1] = h
        lengths[w + 1] = lengths[w] + stops[w] - starts[w] + separator


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
def raise_base(exponent: int) -> np.uint64:
    """BASE to a power, modulo 2^64, by squaring."""
    power, square = np.uint64(1), BASE
    while exponent:
        if exponent & 1:
            power *= square
        square *= square
        exponent >>= 1
    return power


@compiled
def gram_hash(hashes: np.ndarray, lengths: np.ndarray, powers: np.ndarray, i: int, size: int) -> np.uint64:
    """The hash of units i..i+size. powers: BASE to the power 0, 1, ... as far as most n-grams reach."""
    span = lengths[i + size] - lengths[i]
    power = powers[span] if span < powers.shape[0] else raise_base(span)
    return mix(hashes[i + size] - hashes[i] * power)


@compiled
def top_gram_chars(
    hashes: np.ndarray,
    lengths: np.ndarray,
    powers: np.ndarray,
    count: int,
    size: int,
    separator: int,
    table: np.ndarray,
    epochs: np.ndarray,
    epoch: int,
    counts: np.ndarray,
    firsts: np.ndarray,
) -> int:
    """Code points of the most frequent n-gram times how often it occurs; among equals the first one counts."""
    total = count - size + 1
    if total < 1:
        return 0
    best_count, best_first, mask = 0, 0, slot_mask(total)
    for i in range(total):
        key = gram_hash(hashes, lengths, powers, i, size)
        slot = find_slot(table, epochs, epoch, mask, key)
        if epochs[slot] != epoch:
            epochs[slot] = epoch
            table[slot] = key
            counts[slot] = 0
            firsts[slot] = i
        counts[slot] += 1
        seen, first = counts[slot], firsts[slot]
        if seen > best_count or (seen == best_count and first < best_first):
            best_count, best_first = seen, first
    return best_count * (lengths[best_first + size] - lengths[best_first] - separator)


@compiled
def repeated_gram_chars(
    hashes: np.ndarray,
    lengths: np.ndarray,
    powers: np.ndarray,
    count: int,
    size: int,
    table: np.ndarray,
    epochs: np.ndarray,
    epoch: int,
) -> int:
    """Code points inside n-grams seen before, stepping over each one found so that none is counted twice."""
    chars, i, mask = 0, 0, slot_mask(count)
    while i < count - size + 1:
        key = gram_hash(hashes, lengths, powers, i, size)
        slot = find_slot(table, epochs, epoch, mask, key)
        if epochs[slot] == epoch:
            chars += lengths[i + size] - lengths[i]
            i += size
        else:
            epochs[slot] = epoch
            table[slot] = key
            i += 1
    return chars
