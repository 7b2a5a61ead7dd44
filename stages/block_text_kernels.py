"""What is counted in each block's text."""

from __future__ import annotations

import numpy as np

from stages.block_words import NUM_LEXICON, STOP_CHARACTERS, WORD_KEYS, WORD_VALUES
from stages.compiled import compiled
from stages.html_layout import B_END, B_START, FNV_BASIS, FNV_PRIME
from stages.tag_kernels import lookup

# Counts of a block's text; from LEXICON on, its words of each group of block_words.
CHARS, WORDS, WIDE, ENDS, COMMAS, UPPER, DIGITS, MARKS, LAST, FIRST, OPENING, LEXICON = range(12)
NUM_COUNTS = LEXICON + NUM_LEXICON
_STOPS = np.zeros(0x10000, np.bool_)
_STOPS[sorted(STOP_CHARACTERS)] = True


@compiled
def _count_word(digest, counts):
    found = lookup(WORD_KEYS, WORD_VALUES, digest)
    counts[OPENING] += found > 1 and counts[WORDS] <= 3
    k = LEXICON
    while found:
        counts[k] += found & 1
        found >>= 1
        k += 1


@compiled
def _character(text, i, end):
    """Code point at i and its length in bytes."""
    c = np.int64(text[i])
    if c < 0x80 or i + 1 >= end:
        return c, 1
    if c < 0xE0:
        return (c & 0x1F) << 6 | (np.int64(text[i + 1]) & 0x3F), 2
    if c < 0xF0 and i + 2 < end:
        return (c & 0xF) << 12 | (np.int64(text[i + 1]) & 0x3F) << 6 | (np.int64(text[i + 2]) & 0x3F), 3
    return np.int64(0x10000), 4


@compiled
def _is_wide(c):
    return 0x3400 <= c <= 0x9FFF or 0x3041 <= c <= 0x30FF or 0xAC00 <= c <= 0xD7A3


@compiled
def _is_letter(c):
    return (97 <= (c | 32) <= 122) or (0xC0 <= c <= 0x24F and c != 0xD7 and c != 0xF7) or (0x370 <= c <= 0x1FFF)


@compiled
def _count_mark(c, counts):
    """Punctuation: ends of sentences, commas, and the marks that part the entries of a menu."""
    if c == 46 or c == 33 or c == 63 or c == 0x3002 or c == 0xFF01 or c == 0xFF1F or c == 0x2026:
        counts[ENDS] += 1
    elif c == 44 or c == 59 or c == 0xFF0C or c == 0x3001 or c == 0xFF1B:
        counts[COMMAS] += 1
    elif c == 124 or c == 0xB7 or c == 0xBB or c == 0x203A or c == 0x2022 or c == 0xA9 or c == 0x2192 or c == 64:
        counts[MARKS] += 1


@compiled
def _count_text(text, start, end, counts):
    """Counts of one block's text; an entity counts as one letter."""
    i, digest, length, before, last, first = start, FNV_BASIS, 0, np.int64(0), np.int64(0), np.int64(0)
    while i < end:
        c, size = _character(text, i, end)
        if c == 38 and i + 1 < end and text[i + 1] != 32:
            k = i + 1
            while k < end and k < i + 10 and text[k] != 59 and text[k] > 32:
                k += 1
            if k < end and text[k] == 59:
                c, size = np.int64(97), k + 1 - i
        counts[CHARS] += 1
        if first == 0:
            first = c
        if c > 32:
            last = c
        if _is_letter(c) and not _is_wide(c):
            if length == 0:
                counts[WORDS] += 1
                counts[UPPER] += (65 <= c <= 90) or (0xC0 <= c <= 0xDE)
            for k in range(size if size < 5 else 1):
                b = text[i + k]
                digest = (digest ^ np.uint64(b | 32 if 65 <= b <= 90 else b)) * FNV_PRIME
            length += 1
            before = 0
        else:
            if length:
                _count_word(digest, counts)
                digest, length = FNV_BASIS, 0
            if _is_wide(c):
                counts[WIDE] += 1
                counts[LEXICON] += _STOPS[c]
                if before:
                    pair = FNV_BASIS
                    for k in range(i - 3, i + 3):
                        pair = (pair ^ np.uint64(text[k])) * FNV_PRIME
                    _count_word(pair, counts)
                before = c
            else:
                before = 0
                counts[DIGITS] += 48 <= c <= 57
                _count_mark(c, counts)
        i += size
    if length:
        _count_word(digest, counts)
    counts[FIRST], counts[LAST] = first, last


