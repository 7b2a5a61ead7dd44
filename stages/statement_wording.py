"""Whether a sentence of another page says a statement in other words.

A page that speaks of the same subject uses the same words without saying the same, so more is asked of it than of a
statement's own evidence. Words of a subject (rare ones, names, what stands in quotes) have to be the same ones; an
everyday word may be exchanged for one that is alike. Chinese has no measure of likeness here, only a list of synonyms,
and a character that has taken the place of another one makes another word.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import pairwise

from synth import units
from synth.closeness import NEAR
from synth.embeddings import Embedder
from synth.source import Source, Word, content

_LEAST_HELD = {"en": 0.85, "zh": 0.9}  # of the weight of a statement's content
_LEAST_ORDER = 0.5  # of its neighbouring content, what follows each other closely there, either way round
_EVERYDAY = 0.85  # weight up to which a word may be exchanged for one that is alike
_EXACT = 1.2  # weight from which on a word has to be the same, its endings apart
_MOST_ALIKE = 0.3  # of the weight of a statement, what may be exchanged
_MOST_TOLD = 2.0  # content of a sentence over that of a statement; one that says more speaks of something else
_QUOTED = re.compile(r"「([^」]+)」|“([^”]+)”|\"([^\"]+)\"|《([^》]+)》|'([^'\s][^']*)'")
_PATH = re.compile(r"\S+(?: \S+)? (?:-|–|>|→|▸) \S.*?(?=[,.;:。，；]|$)")  # of menus: "Insert - Field"


def in_other_words(statement: str, sentence: str, title: str, language: str, embedder: Embedder | None) -> bool:
    """Whether a sentence holds all that a statement says, whatever else it says."""
    source = Source(sentence, title, language, embedder)
    words = content(statement, language)
    total = sum(word.weight for word in words)
    if not words or sum(word.weight for word in content(sentence, language)) > _MOST_TOLD * total:
        return False
    scores = _as_often(words, _scores(words, source), source)
    held = sum(word.weight * score for word, score in zip(words, scores, strict=True)) / total
    alike = sum(word.weight for word, score in zip(words, scores, strict=True) if 0.0 < score < 0.9) / total
    return (
        held >= _LEAST_HELD[language]
        and alike <= _MOST_ALIKE
        and all(quoted in f"{title} {sentence}" for quoted in _told_exactly(statement))
        and _order(words, source) >= _LEAST_ORDER
        and not (language == "zh" and _exchanged(words, content(sentence, "zh")))
    )


def _told_exactly(text: str) -> list[str]:
    """What stands in quotes, and paths through menus."""
    quoted = [next(filter(None, match.groups())) for match in _QUOTED.finditer(text)]
    return quoted + _PATH.findall(text)


def _scores(words: list[Word], source: Source) -> list[float]:
    """How far a sentence holds each word, 0 to 1."""
    if source.language == "zh":
        pairs = source.pairs
        beside = {char for pair in _pairs_of(words) if pair in pairs for char in pair}
        return [
            (1.0 if word.unit in beside or not units.HAN.fullmatch(word.unit) else 0.5)
            if word.unit in source.units
            else 0.0
            for word in words
        ]
    return [_allowed(word, *match) for word, match in zip(words, source.match(words), strict=True)]


def _as_often(words: list[Word], scores: list[float], source: Source) -> list[float]:
    """Scores, none for a word that is said more often than the sentence says it."""
    left = {unit: len(places) for unit, places in source.places.items()}
    found = []
    for word, score in zip(words, scores, strict=True):
        found.append(score if left.get(word.unit, 1) > 0 else 0.0)
        left[word.unit] = left.get(word.unit, 1) - (word.unit in left)
    return found


def _pairs_of(words: list[Word]) -> list[str]:
    return [first.unit + second.unit for first, second in pairwise(words)]


def _allowed(word: Word, score: float, unit: str | None) -> float:
    """A score, or 0 where a rare word or a name stands for another one, or a word is only alike that is none of every
    day."""
    if unit == word.unit:
        return score
    if score == 0.9:  # a stem in common
        return score if word.weight < _EXACT else 0.0
    return score if word.weight <= _EVERYDAY else 0.0


def _order(words: list[Word], source: Source) -> float:
    """The share of neighbouring content that stands closely together in a source."""
    found = [unit for _, unit in source.match(words)]
    pairs, near = [*pairwise(found)], 2 * NEAR[source.language]
    close = sum(
        any(abs(j - i) <= near for i in source.places.get(first or "", ()) for j in source.places.get(second or "", ()))
        for first, second in pairs
    )
    return close / len(pairs) if pairs else 1.0


def _exchanged(words: list[Word], theirs: list[Word]) -> bool:
    """Whether characters have taken the place of others that a sentence has nowhere."""
    own, other = [word.unit for word in words], [word.unit for word in theirs]
    return any(
        kind == "replace" and set(own[a:b]) - set(other) and set(other[c:d]) - set(own)
        for kind, a, b, c, d in SequenceMatcher(None, own, other, autojunk=False).get_opcodes()
    )
