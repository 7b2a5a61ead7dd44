"""Shingles, MinHash signatures and normalised text, compiled, straight from UTF-8."""

from __future__ import annotations

import numpy as np

from stages.codepoints import HAN, SPACE, WORD
from stages.compiled import compiled
from stages.rules import CHINESE
from stages.text_kernels import BASE, decode, mix

EMPTY = np.uint32(0xFFFFFFFF)


@compiled
def word_hashes(cps: np.ndarray, n: int, flags: np.ndarray, lower: np.ndarray, out: np.ndarray) -> int:
    """Hashes of the lower-cased Unicode words (a Han character is a word); returns their number."""
    count = 0
    i = 0
    while i < n:
        f = flags[cps[i]]
        if not f & WORD:
            i += 1
            continue
        h = np.uint64(lower[cps[i]]) + np.uint64(1)
        i += 1
        while not f & HAN and i < n and flags[cps[i]] & WORD and not flags[cps[i]] & HAN:
            h = h * BASE + np.uint64(lower[cps[i]]) + np.uint64(1)
            i += 1
        out[count] = mix(h)
        count += 1
    return count


@compiled
def character_hashes(cps: np.ndarray, n: int, flags: np.ndarray, lower: np.ndarray, out: np.ndarray) -> int:
    """Hashes of the lower-cased letters and digits one by one, no space or punctuation; returns their number."""
    count = 0
    for i in range(n):
        if flags[cps[i]] & WORD:
            out[count] = mix(np.uint64(lower[cps[i]]) + np.uint64(1))
            count += 1
    return count


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
    shingles: np.ndarray, count: int, flips: np.ndarray, factors: np.ndarray, signature: np.ndarray
) -> None:
    """Lower each entry of a signature to the smallest hash of the shingles: (low 32 bits ^ flip) * factor mod 2^32."""
    for s in range(count):
        low = np.uint32(shingles[s] & np.uint64(0xFFFFFFFF))
        for k in range(signature.shape[0]):
            h = np.uint32(np.uint32(low ^ flips[k]) * factors[k])
            signature[k] = min(signature[k], h)


@compiled
def shingle_page(
    code: int,
    cps: np.ndarray,
    n: int,
    flags: np.ndarray,
    lower: np.ndarray,
    words_size: int,
    characters_size: int,
    units: np.ndarray,
    shingles: np.ndarray,
) -> int:
    """Shingle hashes of one page in its language; returns their number, duplicates included."""
    if code == CHINESE:
        count = character_hashes(cps, n, flags, lower, units)
        return shingle_hashes(units, count, characters_size, shingles)
    count = word_hashes(cps, n, flags, lower, units)
    return shingle_hashes(units, count, words_size, shingles)


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
    cps = np.empty(room + 1, np.uint32)
    units, shingles = np.empty(room + 1, np.uint64), np.empty(room + 1, np.uint64)
    for r in range(rows):
        n = decode(data, offsets[r], offsets[r + 1], cps)
        count = shingle_page(codes[r], cps, n, flags, lower, words_size, characters_size, units, shingles)
        keep_minima(shingles, count, flips, factors, out[r])
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
def normalise(
    data: np.ndarray, offsets: np.ndarray, flags: np.ndarray, lower: np.ndarray, room: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lower-cased text, white space runs as one space and none at the ends.

    Returns UTF-8 bytes and their offsets int64 (n + 1,).
    """
    rows = offsets.shape[0] - 1
    # A two-byte capital may have a three-byte small letter.
    out = np.empty((offsets[rows] - offsets[0]) * 3 // 2 + 4, np.uint8)
    bounds = np.zeros(rows + 1, np.int64)
    cps = np.empty(room + 1, np.uint32)
    at = 0
    for r in range(rows):
        n = decode(data, offsets[r], offsets[r + 1], cps)
        begin, pending = at, False
        for i in range(n):
            c = cps[i]
            if flags[c] & SPACE:
                pending = at > begin
                continue
            if pending:
                out[at] = 32
                at += 1
                pending = False
            at = _encode(np.int64(lower[c]), out, at)
        bounds[r + 1] = at
    return out, bounds
