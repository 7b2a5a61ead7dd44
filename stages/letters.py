"""The letters of a text: what is left of it where case, width, accents, script variant, spaces and marks say nothing.

Two spellings of one sentence have the same letters, however it is cased, punctuated, spaced, broken into lines or
marked up: "Don't PANIC!", "dont panic" and "Ｄｏｎ’ｔ **panic**" are all ``dontpanic``.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np

from stages.chinese import simplified_forms
from stages.codepoints import NUM_CODEPOINTS

_NUM_ASSIGNED = 0x323B0
_HANGUL = (0xAC00, 0xD7A3)
_MOST = 6  # letters of one character: two a byte of UTF-8; only two Arabic ligatures have more, and are cut


class Folding(NamedTuple):
    """What each code point becomes: letters ``letters[first[c]:first[c + 1]]``, none for what is no letter."""

    first: np.ndarray  # int32 (0x110001,)
    letters: np.ndarray  # uint16


@cache
def folding() -> Folding:
    """The table of this process (built once, about 0.2 s).

    NFKD of the case-folded character, letters and digits only; NFKC would be the same but for accents, which are left
    out here so that composed and decomposed forms agree. Hangul syllables stay whole. Traditional characters become
    simplified ones, by OpenCC's table of characters.
    """
    simplified = simplified_forms()
    lengths, letters = np.zeros(NUM_CODEPOINTS + 1, np.int32), []
    for c in range(_NUM_ASSIGNED):
        found = _fold(chr(c), simplified)
        lengths[c + 1] = len(found)
        letters += map(_short, found)
    return Folding(np.cumsum(lengths, dtype=np.int32), np.array(letters, np.uint16))


def _fold(char: str, simplified: dict[str, str]) -> str:
    if char.isascii():
        return char.lower() if char.isalnum() else ""
    if _HANGUL[0] <= ord(char) <= _HANGUL[1]:
        return char
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    return "".join(simplified.get(one, one) for one in plain if one.isalnum())[:_MOST]


def _short(letter: str) -> int:
    """A letter in 16 bits; the rare Han characters beyond the first plane share places with others of the first."""
    c = ord(letter)
    return c if c < 0x10000 else 0x4000 | (c & 0x3FFF)
