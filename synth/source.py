"""A passage taken apart once for all checks of all outputs that were written from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synth import units
from synth.embeddings import Embedder
from synth.passages import sentences
from synth.polarity import opposites
from synth.rarity import weight

CLAUSE_END = {
    "en": re.compile(
        r"[,;:()\n]\s?|\s[-–—]+\s|(?<!not )\b(?:but|because|while|whereas|although|though|so that"
        r"|which|who|and|or|if|when)\b"
        # A subject with its verb starts a clause of its own.
        r"|\b(?=(?:you|we|they|he|she|I) (?:can|could|should|must|may|might|will|would|need|ha[sd]"
        r"|have|are|is|was|were)\b)"
    ),
    "zh": re.compile(r"[，；：。（）、\n]|\s[-–—]+\s|(?:但是?|(?<!不是)(?<!不是_ )因为|而且|并且|或者|如果|所以)"),
}
_SIMILAR = 0.42  # cosine of two words from which on one may stand for the other; "stored" and "kept" have 0.54
_BESIDE = 4  # content units on both sides that count as beside a word
_PREFIX = 5  # letters in common from which on two words count as derived from one: install, installation


@dataclass(frozen=True)
class Word:
    """One content unit: what is compared, what is looked up, and how much it says."""

    unit: str  # stem, or Chinese character
    form: str  # lower case
    weight: float


def content(text: str, language: str) -> list[Word]:
    """The content units of a text, in order."""
    if language == "zh":
        found = [unit.lower() for unit in units.HAN_OR_LATIN.findall(text)]
        return [Word(unit, unit, weight(unit)) for unit in found if unit not in units.HAN_STOPS]
    parts = [part for word in units.words(text) for part in re.split(r"[-_.’']", word) if part]
    return [
        Word(units.stem(part), part, weight(part))
        for part in parts
        if part not in units.STOPWORDS and part not in units.NEGATIONS and len(part) + part.isdigit() > 1
    ]


@dataclass(frozen=True)
class Stretch:
    """A sentence or clause of the source."""

    text: str
    units: frozenset[str]


@dataclass
class Source:
    """A passage with its title."""

    passage: str
    title: str
    language: str
    embedder: Embedder | None = None

    def __post_init__(self) -> None:
        # "5.3. Boot Parameters": the number of a chapter is no figure.
        self.title = re.sub(r"^\W*(?:第\s*\d+\s*章|[Cc]hapter|[A-Z]?[\d.]+)[\d.\s]*", "", self.title)
        self._matches: dict[str, tuple[float, str | None]] = {}
        self._grams: dict[int, set[tuple[str, ...]]] = {}

    @cached_property
    def text(self) -> str:
        return f"{self.title}\n{self.passage}"

    @cached_property
    def folded(self) -> str:
        return self.text.lower()

    @cached_property
    def words(self) -> list[Word]:
        return content(self.text, self.language)

    @cached_property
    def units(self) -> frozenset[str]:
        return frozenset(word.unit for word in self.words)

    @cached_property
    def title_units(self) -> frozenset[str]:
        return frozenset(word.unit for word in content(self.title, self.language))

    @cached_property
    def pairs(self) -> frozenset[str]:
        """Neighbouring characters of a Chinese source: a character alone is in most texts."""
        return frozenset(run[i : i + 2] for run in units.HAN_RUN.findall(self.text) for i in range(len(run) - 1))

    @cached_property
    def numbers(self) -> set[str]:
        """Every number, and the digits of number words: a digit may stand for a word, not a word for a digit."""
        return units.numbers(self.text, self.language) | units.spelled_numbers(self.text, self.language)

    @cached_property
    def sentences(self) -> list[Stretch]:
        spans = [self.passage[slice(*span)] for span in sentences(self.passage)]
        return [Stretch(text, frozenset(word.unit for word in content(text, self.language))) for text in spans]

    @cached_property
    def sentence_places(self) -> list[tuple[dict[str, list[int]], frozenset[str]]]:
        """Of each sentence: where each content unit stands in it, and its units with those of the title."""
        found = []
        for stretch in self.sentences:
            places: dict[str, list[int]] = {}
            for place, word in enumerate(content(stretch.text, self.language)):
                places.setdefault(word.unit, []).append(place)
            found.append((places, stretch.units | self.title_units))
        return found

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where each content unit stands, counted in content units."""
        found: dict[str, list[int]] = {}
        for place, word in enumerate(self.words):
            found.setdefault(word.unit, []).append(place)
        return found

    def beside(self, unit: str) -> set[str]:
        """Content that stands close to a unit, in any of its places."""
        return {
            word.unit
            for place in self.places.get(unit, ())
            for word in self.words[max(0, place - _BESIDE) : place + _BESIDE + 1]
        }

    def grams(self, size: int) -> set[tuple[str, ...]]:
        """All runs of ``size`` units of the passage."""
        if size not in self._grams:
            found = units.units(self.passage, self.language)
            self._grams[size] = set(zip(*(found[i:] for i in range(size)), strict=False))
        return self._grams[size]

    def holds_name(self, name: str) -> bool:
        """Whether the source holds a name as a whole word, in any case; Chinese may stand right beside it."""
        before = "a-z_" if name[:1].isalpha() else "a-z0-9_"  # "ms" stands in "1ms"
        return re.search(rf"(?<![{before}]){re.escape(name.lower())}(?![a-z0-9_])", self.folded) is not None

    def match(self, words: list[Word]) -> list[tuple[float, str | None]]:
        """How far the source holds each word: (0 to 1, the unit of the source that stands for it)."""
        fresh = [word for word in words if word.form not in self._matches]
        unknown = [word for word in dict.fromkeys(fresh) if not self._match_exactly(word)]
        if unknown and self.embedder is not None and self.language == "en" and self.words:
            self._match_alike(unknown)
        return [self._matches[word.form] for word in words]

    def _match_exactly(self, word: Word) -> bool:
        """Match by unit, or by a stem in common. Returns: whether that was found."""
        found: tuple[float, str | None] = (0.0, None)
        if word.unit in self.units:
            found = (1.0, word.unit)
        elif self.language == "en" and len(word.unit) >= _PREFIX and not word.form.isdigit():
            alike = [unit for unit in self.units if unit[:_PREFIX] == word.unit[:_PREFIX]]
            found = (0.9, alike[0]) if alike else found
        self._matches[word.form] = found
        return found[1] is not None

    def _match_alike(self, unknown: list[Word]) -> None:
        """Match by the likeness of words, never by a word that says the opposite."""
        assert self.embedder is not None
        theirs = {word.form: word.unit for word in self.words}
        forms = list(theirs)
        likeness = self.embedder.words([word.form for word in unknown]) @ self.embedder.words(forms).T
        best = likeness.argmax(axis=1)
        for row, word in enumerate(unknown):
            form, value = forms[best[row]], float(likeness[row, best[row]])
            if value >= _SIMILAR and form not in opposites("en").get(word.form, ()):
                self._matches[word.form] = (float(np.clip(value + 0.25, 0.0, 0.95)), theirs[form])


def split_clauses(text: str, language: str) -> list[str]:
    """The clauses of a sentence; bits of a word or two stay with what comes before them."""
    cuts = [match.start() for match in CLAUSE_END[language].finditer(text)]
    pieces: list[str] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        piece = text[start:end]
        size = len(units.HAN_OR_LATIN.findall(piece)) if language == "zh" else len(piece.split())
        if pieces and size < 3:
            pieces[-1] += piece
        elif piece.strip():
            pieces.append(piece)
    return pieces
