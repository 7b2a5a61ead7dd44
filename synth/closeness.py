"""How closely an output keeps to the sentences of its source: their words, beside each other, in their order.

A weak model that leaves a sentence seldom stays true to it: it joins the head of one to the tail of another with words
that all stand in the passage. A large model paraphrases freely and truly, and is not held to this.
"""

from __future__ import annotations

from itertools import pairwise

from synth.passages import sentences
from synth.source import Source, content, split_clauses

NEAR = 6  # content units apart at most, for two neighbours of an output to count as related in the source
Closeness = tuple[float, float, float]


def closeness(text: str, source: Source) -> Closeness:
    """Of the sentence that keeps to the source least: the share of its content that the nearest sentence of the source
    holds, of its neighbouring pairs that stand close together there, and of those that also follow each other there."""
    found = [_of_sentence(text[slice(*span)], source) for span in sentences(text)]
    told = [one for one in found if one is not None]
    if not told:
        return 1.0, 1.0, 1.0
    return min(one[0] for one in told), min(one[1] for one in told), min(one[2] for one in told)


def held_share(text: str, source: Source) -> float:
    """The share of a text's content that the source holds word for word; 1 of a text that says nothing."""
    units = [word.unit for word in content(text, source.language)]
    return sum(unit in source.units for unit in units) / len(units) if units else 1.0


def _of_sentence(sentence: str, source: Source) -> Closeness | None:
    """The better of two readings: the sentence rests on one of the source's, or each of its clauses does. None for a
    sentence that says nothing."""
    units = [word.unit for word in content(sentence, source.language)]
    if len(units) < 2:
        return None
    best = _nearest(units, source)
    parts = [
        [word.unit for word in content(piece, source.language)] for piece in split_clauses(sentence, source.language)
    ]
    clauses = [_nearest(part, source) for part in parts if len(part) >= 2]
    if len(clauses) > 1:
        each = min(one[0] for one in clauses), min(one[1] for one in clauses), min(one[2] for one in clauses)
        best = max(best, each)
    return best


def _nearest(units: list[str], source: Source) -> Closeness:
    """Against the sentence of the source that holds most of it."""
    best = (0.0, 0.0, 0.0)
    for places, held in source.sentence_places:
        ratio = sum(unit in held for unit in units) / len(units)
        if ratio >= best[0]:
            best = max(best, (ratio, *_pairs(units, places, source.title_units)))
    return best


def _pairs(units: list[str], places: dict[str, list[int]], title: frozenset[str]) -> tuple[float, float]:
    """Of neighbouring units, the share that stand within NEAR units of each other, and the share that stand there in
    the same order, within half of that. What the title holds is near everything."""
    near = ordered = 0
    pairs = list(pairwise(units))
    for first, second in pairs:
        if first in title or second in title:
            gaps = [1]
        else:
            gaps = [j - i for i in places.get(first, ()) for j in places.get(second, ())]
        near += any(abs(gap) <= NEAR for gap in gaps)
        ordered += any(0 < gap <= NEAR // 2 for gap in gaps)
    return near / len(pairs), ordered / len(pairs)
