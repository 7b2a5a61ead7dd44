"""What spaCy's English tokenizer peels off a word's ends and cuts it at (``spacy/lang/punctuation.py``), compiled.

Each function answers a size in code points, 0 for nothing, and sees only the span it is given.
"""

from __future__ import annotations

import numpy as np

from stages.codepoints import BEFORE_PERIOD, CURRENCY, DIGIT, ICON, LETTER, LOWER, PREFIX, QUOTE, SUFFIX, UPPER
from stages.compiled import compiled
from stages.text_kernels import hash_span

PLUS, HYPHEN, ASTERISK, CARET, PERIOD, COMMA, COLON, SLASH, LESS, EQUALS, GREATER, TILDE = map(ord, "+-*^.,:/<=>~")
APOSTROPHE, RIGHT_QUOTE, EN_DASH, EM_DASH, ELLIPSIS, SMALL_S, CAPITAL_S = map(ord, "'’–—…sS")


@compiled
def prefix_size(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray) -> int:
    """Code points that spaCy peels off the front."""
    if start >= stop:
        return 0
    c = cps[start]
    if kinds[start] & PREFIX:
        return 1
    if c == PLUS:  # unless a number follows
        return 0 if start + 1 < stop and kinds[start + 1] & DIGIT else 1
    dots = start
    while dots < stop and cps[dots] == PERIOD:
        dots += 1
    return dots - start if dots - start >= 2 else 0


@compiled
def _unit_size(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray, units: np.ndarray) -> int:
    """Code points of a unit of measure behind a number at the end of a span."""
    for size in range(min(4, stop - start - 1), 0, -1):
        if kinds[stop - size - 1] & DIGIT:
            key = hash_span(cps, stop - size, stop)
            at = np.searchsorted(units, key)
            if at < units.shape[0] and units[at] == key:
                return size
    return 0


@compiled
def _period_size(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray) -> int:
    """Code points of final periods that are words of their own."""
    dots = stop
    while dots > start and cps[dots - 1] == PERIOD:
        dots -= 1
    if stop - dots >= 2:
        return stop - dots
    if dots == start:
        return 0
    before = kinds[dots - 1]
    if before & BEFORE_PERIOD:
        return 1
    return 1 if dots - 2 >= start and before & UPPER and kinds[dots - 2] & UPPER else 0


@compiled
def suffix_size(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray, units: np.ndarray) -> int:
    """Code points that spaCy peels off the back."""
    if start >= stop:
        return 0
    c = cps[stop - 1]
    if c == PERIOD:
        return _period_size(cps, start, stop, kinds)
    if kinds[stop - 1] & SUFFIX:
        return 2 if c == ELLIPSIS and stop - 2 >= start and cps[stop - 2] == ELLIPSIS else 1
    if stop - start < 2:
        return 0
    before = cps[stop - 2]
    if (c in (SMALL_S, CAPITAL_S)) and (before in (APOSTROPHE, RIGHT_QUOTE)):
        return 2
    if kinds[stop - 2] & DIGIT and (c == PLUS or kinds[stop - 1] & CURRENCY):
        return 1
    if kinds[stop - 1] & DIGIT:
        return 0
    return _unit_size(cps, start, stop, kinds, units)


@compiled
def _hyphen_size(cps: np.ndarray, i: int, stop: int, kinds: np.ndarray) -> int:
    """Code points of a hyphen at i that stands before a letter; 0 if there is none."""
    c = cps[i]
    if c not in (HYPHEN, EN_DASH, EM_DASH, TILDE):
        return 0
    longest = 3 if c == HYPHEN else (2 if c == EM_DASH else 1)
    run = i + 1
    while run < stop and cps[run] == c and run - i < longest:
        run += 1
    return run - i if run < stop and kinds[run] & LETTER else 0


@compiled
def infix_size(cps: np.ndarray, i: int, start: int, stop: int, kinds: np.ndarray) -> int:
    """Code points of the infix at i, 0 if there is none; lookarounds see only the span."""
    c = cps[i]
    f = kinds[i]
    if f & LETTER or f & DIGIT:
        return 0
    if f & ICON or c == ELLIPSIS:
        return 1
    after = kinds[i + 1] if i + 1 < stop else np.uint32(0)
    before = kinds[i - 1] if i > start else np.uint32(0)
    if c == PERIOD:
        run = i
        while run < stop and cps[run] == PERIOD:
            run += 1
        if run - i >= 2:
            return run - i
        return 1 if before & (LOWER | QUOTE) and after & (UPPER | QUOTE) else 0
    operator = c in (PLUS, HYPHEN, ASTERISK, CARET)
    if operator and before & DIGIT and i + 1 < stop and (after & DIGIT or cps[i + 1] == HYPHEN):
        return 1
    if c == COMMA:
        return 1 if before & LETTER and after & LETTER else 0
    if not before & (LETTER | DIGIT):
        return 0
    if c in (COLON, LESS, GREATER, EQUALS, SLASH):
        return 1 if after & LETTER else 0
    return _hyphen_size(cps, i, stop, kinds)
