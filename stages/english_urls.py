"""URLs and e-mail addresses, which spaCy keeps whole (``spacy/lang/tokenizer_exceptions.py``), compiled."""

from __future__ import annotations

import numpy as np

from stages.codepoints import DIGIT, LOWER, WORD
from stages.compiled import compiled

PLUS, HYPHEN, PERIOD, UNDERSCORE, COLON, SLASH, QUESTION, HASH, AT = map(ord, "+-._:/?#@")


@compiled
def _is_host(c: int) -> bool:
    return (48 <= c <= 57) or (65 <= c <= 90) or (97 <= c <= 122) or 0xA1 <= c <= 0xFFFF


@compiled
def _is_top_level(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray) -> bool:
    """At least two lower-case letters."""
    for i in range(start, stop):
        if not kinds[i] & LOWER:
            return False
    return stop - start >= 2


@compiled
def _is_address(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray, dots: int) -> bool:
    """Four numbers with periods between them."""
    for i in range(start, stop):
        if not kinds[i] & DIGIT and cps[i] != PERIOD:
            return False
    return dots == 3 and stop > start and cps[stop - 1] != PERIOD


@compiled
def _is_host_span(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray) -> bool:
    """Dotted labels with a lower-case top level, then perhaps a port and a path."""
    end, label, dots = start, start, 0
    while end < stop and (_is_host(cps[end]) or cps[end] == HYPHEN or cps[end] == UNDERSCORE or cps[end] == PERIOD):
        if cps[end] == PERIOD:
            if end == label or not _is_host(cps[label]) or not _is_host(cps[end - 1]):
                return False
            dots += 1
            label = end + 1
        end += 1
    if not _is_address(cps, start, end, kinds, dots) and not (dots and _is_top_level(cps, label, end, kinds)):
        return False
    if end < stop and cps[end] == COLON:
        port = end + 1
        while port < stop and kinds[port] & DIGIT:
            port += 1
        if port - end < 3 or port - end > 6:
            return False
        end = port
    return end == stop or cps[end] == SLASH or cps[end] == QUESTION or cps[end] == HASH


@compiled
def is_url(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray) -> bool:
    """Whether a word is a URL, a bare host with its path, or an e-mail address."""
    dotted = False
    for i in range(start, stop):
        dotted = dotted or cps[i] == PERIOD
    if not dotted:
        return False
    if _is_host_span(cps, start, stop, kinds):
        return True
    scheme = start
    while scheme < stop and (kinds[scheme] & WORD or cps[scheme] in (PLUS, HYPHEN, PERIOD, UNDERSCORE)):
        scheme += 1
    if (
        scheme - start >= 2
        and stop - scheme > 3
        and cps[scheme] == COLON
        and cps[scheme + 1] == SLASH == cps[scheme + 2]
    ):
        return _is_host_span(cps, scheme + 3, stop, kinds) or _has_user(cps, scheme + 3, stop, kinds)
    return _has_user(cps, start, stop, kinds)


@compiled
def _has_user(cps: np.ndarray, start: int, stop: int, kinds: np.ndarray) -> bool:
    """Whether a host stands behind an "@"."""
    for i in range(start + 1, stop):  # noqa: SIM110 - compiled: no generators
        if cps[i] == AT and _is_host_span(cps, i + 1, stop, kinds):
            return True
    return False