@compiled
def count_blocks(text, blocks):
    """Counts of each block's text, int32 (n, NUM_COUNTS)."""
    counts = np.zeros((len(blocks), NUM_COUNTS), np.int32)
    for i in range(len(blocks)):
        _count_text(text, blocks[i, B_START], blocks[i, B_END], counts[i])
    return counts


@compiled
def class_of(c):
    """Kind of the character a block begins or ends with."""
    if c == 46 or c == 33 or c == 63 or c == 0x3002 or c == 0xFF01 or c == 0xFF1F:
        return 1
    if c == 58 or c == 0xFF1A:
        return 2
    if 48 <= c <= 57:
        return 3
    if 65 <= c <= 90:
        return 4
    if 97 <= c <= 122:
        return 5
    if _is_wide(c):
        return 6
    return 7 if c < 128 else 8


@compiled
def title_hits(text, blocks, title):
    """Share of each block's words, of a block no longer than a heading, that the page's title holds; float32 (n,)."""
    seen = np.zeros(512, np.bool_)
    _mark_words(title, 0, len(title), seen)
    hits = np.zeros(len(blocks), np.float32)
    for i in range(len(blocks)):
        if blocks[i, B_END] - blocks[i, B_START] <= 300:
            hits[i] = _share_marked(text, blocks[i, B_START], blocks[i, B_END], seen)
    return hits


@compiled
def _mark_words(text, start, end, seen):
    digest, length = FNV_BASIS, 0
    for i in range(start, end + 1):
        c = text[i] if i < end else 32
        if c >= 0x80 or 97 <= (c | 32) <= 122 or 48 <= c <= 57:
            digest = (digest ^ np.uint64(c | 32)) * FNV_PRIME
            length += 1
        elif length:
            seen[digest & np.uint64(511)] = True
            digest, length = FNV_BASIS, 0


@compiled
def _share_marked(text, start, end, seen):
    digest, length, words, hits = FNV_BASIS, 0, 0, 0
    for i in range(start, end + 1):
        c = text[i] if i < end else 32
        if c >= 0x80 or 97 <= (c | 32) <= 122 or 48 <= c <= 57:
            digest = (digest ^ np.uint64(c | 32)) * FNV_PRIME
            length += 1
        elif length:
            words += 1
            hits += seen[digest & np.uint64(511)]
            digest, length = FNV_BASIS, 0
    return hits / max(1, words)


@compiled
def count_repeats(text, blocks):
    """How many blocks of the page hold the same bytes, itself included; int32 (n,)."""
    n, size = len(blocks), 4
    while size < 2 * n:
        size *= 2
    keys, place = np.zeros(size, np.uint64), np.zeros(n, np.int64)
    times = np.zeros(size, np.int32)
    for i in range(n):
        digest = FNV_BASIS
        for k in range(blocks[i, B_START], blocks[i, B_END]):
            digest = (digest ^ np.uint64(text[k])) * FNV_PRIME
        digest |= np.uint64(1)
        at = np.int64((digest >> np.uint64(7)) & np.uint64(size - 1))
        while keys[at] != 0 and keys[at] != digest:
            at = (at + 1) & (size - 1)
        keys[at], place[i] = digest, at
        times[at] += 1
    return times[place]
