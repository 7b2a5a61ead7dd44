"""Members of a list that its source does not have: "bread, milk and satellites" of a source with bread and milk.

Of English only lists of three and more are read: "and" between two often joins clauses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from synth.passages import sentences
from synth.source import Source, content

_ITEM = {"en": r"[\w'’./+-]+(?: [\w'’./+-]+){0,3}", "zh": r"[\u4e00-\u9fffA-Za-z0-9 ._/+-]{2,12}"}
_LIST = {
    "en": re.compile(rf"{_ITEM['en']}(?:, {_ITEM['en']})+,? (?:and|or) {_ITEM['en']}"),
    "zh": re.compile(rf"{_ITEM['zh']}(?:(?:、|以及|或者?|和|与|及){_ITEM['zh']})+"),
}
_BETWEEN = {"en": re.compile(r",? (?:and|or) |, "), "zh": re.compile(r"、|以及|或者?|和|与|及")}
_LEAST = 0.5  # of the weight of an item; less says nothing


def strangers(text: str, source: Source) -> list[str]:
    """Members of lists of a text that stand nowhere near the others in the source."""
    return [
        item
        for sentence in (text[slice(*span)] for span in sentences(text))
        if not sentence.rstrip().endswith(("?", "？"))
        for match in _LIST[source.language].finditer(sentence)
        for item in _unknown(match.group(), source)
    ]


def _unknown(listed: str, source: Source) -> Iterator[str]:
    items = [item for item in _BETWEEN[source.language].split(listed) if item.strip()]
    if len(items) < 2:  # dashes and spaces alone are no member
        return
    # What goes before the first member and after the last belongs to the sentence.
    held = [
        _held(item, source, end) for item, end in zip(items, ("last", *[""] * (len(items) - 2), "first"), strict=True)
    ]
    known = [units for units in held if units]
    if len(known) < len(held) - 1 or len(known) < 1:
        return
    yield from (item for item, units in zip(items, held, strict=True) if units is not None and not units)


def _held(item: str, source: Source, end: str) -> set[str] | None:
    """What the source holds of a member; of the outer members the word at the list counts. None of one that says
    nothing."""
    words = content(item, source.language)
    if source.language == "zh":
        if len(words) < 2:
            return None
        pairs = {a.unit + b.unit for a, b in pairwise(words)}
        return {word.unit for word in words if word.unit in source.units and not word.unit >= "\u4e00"} | (
            pairs & source.pairs
        )
    words = words[-1:] if end == "last" else words[:2] if end == "first" else words
    if sum(word.weight for word in words) < _LEAST:
        return None
    return {unit for _, unit in source.match(words) if unit is not None}
