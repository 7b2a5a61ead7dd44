"""Gopher's quality figures of one page, compiled."""

from __future__ import annotations

import numpy as np

from stages.codepoints import BULLET
from stages.compiled import compiled
from stages.line_kernels import Lines
from stages.rules import CHINESE
from stages.text_kernels import Slots, find_slot
from stages.word_kernels import LETTERED, PLAIN, Page

HYPHEN, PERIOD, BULLET_SIGN, ELLIPSIS = map(ord, "-.•…")


@compiled
def _ends_with_ellipsis(cps: np.ndarray, start: int, stop: int) -> bool:
    if cps[stop - 1] == ELLIPSIS:
        return True
    return stop - start >= 3 and cps[stop - 1] == PERIOD and cps[stop - 2] == PERIOD and cps[stop - 3] == PERIOD


@compiled
def quality_lines(code: int, page: Page, lines: Lines, count: int) -> tuple[float, float]:
    """Shares of lines that start with a bullet and that end in an ellipsis, white space at their ends left out."""
    bullets, ellipses = 0, 0
    for k in range(count):
        first, after = lines.words[k], lines.words[k + 1]
        if first == after:
            continue
        start, stop = page.starts[first], page.stops[after - 1]
        if code == CHINESE:
            bullets += 1 if page.kinds[start] & BULLET else 0
        else:
            bullets += 1 if page.cps[start] == BULLET_SIGN or page.cps[start] == HYPHEN else 0
        ellipses += 1 if _ends_with_ellipsis(page.cps, start, stop) else 0
    return bullets / max(count, 1), ellipses / max(count, 1)


@compiled
def quality_words(
    page: Page, count: int, stops: np.ndarray, slots: Slots, base: int, shift: np.uint64
) -> tuple[int, float, float, int, float]:
    """Words that are not symbols alone, their mean length, words with a letter / all, distinct stop words, and stop
    words / words that are not symbols alone.

    slots, base, shift: where ``name_words`` put the page's words.
    """
    words, chars, lettered, distinct, found = 0, 0, 0, 0, 0
    for w in range(count):
        kind = page.classes[w]
        if kind & PLAIN:
            words += 1
            chars += page.stops[w] - page.starts[w]
        lettered += 1 if kind & LETTERED else 0
    for k in range(stops.shape[0]):
        slot = find_slot(slots, base, shift, stops[k])
        if slots.owners[slot] >= base:
            distinct += 1
            found += page.counts[slots.owners[slot] - base]
    return words, chars / max(words, 1), lettered / max(count, 1), distinct, found / max(words, 1)
