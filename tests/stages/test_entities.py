"""Entities: what texts say is one thing is one, what they do not is not, and any cut into shards gives the same."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.aliases import alias_pairs
from stages.entities import (
    ENTITIES,
    count_links,
    entities_column,
    link,
    merge_entities,
    merge_partials,
    partial_entities,
    with_counts,
)
from tests.knowledge_corpus import SENTENCES, statements

W3C = ("The World Wide Web Consortium (W3C) makes standards.", "en")
W3C_ZH = ("万维网联盟（W3C）制定规范。", "zh")


def _pairs(text: str, lang: str = "en") -> set[tuple[str, str]]:
    found = alias_pairs(statements(((text, lang),)))
    return set(zip(found["alias"].to_pylist(), found["name"].to_pylist(), strict=True))


def _entities(*sentences: tuple[str, str]) -> list[dict[str, Any]]:
    return merge_entities(partial_entities(statements(sentences))).to_pylist()


def _names(*sentences: tuple[str, str]) -> set[frozenset[str]]:
    """The names of each entity."""
    return {frozenset([one["name"], *one["aliases"]]) for one in _entities(*sentences)}


@pytest.mark.parametrize(
    ("text", "lang", "pairs"),
    [
        (*W3C, {("W3C", "World Wide Web Consortium")}),
        ("HTTP (HyperText Transfer Protocol) is old.", "en", {("HTTP", "HyperText Transfer Protocol")}),
        ("It uses the hypertext transfer protocol (HTTP).", "en", {("HTTP", "hypertext transfer protocol")}),
        ("PostgreSQL, also known as Postgres, is free.", "en", {("Postgres", "PostgreSQL")}),
        ("PostgreSQL（又称 Postgres）是数据库。", "zh", {("Postgres", "PostgreSQL")}),
        (*W3C_ZH, {("W3C", "万维网联盟")}),
        ("使用文件传输协议 (FTP) 下载。", "zh", {("FTP", "文件传输协议")}),
        (
            "超文本传输协议（HTTP，HyperText Transfer Protocol）是协议。",
            "zh",
            {
                ("HTTP", "超文本传输协议"),
                ("HTTP", "HyperText Transfer Protocol"),
                ("HyperText Transfer Protocol", "超文本传输协议"),
            },
        ),
        ("Debian (see Section 3) is free.", "en", set()),
        ("The cat sat there (HTTP) again.", "en", set()),
        ("Debian (Ubuntu) is free.", "en", set()),
        ("操作系统（Linux）很好。", "zh", set()),  # a kind of thing, not a name
        ("请打开窗口（推荐）。", "zh", set()),
    ],
)
def test_what_a_sentence_says_is_one_thing(text: str, lang: str, pairs: set[tuple[str, str]]) -> None:
    assert _pairs(text, lang) == pairs


def test_names_are_united_across_languages() -> None:
    names = {"World Wide Web Consortium", "W3C", "万维网联盟"}
    assert frozenset(names) in _names(W3C, W3C_ZH)


def test_an_acronym_that_is_expanded_in_two_ways_unites_nothing_and_names_neither() -> None:
    two = (
        ("The portable network graphics (PNG) format is old.", "en"),
        ("The Papua New Guinea (PNG) islands are many.", "en"),
        ("You can see PNG there.", "en"),
    )
    table = statements(two)
    found = merge_entities(partial_entities(table))
    having = [one for one in found.to_pylist() if "PNG" in [one["name"], *one["aliases"]]]
    assert len(having) == 2 and all(one["name"] != "PNG" for one in having)
    lists = entities_column(table["uid"], link(table, found)).to_pylist()
    assert len(lists[0]) == len(lists[1]) == 1 and lists[0] != lists[1]
    assert lists[2] == []


def test_a_common_noun_with_two_acronyms_unites_nothing() -> None:
    table = statements((("向量寄存器（VRA）很快。", "zh"), ("向量寄存器（VRB）很快。", "zh")))
    assert all("向量寄存器" not in one or len(one) == 1 for one in _names(*zip(*_columns(table), strict=True)))


def _columns(table: pa.Table) -> tuple[list[str], list[str]]:
    return table["statement"].to_pylist(), table["lang"].to_pylist()


def test_a_short_acronym_does_not_unite_two_languages() -> None:
    found = _names(("A radio frequency (RF) unit is here.", "en"), ("相对浮点（RF）单元很快。", "zh"))
    assert not any({"radio frequency", "相对浮点"} <= one for one in found)


def test_variants_of_an_expansion_are_one() -> None:
    found = _names(("The Logical Volume Manager (LVM) works.", "en"), ("Logical Volume Management (LVM) works.", "en"))
    assert frozenset({"LVM", "Logical Volume Manager", "Logical Volume Management"}) in found


def test_a_name_that_only_opens_sentences_is_none() -> None:
    assert _entities(("Returns are here.", "en"), ("Returns the value.", "en")) == []
    assert _names(("Returns are here.", "en"), ("Debian is free.", "en"), ("You like Debian.", "en")) == {
        frozenset({"Debian"})
    }


def test_the_most_frequent_name_is_the_name_and_uids_do_not_depend_on_counts() -> None:
    few, many = _entities(W3C), _entities(W3C, ("You see the W3C there.", "en"), ("We like the W3C.", "en"))
    assert many[0]["name"] == "W3C" and many[0]["aliases"] == ["World Wide Web Consortium"]
    assert [one["uid"] for one in few] == [one["uid"] for one in many]
    assert len(few[0]["uid"]) == 32


def test_longer_names_hide_those_inside() -> None:
    table = statements((("It is by the Python Software Foundation now.", "en"), ("You need Python here.", "en")))
    found = merge_entities(partial_entities(table))
    names = dict(zip(found["uid"].to_pylist(), found["name"].to_pylist(), strict=True))
    lists = entities_column(table["uid"], link(table, found)).to_pylist()
    assert [[names[uid] for uid in one] for one in lists] == [["Python Software Foundation"], ["Python"]]


def test_statements_are_counted_once_after_linking() -> None:
    table = statements((W3C, ("You see the W3C there.", "en")))
    found = merge_entities(partial_entities(table))
    counted = with_counts(found, count_links(link(table, found)))
    assert counted["num_statements"].to_pylist() == [2]


def test_nothing_gives_nothing() -> None:
    empty = statements().slice(0, 0)
    found = merge_entities(partial_entities(empty))
    assert found.num_rows == 0 and found.schema == ENTITIES
    assert link(statements(), found).num_rows == 0
    assert entities_column(empty["uid"], link(empty, found)).to_pylist() == []


@given(st.data())
@settings(max_examples=20)
def test_any_cut_into_shards_gives_the_same(data: st.DataObject) -> None:
    table = statements((*SENTENCES, W3C, W3C_ZH, ("The Papua New Guinea (PNG) islands.", "en")))
    order = data.draw(st.permutations(range(table.num_rows)))
    cuts = sorted(data.draw(st.lists(st.integers(0, table.num_rows), max_size=3)))
    shuffled = table.take(order)
    shards = [shuffled.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, table.num_rows], strict=True)]
    whole = merge_entities(partial_entities(table))
    parts = pa.concat_tables(map(partial_entities, shards))
    assert merge_entities(parts).equals(whole)
    assert merge_entities(merge_partials(parts)).equals(whole)
    links = pa.concat_tables([link(shard, whole) for shard in shards]).sort_by(
        [("uid", "ascending"), ("start", "ascending")]
    )
    assert links.equals(link(table, whole))
