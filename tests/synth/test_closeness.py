"""How closely a text keeps to the sentences of its source: words, neighbours, how much is told, how it is joined."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.closeness import Closeness, closeness, held_share
from synth.source import Source

EN = (
    "Debian users will sometimes submit patches to fix upstream bugs, and you should evaluate and forward these "
    "patches. "
    "If the table is large, the index is divided into segments of equal size. A hash index is smaller."
)
ZH = "如果表很大，索引会分成大小相等的若干段。散列索引通常更小。"


def of(text: str, passage: str = EN, language: str = "en", title: str = "") -> Closeness:
    return closeness(text, Source(passage, title, language))


@pytest.mark.parametrize(
    "text",
    [
        "If the table is large, the index is divided into segments of equal size.",
        "If a table is large, its index is divided into equal-size segments. A hash index is smaller.",
        "",
    ],
)
def test_a_text_that_keeps_to_its_sentences_is_close_in_every_figure(text: str) -> None:
    found = of(text)
    assert found.ratio == 1.0 and found.cover >= 0.9 and not found.joins


def test_a_word_of_its_own_and_a_dropped_middle_show() -> None:
    assert of("If the table is huge, the index is divided into segments of equal size.").ratio < 1.0
    assert of("Debian users should evaluate and forward these patches.").order < 0.95
    assert of("The index is divided.").cover < 0.6


def test_half_of_one_sentence_and_half_of_another_are_not_close_to_either() -> None:
    assert of("If the table is large, a hash index is smaller.").ratio < 1.0


def test_what_joins_two_statements_otherwise_is_told() -> None:
    assert of("The table is large, but the index is divided into segments of equal size.").joins == ("but", "if")
    assert of("The index is divided into segments of equal size.").joins == ()  # the table is left out with its "if"
    assert of("索引会分成大小相等的若干段，因为表很大。", ZH, "zh").joins[:1] == ("因为",)


def test_the_title_makes_nothing_close() -> None:
    assert of("Debian users should evaluate and forward these patches.", title="Debian patches").order < 0.95


def test_a_chinese_sentence_is_read_by_characters() -> None:
    assert of("如果表很大，索引会分成大小相等的若干段。", ZH, "zh")[:3] == (1.0, 1.0, 1.0)
    assert of("表很大的索引由珊瑚虫建造。", ZH, "zh").ratio < 1.0


def test_nothing_is_close_to_an_empty_source() -> None:
    assert of("The index is divided.", "")[:3] == (0.0, 0.0, 0.0)
    assert held_share("The index is divided.", Source("", "", "en")) == 0.0


@given(st.text(max_size=120), st.text(max_size=120), st.sampled_from(("en", "zh")))
def test_every_figure_is_a_share_of_any_texts(text: str, passage: str, language: str) -> None:
    assert all(0.0 <= figure <= 1.0 for figure in of(text, passage, language)[:3])


@pytest.mark.parametrize(
    ("language", "passage", "told", "close"),
    [
        ("en", "A shell can be the first point of contact of a user.", "A shell is the first point of contact.", False),
        ("en", "You need to edit the files of the server.", "You can edit the files of the server.", False),
        ("en", "You need to edit the files of the server.", "You have to edit the files of the server.", True),
        ("en", "The index is relatively slow on long columns.", "The index is slow on long columns.", False),
        ("zh", "服务器可以保存旧的归档文件。", "服务器保存旧的归档文件。", False),
        ("zh", "管理员必须检查旧的归档文件。", "管理员需要检查旧的归档文件。", True),
        ("zh", "这个程序的功能包括检查归档文件。", "程序的功能包括检查归档文件。", True),
    ],
)
def test_what_can_be_is_not_told_as_what_is_or_must_be(language: str, passage: str, told: str, close: bool) -> None:
    assert (not closeness(told, Source(passage, "", language)).joins) == close
