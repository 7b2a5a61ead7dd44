"""C4's line rules on one page, compiled: which lines stay, and how many sentences they hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stages.codepoints import HAN, SPACE, WORD, ZH_CLOSER, ZH_TERMINAL
from stages.compiled import compiled
from stages.line_kernels import Lines
from stages.mark_kernels import (
    ADVERT,
    BRACKET,
    CURLY,
    JAVASCRIPT,
    LOREM_IPSUM,
    NAVIGATION,
    POLICY,
    Marks,
)
from stages.rules import CHINESE
from stages.text_kernels import BLANK
from stages.word_kernels import ENDS, SIGNS, WORDED, Page

KEPT, SHORT = 0, -1  # or the mark for which a line is set aside; SHORT is for its length or its end
OPENING, CLOSING, PERIOD, QUESTION, EXCLAMATION, QUOTE, APOSTROPHE = map(ord, "[].?!\"'")
_EDIT, _NEEDED = (np.array([ord(c) for c in text], np.uint32) for text in ("[edit]", "[citation needed]"))
_SEPARATORS = np.array([ord(c) for c in "|/>·•»›〉→_-"], np.uint32)


class LineRules(NamedTuple):
    """What a line must be."""

    max_word_length: int  # -1 is off
    terminal: int  # 1: it ends as a sentence does
    min_words: int
    citations: int  # 1: they are taken out first
    min_items: int  # short items set apart by signs or spaces that make a line navigation; 0 is off
    max_item: int  # characters of such an item
    max_navigation: int  # characters of a line that a phrase can make navigation
    max_advert: int


@compiled
def _stands_here(cps: np.ndarray, i: int, stop: int, text: np.ndarray) -> bool:
    if stop - i < text.shape[0]:
        return False
    for k in range(text.shape[0]):  # noqa: SIM110 - compiled: no generators
        if cps[i + k] != text[k]:
            return False
    return True


@compiled
def _citation_size(cps: np.ndarray, i: int, stop: int) -> int:
    """Code points of a citation mark at i: digits, "edit" or "citation needed" in brackets; else 0."""
    if cps[i] != OPENING:
        return 0
    end = i + 1
    while end < stop and 48 <= cps[end] <= 57:
        end += 1
    if end < stop and cps[end] == CLOSING:
        return end + 1 - i
    if _stands_here(cps, i, stop, _EDIT):
        return _EDIT.shape[0]
    return _NEEDED.shape[0] if _stands_here(cps, i, stop, _NEEDED) else 0


@compiled
def _copy_line(cps: np.ndarray, kinds: np.ndarray, start: int, stop: int, to: int) -> int:
    """Copy a line without its citation marks, a space behind it; returns the end of the copy."""
    i = start
    while i < stop:
        size = _citation_size(cps, i, stop)
        if size == 0:
            cps[to], kinds[to] = cps[i], kinds[i]
            to += 1
            size = 1
        i += size
    cps[to], kinds[to] = BLANK, SPACE
    return to


@compiled
def _line_words(
    code: int, starts: np.ndarray, stops: np.ndarray, classes: np.ndarray, first: int, after: int
) -> tuple[int, int]:
    """White-space words (Chinese: Han characters and runs of other letters) and the length of the longest."""
    words, longest, begin = 0, 0, 0
    for w in range(first, after):
        if code == CHINESE:
            if classes[w] & WORDED:
                words += 1
                longest = max(longest, stops[w] - starts[w])
            continue
        if w == first or starts[w] != stops[w - 1]:
            words += 1
            begin = starts[w]
        longest = max(longest, stops[w] - begin)
    return words, longest


@compiled
def _is_terminated(code: int, cps: np.ndarray, kinds: np.ndarray, start: int, stop: int) -> bool:
    """Whether a line ends as a sentence does, and not in "..."."""
    if start == stop:
        return False
    if code == CHINESE:
        while stop - 1 > start and kinds[stop - 1] & ZH_CLOSER:
            stop -= 1
        return kinds[stop - 1] & ZH_TERMINAL != 0
    c = cps[stop - 1]
    if c not in (PERIOD, QUESTION, EXCLAMATION, QUOTE, APOSTROPHE):
        return False
    return not (stop - start >= 3 and c == PERIOD and cps[stop - 2] == PERIOD and cps[stop - 3] == PERIOD)


@compiled
def _is_separator(c: int, kind: int) -> bool:
    if kind & (WORD | SPACE):
        return kind & SPACE != 0
    for k in range(_SEPARATORS.shape[0]):  # noqa: SIM110 - compiled: no generators
        if c == _SEPARATORS[k]:
            return True
    return False


@compiled
def _is_row_of_items(cps: np.ndarray, kinds: np.ndarray, start: int, stop: int, rules: LineRules) -> bool:
    """Whether a line is short items with Han characters, set apart by signs or spaces, as menus are."""
    items, length, han = 0, 0, False
    for i in range(start, stop + 1):
        if i == stop or _is_separator(cps[i], kinds[i]):
            items += 1 if han else 0
            length, han = 0, False
            continue
        length += 1
        if length > rules.max_item or kinds[i] & ZH_TERMINAL:
            return False
        han = han or kinds[i] & HAN != 0
    return items >= rules.min_items


@compiled
def _is_navigation(
    code: int, cps: np.ndarray, kinds: np.ndarray, start: int, stop: int, bits: int, rules: LineRules
) -> bool:
    if bits & NAVIGATION and stop - start <= rules.max_navigation:
        return not _is_terminated(code, cps, kinds, start, stop)
    return rules.min_items > 0 and _is_row_of_items(cps, kinds, start, stop, rules)


@compiled
def _count_sentences(classes: np.ndarray, first: int, after: int) -> int:
    """Sentences as spaCy's sentencizer cuts them: a new one starts at a word behind closing punctuation."""
    sentences, closed = min(after - first, 1), False
    for w in range(first, after):
        if classes[w] & ENDS:
            closed = True
        elif closed and not classes[w] & SIGNS:
            sentences += 1
            closed = False
    return sentences


