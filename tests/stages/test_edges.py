"""Edges: a plain sentence gives its relation, every other sentence none."""

from __future__ import annotations

from typing import Any

import pytest

from stages.edges import EDGES, edges_of
from stages.entities import link, merge_entities, partial_entities
from tests.knowledge_corpus import statements

# Other sentences that make the names sure, which open the sentences below.
KNOWN = (
    ("You can see Debian, Python, SQLite, PostgreSQL and the Debian Project there.", "en"),
    ("我们看 Debian、SQLite、LVM。", "zh"),
)


def _edges(text: str, lang: str) -> list[dict[str, Any]]:
    table = statements(((text, lang), *KNOWN))
    linked = link(table, merge_entities(partial_entities(table)))
    return [row for row in edges_of(table, linked).to_pylist() if row["statement_uid"] == table["uid"][0].as_py()]


@pytest.mark.parametrize(
    ("text", "lang", "relation", "words"),
    [
        ("Debian is a distribution of free software.", "en", "is", "a distribution of free software"),
        ("The SQLite library provides transactions.", "en", "provides", "transactions"),
        ("PostgreSQL supports hstore, which holds keys.", "en", "supports", "hstore"),
        ("Python was released in 1991.", "en", "was released in", "1991"),
        ("Debian replaces older systems.", "en", "replaces", "older systems"),
        ("Python is now written in C.", "en", "is written in", "C"),
        ("SQLite is a C library that needs no server.", "en", "is", "a C library"),
        ("std::pair is a std::tuple of two.", "en", "is", "a std::tuple of two"),
        ("Debian 是一个自由的操作系统。", "zh", "是", "自由的操作系统"),
        ("SQLite 使用单个文件。", "zh", "使用", "单个文件"),
        ("LVM取代了旧的分区方式。", "zh", "取代", "旧的分区方式"),
        ("Debian 由志愿者维护。", "zh", "由…维护", "志愿者"),
        ("SQLite 是关系数据库，很快。", "zh", "是", "关系数据库"),
    ],
)
def test_a_plain_sentence_gives_its_relation(text: str, lang: str, relation: str, words: str) -> None:
    found = [(row["relation"], row["object"], row["negated"]) for row in _edges(text, lang)]
    assert found == [(relation, words, False)]


@pytest.mark.parametrize(
    ("text", "lang", "words"),
    [
        ("SQLite does not support user accounts.", "en", "user accounts"),
        ("Debian isn't a company.", "en", "a company"),
        ("Debian is not maintained by a person.", "en", "a person"),
        ("Python no longer supports tabs.", "en", "tabs"),
        ("SQLite 不支持用户账户。", "zh", "用户账户"),
        ("SQLite 不是服务器软件。", "zh", "服务器软件"),
    ],
)
def test_what_is_denied_says_so(text: str, lang: str, words: str) -> None:
    assert [(row["object"], row["negated"]) for row in _edges(text, lang)] == [(words, True)]


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Debian may support this board.", "en"),
        ("Debian can use other kernels.", "en"),
        ("Debian supports it if the board is known.", "en"),
        ("Does Debian support boards?", "en"),
        ("Debian usually provides packages.", "en"),
        ("Debian provides this.", "en"),
        ("Debian provides packages, files, and images.", "en"),  # where the object ends is not plain
        ("Debian does not support boards that are old.", "en"),  # without its clause the object is another
        ("Debian controls include many knobs.", "en"),  # a noun
        ("A Python macro uses a function.", "en"),  # not Python
        ("The Debian server supports mail.", "en"),  # not Debian
        ("Debian is available.", "en"),
        ("In Debian the kernel provides modules.", "en"),
        ("Debian 可以使用其他内核。", "zh"),
        ("如果 Debian 支持它，就很好。", "zh"),
        ("Debian 支持它吗？", "zh"),
        ("Debian 是免费的。", "zh"),
        ("Debian 使用该文件。", "zh"),
        ("Debian 通常使用脚本文件。", "zh"),
    ],
)
def test_other_sentences_give_none(text: str, lang: str) -> None:
    assert _edges(text, lang) == []


def test_the_object_is_an_entity_where_it_is_nothing_else() -> None:
    whole = _edges("Debian is maintained by the Debian Project.", "en")[0]
    part = _edges("Debian is maintained by friends of the Debian Project.", "en")[0]
    assert whole["object_entity"] is not None and whole["object_entity"] != whole["subject"]
    assert part["object_entity"] is None


def test_no_statements_give_no_edges() -> None:
    empty = statements().slice(0, 0)
    found = edges_of(empty, link(empty, merge_entities(partial_entities(empty))))
    assert found.schema == EDGES and found.num_rows == 0
