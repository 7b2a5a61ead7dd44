"""FineWeb's line figures in one pass per page, compiled."""

from __future__ import annotations

import numpy as np

from stages.codepoints import SPACE, TERMINAL, ZH_CLOSER, ZH_TERMINAL
from stages.compiled import compiled
from stages.rules import CHINESE
from stages.text_kernels import NEWLINE, count_duplicates, decode, slot_mask
from stages.word_kernels import Tables, split_words


@compiled
def _split_filled_lines(
    cps: np.ndarray, n: int, flags: np.ndarray, starts: np.ndarray, stops: np.ndarray
) -> tuple[int, int]:
    """Lines between newlines that hold more than white space; returns their number and that of the newlines."""
    count, newlines, begin = 0, 0, 0
    filled = False
    for i in range(n + 1):
        if i < n and cps[i] != NEWLINE:
            filled = filled or flags[cps[i]] & SPACE == 0
            continue
        newlines += 1 if i < n else 0
        if filled:
            starts[count] = begin
            stops[count] = i
            count += 1
        begin, filled = i + 1, False
    return count, newlines


@compiled
def ends_sentence(code: int, cps: np.ndarray, start: int, stop: int, flags: np.ndarray) -> bool:
    """Whether a line ends as a sentence does; a Chinese one may close quotes and brackets behind the mark."""
    if code != CHINESE:
        return flags[cps[stop - 1]] & TERMINAL != 0
    while stop - 1 > start and flags[cps[stop - 1]] & (ZH_CLOSER | SPACE):
        stop -= 1
    return flags[cps[stop - 1]] & ZH_TERMINAL != 0


@compiled
def fineweb_figures(
    data: np.ndarray, offsets: np.ndarray, codes: np.ndarray, tables: Tables, short_en: int, short_zh: int, room: int
) -> np.ndarray:
    """Filled lines and the four ratios, float64 (n, 5); NaN for rows without rules."""
    out = np.full((codes.shape[0], 5), np.nan)
    cps = np.empty(room + 1, np.uint32)
    starts, stops = np.empty(2 * room + 2, np.int64), np.empty(2 * room + 2, np.int64)
    size = np.int64(slot_mask(room + 1)) + 1
    table, epochs = np.empty(size, np.uint64), np.zeros(size, np.int32)
    for r in range(codes.shape[0]):
        code = codes[r]
        if code == 0:
            continue
        n = decode(data, offsets[r], offsets[r + 1], cps)
        lines, newlines = _split_filled_lines(cps, n, tables.flags, starts, stops)
        short_length = short_zh if code == CHINESE else short_en
        ended, short = 0, 0
        for k in range(lines):
            ended += 1 if ends_sentence(code, cps, starts[k], stops[k], tables.flags) else 0
            short += 1 if stops[k] - starts[k] <= short_length else 0
        _, repeated_chars = count_duplicates(cps, starts, stops, lines, table, epochs, r + 1)
        words = split_words(code, cps, 0, n, tables, starts, stops)
        out[r, 0] = lines
        out[r, 1] = ended / max(lines, 1)
        out[r, 2] = short / max(lines, 1)
        out[r, 3] = repeated_chars / max(n - newlines, 1)
        # Extractors set paragraphs apart by one newline or two; lines with text do not depend on it.
        out[r, 4] = (lines if code == CHINESE else newlines) / max(words, 1)
    return out
