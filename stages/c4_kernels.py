"""C4's line rules, compiled: which lines stay, and how many sentences they hold."""

from __future__ import annotations

import numpy as np

from stages.codepoints import HAN, PUNCTUATION, SENTENCE_END, SPACE, WORD, ZH_CLOSER, ZH_TERMINAL
from stages.compiled import compiled
from stages.rules import CHINESE
from stages.text_kernels import decode, split_lines, strip_span
from stages.word_kernels import Tables, split_words

KEPT, LONG_WORD, NO_TERMINAL, FEW_WORDS, LOREM_IPSUM, JAVASCRIPT, CURLY, POLICY = range(8)
OPENING, CLOSING, PERIOD, QUESTION, EXCLAMATION, QUOTE, APOSTROPHE, CURLY_BRACKET = map(ord, "[].?!\"'{")


@compiled
def _fold(c: np.uint32) -> np.uint32:
    """An ASCII capital as its small letter."""
    return c | np.uint32(32) if 65 <= c <= 90 else c


@compiled
def matches(cps: np.ndarray, i: int, stop: int, patterns: np.ndarray, first: int, last: int) -> bool:
    """Whether the pattern ``patterns[first:last]`` (lower case) stands at i."""
    if stop - i < last - first:
        return False
    for k in range(last - first):  # noqa: SIM110 - compiled: no generators
        if _fold(cps[i + k]) != patterns[first + k]:
            return False
    return True


@compiled
def contains(cps: np.ndarray, start: int, stop: int, patterns: np.ndarray, bounds: np.ndarray) -> bool:
    """Whether one of the packed patterns occurs in the span."""
    for i in range(start, stop):
        c = _fold(cps[i])
        for k in range(bounds.shape[0] - 1):
            if c == patterns[bounds[k]] and matches(cps, i, stop, patterns, bounds[k], bounds[k + 1]):
                return True
    return False


@compiled
def _citation_size(cps: np.ndarray, i: int, stop: int, patterns: np.ndarray, bounds: np.ndarray) -> int:
    """Code points of a citation mark at i: digits in brackets, or one of the patterns; 0 without patterns."""
    if cps[i] != OPENING or bounds.shape[0] < 2:
        return 0
    end = i + 1
    while end < stop and 48 <= cps[end] <= 57:
        end += 1
    if end < stop and cps[end] == CLOSING:
        return end + 1 - i
    for k in range(bounds.shape[0] - 1):
        if matches(cps, i, stop, patterns, bounds[k], bounds[k + 1]):
            return bounds[k + 1] - bounds[k]
    return 0


@compiled
def _copy_without_citations(
    cps: np.ndarray, start: int, stop: int, patterns: np.ndarray, bounds: np.ndarray, line: np.ndarray
) -> int:
    """Copy a line without its citation marks; returns its length."""
    n, i = 0, start
    while i < stop:
        size = _citation_size(cps, i, stop, patterns, bounds)
        if size == 0:
            line[n] = cps[i]
            n += 1
            size = 1
        i += size
    return n


@compiled
def _line_words(code: int, cps: np.ndarray, start: int, stop: int, flags: np.ndarray) -> tuple[int, int]:
    """White-space words (Chinese: Han characters and runs of other letters) and the length of the longest."""
    words, longest, begin = 0, 0, start
    for i in range(start, stop + 1):
        if i < stop and not flags[cps[i]] & SPACE:
            continue
        words += 1 if i > begin else 0
        longest = max(longest, i - begin)
        begin = i + 1
    if code != CHINESE:
        return words, longest
    words, longest, run = 0, 0, 0
    for i in range(start, stop):
        f = flags[cps[i]]
        run = run + 1 if f & WORD and not f & HAN else 0
        words += 1 if f & HAN or run == 1 else 0
        longest = max(longest, run)
    return words, longest


@compiled
def _is_terminated(code: int, line: np.ndarray, n: int, flags: np.ndarray) -> bool:
    """Whether the line ends as a sentence does, and not in "..."."""
    if n == 0:
        return False
    if code == CHINESE:
        while n > 1 and flags[line[n - 1]] & ZH_CLOSER:
            n -= 1
        return flags[line[n - 1]] & ZH_TERMINAL != 0
    c = line[n - 1]
    if c not in (PERIOD, QUESTION, EXCLAMATION, QUOTE, APOSTROPHE):
        return False
    return not (n >= 3 and c == PERIOD and line[n - 2] == PERIOD and line[n - 3] == PERIOD)


