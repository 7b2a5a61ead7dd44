"""How well an output rests on its source: what of each sentence stands there, whether it stands together there, and
whether it is denied, turned round or strengthened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations

from synth import polarity, units
from synth.passages import sentences
from synth.source import Source, Word, content

_ASKS = ("?", "？")
_CODE = re.compile(r"^-|[/.$=<>]")  # options, paths and calls stand where their command has them
_FIGURE = re.compile(r"(?<![\w/\[.=-])\d+(?:[.,:]\d+)*(?![\w\]/=-])")
_COMPARATIVE = re.compile(r"\w+er|more|less")
_BESIDE = 3  # content units on both sides that are the neighbours of a word
_MOST_NAMES = 24  # of a text that are compared with each other
_HEAVY = 0.95  # weight from which on a word that the source lacks is told


@dataclass(frozen=True)
class Support:
    """Of one sentence, shares of the weight of its content, 0 to 1."""

    text: str
    ratio: float  # held by the source anywhere
    together: float  # of what is held, held by the best two neighbouring sentences
    weight: float  # of its content, in words of middling rarity
    novel: tuple[str, ...]  # heavy words that the source does not hold in any form
    window: tuple[int, ...]  # the source's sentences that hold it best


def sentence_support(text: str, source: Source) -> list[Support]:
    """The support of every sentence of a text that says anything."""
    found = [text[slice(*span)] for span in sentences(text)]
    read = [(sentence, content(sentence, source.language)) for sentence in found]
    return [_support(sentence, words, source) for sentence, words in read if len(words) >= 2]


def _support(sentence: str, words: list[Word], source: Source) -> Support:
    matches = source.match(words)
    scores = [score for score, _ in matches]
    if source.language == "zh":
        scores = _paired(sentence, words, scores, source)
    total = sum(word.weight for word in words)
    held = sum(word.weight * score for word, score in zip(words, scores, strict=True))
    together, window = _together(words, matches, source)
    unheld = [word.form for word, score in zip(words, scores, strict=True) if score == 0.0 and word.weight >= _HEAVY]
    novel = () if source.language == "zh" else tuple(unheld)  # of characters hardly one is rare
    return Support(sentence, held / total, together, total, novel, window)


def _paired(sentence: str, words: list[Word], scores: list[float], source: Source) -> list[float]:
    """Scores of Chinese characters: one that stands beside none of its neighbours there counts for a half."""
    beside: set[str] = set()
    for run in units.HAN_RUN.findall(sentence):
        for i in range(len(run) - 1):
            if run[i : i + 2] in source.pairs:
                beside.update(run[i : i + 2])
    return [
        score if score == 0.0 or not units.HAN.fullmatch(word.unit) or word.unit in beside else 0.5 * score
        for word, score in zip(words, scores, strict=True)
    ]


def _together(
    words: list[Word], matches: list[tuple[float, str | None]], source: Source
) -> tuple[float, tuple[int, ...]]:
    """The share of what the source holds that two neighbouring sentences of it hold, and which they are."""
    held = {unit: word.weight for word, (_, unit) in zip(words, matches, strict=True) if unit is not None}
    held = {unit: weight for unit, weight in held.items() if unit not in source.title_units}
    total = sum(held.values())
    if not total:
        return 1.0, ()
    best, window = 0.0, (0,)
    for number in range(len(source.sentences)):
        near = source.sentences[number].units | (
            source.sentences[number + 1].units if number + 1 < len(source.sentences) else frozenset()
        )
        share = sum(weight for unit, weight in held.items() if unit in near) / total
        if share > best + 1e-9:
            best, window = share, tuple(range(number, min(number + 2, len(source.sentences))))
    return best, window


def stands_together(words: list[Word], source: Source) -> float:
    """The share of what the source holds of some words that two neighbouring sentences of it hold."""
    return _together(words, source.match(words), source)[0]


def place_of(words: list[Word], source: Source) -> frozenset[str]:
    """The content of the source's sentences that hold some words best, and of the sentence before them."""
    _, window = _together(words, source.match(words), source)
    if not window:
        return source.units
    numbers = range(max(0, window[0] - 1), window[-1] + 1)
    return source.title_units.union(*(source.sentences[number].units for number in numbers))


