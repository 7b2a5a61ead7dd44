"""Where sentences name things, English and Chinese, by the form of names and the frequency of words, without a model.

A name is *sure* where its form alone makes it one: capitals amid a sentence, an identifier, an acronym, a title in
《》, a Chinese name with its suffix. A capital at a sentence's start says nothing, so such a name is kept unsure: it
counts where other sentences are sure of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages import name_patterns as patterns
from stages.names import COMMON, RARE, fold_names
from synth.rarity import weight
from synth.units import STOPWORDS

MENTIONS = pa.schema(
    {"uid": pa.string(), "lang": pa.string(), "name": pa.string(), "start": pa.int64(), "end": pa.int64()}
    | {"key": pa.string(), "sure": pa.bool_()}
)


class _Found(NamedTuple):
    start: int
    end: int
    sure: bool


def mentions_of(statements: pa.Table) -> pa.Table:
    """The names in statements: at most a few a sentence, in order; unsure ones may overlap others.

    In:     uid, statement, lang: string (n,), without nulls
    Out:    MENTIONS: the name as it stands, where it starts and ends in its statement, in characters, its key (see
            ``names.fold_names``) and whether its form alone makes it a name
    Versions stay outside ("PostgreSQL 17" names PostgreSQL), and so do paths, options and addresses.
    """
    has_han = pc.match_substring_regex(statements["statement"], patterns.HAN)
    parts = [_written(statements.filter(has_han), _han), _written(statements.filter(pc.invert(has_han)), _english)]
    return pa.concat_tables(parts)


def _written(rows: pa.Table, find: Callable[[str], Iterator[_Found]]) -> pa.Table:
    """MENTIONS of rows of one script."""
    text, starts = joined(rows["statement"])
    found = sorted(set(find(text)))
    return place(rows, starts, found, [text[one.start : one.end] for one in found])


def joined(texts: pa.ChunkedArray) -> tuple[str, np.ndarray]:
    """Texts as one, a line end after each, and where each starts in it, in characters."""
    lengths = pc.utf8_length(texts).to_numpy().astype(np.int64)
    return "\n".join(texts.to_pylist()), np.concatenate([[0], np.cumsum(lengths + 1)])


def place(rows: pa.Table, starts: np.ndarray, found: list[_Found], names: list[str]) -> pa.Table:
    """MENTIONS of spans of joined rows; a span whose name has no key is left out."""
    spans = np.array([one[:2] for one in found], np.int64).reshape(-1, 2)
    row = np.searchsorted(starts, spans[:, 0], "right") - 1
    found_names, sure = pa.array(names, pa.string()), pa.array([one.sure for one in found], pa.bool_())
    at = spans - starts[row][:, None]
    table = pa.table(
        [rows["uid"].take(row), rows["lang"].take(row), found_names, at[:, 0], at[:, 1], fold_names(found_names), sure],
        schema=MENTIONS,
    )
    return table.filter(pc.not_equal(table["key"], ""))


def _english(text: str) -> Iterator[_Found]:
    for match in patterns.NAMED.finditer(text):
        start, end = match.span()
        if match["code"]:
            if not _is_host(match["code"]):
                yield _Found(start, end, True)
        else:
            yield from _of_run(match["run"], start, _opens(text, start))
    for match in patterns.LOWER_NAMES.finditer(text):
        kind = match.lastgroup or "lower"
        if kind == "first" or weight(match[kind]) >= RARE:
            yield _Found(*match.span(kind), True)


def _han(text: str) -> Iterator[_Found]:
    for match in patterns.NAMED.finditer(text):
        if match["code"] is None or not _is_host(match["code"]):
            yield from _of_run(match[0], match.start(), False) if match["run"] else [_Found(*match.span(), True)]
    for match in patterns.LOWER_IN_HAN.finditer(text):
        if len(match[0]) > 1 and weight(match[0]) > 1:
            yield _Found(*match.span(), True)
    for match in patterns.TITLE.finditer(text):
        kind = match.lastgroup or ""
        yield _Found(*match.span(kind), kind == "title")
    for match in patterns.HAN_NAME.finditer(text):
        start = patterns.start_of_name(match["stem"]) + match.start()
        size = match.end("stem") - start
        if 0 < size <= patterns.MAX_STEM or (size > 0 and re.fullmatch(patterns.BODIES, match["suffix"])):
            yield _Found(start, match.end(), True)


def _opens(text: str, start: int) -> bool:
    """Whether a word opens its sentence, or follows what a sentence may open after."""
    before = text[max(0, start - 2) : start]
    return not before or before[-1] in "\n\"'“‘(" or before == ": "


def _of_run(run: str, start: int, opens: bool) -> Iterator[_Found]:
    """The names of a run of words with capitals, without the words that open a sentence or join its parts."""
    while run and _says_nothing(run.split(" ", 1)[0]):
        word, _, rest = run.partition(" ")
        start, run, opens = start + len(word) + 1, rest, False
    run = run.rstrip(" &")
    if not run:
        return
    first, _, rest = run.partition(" ")
    if not rest:
        if not _is_common(first):
            yield _Found(start, start + len(run), not opens or has_form(first))
        return
    if run.isupper() and all(map(_is_common, run.split(" "))):  # MUST NOT
        return
    sure = not opens or has_form(first)
    yield _Found(start, start + len(run), sure)
    if not sure:  # "Install Debian GNU/Linux", or "Visual Studio Code": others tell
        inner = re.sub(r"^(?:of|of the|de|von|van|&) ", "", rest)
        yield from _of_run(inner, start + len(run) - len(inner), True)


def _says_nothing(word: str) -> bool:
    return (word.lower() in STOPWORDS and (word[1:].islower() or len(word) == 1)) or word in ("of", "&")


def _is_common(word: str) -> bool:
    """Whether a single word is no name by its capitals: a letter, MUST, Note, Table."""
    limit = 0.5 if word.isupper() else COMMON
    return len(word) == 1 or word in patterns.NO_NAMES or (word.isalpha() and weight(word.lower()) <= limit)


def has_form(word: str) -> bool:
    """Whether a word has capitals, digits or marks inside, which only names and identifiers have."""
    return re.search(r"[A-Z0-9_+#./&:]", word[1:]) is not None


def _is_host(code: str) -> bool:
    """Whether dotted words are the name of a host, or an abbreviation such as e.g."""
    return re.search(r"\.(?:com|org|net|edu|gov|io|cn|de|uk|eu)$|^(?:e\.g|i\.e|a\.k|a\.m|p\.m)", code) is not None
