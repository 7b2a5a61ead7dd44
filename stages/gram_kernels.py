"""Shares of repeated n-grams of words, compiled. An n-gram is compared only where both its shorter halves repeat."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.compiled import compiled
from stages.text_kernels import Slots, group_equal
from stages.word_kernels import Page


class Grams(NamedTuple):
    """N-grams of one page that may occur twice, for one n at a time."""

    places: np.ndarray  # int32, the word where an n-gram begins
    keys: np.ndarray  # uint64
    firsts: np.ndarray  # int32, the first of the equal ones
    counts: np.ndarray  # int32, how many are equal to the first
    lengths: np.ndarray  # int32, characters of the first 0, 1, ... words of the page


@compiled
def make_grams(room: int) -> Grams:
    """Room for pages of up to so many words."""
    return Grams(
        np.empty(room + 1, np.int32),
        np.empty(room + 1, np.uint64),
        np.empty(room + 1, np.int32),
        np.empty(room + 1, np.int32),
        np.zeros(room + 2, np.int32),
    )


@compiled
def _begin(page: Page, count: int, grams: Grams) -> None:
    """The words themselves, as n-grams of one."""
    length = 0
    for w in range(count):
        grams.places[w], grams.firsts[w], grams.counts[w] = w, page.firsts[w], page.counts[w]
        length += page.stops[w] - page.starts[w]
        grams.lengths[w + 1] = length


@compiled
def _lengthen(grams: Grams, count: int, slots: Slots) -> int:
    """From n-grams to the n+1-grams that can occur twice: those of two neighbours that do. Returns their number."""
    kept = 0
    for j in range(count):
        first = grams.firsts[j]
        if grams.counts[first] > 1:
            grams.places[kept], grams.keys[kept] = grams.places[j], np.uint64(first)
            kept += 1
    made = 0
    for j in range(kept - 1):
        if grams.places[j + 1] == grams.places[j] + 1:
            grams.places[made] = grams.places[j]
            # Which n-grams the two are says which n+1-gram they make.
            grams.keys[made] = grams.keys[j] << np.uint64(32) | grams.keys[j + 1]
            made += 1
    group_equal(grams.keys, made, slots, grams.firsts, grams.counts)
    return made


@compiled
def _top_chars(grams: Grams, count: int, size: int, separator: int) -> int:
    """Characters of the most frequent n-gram times how often it occurs; among equals the first one counts."""
    times, place = 1, 0
    for j in range(count):
        if grams.firsts[j] == j and grams.counts[j] > times:
            times, place = grams.counts[j], grams.places[j]
    return times * (grams.lengths[place + size] - grams.lengths[place] + (size - 1) * separator)


@compiled
def _repeated_chars(grams: Grams, count: int, size: int) -> int:
    """Characters inside n-grams seen before, stepping over each one found so that none is counted twice."""
    chars, after = 0, 0
    for j in range(count):
        place, first = grams.places[j], grams.firsts[j]
        if place < after or grams.counts[first] == 1:
            continue
        if grams.counts[first] < 0:
            chars += grams.lengths[place + size] - grams.lengths[place]
            after = place + size
        else:  # seen from now on
            grams.counts[first] = -grams.counts[first]
    for j in range(count):
        grams.counts[j] = abs(grams.counts[j])
    return chars


@compiled
def gram_shares(
    page: Page,
    count: int,
    n: int,
    tops: np.ndarray,
    dups: np.ndarray,
    separator: int,
    grams: Grams,
    slots: Slots,
    at: int,
    out: np.ndarray,
) -> None:
    """Shares of the page's n characters: for each size in tops, its most frequent n-gram times its count; for each in
    dups, all n-grams seen before.

    separator: characters between the words of a frequent n-gram. The shares are put into out[at:].
    """
    for k in range(at, at + tops.shape[0] + dups.shape[0]):
        out[k] = 0.0
    longest, found = 0, count
    for size in tops:
        longest = max(longest, size)
    for size in dups:
        longest = max(longest, size)
    _begin(page, count, grams)
    for size in range(1, min(longest, count) + 1):
        if size > 1:
            found = _lengthen(grams, found, slots)
        for k in range(tops.shape[0]):
            if tops[k] == size:
                out[at + k] = _top_chars(grams, found, size, separator) / max(n, 1)
        for k in range(dups.shape[0]):
            if dups[k] == size:
                out[at + tops.shape[0] + k] = _repeated_chars(grams, found, size) / max(n, 1)
