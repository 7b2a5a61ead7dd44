"""Signs and phrases that rules look for, all found in one pass over a page, compiled.

Each phrase is looked for at its rarest character, so that nearly every character of a page is passed over at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from stages.compiled import compiled

# What a mark is, as bits. The first three are counted for the whole page, the others belong to lines.
HASH, ELLIPSIS, DOTS = 1, 2, 4
BRACKET, LOREM_IPSUM, JAVASCRIPT, CURLY, POLICY, NAVIGATION, ADVERT = 8, 16, 32, 64, 128, 256, 512
_COUNTED = HASH | ELLIPSIS | DOTS
_COMMON_FIRST = " etaoinshrdlcumwfgypbvkjxqz"  # by frequency in English


class Phrases(NamedTuple):
    """Phrases in groups of one anchor."""

    anchors: np.ndarray  # uint16 (65536,), of the low 16 bits of a code point: its group + 1, or 0
    groups: np.ndarray  # int64, bounds of each group among the phrases
    texts: np.ndarray  # uint32, all phrases joined
    bounds: np.ndarray  # int64, of each phrase in texts
    backs: np.ndarray  # int64, characters before the anchor
    marks: np.ndarray  # uint16, the bit of each phrase


class Marks(NamedTuple):
    """Marks of one page that belong to lines, in order."""

    places: np.ndarray  # int32
    bits: np.ndarray  # uint16


@compiled
def make_marks(room: int) -> Marks:
    """Room for pages of up to so many code points."""
    return Marks(np.empty(2 * room + 2, np.int32), np.empty(2 * room + 2, np.uint16))


def _anchor(phrase: str) -> int:
    """Where the rarest character of a phrase stands; what is no letter of English is rarest."""
    ranks = [_COMMON_FIRST.find(c) for c in phrase]
    return ranks.index(-1) if -1 in ranks else ranks.index(max(ranks))


def pack_phrases(phrases: Iterable[tuple[str, int]]) -> Phrases:
    """Pack (lower-case phrase, bit) pairs for the scan. A phrase is not empty."""
    found = [*phrases, ("#", HASH), ("…", ELLIPSIS), ("...", DOTS)]
    found.sort(key=lambda pair: (pair[0][_anchor(pair[0])], pair[0]))
    anchors, groups = np.zeros(1 << 16, np.uint16), [0]
    for number, (phrase, _) in enumerate(found):
        sign = phrase[_anchor(phrase)]
        for c in {sign, sign.upper() if sign.isascii() else sign}:
            if anchors[ord(c) & 0xFFFF] == 0:
                anchors[ord(c) & 0xFFFF] = len(groups)
        if number + 1 == len(found) or found[number + 1][0][_anchor(found[number + 1][0])] != sign:
            groups.append(number + 1)
    return Phrases(
        anchors,
        np.array(groups, np.int64),
        np.array([ord(c) for phrase, _ in found for c in phrase], np.uint32),
        np.cumsum([0, *(len(phrase) for phrase, _ in found)], dtype=np.int64),
        np.array([_anchor(phrase) for phrase, _ in found], np.int64),
        np.array([mark for _, mark in found], np.uint16),
    )


@compiled
def fold(c: np.uint32) -> np.uint32:
    """An ASCII capital as its small letter."""
    return c | np.uint32(32) if 65 <= c <= 90 else c


@compiled
def _stands_at(cps: np.ndarray, start: int, stop: int, phrases: Phrases, number: int) -> bool:
    first, after = phrases.bounds[number], phrases.bounds[number + 1]
    if start + after - first > stop:
        return False
    for k in range(after - first):  # noqa: SIM110 - compiled: no generators
        if fold(cps[start + k]) != phrases.texts[first + k]:
            return False
    return True


@compiled
def find_marks(
    cps: np.ndarray, begin: int, end: int, phrases: Phrases, marks: Marks, count: int
) -> tuple[int, int, int]:
    """Find every mark of a span; count: those that belong to lines and are there already.

    Returns their new number, and the numbers of hashes and of ellipses.

    Ellipses are "…" and, without overlap, "...".
    """
    hashes, ellipses, after = 0, 0, begin
    for i in range(begin, end):
        group = phrases.anchors[cps[i] & 0xFFFF]
        if group == 0:
            continue
        bits = 0
        for number in range(phrases.groups[group - 1], phrases.groups[group]):
            start = i - phrases.backs[number]
            if start >= begin and _stands_at(cps, start, end, phrases, number):
                bits |= phrases.marks[number]
        hashes += 1 if bits & HASH else 0
        ellipses += 1 if bits & ELLIPSIS else 0
        if bits & DOTS and i >= after:
            ellipses += 1
            after = i + 3
        if bits & ~_COUNTED:
            marks.places[count], marks.bits[count] = i, bits
            count += 1
    return count, hashes, ellipses
