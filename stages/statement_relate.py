"""How a passage of another page stands to a statement: the same, in support of it, against it, or neither.

A passage contradicts a statement only where both say the same of the same but for one thing: a number, a name where
only one can stand, or a denial. What differs may also be a condition (another version, another day, another product),
and then the two do not meet; so may two things differ, and then the two speak of different matters.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stages import chinese_synonyms, english_synonyms
from stages.computed import same_quantity
from stages.statement_support import (
    BORROWED,
    DENIAL,
    MUTUAL,
    OPPOSITE,
    Doubt,
    doubts,
    fold,
    han_names,
    nearest,
    reason_of,
    says_verbatim,
    share_of,
)
from stages.statement_witness import objection
from stages.statement_wording import in_other_words
from synth import polarity, units
from synth.closeness import CONDITIONS
from synth.embeddings import Embedder
from synth.quantities import QUANTITY
from synth.source import Source, content

SAME, SUPPORTS, CONTRADICTS, UNRELATED = "same", "supports", "contradicts", "unrelated"
_LEAST_SHARED = 0.25  # of a statement's content, word for word; less is not looked at further
_LEAST_TOLD = {"en": 2.5, "zh": 3.0}  # weight of content from which on a sentence tells what it is about
_LEAST_MEANT = {"en": 3.0, "zh": 4.0}  # the same, of one that is to be contradicted, what differs apart
_TELLING = 1.2  # of a word that tells by itself what a sentence is about: then two thirds of that do
# A relation that happens once, or that one only can have: another day, or another name after it, contradicts.
_ONCE = {
    "en": re.compile(
        r"\b(?:born|died|founded|established|created|released|published|introduced|invented|discovered|built|opened"
        r"|written|wrote|launched|signed|adopted|completed|formed|incorporated|started|began|ended|closed|abolished"
        r"|designed|developed|composed|announced|acquired|merged|first|capital|headquartered|named after)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"出生|生于|逝世|去世|成立|创立|创办|创建|建立|发布|发行|出版|发表|推出|发明|发现|建成|竣工|开通|开业|诞生|签署|通过|结束|开始"
        r"|始于|设计|开发|编写|创作|收购|合并|首次|最早|首都|首府|总部|位于|命名"
    ),
}
# What stands right before a number that only says which one is meant: a version, a chapter, a name.
_WHICH = {
    "en": re.compile(
        r"(?:\b(?:versions?|releases?|revisions?|chapters?|sections?|figures?|tables?|steps?|parts?|volumes?|types?|modes?"
        r"|class|case|option|line|item|page|rfc|iso|no|v|example|in|since|until|as of|from|after|before|by"
        r"|[A-Z][A-Za-z+#]*)\.?[\s(]*)$|[-_/#.][A-Za-z]*$",
    ),
    "zh": re.compile(r"(?:版本?|第|图|表|步骤|章|节|例|自|从|在|于|截至|[A-Za-z+#]+)\s*$|[-_/#.][A-Za-z]*$"),
}
_WHICH_AFTER = re.compile(r"^\s*(?:版|章|节|页|月|日|号)")
_YEAR = re.compile(r"(?:1[0-9]|20)\d\d")
_BOUND = {
    "en": re.compile(
        r"\b(?:about|around|approximately|roughly|nearly|almost|over|more than|less than|at least|at most|up to|under"
        r"|fewer than|or more|or later|or higher|minimum|maximum|between|from)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"约|左右|大概|近|超过|多于|少于|不到|至少|至多|最多|最少|以上|以下|之间"),
}
# Where one name only can stand: after who did it or what it is called, or of what there is one.
_ONE_NAME = {
    "en": re.compile(
        r"\b(?:\w+(?:ed|en|wn|de|ilt|ade) by|(?:born|located|based|headquartered|founded|situated) in|named(?: after)?"
        r"|called|known as|is|was|defaults to|stored in|capital of)(?: the)? $",
    ),
    "zh": re.compile(r"(?:由|被|位于|生于|名为|称为|叫做?|是|为|首都|总部在|默认)\s*$"),
}
_THE_ONE = {"en": re.compile(r"^(?:The|Its|In \w+, the)\b"), "zh": re.compile(r"的")}
_MOST_PARTS = 3  # words of one name: "Guido van Rossum"
# Of Chinese words that have an opposite, those that say how something is.
_STATES = units.word_set(
    "启用 禁用 允许 禁止 接受 拒绝 必须 可以 必需 可选 可能 不可能 合法 非法 总是 从不"
    " 支持 反对 包括 排除 增加 减少 提高 降低 上升 下降 成功 失败"
)
_WORDING = {"en": english_synonyms.one_wording, "zh": chinese_synonyms.one_wording}


class Relation(NamedTuple):
    """How a passage stands to a statement, and why in words."""

    relation: str
    reason: str


def relation(statement: str, passage: str, title: str, language: str, embedder: Embedder | None = None) -> Relation:
    """How a passage, a sentence or a few, stands to a statement. Where both could be said it is unrelated.

    Args: title of the passage's page, which may name what the passage leaves open.
    """
    if says_verbatim(statement, passage) or fold(statement) == fold(passage):
        return Relation(SAME, "says it word for word")
    statement, passage, title = map(_WORDING[language], (statement, passage, title))
    source = Source(passage, title, language, embedder)
    told = content(statement, language)
    if sum(word.weight for word in told) < _LEAST_TOLD[language]:
        return Relation(UNRELATED, "the statement is too short to tell what it is about")
    shared = sum(word.weight for word in told if word.unit in source.units)
    if shared < _LEAST_SHARED * sum(word.weight for word in told):
        return Relation(UNRELATED, "speaks of other things")
    sentence = nearest(statement, source).sentence
    forward = doubts(statement, sentence, language, passage, title, embedder)
    if not forward:
        if len({polarity.denies(text, language) for text in (statement, sentence)}) > 1:
            return Relation(UNRELATED, "one of the two denies something, the other nothing")
        if not in_other_words(statement, sentence, title, language, embedder):
            return Relation(UNRELATED, "says something like it")
        if lacks := objection(statement, sentence, title, language, embedder):
            return Relation(UNRELATED, lacks)
        back = doubts(sentence, statement, language, embedder=embedder)
        if back or not in_other_words(sentence, statement, "", language, embedder):
            return Relation(SUPPORTS, "says it and more")
        return Relation(SAME, "says it in other words")
    found = contradiction(statement, sentence, title, language, forward)
    return Relation(CONTRADICTS, found) if found else Relation(UNRELATED, _in_short(forward))


def _in_short(found: list[Doubt]) -> str:
    return (reason_of(found) or "").replace("its evidence", "the passage")


def contradiction(statement: str, sentence: str, title: str, language: str, found: list[Doubt]) -> str | None:
    """Why a sentence contradicts a statement, None where it does not. Args: found, the doubts that it says it."""
    numbers = _apart(_figures(statement, language), _figures(sentence, language))
    names = _apart(_names(statement, language), _names(sentence, language))
    opposite = next((doubt.words for doubt in found if doubt.kind == OPPOSITE), None)
    denied = any(doubt.kind == DENIAL for doubt in found)
    at_stake = _units_of((*numbers[0], *numbers[1], *names[0], *names[1], *_opposites(opposite, language)), language)
    if not _same_but(statement, sentence, title, language, at_stake):
        return None
    titled = {name for name in names[0] if name.lower() in title.lower()}
    names = (names[0] - titled, names[1])
    kinds = [bool(numbers[0] or numbers[1]), bool(names[0] or names[1]), bool(opposite or denied)]
    if sum(kinds) != 1 or any(doubt.kind == BORROWED for doubt in found):
        return None
    if opposite and not denied and not _is_stated(opposite, statement, language):
        return None
    if kinds[2]:
        return "denies it" if denied else f"says the opposite of {opposite}"
    one, other = numbers if kinds[0] else names
    if (
        not one
        or not other
        or len(one) > (1 if kinds[0] else _MOST_PARTS)
        or len(other) > (1 if kinds[0] else _MOST_PARTS)
    ):
        return None
    own, theirs = min(one, key=statement.find), min(other, key=sentence.find)
    fits = _number_slot if kinds[0] else _name_slot
    if not fits(statement, own, sentence, theirs, language):
        return None
    return f"says {theirs} where this says {own}"


def _is_stated(word: str, text: str, language: str) -> bool:
    """Whether a word says how something is ("is enabled"), rather than which one is meant ("the upper field")."""
    if language == "zh":
        return word in _STATES
    return re.search(rf"\b(?:is|are|was|were|be|been|remains?)\b[^,.;]{{0,12}}\b{re.escape(word)}\b", text) is not None


def _apart(own: frozenset[str], theirs: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    return own - theirs, theirs - own


def _figures(text: str, language: str) -> frozenset[str]:
    """Numbers of a text in digits; those of names such as UTF-8 are part of their names."""
    spelled = units.spelled_numbers(text, language)
    found = {units.NUMBER_WORDS.get(number, number) for number in units.numbers(text, language)}
    inside = {digits for name in units.names(text, language) for digits in re.findall(r"\d+(?:\.\d+)*", name)}
    return frozenset((found | spelled) - inside)


def _names(text: str, language: str) -> frozenset[str]:
    openers = units.sentence_openers(f". {text}") if language != "zh" else set()
    plain = {name.removesuffix("'s").removesuffix("’s") for name in units.names(text, language) - openers}
    return frozenset(plain | ({*han_names(text)} if language == "zh" else set()))


def _opposites(word: str | None, language: str) -> tuple[str, ...]:
    return (word, *polarity.opposites(language).get(word, ())) if word else ()


def _units_of(words: tuple[str, ...], language: str) -> frozenset[str]:
    return frozenset(word.unit for text in words for word in content(text, language))


def _same_but(statement: str, sentence: str, title: str, language: str, at_stake: frozenset[str]) -> bool:
    """Whether two sentences say the same of the same, some units apart, and enough to know what they speak of."""
    meant = [word for word in content(statement, language) if word.unit not in at_stake]
    conditions = [CONDITIONS[language].search(text) is None for text in (statement, sentence)]
    telling = any(word.weight >= _TELLING for word in meant)
    return (
        sum(word.weight for word in meant) >= _LEAST_MEANT[language] * (2 / 3 if telling else 1)
        and conditions[0] == conditions[1]
        and share_of(statement, f"{sentence} {title}", language, at_stake) >= MUTUAL
        and share_of(sentence, statement, language, at_stake) >= MUTUAL
    )


def _number_slot(statement: str, own: str, sentence: str, theirs: str, language: str) -> bool:
    """Whether one number stands where the other does, and neither says only which one or when."""
    places = [_place_of(text, number) for text, number in ((statement, own), (sentence, theirs))]
    if None in places:
        return False
    (before, after), (before_there, after_there) = places[0] or ("", ""), places[1] or ("", "")
    if _YEAR.fullmatch(own) or _YEAR.fullmatch(theirs):
        fronted = any(len(content(text, language)) < 2 for text in (before, before_there))
        return (
            not fronted
            and bool(_YEAR.fullmatch(own) and _YEAR.fullmatch(theirs))
            and _happens_once(statement, language)
        )
    which = _WHICH[language]
    if which.search(before) or which.search(before_there) or _WHICH_AFTER.match(after) or own.count(".") > 1:
        return False
    bounds = [{w.lower() for w in _BOUND[language].findall(text)} for text in (statement, sentence)]
    if bounds[0] != bounds[1]:
        return False
    quantities = [dict(QUANTITY.findall(text)) for text in (statement, sentence)]
    if own in quantities[0] and theirs in quantities[1]:
        return not same_quantity(own, quantities[0][own], theirs, quantities[1][theirs])
    beside = [_beside(b, a, language) for b, a in ((before, after), (before_there, after_there))]
    return bool(beside[0] & beside[1])


def _happens_once(text: str, language: str) -> bool:
    return _ONCE[language].search(text) is not None


def _place_of(text: str, number: str) -> tuple[str, str] | None:
    """What stands before and after a number, in digits or as a word."""
    spelled = [word for word, digits in units.NUMBER_WORDS.items() if digits == number]
    grouped = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",?", number) if number.isdigit() else re.escape(number)
    match = re.search(rf"(?<![\w.])(?:{'|'.join([grouped, *spelled])})|{grouped}(?!\d)", text, re.IGNORECASE)
    return (text[: match.start()], text[match.end() :]) if match else None


def _beside(before: str, after: str, language: str) -> set[str]:
    """The content right before and right after a place."""
    count = 2 if language == "en" else 3
    near = content(before[-60:], language)[-count:] + content(after[:60], language)[:count]
    return {word.unit for word in near}


def _name_slot(statement: str, own: str, sentence: str, theirs: str, language: str) -> bool:
    """Whether two names stand where one only can."""
    for text, name in ((statement, own), (sentence, theirs)):
        before = text[: max(0, text.find(name))]
        if not _ONE_NAME[language].search(before):
            return False
    last = statement[: statement.find(own)].rstrip().rsplit(" ", 1)[-1] if language == "en" else ""
    if last in ("is", "was", "the"):
        return _THE_ONE["en"].match(statement) is not None
    return language == "en" or _THE_ONE["zh"].search(statement) is not None or _happens_once(statement, language)