@compiled
def _count_sentences(code: int, line: np.ndarray, n: int, tables: Tables, starts: np.ndarray, stops: np.ndarray) -> int:
    """Sentences as spaCy's sentencizer cuts them: a new one starts at a word behind closing punctuation."""
    count = split_words(code, line, 0, n, tables, starts, stops)
    sentences, closed = 1, False
    for w in range(count):
        ends = stops[w] - starts[w] == 1 and tables.flags[line[starts[w]]] & SENTENCE_END != 0
        punctuation = True
        for i in range(starts[w], stops[w]):
            punctuation = punctuation and tables.flags[line[i]] & PUNCTUATION != 0
        if ends:
            closed = True
        elif closed and not punctuation:
            sentences += 1
            closed = False
    return sentences


@compiled
def _judge_line(
    code: int,
    line: np.ndarray,
    n: int,
    words: int,
    longest: int,
    options: tuple[int, ...],
    tables: Tables,
    javascript: tuple[np.ndarray, np.ndarray],
    lorem: tuple[np.ndarray, np.ndarray],
    policy: tuple[np.ndarray, np.ndarray],
) -> int:
    """KEPT, or the first line rule broken, in datatrove's order."""
    max_word, terminal, min_words, no_lorem, no_javascript, no_curly, no_policy = options
    if max_word >= 0 and longest > max_word:
        return LONG_WORD
    if terminal and not _is_terminated(code, line, n, tables.flags):
        return NO_TERMINAL
    if words < min_words:
        return FEW_WORDS
    if no_lorem and contains(line, 0, n, lorem[0], lorem[1]):
        return LOREM_IPSUM
    if no_javascript and contains(line, 0, n, javascript[0], javascript[1]):
        return JAVASCRIPT
    if no_curly:
        for i in range(n):
            if line[i] == CURLY_BRACKET:
                return CURLY
    if no_policy and contains(line, 0, n, policy[0], policy[1]):
        return POLICY
    return KEPT


@compiled
def c4_figures(
    data: np.ndarray,
    offsets: np.ndarray,
    codes: np.ndarray,
    tables: Tables,
    code: int,
    options: tuple[int, ...],
    citations: tuple[np.ndarray, np.ndarray],
    javascript: tuple[np.ndarray, np.ndarray],
    lorem: tuple[np.ndarray, np.ndarray],
    policy: tuple[np.ndarray, np.ndarray],
    room: int,
) -> np.ndarray:
    """Figures of the rows with this code, float64 (n, 6), NaN elsewhere.

    options: max_word_length, require_terminal, min_words, and whether lorem ipsum, javascript, curly brackets and
    policy lines count. citations, javascript, lorem, policy: packed patterns, (code points, bounds).
    Figures: lines, kept lines, sentences in them, characters in them, lines with lorem ipsum, lines with "{".
    A line with lorem ipsum or "{" ends datatrove's reading of the page; here the rest is still counted, but of those
    two kinds only the one that came first.
    """
    out = np.full((codes.shape[0], 6), np.nan)
    cps, line = np.empty(room + 1, np.uint32), np.empty(room + 1, np.uint32)
    starts, stops = np.empty(room + 2, np.int64), np.empty(room + 2, np.int64)
    word_starts, word_stops = np.empty(2 * room + 2, np.int64), np.empty(2 * room + 2, np.int64)
    for r in range(codes.shape[0]):
        if codes[r] != code:
            continue
        n = decode(data, offsets[r], offsets[r + 1], cps)
        lines = split_lines(cps, n, tables.flags, starts, stops)
        kept, sentences, chars, loremed, curly = 0, 0, 0, 0, 0
        for k in range(lines):
            start, stop = strip_span(cps, starts[k], stops[k], tables.flags)
            words, longest = _line_words(code, cps, start, stop, tables.flags)
            size = _copy_without_citations(cps, start, stop, citations[0], citations[1], line)
            verdict = _judge_line(code, line, size, words, longest, options, tables, javascript, lorem, policy)
            loremed += 1 if verdict == LOREM_IPSUM and curly == 0 else 0
            curly += 1 if verdict == CURLY and loremed == 0 else 0
            if verdict == KEPT:
                kept += 1
                chars += size
                sentences += _count_sentences(code, line, size, tables, word_starts, word_stops)
        out[r, 0], out[r, 1], out[r, 2], out[r, 3] = lines, kept, sentences, chars
        out[r, 4], out[r, 5] = loremed, curly
    return out
