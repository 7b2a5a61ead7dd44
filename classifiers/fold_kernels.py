"""The first three steps of the published normalisation over the UTF-8 of many texts at once, compiled.

One file without helpers elsewhere, so that numba's own disk cache notices every change.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ITSELF, ODD = -1, -2  # entries of the table of places; all others are offset << LENGTH_BITS | length of a replacement
LENGTH_BITS = 6
ROOM = 3  # bytes of room a byte of text: no replacement that the table holds grows by more
_NEWLINE = 10


@njit(cache=True, nogil=True)
def fold(
    data: np.ndarray, starts: np.ndarray, places: np.ndarray, replacements: np.ndarray, out: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Write the folded texts to ``out``, one after the other.

    Args: data uint8, valid UTF-8; starts int64 (n + 1,); places int32 (code points,); replacements uint8;
    out uint8 (ROOM * bytes of data,).
    Returns: ends int64 (n,) in ``out``; odd bool (n,), texts that only Python's own rules get right: their output is
    not finished.
    """
    number = len(starts) - 1
    ends, odd = np.empty(number, np.int64), np.zeros(number, np.bool_)
    at = 0
    for text in range(number):
        place, stop, newlines = starts[text], starts[text + 1], 0
        while place < stop:
            first = data[place]
            if first < 0x80:
                width, point = 1, np.int64(first)
            elif first < 0xE0:
                width, point = 2, (np.int64(first) & 0x1F) << 6 | np.int64(data[place + 1]) & 0x3F
            elif first < 0xF0:
                width = 3
                point = (np.int64(first) & 0x0F) << 12 | (np.int64(data[place + 1]) & 0x3F) << 6
                point |= np.int64(data[place + 2]) & 0x3F
            else:
                width = 4
                point = (np.int64(first) & 0x07) << 18 | (np.int64(data[place + 1]) & 0x3F) << 12
                point |= (np.int64(data[place + 2]) & 0x3F) << 6 | np.int64(data[place + 3]) & 0x3F
            newlines = newlines + 1 if point == _NEWLINE else 0
            target = places[point]
            if target == ODD:
                odd[text] = True
                break
            if newlines > 2:  # the third and further of a run
                place += 1
            elif target == ITSELF:
                for _ in range(width):
                    out[at] = data[place]
                    at += 1
                    place += 1
            else:
                source = target >> LENGTH_BITS
                for i in range(source, source + (target & (1 << LENGTH_BITS) - 1)):
                    out[at] = replacements[i]
                    at += 1
                place += width
        ends[text] = at
    return ends, odd
