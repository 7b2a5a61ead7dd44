"""What each Unicode code point is, as one table of bit flags that compiled code can index.

The punctuation sets are datatrove's own, so that "symbol" and "terminal" mean what its filters mean.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NUM_CODEPOINTS = 0x110000
# Beyond Unicode's planes 0-3 there are only tags, variation selectors and private use, which get no flags.
_NUM_ASSIGNED = 0x323B0

SPACE = 1 << 0  # str.isspace
LINE_BREAK = 1 << 1  # where str.splitlines splits
LETTER = 1 << 2  # str.isalpha: any category L
LOWER = 1 << 3  # lower-case, or a letter of a script without case
UPPER = 1 << 4  # upper-case, or a letter of a script without case
DIGIT = 1 << 5  # 0-9
SYMBOL = 1 << 6  # in datatrove's PUNCTUATION_SET
TERMINAL = 1 << 7  # in datatrove's TERMINAL_PUNCTUATION
SENTENCE_END = 1 << 8  # ends a sentence for spaCy's sentencizer
PUNCTUATION = 1 << 9  # Unicode category P
PREFIX = 1 << 10  # spaCy splits it off the front of a word
SUFFIX = 1 << 11  # spaCy splits it off the back of a word
QUOTE = 1 << 12  # spaCy's quotes and brackets
BEFORE_PERIOD = 1 << 13  # a final period after it is a word of its own
CURRENCY = 1 << 14
ICON = 1 << 15  # Unicode category So
HAN = 1 << 16  # Han ideographs
WORD = 1 << 17  # letters, digits and marks: what a shingle is made of
BULLET = 1 << 18  # opens a list item in Chinese pages
ZH_TERMINAL = 1 << 19  # ends a sentence in Chinese: 。！？… and their ASCII forms
ZH_CLOSER = 1 << 20  # quotes and brackets that may follow it

_PUNCT = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉〈〉⟦⟧"
_CURRENCY = "$£€¥฿₽﷼₴" + "".join(map(chr, range(0x20A0, 0x20C0)))
_HAN_RANGES = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF), (0x3007, 0x3007))
# spaCy's sentencizer ends sentences at these members of the terminal set only.
_NOT_SENTENCE_END = "\u061d\u061e\u1b7d\u1b7e\u2e53\u2e54"


@dataclass(frozen=True)
class TextView:
    """The bytes of a string column: row i is ``data[offsets[i]:offsets[i + 1]]``, UTF-8."""

    data: np.ndarray  # uint8
    offsets: np.ndarray  # int64 (n + 1,)

    @property
    def max_bytes(self) -> int:
        """Bytes of the longest row: an upper bound of its code points."""
        return int(np.diff(self.offsets).max(initial=0))


def view_text(column: pa.ChunkedArray | pa.Array) -> TextView:
    """View a string column without copying its bytes (several chunks are joined first); a null row is empty."""
    chunk = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = pc.cast(chunk, pa.large_string())
    _, offsets, data = array.buffers()
    values = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    if len(array) == 0:
        return TextView(values, np.zeros(1, np.int64))
    return TextView(values, np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1])


def _members(chars: str | set[str]) -> np.ndarray:
    return np.array(sorted(ord(c) for c in chars), np.int64)


def _where(test: Callable[[str], bool], text: str) -> np.ndarray:
    return np.fromiter(map(test, text), bool, len(text))


@cache
def flag_table() -> np.ndarray:
    """Bit flags of every code point, uint32 (0x110000,). Built once per process, about 0.1 s."""
    from datatrove.utils.text import PUNCTUATION_SET, TERMINAL_PUNCTUATION

    text = "".join(map(chr, range(_NUM_ASSIGNED)))
    table = np.zeros(NUM_CODEPOINTS, np.uint32)
    flags = table[:_NUM_ASSIGNED]
    letter, lower, upper = (_where(test, text) for test in (str.isalpha, str.islower, str.isupper))
    uncased = letter & ~lower & ~upper
    category = np.array([unicodedata.category(c) for c in text])
    icon = category == "So"
    mark = np.char.startswith(category, "M")
    han = np.zeros(_NUM_ASSIGNED, bool)
    for first, last in _HAN_RANGES:
        han[first : last + 1] = True

    for bit, mask in (
        (SPACE, _where(str.isspace, text)),
        (LETTER, letter),
        (LOWER, (letter & lower) | uncased),
        (UPPER, (letter & upper) | uncased),
        (PUNCTUATION, np.char.startswith(category, "P")),
        (ICON, icon),
        (PREFIX | SUFFIX, icon),
        (HAN, han),
        (WORD, _where(str.isalnum, text) | mark),
        (BEFORE_PERIOD, (letter & lower) | uncased),
    ):
        flags[mask] |= bit
    for bit, chars in (
        (LINE_BREAK, "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"),
        (DIGIT, "0123456789"),
        (SYMBOL, PUNCTUATION_SET),
        (TERMINAL, TERMINAL_PUNCTUATION),
        (SENTENCE_END, TERMINAL_PUNCTUATION - set(_NOT_SENTENCE_END)),
        (PREFIX, "§%=—–" + _PUNCT + _QUOTES + _CURRENCY),
        (SUFFIX, "—–" + _PUNCT + _QUOTES),
        (QUOTE, _QUOTES),
        (BEFORE_PERIOD, "0123456789%²-+" + _PUNCT + _QUOTES),
        (CURRENCY, _CURRENCY),
        (BULLET, "•·●○■□◆◇▪▶►※★☆*-－–—"),
        (ZH_TERMINAL, "。！？…；：.!?;:｡．"),
        (ZH_CLOSER, "”’」』）】》〉\"')]"),
    ):
        flags[_members(chars)] |= bit
    return table


@cache
def lower_table() -> np.ndarray:
    """The one-code-point lower-case form of every code point, uint32 (0x110000,)."""
    table = np.arange(NUM_CODEPOINTS, dtype=np.uint32)
    table[:_NUM_ASSIGNED] = [ord(chr(c).lower()[0]) for c in range(_NUM_ASSIGNED)]
    return table