@compiled
def _judge_line(
    code: int, cps: np.ndarray, kinds: np.ndarray, start: int, stop: int, bits: int, words: int, longest: int,
    rules: LineRules,
) -> int:  # fmt: skip
    """KEPT, or why the line is set aside; the first rule broken in datatrove's order, behind those that are ours."""
    if _is_navigation(code, cps, kinds, start, stop, bits, rules):
        return NAVIGATION
    if bits & ADVERT and stop - start <= rules.max_advert:
        return ADVERT
    if 0 <= rules.max_word_length < longest:
        return SHORT
    if (rules.terminal and not _is_terminated(code, cps, kinds, start, stop)) or words < rules.min_words:
        return SHORT
    for mark in (LOREM_IPSUM, JAVASCRIPT, CURLY, POLICY):
        if bits & mark:
            return mark
    return KEPT


@compiled
def copy_without_citations(page: Page, n: int, lines: Lines, count: int, marks: Marks, found: int) -> tuple[int, int]:
    """Copy each line that has citation marks, without them, behind the page.

    lines.firsts and lines.counts get the number of each copied line and the end of its copy.
    Returns the number of copies and the end of the last.
    """
    copies, end, mark = 0, n + 1, 0
    for k in range(count):
        bits = 0
        while mark < found and marks.places[mark] < lines.stops[k]:
            bits |= marks.bits[mark]
            mark += 1
        first, after = lines.words[k], lines.words[k + 1]
        if bits & BRACKET and first < after:
            start, stop = page.starts[first], page.stops[after - 1]
            to = _copy_line(page.cps, page.kinds, start, stop, end)
            if to - end < stop - start:
                lines.firsts[copies], lines.counts[copies] = k, to
                copies += 1
                end = to + 1
    return copies, end


@compiled
def c4_figures(
    code: int, page: Page, n: int, lines: Lines, count: int, copies: int, marks: Marks, found: int, all_words: int,
    all_found: int, rules: LineRules,
) -> tuple[int, int, int, int, int, int, int, int]:  # fmt: skip
    """Lines, kept lines, sentences and characters in them, and lines of lorem ipsum, "{", navigation and adverts.

    Words and marks of copied lines stand behind the page's own: from lines.words[count] and found on.
    A line with lorem ipsum or "{" ends datatrove's reading of the page; here the rest is still counted, but of those
    two kinds only the one that came first.
    """
    cps, kinds, starts, stops, classes = page.cps, page.kinds, page.starts, page.stops, page.classes
    kept, all_sentences, chars, loremed, curly, navigation, adverts = 0, 0, 0, 0, 0, 0, 0
    mark, copy, copy_start, copy_word, copy_mark = 0, 0, n + 1, lines.words[count], found
    for k in range(count):
        first, after, bits = lines.words[k], lines.words[k + 1], 0
        while mark < found and marks.places[mark] < lines.stops[k]:
            bits |= marks.bits[mark]
            mark += 1
        start = starts[first] if first < after else lines.starts[k]
        stop = stops[after - 1] if first < after else start
        words, longest = _line_words(code, starts, stops, classes, first, after)
        if copy < copies and lines.firsts[copy] == k:  # from here on, the copy is the line
            start, stop, first, after, bits = copy_start, lines.counts[copy], copy_word, copy_word, 0
            while copy_mark < all_found and marks.places[copy_mark] < stop:
                bits |= marks.bits[copy_mark]
                copy_mark += 1
            while after < all_words and starts[after] < stop:
                after += 1
            copy, copy_start, copy_word = copy + 1, stop + 1, after
        verdict = _judge_line(code, cps, kinds, start, stop, bits, words, longest, rules)
        if verdict == KEPT:
            kept += 1
            all_sentences += _count_sentences(classes, first, after)
            chars += stop - start
        loremed += 1 if verdict == LOREM_IPSUM and curly == 0 else 0
        curly += 1 if verdict == CURLY and loremed == 0 else 0
        navigation += 1 if verdict == NAVIGATION else 0
        adverts += 1 if verdict == ADVERT else 0
    return count, kept, all_sentences, chars, loremed, curly, navigation, adverts
