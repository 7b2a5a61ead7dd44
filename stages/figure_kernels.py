"""All rules' figures of a column of text in one compiled pass: each page is decoded and cut into words once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.c4_kernels import LineRules, c4_figures, copy_without_citations
from stages.compiled import compiled
from stages.fineweb_kernels import fineweb_figures
from stages.gopher_kernels import quality_lines, quality_words
from stages.gram_kernels import gram_shares, make_grams
from stages.line_kernels import make_lines, repeated_lines, repeated_paragraphs, split_at_newlines, split_lines
from stages.mark_kernels import Phrases, find_marks, make_marks
from stages.rules import CHINESE
from stages.text_kernels import group_equal, make_slots, read_page
from stages.word_kernels import Tables, describe_words, make_page, name_words, split_words

FIXED = 28  # figures before those of n-grams


class Measures(NamedTuple):
    """What is measured on pages of one language."""

    stops: np.ndarray  # uint64, hashes of the stop words
    tops: np.ndarray  # int64, sizes of n-grams of which the most frequent counts
    dups: np.ndarray  # int64, sizes of n-grams of which all repeated ones count
    short_length: int  # characters of a short line
    lines: LineRules
    phrases: Phrases


@compiled
def page_figures(
    data: np.ndarray, offsets: np.ndarray, codes: np.ndarray, code: int, rules: Measures, tables: Tables, size: int
) -> np.ndarray:
    """Figures of the rows with this code, float64 (n, 28 + n-gram sizes), NaN elsewhere.

    size: bytes of the longest row. Chinese pages are read with full-width forms as ASCII.
    Columns: those of ``stages.figures``, then one for each size of rules.tops and of rules.dups.
    """
    out = np.full((codes.shape[0], FIXED + rules.tops.shape[0] + rules.dups.shape[0]), np.nan)
    page, lines, grams, marks = make_page(size), make_lines(size), make_grams(size), make_marks(size)
    slots, wide = make_slots(size + 1), code == CHINESE
    for r in range(codes.shape[0]):
        if codes[r] != code:
            continue
        row = out[r]
        n, breaks = read_page(data, offsets[r], offsets[r + 1], tables.flags, wide, page.cps, page.kinds, page.breaks)
        words, row[0] = split_words(code, page, 0, n, tables, 0)
        base, shift = name_words(page, words, slots)
        row[1], row[2], row[3], row[4], row[5] = quality_words(page, words, rules.stops, slots, base, shift)
        found, hashes, ellipses = find_marks(page.cps, 0, n, rules.phrases, marks, 0)
        row[6], row[7] = hashes / max(words, 1), ellipses / max(words, 1)
        count = split_lines(page, n, breaks, words, lines)
        row[8], row[9] = quality_lines(code, page, lines, count)
        copies, end = 0, n + 1
        if rules.lines.citations:
            copies, end = copy_without_citations(page, n, lines, count, marks, found)
        all_words, _ = split_words(code, page, n + 1, end, tables, words)
        describe_words(page, words, all_words)
        all_found, _, _ = find_marks(page.cps, n + 1, end, rules.phrases, marks, found)
        row[10], row[11], row[12], row[13], row[14], row[15], row[16], row[17] = c4_figures(
            code, page, n, lines, count, copies, marks, found, all_words, all_found, rules.lines
        )
        count = split_at_newlines(page, n, breaks, lines)
        group_equal(lines.keys, count, slots, lines.firsts, lines.counts)
        row[18], row[19], row[20], row[21], row[22] = fineweb_figures(
            code, page, n, words, lines, count, rules.short_length
        )
        row[23], row[24] = repeated_lines(code, page, n, lines, count)
        row[25], row[26] = repeated_paragraphs(code, page, n, lines, count, slots)
        row[27] = n
        # datatrove joins the words of a frequent n-gram with spaces.
        gram_shares(page, words, n, rules.tops, rules.dups, 0 if wide else 1, grams, slots, FIXED, row)
    return out
