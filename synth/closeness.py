"""How closely an output keeps to the sentences of its source: their words, beside each other, in their order, joined by
nothing of its own.

A weak model that leaves a sentence seldom stays true to it: it joins the head of one to the tail of another with words
that all stand in the passage. A large model paraphrases freely and truly, and is not held to this.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from synth.passages import sentences
from synth.source import Source, content

# Content units that two neighbours of an output stand apart in the source at most. Of rewrites by the small bundled
# model whose neighbours had more between them most had lost what mattered.
NEAR = {"en": 2, "zh": 3}
# Words that say how two statements hang together. "That" and "to" are left out: a clause turned into an infinitive says
# the same.
CONNECTIVES = {
    "en": re.compile(
        r"\b(?:if|unless|but|because|by|when|whenever|while|although|though|before|after|until|since|so|therefore|thus"
        r"|hence|however|which|who|whose|not|only|rather|instead|than|nor|except|without|either|once|even|despite|also"
        r"|due|otherwise|whereas|through|via|such as|including|like|with)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"如果|若|除非|但是?|不过|然而|因为|由于|所以|因此|从而|通过|虽然|尽管|之前|之后|直到|否则|只有?|而不是|而是|除了|或者?|即使|不"
    ),
}


CONDITIONS = {
    "en": re.compile(r"\b(?:if|unless|until|only)\b", re.IGNORECASE),
    "zh": re.compile(r"如果|若|除非|只有|直到"),
}

HEDGES = {
    "en": re.compile(
        r"\b(?:some|most|many|usually|often|sometimes|may|might|typically|generally|commonly|mostly|probably|normally"
        r"|currently|almost|nearly|relatively|rarely|seldom|about|around|approximately|roughly|possibly|perhaps|likely"
        r"|mainly|partly|at least|at most|up to)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"通常|一般|有时|可能|往往|多数|大多|有些|某些|几乎|目前|大约|左右|也许|或许|较|相对|至少|至多|最多"
    ),
}
# "Can be" is not "is", and "need to" is not "can".
MODES = {
    "en": (
        re.compile(r"\b(?:can|could|may|might)\b", re.IGNORECASE),
        re.compile(r"\b(?:must|should|need(?:s|ed)? to|ha(?:s|ve|d) to)\b", re.IGNORECASE),
    ),
    "zh": (
        re.compile(r"可以?|(?<![功性智才技])能(?![力量源])|会"),
        re.compile(r"必须|应当?|需要?|务必|一定要|不得"),
    ),
}


class Closeness(NamedTuple):
    """Of the sentence of an output that keeps to its source least."""

    ratio: float = 1.0  # of its content, what the nearest sentence of the source holds
    order: float = 1.0  # of its neighbouring content, what follows each other closely there
    cover: float = 1.0  # of the content of that sentence of the source, what the output's holds
    # Of all its sentences: connectives that the nearest lack, conditions and hedges left out, words of another mode.
    joins: tuple[str, ...] = ()


def closeness(text: str, source: Source) -> Closeness:
    """How closely a text keeps to its source, sentence by sentence."""
    told = [_of_sentence(text[slice(*span)], source) for span in sentences(text)]
    found = [one for one in told if one is not None]
    if not found:
        return Closeness()
    joins = tuple(word for one in found for word in one.joins)
    ratio, order, cover = (min(figures) for figures in zip(*(one[:3] for one in found), strict=True))
    return Closeness(ratio, order, cover, joins)


def held_share(text: str, source: Source) -> float:
    """The share of a text's content that the source holds word for word; 1 of a text that says nothing."""
    units = [word.unit for word in content(text, source.language)]
    return sum(unit in source.units for unit in units) / len(units) if units else 1.0


def _of_sentence(sentence: str, source: Source) -> Closeness | None:
    """Against the sentence of the source that holds most of it; None for a sentence that says nothing."""
    units = [word.unit for word in content(sentence, source.language)]
    if len(units) < 2:
        return None
    read = [
        (sum(unit in places for unit in units) / len(units), _order(units, places, source), number)
        for number, (places, _) in enumerate(source.sentence_places)
    ]
    if not read:
        return Closeness(0.0, 0.0, 0.0)
    ratio, order, number = max(read)
    nearest, places = source.sentences[number].text, source.sentence_places[number][0]
    cover = sum(unit in places for unit in set(units)) / max(1, len(places))
    return Closeness(
        ratio,
        order,
        cover,
        (
            *_added(sentence, nearest, source.language),
            *_lost(units, sentence, nearest, source.language),
            *_modes(sentence, nearest, source.language),
        ),
    )


def _added(sentence: str, nearest: str, language: str) -> list[str]:
    """Connectives of a sentence that the nearest one lacks."""
    own, theirs = ({word.lower() for word in CONNECTIVES[language].findall(text)} for text in (sentence, nearest))
    return sorted(own - theirs)


def _lost(units: list[str], sentence: str, nearest: str, language: str) -> list[str]:
    """Hedges of the nearest sentence that are left out, and conditions while what they are about is told."""
    own, theirs = ({word.lower() for word in HEDGES[language].findall(text)} for text in (sentence, nearest))
    kept, lost = {word.lower() for word in CONDITIONS[language].findall(sentence)}, sorted(theirs - own)
    for match in CONDITIONS[language].finditer(nearest):
        told = [word.unit for word in content(nearest[match.end() :], language)][:2]
        if match.group().lower() not in kept and told and set(told) <= set(units):
            lost.append(match.group().lower())
    return lost


def _modes(sentence: str, nearest: str, language: str) -> list[str]:
    """Words of possibility or obligation that only one of two sentences has."""
    said = [[pattern.findall(text) for text in (sentence, nearest)] for pattern in MODES[language]]
    return [(own or theirs)[0].lower() for own, theirs in said if bool(own) != bool(theirs)]


def _order(units: list[str], places: dict[str, list[int]], source: Source) -> float:
    """The share of neighbouring units that follow each other closely in a sentence."""
    pairs, near = list(pairwise(units)), NEAR[source.language]
    followed = sum(
        any(0 < j - i <= near for i in places.get(first, ()) for j in places.get(second, ())) for first, second in pairs
    )
    return followed / len(pairs)
