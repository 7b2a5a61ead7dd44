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
_NEAR = 0.55  # of the likeness of the likest clause, from which on another is as good
_LEAST_HELD = 0.5  # of a clause that denies what the source never names: so much of it stands in the source
_LEAST_ALIKE = 0.8  # content in common, besides the word at stake, of clauses that are compared
_ASKS = ("?", "？")


@dataclass(frozen=True)
class Said:
    """One content word (two characters in Chinese) where it is said."""

    unit: str
    form: str
    clause: int
    state: int
    weight: float
    denies: bool = False  # is itself a weak cue


@dataclass(frozen=True)
class Cue:
    """A strong cue of denial and its heads, as places in `Reading.said`."""

    clause: int
    heads: tuple[int, ...]


@dataclass(frozen=True)
class Reading:
    """A text read for denials."""

    language: str
    said: tuple[Said, ...]
    cues: tuple[Cue, ...]
    clauses: tuple[str, ...]
    own: tuple[frozenset[str], ...]  # of each clause, its content
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
    owns: list[frozenset[str]] = []
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
            states, heads = _states(piece, words, language)
            cues += [Cue(number, tuple(len(said) + i for i in places)) for places in heads]
            selves = _selves(piece, words, language)
            said += [
                Said(unit, form, number, state, _weight(unit, language), i in selves)
                for i, ((_, unit, form), state) in enumerate(zip(words, states, strict=True))
            ]
            clauses.append(piece)
            own.append(frozenset(unit for _, unit, _ in words))
        owns += own
        for i in range(len(own)):
            contents.append(frozenset().union(*own[max(0, i - 1) : i + 2]))
        asks += [sentence.rstrip("\"'”’」").endswith(_ASKS)] * len(pieces)
        weak += [polarity.denies_widely(sentence, language)] * len(pieces)
    return Reading(
        language, tuple(said), tuple(cues), tuple(clauses), tuple(owns), tuple(contents), tuple(asks), tuple(weak)
    )


def _states(piece: str, words: list[tuple[int, str, str]], language: str) -> tuple[list[int], list[list[int]]]:
    """Of a clause: the state of each content word, and the heads of each strong cue."""
    states = [AFFIRMED] * len(words)
    for cue in polarity.WIDE_DENIAL[language].finditer(piece):
        forward = polarity.denies_what_follows(cue.group(), language)
        for i in _around(words, cue.start(), cue.end(), 0 if forward else _WEAK_REACH):
            states[i] = WEAKLY
    heads = []
    for cue in polarity.DENIAL[language].finditer(piece):
        after = [i for i, (at, _, _) in enumerate(words) if at >= cue.end()]
        before = [i for i, (at, _, _) in enumerate(words) if at < cue.start()]
        for i in after or before[-4:]:
            states[i] = DENIED
        # "It contains no code" denies that it contains.
        for i in before[-2:] if polarity.denies_verb(cue.group(), language) else ():
            states[i] = max(states[i], WEAKLY)
        if not polarity.is_doubled(piece[cue.start() :], language):
            heads.append(after[:_HEADS] or before[-2:])
    return states, heads


def _selves(piece: str, words: list[tuple[int, str, str]], language: str) -> set[int]:
    """The words of a clause that are weak cues themselves."""
    spans = [cue.span() for cue in polarity.WIDE_DENIAL[language].finditer(piece)]
    return {i for i, (at, _, _) in enumerate(words) for start, end in spans if start <= at < end}


def _weight(unit: str, language: str) -> float:
    return sum(map(weight, unit)) / 2 if language == "zh" and units.HAN.match(unit) else weight(unit)


def _around(words: list[tuple[int, str, str]], start: int, end: int, back: int) -> Iterable[int]:
    before = [i for i, (at, _, _) in enumerate(words) if at < start]
    here = [i for i, (at, _, _) in enumerate(words) if start <= at < end]
    after = [i for i, (at, _, _) in enumerate(words) if at >= end]
    return [*(before[-back:] if back else ()), *here, *after[:_WEAK_REACH]]


def flipped(text: str, source: Source, asked: str = "") -> list[str]:
    """Clauses of a text that deny what the source affirms, and of the source or the question that deny what the text
    affirms.

    Args: asked, the question that the text answers: what that denies, the answer need not.
    """
    # "No, ..." denies the question, not the source.
    text = polarity.REPLY[source.language].sub("", text, count=1)
    here, there = read(text, source.language), read(source.passage, source.language)
    question = read(asked, source.language)
    same = _same(here, source)
    own, wide = (
        [frozenset(same[unit] for unit in told if unit in same) for told in part] for part in (here.own, here.contents)
    )
    if not polarity.denies_widely(asked, source.language):
        found = [here.clauses[cue.clause] for cue in here.cues if _adds(cue, here, there, same, own, wide)]
        return found + [there.clauses[cue.clause] for cue in there.cues if _drops(cue, here, there, same, own, wide)]
    asked_about = frozenset().union(*question.own)
    fresh = [cue for cue in here.cues if not asked_about & {here.said[head].unit for head in cue.heads}]
    added = [here.clauses[cue.clause] for cue in fresh if _adds(cue, here, there, same, own, wide, certain=True)]
    return added + _against(question, here)


