"""Words: spaCy's in English, characters in Chinese."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.text_kernels import read_page
from stages.word_kernels import load_tables, make_page, split_words

TRICKY = (
    "Hello, it's a test... don't U.S.A. (e.g. 5km), \"quoted.\" foo's U.S. x=y a-b 10-20 and/or state-of-the-art",
    "http://a.b/c?x=1 http://www.example.com/a-b/c. mail me@some-where.co.uk, foo/bar,baz see example.com:8080/x-y.",
    "end.Start NASA. ---x x--y $100 100$ 3.5% 20°C 5+ +5 5+5 a+b C++ #tag @you 'tis ‘quoted’ “double” — dash–dash",
    "I'd've can't cannot gonna y'all Let's it’s they’ll've who're 9am 12p.m. Mr. Smith. Dr.Who x-Mr. v.s. :-) "
    "(:-) &:) smile:) 1): Ph.D., Id id.",
    "(((nested))) [1] {x} <tag> a...b ... …… …word word… naïve café, Ünïcode. Привет, мир. 1,000 a,b 1,b",
    "",
    "   ",
)


def words(text: str, code: int = 1) -> list[str]:
    data = np.frombuffer(text.encode("utf-8", "replace") or b" ", np.uint8)
    page, tables = make_page(len(data)), load_tables()
    n, _ = read_page(data, 0, len(data), tables.flags, False, page.cps, page.kinds, page.breaks)
    count, _ = split_words(code, page, 0, n, tables, 0)
    return [text[a:b] for a, b in zip(page.starts[:count], page.stops[:count], strict=True)]


@pytest.mark.parametrize("text", TRICKY)
def test_english_words_are_those_of_spacy(text: str) -> None:
    spacy = pytest.importorskip("spacy", reason="the words to compare with are spacy's (extra bench)")
    assert words(text) == [token.text for token in spacy.blank("en")(text) if token.text.strip()]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), st.sampled_from([1, 2]))
def test_words_cover_all_but_white_space_in_order(text: str, code: int) -> None:
    assert "".join(words(text, code)) == "".join(text.split())


def test_chinese_units_are_characters_runs_of_letters_and_symbols() -> None:
    assert words("我用Python3写，很快 OK！", 2) == ["我", "用", "Python3", "写", "，", "很", "快", "OK", "！"]


@pytest.mark.parametrize("part", ["-", "(", ")", ".", "a@", "://", "'", ":)", "a.", "1.", "[1", "…", "-a", "é"])
def test_a_hostile_word_of_a_million_characters_takes_linear_time(part: str) -> None:
    """A quadratic step would take hours here, not seconds."""
    text = part * (1_000_000 // len(part))
    assert "".join(words(text)) == text
