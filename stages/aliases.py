"""Names that a text itself says are one thing: "World Wide Web Consortium (W3C)", "PostgreSQL（又称 Postgres）".

Only what stands in brackets beside a name, or after words such as "also known as", makes a pair. An acronym must be
made of the letters of its name: Schwartz and Hearst, A simple algorithm for identifying abbreviation definitions in
biomedical text, 2003.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.mentions import joined
from stages.name_patterns import CAPITAL, CODE, HAN, JOINT, SUFFIXES, start_of_name
from stages.names import fold_names, is_acronym
from synth.units import STOPWORDS

# A pair where it stands, in characters of its statement; of a Chinese and a Latin name the Latin one is the alias, of
# an acronym and its expansion the acronym.
ALIASES = pa.schema(
    {"uid": pa.string(), "lang": pa.string(), "alias": pa.string(), "alias_start": pa.int64(), "alias_key": pa.string()}
    | {"name": pa.string(), "name_start": pa.int64(), "name_key": pa.string()}
)
_LATIN = rf"(?:{CODE}|{CAPITAL}(?:{JOINT}{CAPITAL})*)"
_BRACKETS = re.compile(r"\(([^()\n]{2,80})\)|（([^（）\n]{2,80})）")
_PART = re.compile(r"[^,，;；、—]+")
# What says that a name is an alias, in brackets or after a comma.
_SAYS = (
    "also (?:known|called|named|abbreviated|referred to)(?: as)? |(?:formerly|previously|originally|better)"
    " (?:known|called|named)(?: as)? |formerly |abbreviated (?:as |to )?|aka |a\\.k\\.a\\. |short for "
    "|(?:以下|通常|一般|常|也|又|亦|可|曾|旧)?(?:简|簡|俗|别|別|又|也|亦)(?:称|稱|名|叫)(?:为|為|作)?|缩写(?:为|是)?|縮寫(?:為|是)?"
    "|[全原旧][称稱名](?:为|為|是)?|英文(?:名|全称|名称)?(?:为|是)?|英[语語]"
)
_SAID = re.compile(
    rf"\s*(?P<said>(?:{_SAYS})[:： ]*(?:the )?)?[“\"「]?(?P<name>[^“”\"「」]*[^\s“”\"「」])", re.IGNORECASE
)
_AFTER_COMMA = re.compile(
    rf"[,，] ?(?:(?i:{_SAYS})) ?(?:the )?[“\"「]?(?P<alias>{_LATIN}|{HAN}{{2,10}}(?=[”」,，。；]))"
)
_HINT = "[(（]|[,，] ?(?:also|formerly|previously|abbreviated|又|也|亦|简|簡|俗)"  # without it there is no pair
_LATIN_BEFORE = re.compile(rf"(?<![A-Za-z0-9_/.-])({_LATIN})[”\"'’]? ?$")
# Where a Latin word comes first, the name may begin with it: no end of it is plain.
_HAN_BEFORE = re.compile(
    rf"(?:《([^《》\n]{{2,30}})》|(?<!{HAN})(?<![A-Za-z0-9])(?<![A-Za-z0-9] )({HAN}{{3,30}}))[”」]? ?$"
)
_LATIN_NAME = re.compile(rf"{CAPITAL}(?: [A-Za-z][\w/+#-]*)*")
_HAN_NAME = re.compile(rf"{HAN}{{1,10}}(?:{SUFFIXES})")
_BARE = re.compile(rf"(?:{SUFFIXES})")
_REACH = 120  # characters before a bracket within which the name that it explains begins
# What a Chinese name does not hold: what stands before it belongs to its sentence.
_CUT = re.compile(
    r".*(?:[的了是在和与及或也都就而并且于之其这那此该把将从到对为被能会以等则按請请與於這該為則]"
    r"|[一二两三四五六七八九十几多每][个种款类項项個種]|(?<!自)由|如果|除了?|没有|有|所谓|例如|比如|理解|处理|返回|需要)"
)
_LEAST = 3  # characters of a Chinese name beside a Latin one; shorter ones are what is left of longer


class _Span(NamedTuple):
    start: int
    end: int


def alias_pairs(statements: pa.Table) -> pa.Table:
    """The pairs of names that statements say are one thing: ALIASES, in order.

    In: uid, statement, lang: string (n,), without nulls.
    """
    rows = statements.filter(pc.match_substring_regex(statements["statement"], _HINT))
    text, starts = joined(rows["statement"])
    pairs = np.array(sorted({(*alias, *name) for alias, name in _pairs(text)}), np.int64).reshape(-1, 4)
    row = np.searchsorted(starts, pairs[:, 0], "right") - 1
    alias, name = (pa.array([text[a:b] for a, b in pairs[:, at : at + 2]], pa.string()) for at in (0, 2))
    table = pa.table(
        [rows["uid"].take(row), rows["lang"].take(row), alias, pairs[:, 0] - starts[row], fold_names(alias),
         name, pairs[:, 2] - starts[row], fold_names(name)],
        schema=ALIASES,
    )  # fmt: skip
    return table.filter(pc.not_equal(table["alias_key"], table["name_key"]))


def _pairs(text: str) -> Iterator[tuple[_Span, _Span]]:
    for match in _BRACKETS.finditer(text):
        yield from _of_bracket(text, match.start(), _Span(match.start() + 1, match.end() - 1))
    for match in _AFTER_COMMA.finditer(text):
        name = _name_before(text, match.start())
        if name:
            yield _ordered(text, _Span(*match.span("alias")), name)


def _of_bracket(text: str, opens: int, inside: _Span) -> Iterator[tuple[_Span, _Span]]:
    """The pairs of what stands in a bracket with the name before it, and with each other."""
    name = _name_before(text, opens)
    pieces = []
    for part in _PART.finditer(text, *inside):
        match = _SAID.match(text, *part.span())
        if match:
            pieces.append((_Span(*match.span("name")), match["said"] is not None))
    short = next((span for span, _ in pieces if is_acronym(text[slice(*span)])), None)
    for span, said in pieces:
        words = text[slice(*span)]
        expanded = _expansion(text, span, opens) if is_acronym(words) else None
        if expanded:
            yield span, expanded
        elif short and " " in words and spells(text[slice(*short)], words):
            yield short, span
        if name and not expanded and _is_alias(text[slice(*name)], words, said):
            yield _ordered(text, span, name)


def _is_alias(name: str, words: str, said: bool) -> bool:
    """Whether words in brackets after a name are another name of it."""
    if re.search(HAN, name):
        return _LATIN_NAME.fullmatch(words) is not None or (said and re.fullmatch(rf"{HAN}{{2,10}}", words) is not None)
    if is_acronym(name) and " " in words:
        return spells(name, words)
    if re.search(HAN, words):
        return said or _HAN_NAME.fullmatch(words) is not None
    return said and re.fullmatch(_LATIN, words) is not None


def _ordered(text: str, one: _Span, other: _Span) -> tuple[_Span, _Span]:
    """Alias and name of a pair."""
    first, second = text[slice(*one)], text[slice(*other)]
    han = bool(re.search(HAN, first)) - bool(re.search(HAN, second))
    swap = han > 0 or (han == 0 and is_acronym(second) and not is_acronym(first))
    return (other, one) if swap else (one, other)


def _name_before(text: str, stop: int) -> _Span | None:
    """The name that ends where a bracket or a comma comes."""
    low = max(0, stop - _REACH, text.rfind("\n", 0, stop) + 1)
    before = text[low:stop]
    latin = _LATIN_BEFORE.search(before)
    if latin:
        words = latin[1].split(" ")
        while len(words) > 1 and words[0].lower() in STOPWORDS:
            words = words[1:]
        end = low + latin.end(1)
        return _Span(end - len(" ".join(words)), end)
    han = _HAN_BEFORE.search(before)
    if han is None:
        return None
    group = 1 if han[1] else 2
    start, end = han.span(group)
    if group == 2:
        cut = _CUT.match(before, start, end)
        start = cut.end() if cut else start
        start += start_of_name(before[start:end])
    bare = _BARE.fullmatch(before, start, end)
    return None if end - start < _LEAST or bare else _Span(low + start, low + end)


def _expansion(text: str, acronym: _Span, stop: int) -> _Span | None:
    """The words before a bracket that an acronym in it is made of."""
    short = text[slice(*acronym)]
    low = max(0, stop - _REACH, text.rfind("\n", 0, stop) + 1)
    words = re.sub(r"[^\w\s'’/&-].*?(?=\w)|[(（)）,，;；:：]", "\n", text[low:stop]).rpartition("\n")[2].rstrip()
    most = min(len(short) + 5, 2 * len(short))
    kept = " ".join(words.split(" ")[-most:])
    at = _match(short, kept)
    if at is None:
        return None
    end = low + len(text[low:stop].rstrip())
    return _Span(end - (len(kept) - at), end)


def spells(short: str, words: str) -> bool:
    """Whether an acronym is made of the letters of words, from the first word on."""
    return _match(short, words) == 0


def _match(short: str, words: str) -> int | None:
    """Where in words the expansion of an acronym begins, by Schwartz and Hearst; None where they are none.

    Beyond them, W3C stands for WWWC, the expansion has two words at least and no function word first, and half of the
    letters begin a word.
    """
    letters = re.sub(r"([A-Z])([2-5])(?=[A-Z])", lambda found: found[1] * int(found[2]), short.removesuffix("s"))
    letters = re.sub(r"\W", "", letters).lower()
    at, starts = len(words), 0
    for left in range(len(letters) - 1, -1, -1):
        at -= 1
        while at >= 0 and (words[at].lower() != letters[left] or (left == 0 and not _begins(words, at))):
            at -= 1
        if at < 0:
            return None
        starts += _begins(words, at) or words[at].isupper()
    long = words[at:]
    is_none = re.search(HAN, long) or " " not in long.strip() or long.split(" ")[0].lower() in STOPWORDS
    return None if is_none or 2 * starts < len(letters) or len(letters) < 2 else at


def _begins(words: str, at: int) -> bool:
    return at == 0 or not words[at - 1].isalnum()
