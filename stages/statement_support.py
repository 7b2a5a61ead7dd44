"""Whether a passage says a statement: every doubt about it, by kind.

A statement is one sentence, so one sentence of its evidence has to hold it: words of another sentence count only where
they name what this one leaves open ("It listens on port 5432"). Halves of two sentences joined into a third claim hold
together nowhere. Numbers, names, denials, degrees and orders are checked as those of L3's outputs are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stages.chinese_synonyms import one_wording
from stages.computed import same_quantity
from synth import polarity, units
from synth.checks import unsupported_names, unsupported_numbers
from synth.denial import flipped
from synth.embeddings import Embedder
from synth.lists import strangers
from synth.passages import LEANING, sentences
from synth.quantities import QUANTITY
from synth.sides import reversed_sides
from synth.source import Source, Word, content, split_clauses
from synth.support import exchanged, overstated, turned

# Kinds of doubt. The first four set one thing against another; the others say that something is missing.
NUMBER, NAME, DENIAL, OPPOSITE = "number", "name", "denial", "opposite"
DEGREE, SIDES, MISSING, APART, BORROWED = "degree", "sides", "missing", "apart", "borrowed"

_MIN_HELD = 0.85  # of the weight of a statement's content, what its sentence holds, with what that leaves open
_MAX_BORROWED = 0.35  # of that weight, what other sentences and the title name
_STRETCH = {"en": 5, "zh": 8}  # content units in a row
_MIN_STRETCH = 0.6  # of the weight of any such stretch, what is held: halves of two sentences differ in one half only
MUTUAL = 0.8  # content that two sentences share, of either, from which on their denials can be counted
# Names of people, works and bodies have no closed list; those in Latin letters and in 《》 are known by their form.
_PLACES = re.compile(
    "北京|上海|天津|重庆|香港|澳门|台湾|台北|河北|河南|山西|山东|陕西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|湖北|湖南|广东|广西"
    "|海南|四川|贵州|云南|西藏|甘肃|青海|宁夏|新疆|内蒙古|广州|深圳|南京|杭州|武汉|成都|西安|苏州|青岛|大连|厦门|中国|美国|英国"
    "|法国|德国|日本|韩国|朝鲜|俄罗斯|苏联|印度|意大利|西班牙|葡萄牙|加拿大|巴西|墨西哥|澳大利亚|新西兰|埃及|土耳其|伊朗|伊拉克"
    "|以色列|荷兰|比利时|瑞士|瑞典|挪威|丹麦|芬兰|波兰|奥地利|匈牙利|希腊|乌克兰|越南|泰国|新加坡|马来西亚|印度尼西亚|菲律宾"
    "|巴基斯坦|纽约|伦敦|巴黎|柏林|东京|首尔|莫斯科|罗马|华盛顿|欧洲|亚洲|非洲|北美|南美|大洋洲"
)
_LONE = 0.25  # what a Chinese character counts that stands beside other ones there


@dataclass(frozen=True)
class Doubt:
    """Why a passage may not say a statement."""

    kind: str
    words: str  # what is at stake, for the reason


@dataclass(frozen=True)
class Held:
    """The sentence of a passage that holds most of a statement."""

    sentence: str
    words: tuple[Word, ...]  # of the statement
    scores: tuple[float, ...]  # of each: what that sentence holds, 0 to 1
    borrowed: tuple[bool, ...]  # of each: held by another sentence or the title alone

    @property
    def total(self) -> float:
        return sum(word.weight for word in self.words)

    def share(self) -> float:
        """Of the weight of the content, what the sentence holds by itself; 1 of a statement without content."""
        held = sum(word.weight * score for word, score in zip(self.words, self.scores, strict=True))
        return held / self.total if self.total else 1.0

    def borrowed_share(self) -> float:
        held = sum(word.weight for word, lent in zip(self.words, self.borrowed, strict=True) if lent)
        return held / self.total if self.total else 0.0


def fold(text: str) -> str:
    """A sentence without what its spelling adds: white space, case, quotes and the stop at its end."""
    return re.sub(r"\s+", " ", re.sub(r"[\"“”‘’'「」『』`*_]", "", text)).strip(" .。;；!！").lower()


def says_verbatim(statement: str, passage: str) -> bool:
    """Whether a statement is the passage, or whole sentences of it."""
    told = fold(statement)
    found = [fold(passage[slice(*span)]) for span in sentences(passage)]
    return told == fold(passage) or (bool(told) and told in found)


def doubts(
    statement: str, evidence: str, language: str, context: str = "", title: str = "", embedder: Embedder | None = None
) -> list[Doubt]:
    """Every doubt about a statement, none where the evidence says it.

    Args: context, other text of the same document: it may name what the evidence leaves open, and nothing else.
    """
    if says_verbatim(statement, evidence):
        return []
    if language == "zh":
        statement, evidence, context, title = map(one_wording, (statement, evidence, context, title))
    source = Source(evidence, title, language, embedder)
    around = Source(f"{context}\n{evidence}", title, language, embedder)
    found: list[Doubt] = []
    for sentence in (statement[slice(*span)] for span in sentences(statement)):
        found += _of_sentence(sentence, source, around)
    return found


def _of_sentence(sentence: str, source: Source, around: Source) -> list[Doubt]:
    held = nearest(sentence, source, around)
    found = [*_numbers(sentence, source), *_names(sentence, held, source, around), *_denials(sentence, held, source)]
    found += [Doubt(OPPOSITE, word) for word in turned(sentence, source)]
    found += [Doubt(DEGREE, word) for word in overstated(sentence, source)]
    found += [Doubt(SIDES, word) for word in reversed_sides(sentence, source)]
    if not _reordered(sentence, held.sentence, source.language):
        found += [Doubt(SIDES, word) for word in exchanged(sentence, source)]
    found += [Doubt(MISSING, word) for word in strangers(sentence, around)]
    return [*found, *_coverage(held, source.language)]


def nearest(sentence: str, source: Source, around: Source | None = None) -> Held:
    """The sentence of a source that holds most of another one."""
    words = content(sentence, source.language)
    matches = source.match(words)
    best: tuple[float, str, list[float]] = (-1.0, "", [0.0] * len(words))
    for stretch in source.sentences:
        scores = [score if unit in stretch.units else 0.0 for score, unit in matches]
        if source.language == "zh":
            scores = _beside(sentence, words, scores, stretch.text)
        total = sum(word.weight * score for word, score in zip(words, scores, strict=True))
        if total > best[0]:
            best = (total, stretch.text, scores)
    return Held(best[1], tuple(words), tuple(best[2]), _borrowed(words, best[2], best[1], source, around or source))


def _borrowed(
    words: Sequence[Word], scores: Sequence[float], sentence: str, source: Source, around: Source
) -> tuple[bool, ...]:
    """Which words of a statement name what a sentence leaves open: those of the title, and where it leans on the
    sentence before it, the first words in a row that others hold."""
    missing = [score == 0.0 for score in scores]
    titled = [lacks and word.unit in source.title_units for lacks, word in zip(missing, words, strict=True)]
    if not leans(sentence):
        return tuple(titled)
    elsewhere = [
        lacks and unit is not None for lacks, (_, unit) in zip(missing, around.match(list(words)), strict=True)
    ]
    first = next((place for place, lent in enumerate(elsewhere) if lent), len(words))
    after = next((place for place in range(first, len(words)) if not elsewhere[place]), len(words))
    return tuple(lent or first <= place < after for place, lent in enumerate(titled))


def _beside(sentence: str, words: Sequence[Word], scores: list[float], text: str) -> list[float]:
    """Scores of Chinese characters: one whose neighbours there are all other ones counts for a half."""
    pairs = {run[i : i + 2] for run in units.HAN_RUN.findall(text) for i in range(len(run) - 1)}
    beside = {
        char
        for run in units.HAN_RUN.findall(sentence)
        for i in range(len(run) - 1)
        if run[i : i + 2] in pairs
        for char in run[i : i + 2]
    }
    return [
        score if not units.HAN.fullmatch(word.unit) or word.unit in beside else _LONE * score
        for word, score in zip(words, scores, strict=True)
    ]


def _reordered(sentence: str, other: str, language: str) -> bool:
    """Whether two sentences have the same clauses, in another order: then only their borders have other neighbours."""
    told = [
        sorted(
            tuple(sorted(word.unit for word in content(clause, language))) for clause in split_clauses(one, language)
        )
        for one in (sentence, other)
    ]
    return told[0] == told[1]


def _numbers(sentence: str, source: Source) -> Iterator[Doubt]:
    """Numbers that the source does not hold, in no other unit either."""
    theirs = QUANTITY.findall(source.text)
    own = dict(QUANTITY.findall(sentence))
    for number in sorted(unsupported_numbers(sentence, source)):
        if number in own and any(same_quantity(number, own[number], *other) for other in theirs):
            continue
        yield Doubt(NUMBER, number)


def _names(sentence: str, held: Held, source: Source, around: Source) -> Iterator[Doubt]:
    """Names that the source does not hold. What its sentence leaves open, other sentences may name."""
    foreign = unsupported_names(sentence, source)
    known = foreign - unsupported_names(sentence, around) if leans(held.sentence) else set()
    yield from (Doubt(NAME, name) for name in sorted(foreign - known))
    if source.language == "zh":
        yield from (Doubt(NAME, name) for name in han_names(sentence) if name not in around.text)


def han_names(text: str) -> list[str]:
    """Names of places that are written in Chinese characters, which no capital marks."""
    return _PLACES.findall(text)


def leans(sentence: str) -> bool:
    """Whether a sentence leaves open what it is about: "It", "This option", or no subject at all."""
    return LEANING.match(sentence) is not None


def _denials(sentence: str, held: Held, source: Source) -> Iterator[Doubt]:
    """Clauses denied here and affirmed there, or the other way round; and sentences that are alike but for a denial."""
    found = flipped(sentence, source)
    yield from (Doubt(DENIAL, clause.strip()) for clause in found)
    if not found and held.share() >= MUTUAL and share_of(held.sentence, sentence, source.language) >= MUTUAL:
        own, theirs = (_num_denials(text, source.language) for text in (sentence, held.sentence))
        if own % 2 != theirs % 2:
            yield Doubt(DENIAL, sentence.strip())


def _num_denials(text: str, language: str) -> int:
    wide = polarity.WIDE_DENIAL[language].findall(text)
    return len(polarity.DENIAL[language].findall(text)) + len(wide)


def share_of(sentence: str, other: str, language: str, but: frozenset[str] = frozenset()) -> float:
    """The share of a sentence's content, in weight, that another holds word for word and as often; some units apart."""
    words = [word for word in content(sentence, language) if word.unit not in but]
    left = Counter(word.unit for word in content(other, language))
    total, held = sum(word.weight for word in words), 0.0
    for word in words:
        held += word.weight * (left[word.unit] > 0)
        left[word.unit] -= 1
    return held / total if total else 1.0


