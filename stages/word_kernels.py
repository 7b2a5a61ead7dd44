"""Words of a page: spaCy's in English, characters in Chinese."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.codepoints import HAN, SPACE, WORD, flag_table
from stages.compiled import compiled
from stages.english_specials import special_table, unit_hashes
from stages.english_words import split_english
from stages.rules import CHINESE


class Tables(NamedTuple):
    """What the kernels look characters and English words up in."""

    flags: np.ndarray
    special_keys: np.ndarray
    special_pieces: np.ndarray
    units: np.ndarray


def load_tables() -> Tables:
    """The tables of this process (built once)."""
    return Tables(flag_table(), *special_table(), unit_hashes())


@compiled
def split_chinese(
    cps: np.ndarray, begin: int, end: int, flags: np.ndarray, starts: np.ndarray, stops: np.ndarray
) -> int:
    """Cut into units: one Han character, one run of other letters and digits, or one symbol; white space excluded.

    Returns the number of units.
    """
    count = 0
    i = begin
    while i < end:
        f = flags[cps[i]]
        if f & SPACE:
            i += 1
            continue
        start = i
        i += 1
        if f & WORD and not f & HAN:
            while i < end and flags[cps[i]] & WORD and not flags[cps[i]] & HAN:
                i += 1
        starts[count] = start
        stops[count] = i
        count += 1
    return count


@compiled
def split_words(
    code: int, cps: np.ndarray, begin: int, end: int, tables: Tables, starts: np.ndarray, stops: np.ndarray
) -> int:
    """Words of ``cps[begin:end]`` in the row's language; returns their number. starts, stops: 2 * code points + 2."""
    if code == CHINESE:
        return split_chinese(cps, begin, end, tables.flags, starts, stops)
    return split_english(
        cps, begin, end, tables.flags, tables.special_keys, tables.special_pieces, tables.units, starts, stops
    )


@compiled
def count_readable_words(code: int, cps: np.ndarray, n: int, flags: np.ndarray) -> int:
    """White-space words in English, Han characters in Chinese."""
    count = 0
    inside = False
    for i in range(n):
        f = flags[cps[i]]
        if code == CHINESE:
            count += 1 if f & HAN else 0
        else:
            space = f & SPACE != 0
            count += 1 if inside == False and not space else 0  # noqa: E712 - numba has no "is"
            inside = not space
    return count
