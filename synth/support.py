"""How well a sentence rests on its source: which of its content the nearest sentences of the source hold, and how close
together it stands there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from synth import units
from synth.passages import sentences

CLAUSE_END = re.compile(
    r"[,;:()]\s|[，；：。（）]"
    r"|\s[-–—]\s|\b(?:but|because|while|whereas|although)\b"
)
NEAR = 6  # content units apart at most, for two neighbours of an output to count as related in the source


@dataclass(frozen=True)
class Support:
    """Of one sentence: the share of its content found in the nearest window; the share of its neighbouring pairs that
    stand close together there, and that also follow each other there; whether one denies what the other affirms."""

    ratio: float
    pairs: float
    order: float
    negation_flipped: bool


@dataclass
class Source:
    """A passage with its title, taken apart once for all checks of one output."""

    passage: str
    title: str
    language: str

    @cached_property
    def text(self) -> str:
        return f"{self.title}\n{self.passage}"

    @cached_property
    def numbers(self) -> set[str]:
        """Every number, and the digits of number words: a digit may stand for a word, not a word for a digit."""
        return units.numbers(self.text, self.language) | units.spelled_numbers(self.text, self.language)

    @cached_property
    def claim_words(self) -> set[str]:
        return units.claim_words(self.text, self.language)

    @cached_property
    def windows(self) -> list[list[str]]:
        """Content units of each sentence."""
        return [units.content_units(self.passage[slice(*span)], self.language) for span in sentences(self.passage)]

    @cached_property
    def title_units(self) -> set[str]:
        return set(units.content_units(self.title, self.language))

    @cached_property
    def clauses(self) -> list[tuple[set[str], bool]]:
        """Content units of each clause, and whether it denies."""
        return _clauses(self.passage, self.language)

    def grams(self, size: int) -> set[tuple[str, ...]]:
        """All runs of ``size`` units of the passage."""
        found = units.units(self.passage, self.language)
        return set(zip(*(found[i:] for i in range(size)), strict=False))

    def holds_name(self, name: str) -> bool:
        """Whether the source holds a name as it is written, as a whole word."""
        return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self.text) is not None


def sentence_support(text: str, source: Source) -> list[Support]:
    """The support of every sentence of a text that says anything."""
    found = [(text[slice(*span)], units.content_units(text[slice(*span)], source.language)) for span in sentences(text)]
    return [_support(sentence, content, source) for sentence, content in found if len(content) >= 2]


def _support(sentence: str, content: list[str], source: Source) -> Support:
    """The better of two readings: the sentence rests on one of the source's, or each of its clauses does."""
    best = _nearest(content, source)
    parts = [units.content_units(piece, source.language) for piece in CLAUSE_END.split(sentence)]
    clauses = [_nearest(part, source) for part in parts if len(part) >= 2]
    if len(clauses) > 1:
        best = max(
            best, (min(one[0] for one in clauses), min(one[1] for one in clauses), min(one[2] for one in clauses))
        )
    return Support(*best, _is_flipped(sentence, source))


def _nearest(content: list[str], source: Source) -> tuple[float, float, float]:
    """Share of the content, of its near pairs and of its ordered pairs in the sentence of the source that holds most.

    One sentence and not several: a weak model likes to join the head of one to the tail of another.
    """
    best = (0.0, 0.0, 0.0)
    for window in source.windows:
        known = set(window) | source.title_units
        ratio = sum(unit in known for unit in content) / len(content)
        best = max(best, (ratio, *_near_pairs(content, window, source.title_units)))
    return best


def _near_pairs(content: list[str], window: list[str], title: set[str]) -> tuple[float, float]:
    """Of neighbouring content units, the share that stand within NEAR units of each other in the window;
    and the share that stand there in the same order, within half of that. What the title holds is near everything."""
    places: dict[str, list[int]] = {}
    for i, unit in enumerate(window):
        places.setdefault(unit, []).append(i)
    pairs = list(pairwise(content))
    gaps = [[j - i for i in places.get(a, ()) for j in places.get(b, ())] for a, b in pairs]
    gaps = [[1] if title & {a, b} else found for (a, b), found in zip(pairs, gaps, strict=True)]
    near = sum(any(abs(gap) <= NEAR for gap in found) for found in gaps)
    ordered = sum(any(0 < gap <= NEAR // 2 for gap in found) for found in gaps)
    return near / len(pairs), ordered / len(pairs)


def _clauses(text: str, language: str) -> list[tuple[set[str], bool]]:
    """Content units of every clause with at least two, and whether it denies; "a and b" are two clauses here."""
    spans = [text[slice(*span)] for span in sentences(text)]
    pieces = [part for span in spans for piece in CLAUSE_END.split(span) for part in re.split(r"\band\b", piece)]
    found = [(set(units.content_units(piece, language)), units.is_negated(piece, language)) for piece in pieces]
    return [(content, negated) for content, negated in found if len(content) >= 2]


def _is_flipped(sentence: str, source: Source) -> bool:
    """Whether a clause denies and none of the source's clauses with much the same content does, or the other way round.

    Clauses and not sentences: the half of a sentence that says what is the case denies nothing of the other half.
    """
    if sentence.rstrip().endswith(("?", "？")):
        return False
    return _drops_denial(sentence, source) or any(
        _contradicts(content, negated, source) for content, negated in _clauses(sentence, source.language)
    )


def _contradicts(content: set[str], negated: bool, source: Source) -> bool:
    """Whether the source clauses nearest to a clause all say the opposite of it."""
    overlaps = [(len(content & theirs) / len(content), denied) for theirs, denied in source.clauses]
    best = max((overlap for overlap, _ in overlaps), default=0.0)
    return best >= 0.6 and all(denied != negated for overlap, denied in overlaps if overlap >= best - 0.15)


def _drops_denial(sentence: str, source: Source) -> bool:
    """Whether a sentence that denies nothing holds all of a clause that the source denies and nowhere affirms."""
    if units.is_negated(sentence, source.language):
        return False
    content = set(units.content_units(sentence, source.language))
    affirmed = [theirs for theirs, denied in source.clauses if not denied]
    return any(
        denied and theirs <= content and not any(theirs <= other for other in affirmed)
        for theirs, denied in source.clauses
    )