def _coverage(held: Held, language: str) -> Iterator[Doubt]:
    """Content that its sentence does not hold: too much of it, too much in a row, or named elsewhere without need."""
    shown = ("" if language == "zh" else " ").join
    missing = [w.form for w, s, b in zip(held.words, held.scores, held.borrowed, strict=True) if s == 0.0 and not b]
    lent = [w.form for w, b in zip(held.words, held.borrowed, strict=True) if b]
    share, borrowed = held.share(), held.borrowed_share()
    if lent and borrowed > _MAX_BORROWED:
        yield Doubt(BORROWED, shown(lent))
    if share + borrowed < _MIN_HELD:
        yield Doubt(MISSING, shown(missing or [word.form for word in held.words]))
    elif (stretch := _foreign_stretch(held, language)) is not None:
        yield Doubt(APART, shown(stretch))


def _foreign_stretch(held: Held, language: str) -> list[str] | None:
    """The first stretch of a statement that its sentence hardly holds."""
    size = _STRETCH[language]
    scored = [(w, max(s, float(b))) for w, s, b in zip(held.words, held.scores, held.borrowed, strict=True)]
    for start in range(len(scored) - size + 1):
        part = scored[start : start + size]
        total = sum(word.weight for word, _ in part)
        if total and sum(word.weight * score for word, score in part) < _MIN_STRETCH * total:
            return [word.form for word, _ in part]
    return None


_REASONS = {
    NUMBER: "the number {} is not in its evidence",
    NAME: "the name {} is not in its evidence",
    DENIAL: "its evidence says the opposite of: {}",
    OPPOSITE: "its evidence says the opposite of: {}",
    DEGREE: "its evidence does not go as far as: {}",
    SIDES: "its evidence has the sides the other way round: {}",
    MISSING: "its evidence lacks: {}",
    APART: "no one sentence of its evidence says: {}",
    BORROWED: "other sentences than its evidence say: {}",
}
_SHOWN = 120  # characters


def reason_of(found: Sequence[Doubt]) -> str | None:
    """The first doubt in words, null where there is none."""
    return _REASONS[found[0].kind].format(found[0].words[:_SHOWN]) if found else None
