"""Lines of a page, compiled: as str.splitlines cuts them, and as newlines do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.codepoints import SPACE
from stages.compiled import compiled
from stages.rules import CHINESE
from stages.text_kernels import NEWLINE, RETURN, Slots, group_equal, hash_span, mix, strip_span
from stages.word_kernels import Page


class Lines(NamedTuple):
    """Lines of one page; the arrays are used again for the next one."""

    starts: np.ndarray  # int32
    stops: np.ndarray
    words: np.ndarray  # int32, the first word of each line; one more entry holds the number of words
    keys: np.ndarray  # uint64, equal for equal lines
    firsts: np.ndarray  # int32, the first place of each line
    counts: np.ndarray


@compiled
def make_lines(room: int) -> Lines:
    """Arrays for pages of up to so many code points."""
    return Lines(
        np.empty(room + 2, np.int32),
        np.empty(room + 2, np.int32),
        np.empty(room + 2, np.int32),
        np.empty(room + 2, np.uint64),
        np.empty(room + 2, np.int32),
        np.empty(room + 2, np.int32),
    )


@compiled
def split_lines(page: Page, n: int, breaks: int, words: int, lines: Lines) -> int:
    """Lines as str.splitlines cuts them, each with its first word; returns their number."""
    count, begin, word = 0, 0, 0
    for k in range(breaks + 1):
        stop = page.breaks[k] if k < breaks else n
        if stop < begin or (k == breaks and begin == n):  # the newline of "\r\n", and the nothing behind the last line
            continue
        while word < words and page.starts[word] < begin:
            word += 1
        lines.starts[count], lines.stops[count], lines.words[count] = begin, stop, word
        count += 1
        begin = stop + 1
        if stop + 1 < n and page.cps[stop] == RETURN and page.cps[stop + 1] == NEWLINE:
            begin += 1
    lines.words[count] = words
    return count


@compiled
def split_at_newlines(page: Page, n: int, breaks: int, lines: Lines) -> int:
    """Lines as text.split("\\n") cuts them; returns their number."""
    count, begin = 0, 0
    for k in range(breaks + 1):
        stop = page.breaks[k] if k < breaks else n
        if k < breaks and page.cps[stop] != NEWLINE:
            continue
        lines.starts[count], lines.stops[count] = begin, stop
        lines.keys[count] = hash_span(page.cps, begin, stop)
        count += 1
        begin = stop + 1
    return count


@compiled
def is_blank(kinds: np.ndarray, start: int, stop: int) -> bool:
    """Whether a span holds nothing but white space."""
    while start < stop and kinds[start] & SPACE:
        start += 1
    return start == stop


@compiled
def repeated_lines(code: int, page: Page, n: int, lines: Lines, count: int) -> tuple[float, float]:
    """Shares of lines, and of their characters in the page, that repeat earlier ones.

    Lines are what stands between runs of newlines: the empty ones are left out but for one before the first newline
    and one behind the last. In Chinese, those of white space alone are left out too.
    """
    number, repeated, chars = 0, 0, 0
    for k in range(count):
        start, stop = lines.starts[k], lines.stops[k]
        if start == stop and k not in (0, count - 1):
            continue
        if code == CHINESE and is_blank(page.kinds, start, stop):
            continue
        number += 1
        # Of empty lines only two count, so the last repeats one only if the first is empty.
        if lines.firsts[k] < k and (start < stop or lines.starts[0] == lines.stops[0]):
            repeated += 1
            chars += stop - start
    return repeated / max(number, 1), chars / max(n, 1)


@compiled
def _join_paragraphs(code: int, page: Page, n: int, lines: Lines, count: int) -> int:
    """Join lines to paragraphs, what stands between runs of two newlines or more in the stripped page, in their place.

    A paragraph's key is made of the keys of its lines. Returns the number of paragraphs.
    """
    first, last = strip_span(page.kinds, 0, n)
    number, key, begin, end, filled = 0, np.uint64(0), -1, 0, False
    for k in range(count + 1):
        if k < count and (lines.stops[k] < first or lines.starts[k] > last):
            continue
        empty = k == count or (lines.starts[k] == lines.stops[k] and first < last)
        if not empty:
            start, stop = max(lines.starts[k], first), min(lines.stops[k], last)
            whole = start == lines.starts[k] and stop == lines.stops[k]
            key = mix(key + (lines.keys[k] if whole else hash_span(page.cps, start, stop)))
            filled = filled or not is_blank(page.kinds, start, stop)
            begin, end = start if begin < 0 else begin, stop
        elif begin >= 0:
            if filled or code != CHINESE:
                lines.starts[number], lines.stops[number], lines.keys[number] = begin, end, key
                number += 1
            key, begin, filled = np.uint64(0), -1, False
    return number


@compiled
def repeated_paragraphs(code: int, page: Page, n: int, lines: Lines, count: int, slots: Slots) -> tuple[float, float]:
    """Shares of paragraphs, and of their characters in the page, that repeat earlier ones. The lines are lost."""
    number = _join_paragraphs(code, page, n, lines, count)
    group_equal(lines.keys, number, slots, lines.firsts, lines.counts)
    repeated, chars = 0, 0
    for k in range(number):
        if lines.firsts[k] < k:
            repeated += 1
            chars += lines.stops[k] - lines.starts[k]
    return repeated / max(number, 1), chars / max(n, 1)
