"""Whether an output denies what its source affirms, or affirms what its source denies.

A cue of denial ("not", "without", 不, 没有) governs the content that follows it in its clause, or, where none
follows ("the others do not"), what comes before. The words right after a cue are what it denies first: its heads. A
head is looked up in the source where the words around it are most alike, and has to stand in a denial there too, be it
by a weaker cue ("lacks", "unable", 缺, 难). The other way round, the heads of the source's cues have to be denied where
the output says them in a clause that is otherwise alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from synth import polarity, units
from synth.passages import sentences
from synth.rarity import weight
from synth.source import Source, Word, split_clauses

AFFIRMED, WEAKLY, DENIED = 0, 1, 2
_HEADS = 3  # content words after a cue that may be what it denies
_WEAK_REACH = 4  # content words before and after a weak cue that it may govern
_ASKS = ("?", "？")


@dataclass(frozen=True)
class Said:
    """One content word (two characters in Chinese) where it is said."""

    unit: str
    form: str
    clause: int
    state: int
    weight: float


@dataclass(frozen=True)
class Cue:
    """A strong cue of denial and its heads, as places in `Reading.said`."""

    clause: int
    heads: tuple[int, ...]


@dataclass(frozen=True)
class Reading:
    """A text read for denials."""

    said: tuple[Said, ...]
    cues: tuple[Cue, ...]
    clauses: tuple[str, ...]
    contents: tuple[frozenset[str], ...]  # of each clause with its neighbours in the sentence
    asks: tuple[bool, ...]  # of each clause, whether its sentence is a question
    weak: tuple[bool, ...]  # of each clause, whether anything in its sentence denies


def _content(text: str, language: str) -> list[tuple[int, str, str]]:
    """(offset, unit, form) of the content words of a clause."""
    if language != "zh":
        found = [(m.start(), m.group().lower()) for m in re.finditer(r"[^\W_]+(?:['’]\w+)?", text)]
        return [
            (at, units.stem(form), form)
            for at, form in found
            if form not in units.STOPWORDS and form not in units.NEGATIONS and not re.search(r"n['’]t$", form)
        ]
    found = []
    for run in units.HAN_RUN.finditer(text):
        kept = [(run.start() + i, char) for i, char in enumerate(run.group()) if char not in units.HAN_STOPS]
        found += [(a, x + y, x + y) for (a, x), (b, y) in pairwise(kept) if b - a <= 2]
    found += [(m.start(), m.group().lower(), m.group().lower()) for m in units.LATIN_TOKEN.finditer(text)]
    return sorted(found)


@lru_cache(512)
def read(text: str, language: str) -> Reading:
    """Read a text. Pure; cached, since a passage is compared with many outputs."""
    said: list[Said] = []
    cues: list[Cue] = []
    clauses: list[str] = []
    contents: list[frozenset[str]] = []
    asks: list[bool] = []
    weak: list[bool] = []
    for span in sentences(text):
        sentence = text[slice(*span)]
        pieces = split_clauses(sentence, language)
        own: list[frozenset[str]] = []
        for piece in pieces:
            number = len(clauses)
            words = _content(piece, language)
            states = [AFFIRMED] * len(words)
            for cue in polarity.WIDE_DENIAL[language].finditer(piece):
                for i in _around(words, cue.start(), cue.end()):
                    states[i] = WEAKLY
            for cue in polarity.DENIAL[language].finditer(piece):
                after = [i for i, (at, _, _) in enumerate(words) if at >= cue.end()]
                before = [i for i, (at, _, _) in enumerate(words) if at < cue.start()]
                governed = after or before[-4:]
                for i in governed:
                    states[i] = DENIED
                cues.append(Cue(number, tuple(len(said) + i for i in (after[:_HEADS] or before[-2:]))))
            said += [
                Said(unit, form, number, state, _weight(unit, language))
                for (_, unit, form), state in zip(words, states, strict=True)
            ]
            clauses.append(piece)
            own.append(frozenset(unit for _, unit, _ in words))
        for i in range(len(own)):
            contents.append(frozenset().union(*own[max(0, i - 1) : i + 2]))
        asks += [sentence.rstrip("\"'”’」").endswith(_ASKS)] * len(pieces)
        weak += [polarity.denies_widely(sentence, language)] * len(pieces)
    return Reading(tuple(said), tuple(cues), tuple(clauses), tuple(contents), tuple(asks), tuple(weak))


def _weight(unit: str, language: str) -> float:
    return sum(map(weight, unit)) / 2 if language == "zh" and units.HAN.match(unit) else weight(unit)


def _around(words: list[tuple[int, str, str]], start: int, end: int) -> Iterable[int]:
    before = [i for i, (at, _, _) in enumerate(words) if at < start]
    here = [i for i, (at, _, _) in enumerate(words) if start <= at < end]
    after = [i for i, (at, _, _) in enumerate(words) if at >= end]
    return [*before[-_WEAK_REACH:], *here, *after[:_WEAK_REACH]]


def flipped(text: str, source: Source, asked: str = "") -> list[str]:
    """Clauses of a text that deny what the source affirms, and of the source that deny what the text affirms.

    Args: asked, the question that the text answers: where that denies, the answer need not.
    """
    if polarity.denies_widely(asked, source.language):
        return []
    here, there = read(text, source.language), read(source.passage, source.language)
    same = _same(here, source)
    contents = [frozenset(same[unit] for unit in content if unit in same) for content in here.contents]
    found = [here.clauses[cue.clause] for cue in here.cues if _adds(cue, here, there, same, contents, source)]
    return found + [there.clauses[cue.clause] for cue in there.cues if _drops(cue, here, there, same, contents)]


def _same(here: Reading, source: Source) -> dict[str, str]:
    """The units of a text -> those of the source that stand for them."""
    if source.language == "zh":
        known = {said.unit for said in read(source.passage, "zh").said}
        return {said.unit: said.unit for said in here.said if said.unit in known}
    words = [Word(said.unit, said.form, said.weight) for said in here.said]
    matched = zip(here.said, source.match(words), strict=True)
    return {said.unit: unit for said, (_, unit) in matched if unit is not None}


def _alike(content: frozenset[str], other: frozenset[str], without: str) -> float:
    return sum(0.3 + 0.7 * (len(unit) > 2) for unit in (content & other) - {without})


def _adds(
    cue: Cue, here: Reading, there: Reading, same: dict[str, str], contents: list[frozenset[str]], source: Source
) -> bool:
    if here.asks[cue.clause]:
        return False
    votes = []
    for head in cue.heads:
        unit = same.get(here.said[head].unit)
        places = [said for said in there.said if said.unit == unit] if unit is not None else []
        if places:
            alike = [_alike(contents[cue.clause], there.contents[said.clause], unit or "") for said in places]
            best = max(alike)
            near = [said for said, value in zip(places, alike, strict=True) if value >= 0.7 * best]
            votes.append(any(said.state != AFFIRMED for said in near))
    if votes:
        return not any(votes[:2])
    # "No, ..." denies the question, not the source.
    return bool(cue.heads) and len(here.clauses[cue.clause]) > 6 and not _denied_nearby(contents[cue.clause], there)


def _denied_nearby(content: frozenset[str], there: Reading) -> bool:
    """Whether what the source says of the same content denies anything."""
    alike = [len(content & other) for other in there.contents]
    best = max(alike, default=0)
    return any(weak for weak, value in zip(there.weak, alike, strict=True) if value >= 0.6 * best)


def _drops(cue: Cue, here: Reading, there: Reading, same: dict[str, str], contents: list[frozenset[str]]) -> bool:
    if there.asks[cue.clause] or not cue.heads:
        return False
    context = there.contents[cue.clause]
    for head in cue.heads[:2]:
        unit = there.said[head].unit
        affirmed = [said for said in there.said if said.unit == unit and said.state == AFFIRMED]
        places = [said for said in here.said if same.get(said.unit) == unit and not here.asks[said.clause]]
        for said in places:
            own = contents[said.clause]
            value = _alike(own, context, unit)
            elsewhere = max((_alike(own, there.contents[other.clause], unit) for other in affirmed), default=-1.0)
            if said.state == AFFIRMED and value >= 1.0 and value > elsewhere and not _denied_beside(said, here, places):
                return True
    return False


def _denied_beside(said: Said, here: Reading, places: list[Said]) -> bool:
    return any(other.state != AFFIRMED for other in places) or here.weak[said.clause]
