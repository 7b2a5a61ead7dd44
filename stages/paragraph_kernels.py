"""Paragraphs of Markdown, compiled: which lines are one, their hashes, and a text without some of them.

A paragraph is a line of text outside of fenced code, display formulas, tables and headings; an item of a list is one
without its marker. Two are equal if the same characters are left once case, spaces and punctuation are taken away.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.codepoints import HAN, WORD
from stages.compiled import compiled
from stages.text_kernels import decode, mix

BLANK, TEXT, HEADING, FIXED = 0, 1, 2, 3  # FIXED: code, formulas, tables, underlined headings; never goes by itself
_LEVELS = 7  # of headings, 1 to 6
_INDENTS = 64  # columns of indentation that are told apart
_TAB = 4
_FENCE = 3  # signs at least
_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_HALF, _ONE = np.uint64(32), np.uint64(1)
_NEWLINE, _BACKTICK, _TILDE, _DOLLAR, _PIPE, _HASH, _EQUALS, _DASH = 10, 96, 126, 36, 124, 35, 61, 45


class Lines(NamedTuple):
    """Lines of one text; the arrays are used again for the next one."""

    begins: np.ndarray  # int64, first byte
    ends: np.ndarray  # int64, behind the last byte, the newline left out
    kinds: np.ndarray  # uint8
    depths: np.ndarray  # uint8, level of a heading, else columns of indentation
    items: np.ndarray  # bool, opens an item of a list
    keys: np.ndarray  # uint64, hash of a paragraph; 0 for one that is too short and for all other lines


class Measure(NamedTuple):
    """How paragraphs are compared and measured."""

    fold: np.ndarray  # uint32 (0x110000,), what a code point counts as; 0 for what does not count
    flags: np.ndarray  # uint32 (0x110000,)
    min_chars: int
    han_chars: int


@compiled
def _make_lines(room):
    return Lines(
        np.empty(room + 1, np.int64), np.empty(room + 1, np.int64), np.empty(room + 1, np.uint8),
        np.empty(room + 1, np.uint8), np.empty(room + 1, np.bool_), np.empty(room + 1, np.uint64),
    )  # fmt: skip


@compiled
def _is_blank(byte):
    return byte == 32 or 9 <= byte <= 13


@compiled
def _skip_blank(data, i, end):
    while i < end and _is_blank(data[i]):
        i += 1
    return i


@compiled
def _columns(data, begin, i):
    """Width of the white space from begin to i."""
    columns = 0
    for k in range(begin, i):
        columns += _TAB if data[k] == 9 else 1
    return min(columns, _INDENTS - 1)


@compiled
def _run(data, i, end):
    """How often the byte at i stands there in a row."""
    k = i
    while k < end and data[k] == data[i]:
        k += 1
    return k - i


@compiled
def _behind_marker(data, i, end):
    """The place behind the marker of a list's item, or i where there is none."""
    k = i
    if data[k] == 42 or data[k] == 43 or data[k] == _DASH:
        k += 1
    else:
        while k < end and k < i + 9 and 48 <= data[k] <= 57:
            k += 1
        if k in (i, end) or (data[k] != 46 and data[k] != 41):
            return i
        k += 1
    return k if k < end and _is_blank(data[k]) else i


@compiled
def _opens_fence(data, i, end):
    """Length of the fence of code or formula that the line opens, 0 for none."""
    size = _run(data, i, end)
    if data[i] == _DOLLAR:
        return 2 if size == 2 and _skip_blank(data, i + 2, end) == end else 0
    if size < _FENCE or (data[i] != _BACKTICK and data[i] != _TILDE):
        return 0
    for k in range(i + size, end):
        if data[i] == _BACKTICK and data[k] == _BACKTICK:  # code within a line
            return 0
    return size


@compiled
def _ruled(data, i, end):
    """Whether the line is made of what underlines a heading or a table's head: 1 for a heading, 2 for a table."""
    dashes, pipes, others = 0, 0, 0
    size = _run(data, i, end)
    if size >= _FENCE and (data[i] == _EQUALS or data[i] == _DASH) and _skip_blank(data, i + size, end) == end:
        return 1
    for k in range(i, end):
        dashes += data[k] == _DASH
        pipes += data[k] == _PIPE
        others += not (data[k] == _DASH or data[k] == _PIPE or data[k] == 58 or _is_blank(data[k]))
    return 2 if dashes and pipes and not others else 0


@compiled
def _key(data, begin, end, measure, cps):
    """Hash of a paragraph, never 0; 0 where it is too short."""
    n = decode(data, begin, end, cps)
    digest, length = _BASIS, 0
    for k in range(n):
        c = measure.fold[cps[k]]
        if c == 0:
            continue
        digest = (digest ^ np.uint64(c)) * _PRIME
        digest ^= digest >> _HALF
        kind = measure.flags[c]
        if kind & WORD:
            length += measure.han_chars if kind & HAN else 1
    return max(mix(digest), _ONE) if length >= measure.min_chars else np.uint64(0)