def exchanged(text: str, source: Source) -> list[str]:
    """Pairs of names or numbers of a text that have changed places: what stands beside the one here stands beside the
    other in the source, and the other way round."""
    words = content(text, source.language)
    held = [unit for _, unit in source.match(words)]
    plain = [name for name in units.names(text, source.language) if not _CODE.search(name)]
    names = {word.unit for name in plain for word in content(name, source.language)}
    names |= {digits for match in _FIGURE.finditer(text) for digits in re.split(r"\D+", match.group()) if digits}
    places = [place for place, unit in enumerate(held) if unit in names and unit in source.places][:_MOST_NAMES]
    beside = {place: _beside(held, place) - names for place in places}
    found = []
    for first, second in combinations(places, 2):
        one, other = str(held[first]), str(held[second])
        if one == other:
            continue
        near, far = source.beside(one) - {other}, source.beside(other) - {one}
        near, far = near - far, far - near
        own = len(beside[first] & near) + len(beside[second] & far)
        turned_round = len(beside[first] & far) + len(beside[second] & near)
        if turned_round >= own + 2 and beside[first] & far and not (beside[first] & near or beside[second] & far):
            found.append(f"{words[first].form} <-> {words[second].form}")
    return found


def _beside(held: list[str | None], place: int) -> set[str]:
    """What the source holds of the neighbours of a word."""
    return {unit for unit in held[max(0, place - _BESIDE) : place + _BESIDE + 1] if unit is not None}


def turned(text: str, source: Source) -> list[str]:
    """Words of a text whose opposite stands beside the same words in the source, while they themselves do not."""
    table, found = polarity.opposites(source.language), []
    for sentence in (text[slice(*span)] for span in sentences(text)):
        if sentence.rstrip().endswith(_ASKS):
            continue
        said = {word for word in table if word in sentence} if source.language == "zh" else set(units.words(sentence))
        for word in said & table.keys():
            if _COMPARATIVE.fullmatch(word) and re.search(r"\bthan\b", text):  # its sides may be turned round too
                continue
            if not _says(source.folded, word, source) and any(
                _says(source.folded, other, source) and not _says(sentence.lower(), other, source)
                and _share_neighbours(sentence.lower(), word, other, source)
                for other in table[word]
            ):  # fmt: skip
                found.append(word)
    return found


def _says(text: str, word: str, source: Source) -> bool:
    return word in text if source.language == "zh" else re.search(rf"\b{re.escape(word)}\b", text) is not None


def _share_neighbours(sentence: str, word: str, other: str, source: Source) -> bool:
    """Whether a word stands here beside what its opposite stands beside in the source."""
    here = _neighbours(sentence, word, source)
    held = {unit for _, unit in source.match(here) if unit is not None}
    there = {one.unit for one in _neighbours(source.folded, other, source)}
    return bool(held & there)


def _neighbours(text: str, word: str, source: Source) -> list[Word]:
    """The content on both sides of every place of a word."""
    count = _BESIDE if source.language == "en" else _BESIDE + 1
    found = []
    for match in re.finditer(re.escape(word), text):
        found += content(text[: match.start()][-120:], source.language)[-count:]
        found += content(text[match.end() :][:120], source.language)[:count]
    return found


def overstated(text: str, source: Source) -> list[str]:
    """Words of degree, order or obligation that the source does not claim where it says the rest of their sentence."""
    found = []
    for support in sentence_support(text, source):
        if support.text.rstrip().endswith(_ASKS):
            continue
        near = _window_text(support.window, source, around=1) + source.title
        claims = polarity.claimed_groups(support.text, source.language)
        found += [word for group, word in claims if not polarity.supports_group(near, source.language, group)]
    return found


def _window_text(window: tuple[int, ...], source: Source, around: int = 0) -> str:
    """The source's sentences of a window, and so many on both sides."""
    first, last = (window[0], window[-1]) if window else (0, len(source.sentences) - 1)
    near = source.sentences[max(0, first - around) : last + 1 + around]
    return " ".join(stretch.text for stretch in near)
