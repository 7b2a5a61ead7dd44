"""Texts as a report shows them: personal data masked, nothing that steers a line, short windows around what matters,
and the differences of two versions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from governance.classifier_report import printable
from stages.pii import MASKS, PiiConfig, pii

Piece = dict[str, Any]  # text, and kind: "" as it is, "mark" what a rule found, "old" or "new" of two versions, "gap"
HIDDEN = "▇▇▇▇"  # what stands on the old side where the new one has a mask
_AROUND = 160  # characters of text on both sides of a place
_MAX_LINES = 400  # of a text that are compared with another's
_CONTEXT = 1  # equal lines that stay on both sides of a difference
_WORDS = re.compile(r"\s+|[㐀-鿿]|[^\W㐀-鿿]+|[^\w\s]")
_IN_URL = re.compile(r"[^/?&=#:;,]*(?:@|%40)[^/?&=#:;,]*", re.IGNORECASE)
_UNSEEN = re.compile("[\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff]")


def masked(values: Sequence[str | None]) -> list[str | None]:
    """The values with every kind of personal data masked, whatever the settings of the corpus: a report is passed on.

    Errors: stages.pii.MaskingError.
    """
    return pii(pa.table({"content": pa.array(values, pa.string())}), PiiConfig())["content"].to_pylist()


def masked_url(url: str | None) -> str | None:
    """An address with personal data masked, also in its path, which the masks of texts leave alone."""
    (found,) = masked([url])
    return found and _IN_URL.sub(MASKS["email"], found)


def windows(text: str, spans: Sequence[tuple[int, int]], chars: int) -> list[Piece]:
    """Pieces of a text: its beginning where nothing is marked, else what stands around the marks, up to ``chars``."""
    if not spans:
        return _plain(text[:chars]) + ([_piece("", "gap")] if len(text) > chars else [])
    pieces: list[Piece] = []
    at, left = 0, chars
    for number, (start, end) in enumerate(spans):
        if left <= 0:
            break
        before = max(at, start - _AROUND)
        pieces += [_piece("", "gap")] if before > at else []
        shown = min(end, start + left)
        pieces += [*_plain(text[before:start]), _piece(text[start:shown], "mark")]
        left -= shown - before
        at = shown
        following = spans[number + 1][0] if number + 1 < len(spans) else len(text)
        stop = min(at + _AROUND, following, len(text), at + max(left, 0))
        pieces += _plain(text[at:stop])
        left -= stop - at
        at = stop
    return pieces + ([_piece("", "gap")] if at < len(text) else [])


def _plain(text: str) -> list[Piece]:
    return [_piece(text, "")] if text else []


def _piece(text: str, kind: str) -> Piece:
    return {"text": printable(text), "kind": kind}


def cleaned(old: str, new: str, chars: int) -> list[Piece]:
    """What cleaning changed, line by line and within lines, with a line of context.

    Args: old, with personal data masked; new, the row's text. A mask of the new text stands as HIDDEN in the old one,
        and an old line that may hold what only the new text masks is withheld.
    """
    for mask in MASKS.values():
        old = old.replace(mask, HIDDEN)
    before, after = old.split("\n")[:_MAX_LINES], new.split("\n")[:_MAX_LINES]
    pieces: list[Piece] = []
    left = chars
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, start, stop in matcher.get_opcodes():
        if left <= 0:
            return [*pieces, _piece("", "gap")]
        found = _equal(before[first:last]) if tag == "equal" else _changed(before[first:last], after[start:stop], left)
        pieces += found
        left -= sum(len(piece["text"]) for piece in found)
    return pieces


def _equal(lines: Sequence[str]) -> list[Piece]:
    """The first and last of lines that are the same."""
    if len(lines) <= 2 * _CONTEXT + 1:
        return _plain("".join(f"{line[:_AROUND]}\n" for line in lines))
    gap = _piece(f"{len(lines) - 2 * _CONTEXT:,} lines as they were", "gap")
    first, last = ("".join(f"{line[:_AROUND]}\n" for line in some) for some in (lines[:_CONTEXT], lines[-_CONTEXT:]))
    return [*_plain(first), gap, *_plain(last)]


def _changed(old: Sequence[str], new: Sequence[str], chars: int) -> list[Piece]:
    before, after = "\n".join(old), "\n".join(new)
    if _masks(after) > before.count(HIDDEN):
        return [_piece("a line with personal data is withheld\n", "old"), _piece(f"{after[:chars]}\n", "new")]
    if not new or not old or len(before) + len(after) > 2 * chars:
        return [_piece(f"{text[:chars]}\n", kind) for text, kind in ((_seen(before), "old"), (after, "new")) if text]
    return [*differences(before, after), _piece("\n", "")]


def _masks(text: str) -> int:
    return sum(text.count(mask) for mask in MASKS.values())


def differences(old: str, new: str) -> list[Piece]:
    """Two versions of a text as one, word by word, in Chinese sign by sign."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    pieces: list[Piece] = []
    for tag, first, last, start, stop in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(_piece("".join(before[first:last]), ""))
            continue
        if first < last:
            pieces.append(_piece(_seen("".join(before[first:last])), "old"))
        if start < stop:
            pieces.append(_piece("".join(after[start:stop]), "new"))
    return pieces


def _seen(text: str) -> str:
    """The text with what no font shows named by its code point."""
    shown = _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)
    return shown if shown.strip() or not shown else shown.replace(" ", "␣").replace("\t", "⇥").replace("\n", "↵\n")


def found_in(text: str, wanted: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where some phrases stand in a text, in any case."""
    for phrase in wanted:
        if phrase:
            yield from (match.span() for match in re.finditer(re.escape(phrase), text, re.IGNORECASE))