@compiled
def _read_lines(data, start, stop, measure, cps, lines):
    """Fill in the lines of data[start:stop]; returns their number."""
    count, begin = 0, start
    sign, size, depth, in_table = 0, 0, 0, False  # of the fence that is open
    while begin <= stop:
        end = begin
        while end < stop and data[end] != _NEWLINE:
            end += 1
        i = _skip_blank(data, begin, end)
        kind, columns, item, key = TEXT, _columns(data, begin, i), False, np.uint64(0)
        if size:
            kind, columns = FIXED, depth
            run = _run(data, i, end) if i < end and data[i] == sign else 0
            if run >= size and _skip_blank(data, i + run, end) == end:
                size = 0
        elif i == end:
            kind, in_table = BLANK, False
        elif _opens_fence(data, i, end):
            kind, sign, size, depth = FIXED, data[i], _opens_fence(data, i, end), columns
        elif data[i] == _PIPE or in_table:
            kind = FIXED
        elif data[i] == _HASH and _run(data, i, end) < _LEVELS and (
            i + _run(data, i, end) == end or _is_blank(data[i + _run(data, i, end)])
        ):  # fmt: skip
            kind, columns = HEADING, _run(data, i, end)
        else:
            rule = _ruled(data, i, end) if count and lines.kinds[count - 1] == TEXT else 0
            if rule:
                kind, in_table = FIXED, rule == 2
                lines.kinds[count - 1], lines.items[count - 1], lines.keys[count - 1] = FIXED, False, np.uint64(0)
            else:
                text = _behind_marker(data, i, end)
                item, key = text > i, _key(data, text, end, measure, cps)
        lines.begins[count], lines.ends[count], lines.kinds[count] = begin, end, kind
        lines.depths[count], lines.items[count], lines.keys[count] = columns, item, key
        count += 1
        begin = end + 1
    return count


@compiled
def paragraph_keys(data, offsets, measure, room):
    """Row int64 and hash uint64 of every paragraph that is long enough. room: bytes of the longest row."""
    most = offsets.shape[0] - 1 + (data[offsets[0] : offsets[-1]] == _NEWLINE).sum()
    rows, keys, found = np.empty(most, np.int64), np.empty(most, np.uint64), 0
    lines, cps = _make_lines(room), np.empty(room + 1, np.uint32)
    for r in range(offsets.shape[0] - 1):
        count = _read_lines(data, offsets[r], offsets[r + 1], measure, cps, lines)
        for k in range(count):
            if lines.keys[k]:
                rows[found], keys[found] = r, lines.keys[k]
                found += 1
    return rows[:found], keys[:found]


@compiled
def _mark_paragraphs(lines, count, repeated, gone):
    """Mark the paragraphs that repeat; an item of a list stays while anything nested in it does."""
    stays = np.zeros(_INDENTS, np.bool_)  # by indentation: a line that stays, not parted from here by a shallower one
    for k in range(count - 1, -1, -1):
        gone[k] = False
        if lines.kinds[k] == BLANK:
            continue
        if lines.keys[k]:
            place = np.searchsorted(repeated, lines.keys[k])
            gone[k] = place < repeated.shape[0] and repeated[place] == lines.keys[k]
        depth = 0 if lines.kinds[k] == HEADING else lines.depths[k]
        nested = stays[depth + 1 :].any()
        if lines.items[k] and nested:
            gone[k] = False
        stays[depth + 1 :] = False
        stays[depth] |= nested or not gone[k]


@compiled
def _mark_headings(lines, count, gone):
    """Mark the headings whose section lost a paragraph and has nothing left."""
    stays, lost = np.zeros(_LEVELS, np.bool_), np.zeros(_LEVELS, np.bool_)  # by level: of the section that ends here
    for k in range(count - 1, -1, -1):
        if lines.kinds[k] == HEADING:
            level = lines.depths[k]
            gone[k] = lost[level] and not stays[level]
            stays[:level] |= not gone[k]
            stays[level:], lost[level:] = False, False
        elif gone[k]:
            lost[:] = True
        elif lines.kinds[k] != BLANK:
            stays[:] = True


@compiled
def _write_lines(data, lines, count, gone, out, at):
    """Write the lines that stay, without the blank ones that parted what went; returns the next position."""
    first, solid, after_gone, blank = at, at, False, True  # solid: behind the last line that is not blank
    for k in range(count):
        if gone[k]:
            after_gone = True
            continue
        is_blank = lines.kinds[k] == BLANK
        if is_blank and after_gone and blank:
            continue
        if at > first:
            out[at] = _NEWLINE
            at += 1
        size = lines.ends[k] - lines.begins[k]
        out[at : at + size] = data[lines.begins[k] : lines.ends[k]]
        at += size
        blank = is_blank
        if not is_blank:
            solid, after_gone = at, False
    return solid if after_gone else at


@compiled
def strike(data, offsets, starts, stops, repeated, measure, room):
    """The texts without the paragraphs whose hashes are repeated[starts[r]:stops[r]], ascending.

    Returns bytes, their offsets int64 (n + 1,) and the paragraphs that went int64 (n,).
    """
    rows = offsets.shape[0] - 1
    out, bounds = np.empty(offsets[rows] - offsets[0], np.uint8), np.zeros(rows + 1, np.int64)
    dropped = np.zeros(rows, np.int64)
    lines, cps, gone = _make_lines(room), np.empty(room + 1, np.uint32), np.empty(room + 1, np.bool_)
    at = 0
    for r in range(rows):
        if starts[r] == stops[r]:
            size = offsets[r + 1] - offsets[r]
            out[at : at + size] = data[offsets[r] : offsets[r + 1]]
            at += size
        else:
            count = _read_lines(data, offsets[r], offsets[r + 1], measure, cps, lines)
            _mark_paragraphs(lines, count, repeated[starts[r] : stops[r]], gone)
            dropped[r] = gone[:count].sum()
            _mark_headings(lines, count, gone)
            at = _write_lines(data, lines, count, gone, out, at)
        bounds[r + 1] = at
    return out[:at], bounds, dropped
