"""Names in sentences: by form and rarity, in two languages, exactly where they stand."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.mentions import MENTIONS, mentions_of
from stages.names import fold_names, is_acronym
from tests.knowledge_corpus import statements


def _names(text: str, lang: str = "en") -> dict[str, bool]:
    """The names in a sentence, and whether each is sure."""
    found = mentions_of(statements(((text, lang),)))
    return dict(zip(found["name"].to_pylist(), found["sure"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("text", "lang", "sure"),
    [
        ("It runs on Debian and on Free Software Foundation machines.", "en", {"Debian", "Free Software Foundation"}),
        (
            "The std::vector class and os.path.join() use my_module.",
            "en",
            {"std::vector", "os.path.join()", "my_module"},
        ),
        ("Run CREATE USER, or the createuser command.", "en", {"CREATE USER", "createuser"}),
        ("The GNU/Linux kernel speaks UTF-8, C++ and TCP/IP.", "en", {"GNU/Linux", "UTF-8", "C++", "TCP/IP"}),
        ("You need the University of California for this.", "en", {"University of California"}),
        ("You MUST NOT note this in January.", "en", set()),
        ("Read /etc/Debian/file, --Option=Debian and www.example.org.", "en", set()),
        ("我们用 PostgreSQL 数据库和 apt 安装。", "zh", {"PostgreSQL", "apt"}),
        ("他读过《红楼梦》。", "zh", {"红楼梦"}),
        ("他在北京大学学习。", "zh", set()),  # 学 follows: where the name ends is not plain
        ("它遵循超文本传输协议。", "zh", {"超文本传输协议"}),
        ("这由自由软件基金会提供。", "zh", {"自由软件基金会"}),
        ("这使用Linux内核。", "zh", {"Linux"}),
        ("该系统使用一种协议。", "zh", set()),
        ("Windows runs it.", "zh", set()),  # an English sentence in a Chinese page is read as English
    ],
)
def test_what_is_surely_a_name(text: str, lang: str, sure: set[str]) -> None:
    assert {name for name, is_sure in _names(text, lang).items() if is_sure} == sure


@pytest.mark.parametrize("text", ["Debian is free.", "Install Debian now.", "He said: Debian is free."])
def test_a_capital_at_a_start_is_kept_but_is_not_sure(text: str) -> None:
    names = _names(text)
    assert names["Debian"] is False and not any(names.values())


@pytest.mark.parametrize("text", ["The is of.", "", "A.", "()", "（）", "。"])
def test_a_sentence_without_names_has_none(text: str) -> None:
    assert _names(text) == {} and _names(text, "zh") == {}


def test_no_statements_have_no_mentions() -> None:
    empty = statements().slice(0, 0)
    assert mentions_of(empty).schema == MENTIONS and mentions_of(empty).num_rows == 0


@given(
    st.lists(st.tuples(st.text(st.sampled_from("Ab C_:.()《》（）W3中国公司的 \n'’-/")), st.sampled_from(["en", "zh"])))
)
def test_every_mention_stands_where_it_says(sentences: list[tuple[str, str]]) -> None:
    table = statements(tuple(sentences)) if sentences else statements().slice(0, 0)
    texts = dict(zip(table["uid"].to_pylist(), table["statement"].to_pylist(), strict=True))
    for row in mentions_of(table).to_pylist():
        assert texts[row["uid"]][row["start"] : row["end"]] == row["name"] and row["key"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("PostgreSQL", "postgresql"),
        ("ＨＴＴＰ", "HTTP"),
        ("APIs", "API"),
        ("Debian Developers", "Debian developer"),
        ("Wi-Fi", "Wi Fi"),
        ("資料庫系統", "资料库系统"),
        ("Linux 内核", "Linux内核"),
    ],
)
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    keys = fold_names(pa.array([one, other])).to_pylist()
    assert keys[0] == keys[1] != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("Windows", "Window"), ("C", "C++"), ("C#", "C"), ("createuser", "CREATE USER"), ("Postgres", "Postgre")],
)
def test_names_of_two_things_have_two_keys(one: str, other: str) -> None:
    keys = fold_names(pa.array([one, other])).to_pylist()
    assert keys[0] != keys[1]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12)))
def test_folding_keeps_order_and_folds_once(names: list[str]) -> None:
    keys = fold_names(pa.array(names, pa.string()))
    assert len(keys) == len(names)
    assert [fold_names(pa.array([name]))[0].as_py() for name in names] == keys.to_pylist()


def test_the_form_of_an_acronym() -> None:
    assert all(map(is_acronym, ["W3C", "HTTP", "APIs", "TCP/IP", "UTF-8"]))
    assert not any(map(is_acronym, ["C", "PostgreSQL", "Debian", "create", "网络"]))