def _against(question: Reading, here: Reading) -> list[str]:
    """What a question denies and its answer affirms, in a clause that denies nothing."""
    plain = [cue for cue in question.cues if not polarity.supposes(question.clauses[cue.clause], question.language)]
    heads = {question.said[head].unit for cue in plain for head in cue.heads[:1]}
    denying = {said.clause for said in here.said if said.state != AFFIRMED} | {cue.clause for cue in here.cues}
    return [said.form for said in here.said if said.unit in heads and said.clause not in denying]


def _same(here: Reading, source: Source) -> dict[str, str]:
    """The units of a text -> those of the source that stand for them."""
    if source.language == "zh":
        known = {said.unit for said in read(source.passage, "zh").said}
        return {said.unit: said.unit for said in here.said if said.unit in known}
    words = [Word(said.unit, said.form, said.weight) for said in here.said]
    matched = zip(here.said, source.match(words), strict=True)
    return {said.unit: unit for said, (_, unit) in matched if unit is not None}


def _alike(own: frozenset[str], wide: frozenset[str], there: Reading, clause: int, without: str) -> float:
    """How much two clauses share, besides a unit; what their neighbours share counts for a half."""
    close = sum(0.3 + 0.7 * (len(unit) > 2) for unit in (own & there.own[clause]) - {without})
    return 0.5 * close + 0.5 * sum(0.3 + 0.7 * (len(unit) > 2) for unit in (wide & there.contents[clause]) - {without})


def _adds(
    cue: Cue, here: Reading, there: Reading, same: dict[str, str], own: list[frozenset[str]],
    wide: list[frozenset[str]], certain: bool = False,
) -> bool:  # fmt: skip
    if here.asks[cue.clause]:
        return False
    votes = []
    for head in cue.heads:
        said = here.said[head]
        unit = same.get(said.unit)
        places = [place for place in there.said if place.unit == unit] if unit is not None else []
        if places:
            alike = [_alike(own[cue.clause], wide[cue.clause], there, place.clause, unit or "") for place in places]
            near = [place for place, value in zip(places, alike, strict=True) if value >= _NEAR * max(alike)]
            votes.append(any(_denies(place, said) for place in near))
    if votes:
        return not any(votes[:2])
    if certain or not cue.heads or _share_held(here.own[cue.clause], same) < _LEAST_HELD:
        return False
    return not _denied_nearby(wide[cue.clause], there)


def _denies(place: Said, said: Said) -> bool:
    """Whether a word of the source is denied there: "unable" is not, where "not unable" is said of it."""
    return place.state == DENIED or (place.state == WEAKLY and not (place.denies and place.unit == said.unit))


def _share_held(told: frozenset[str], same: dict[str, str]) -> float:
    return sum(unit in same for unit in told) / len(told) if told else 0.0


def _denied_nearby(content: frozenset[str], there: Reading) -> bool:
    """Whether what the source says of the same content denies anything."""
    alike = [len(content & other) for other in there.contents]
    best = max(alike, default=0)
    return any(weak for weak, value in zip(there.weak, alike, strict=True) if value >= 0.6 * best)


def _drops(
    cue: Cue, here: Reading, there: Reading, same: dict[str, str], own: list[frozenset[str]], wide: list[frozenset[str]]
) -> bool:
    if there.asks[cue.clause] or not cue.heads:
        return False
    for head in cue.heads[:2]:
        unit = there.said[head].unit
        affirmed = [said for said in there.said if said.unit == unit and said.state == AFFIRMED]
        places = [said for said in here.said if same.get(said.unit) == unit and not here.asks[said.clause]]
        for said in places:
            told = own[said.clause], wide[said.clause], there
            value = _alike(*told, cue.clause, unit)
            elsewhere = max((_alike(*told, other.clause, unit) for other in affirmed), default=-1.0)
            if (
                said.state == AFFIRMED
                and value >= _LEAST_ALIKE
                and value > elsewhere
                and not _denied_beside(said, here, places)
            ):
                return True
    return False


def _denied_beside(said: Said, here: Reading, places: list[Said]) -> bool:
    return any(other.state != AFFIRMED for other in places) or here.weak[said.clause]
