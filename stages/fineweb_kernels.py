"""FineWeb's line figures of one page, compiled."""

from __future__ import annotations

import numpy as np

from stages.codepoints import SPACE, TERMINAL, ZH_CLOSER, ZH_TERMINAL
from stages.compiled import compiled
from stages.line_kernels import Lines, is_blank
from stages.rules import CHINESE
from stages.word_kernels import Page


@compiled
def ends_sentence(code: int, kinds: np.ndarray, start: int, stop: int) -> bool:
    """Whether a line ends as a sentence does; a Chinese one may close quotes and brackets behind the mark."""
    if code != CHINESE:
        return kinds[stop - 1] & TERMINAL != 0
    while stop - 1 > start and kinds[stop - 1] & (ZH_CLOSER | SPACE):
        stop -= 1
    return kinds[stop - 1] & ZH_TERMINAL != 0


@compiled
def fineweb_figures(
    code: int, page: Page, n: int, words: int, lines: Lines, count: int, short_length: int
) -> tuple[int, float, float, float, float]:
    """Filled lines, shares of those that end a sentence, are short, or repeat one above, and newlines per word."""
    filled, ended, short, repeated = 0, 0, 0, 0
    for k in range(count):
        start, stop = lines.starts[k], lines.stops[k]
        if is_blank(page.kinds, start, stop):
            continue
        filled += 1
        ended += 1 if ends_sentence(code, page.kinds, start, stop) else 0
        short += 1 if stop - start <= short_length else 0
        repeated += stop - start if lines.firsts[k] < k else 0
    newlines = count - 1
    # Extractors set paragraphs apart by one newline or two; lines with text do not depend on it.
    listed = (filled if code == CHINESE else newlines) / max(words, 1)
    return filled, ended / max(filled, 1), short / max(filled, 1), repeated / max(n - newlines, 1), listed
