"""A page cut into words: spaCy's in English, characters in Chinese. Equal words are found once for all rules."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.codepoints import HAN, LETTER, PUNCTUATION, SENTENCE_END, SPACE, SYMBOL, WORD, flag_table
from stages.compiled import compiled
from stages.english_specials import special_table, unit_hashes
from stages.english_words import split_english
from stages.rules import CHINESE
from stages.text_kernels import Slots, group_equal, hash_span

# What a word is, as bits.
PLAIN = 1  # not of symbols alone
LETTERED = 2  # has a letter
WORDED = 4  # begins with a letter, digit or mark
ENDS = 8  # one sign that ends a sentence
SIGNS = 16  # punctuation alone


class Tables(NamedTuple):
    """What the kernels look characters and English words up in."""

    flags: np.ndarray
    special_keys: np.ndarray
    special_pieces: np.ndarray
    units: np.ndarray


def load_tables() -> Tables:
    """The tables of this process (built once)."""
    return Tables(flag_table(), *special_table(), unit_hashes())


class Page(NamedTuple):
    """One page, decoded and cut; the arrays are used again for the next one."""

    cps: np.ndarray  # uint32, code points
    kinds: np.ndarray  # uint32, their flags
    breaks: np.ndarray  # int32, where lines end
    starts: np.ndarray  # int32, of words
    stops: np.ndarray
    hashes: np.ndarray  # uint64, of words
    firsts: np.ndarray  # int32, the first place of each word
    counts: np.ndarray  # int32, places of the word that is first here
    classes: np.ndarray  # uint8, what each word is


@compiled
def make_page(room: int) -> Page:
    """Arrays for pages of up to so many code points, and for one of their lines once more behind them.

    What no page reaches costs no memory.
    """
    return Page(
        np.empty(2 * room + 2, np.uint32),
        np.empty(2 * room + 2, np.uint32),
        np.empty(room + 1, np.int32),
        np.empty(3 * room + 2, np.int32),
        np.empty(3 * room + 2, np.int32),
        np.empty(2 * room + 2, np.uint64),
        np.empty(room + 1, np.int32),
        np.empty(room + 1, np.int32),
        np.empty(2 * room + 2, np.uint8),
    )


@compiled
def split_chinese(
    cps: np.ndarray,
    kinds: np.ndarray,
    begin: int,
    end: int,
    starts: np.ndarray,
    stops: np.ndarray,
    hashes: np.ndarray,
    count: int,
) -> tuple[int, int]:
    """Cut into units: one Han character, one run of other letters and digits, or one symbol; white space excluded.

    A space stands behind the last code point. count: units that are there already.
    Returns their new number, and that of Han characters.
    """
    han, i = 0, begin
    while i < end:
        kind = kinds[i]
        if kind & SPACE:
            i += 1
            continue
        start = i
        i += 1
        if kind & HAN:
            han += 1
        elif kind & WORD:
            while kinds[i] & WORD and not kinds[i] & HAN:
                i += 1
        starts[count], stops[count], hashes[count] = start, i, hash_span(cps, start, i)
        count += 1
    return count, han


@compiled
def split_words(code: int, page: Page, begin: int, end: int, tables: Tables, count: int) -> tuple[int, int]:
    """Cut the span, behind which stands a space, in the page's language; count: words that are there already.

    Returns their new number, and that of readable ones: chunks between white space, or Han characters in Chinese.
    """
    cps, kinds, starts, stops, hashes = page.cps, page.kinds, page.starts, page.stops, page.hashes
    if code == CHINESE:
        return split_chinese(cps, kinds, begin, end, starts, stops, hashes, count)
    keys, pieces, units = tables.special_keys, tables.special_pieces, tables.units
    return split_english(cps, kinds, begin, end, keys, pieces, units, starts, stops, hashes, count)


@compiled
def class_of(kinds: np.ndarray, start: int, stop: int) -> int:
    """What a word is, as bits."""
    some, every = kinds[start], kinds[start]
    for i in range(start + 1, stop):
        some |= kinds[i]
        every &= kinds[i]
    found = 0 if every & SYMBOL else PLAIN
    found |= LETTERED if some & LETTER else 0
    found |= WORDED if kinds[start] & WORD else 0
    found |= ENDS if stop - start == 1 and some & SENTENCE_END else 0
    return found | (SIGNS if every & PUNCTUATION else 0)


@compiled
def describe_words(page: Page, begin: int, end: int) -> None:
    """Say what each of these words is."""
    for w in range(begin, end):
        page.classes[w] = class_of(page.kinds, page.starts[w], page.stops[w])


@compiled
def name_words(page: Page, count: int, slots: Slots) -> tuple[int, np.uint64]:
    """Find equal words and say what each is; returns base and shift of the table, to look words up in it."""
    base, shift = group_equal(page.hashes, count, slots, page.firsts, page.counts)
    for w in range(count):
        first = page.firsts[w]
        page.classes[w] = class_of(page.kinds, page.starts[w], page.stops[w]) if first == w else page.classes[first]
    return base, shift
