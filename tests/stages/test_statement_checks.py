"""The verification of statements: evidence, meeting, relations, hosts and status, in both languages."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.statement_checks import STATUSES, judge_evidence, relate, status_of, verify
from stages.statement_hosts import domain, independent_hosts, surroundings
from stages.statement_keys import meeting_keys

EVIDENCE = {
    "en": "PostgreSQL listens on port 5432 by default, unless the administrator changes the configuration file.",
    "zh": "数据库服务器的默认端口是5432，管理员可以在配置文件中修改它。",
}
WORDS = st.sampled_from(
    ["server", "port", "kernel", "数据", "端口", "the", "not", "is", "5432", "Debian", "不", "是", "。", "."]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)


def judged(statement: str, evidence: str, lang: str, context: str = "", title: str = "") -> dict[str, Any]:
    row = {"statement": statement, "lang": lang, "evidence": evidence, "context": context, "title": title}
    return judge_evidence(pa.Table.from_pylist([row])).to_pylist()[0]


def related(statement: str, passage: str, lang: str = "en", title: str = "") -> str:
    row = {"statement": statement, "lang": lang, "passage": passage, "title": title}
    return relate(pa.Table.from_pylist([row])).to_pylist()[0]["relation"]


@given(TEXTS, st.sampled_from(["en", "zh"]))
def test_a_statement_that_is_its_evidence_is_entailed(text: str, lang: str) -> None:
    assert judged(text, text, lang)["entailed"]


@given(TEXTS, st.sampled_from(["en", "zh"]))
def test_a_text_says_the_same_as_itself(text: str, lang: str) -> None:
    assert related(text, text, lang) == "same"


@settings(max_examples=60)
@given(TEXTS, TEXTS, st.sampled_from(["en", "zh"]))
def test_any_two_texts_have_a_relation_with_its_reason(first: str, second: str, lang: str) -> None:
    table = pa.table({"statement": [first], "lang": [lang], "passage": [second], "title": [None]})
    (found,) = relate(table).to_pylist()
    assert found["relation"] in ("same", "supports", "contradicts", "unrelated") and found["reason"]


@pytest.mark.parametrize(
    ("statement", "lang", "entailed"),
    [
        ("The default port of PostgreSQL is 5432.", "en", True),
        ("The default port of PostgreSQL is 5433.", "en", False),
        ("The default port of MySQL is 5432.", "en", False),
        ("PostgreSQL does not listen on port 5432 by default.", "en", False),
        ("PostgreSQL listens on port 5432 and the weather in the mountains changes quickly.", "en", False),
        ("数据库服务器的默认端口是5432。", "zh", True),
        ("数据库服务器的默认端口是5433。", "zh", False),
        ("数据库服务器的默认端口不是5432。", "zh", False),
        ("数据库服务器的默认端口是5432，山里的天气变化很快。", "zh", False),
    ],
)
def test_evidence_is_read_for_numbers_names_denials_and_halves(statement: str, lang: str, entailed: bool) -> None:
    found = judged(statement, EVIDENCE[lang], lang)
    assert found["entailed"] is entailed and (found["entailed_reason"] is None) is entailed


def test_what_leans_on_the_sentence_before_it_may_be_named_by_that() -> None:
    evidence, context = (
        "It listens on port 5432 by default.",
        "PostgreSQL is a database. It listens on port 5432 by default.",
    )
    assert judged("PostgreSQL listens on port 5432 by default.", evidence, "en", context)["entailed"]
    assert not judged("MySQL listens on port 5432 by default.", evidence, "en", context)["entailed"]


@pytest.mark.parametrize(
    ("statement", "passage", "lang", "expected"),
    [
        ("The default port of PostgreSQL is 5432.", "The default port of PostgreSQL is 5433.", "en", "contradicts"),
        ("The query cache is enabled by default.", "By default, the query cache is disabled.", "en", "contradicts"),
        ("The server compresses old log files.", "The server does not compress old log files.", "en", "contradicts"),
        ("The Galata Bridge was built in 1912.", "The Galata Bridge was built in 1913.", "en", "contradicts"),
        ("In 2019 the town had 5000 residents.", "In 2020 the town had 6000 residents.", "en", "unrelated"),
        ("Debian 11 ships with the Xfce desktop.", "Debian 12 ships with the Xfce desktop.", "en", "unrelated"),
        ("The default port of PostgreSQL is 5432.", "The default port of MySQL is 3306.", "en", "unrelated"),
        ("When the disk is full, the server stops.", "The server stops when the disk is full.", "en", "same"),
        ("数据库服务器的默认端口是5432。", "数据库服务器的默认端口是5433。", "zh", "contradicts"),
        ("数据库服务器会自动压缩日志文件。", "数据库服务器不会自动压缩日志文件。", "zh", "contradicts"),
        ("管理员可以使用该命令修改端口。", "管理员能够采用该命令更改端口。", "zh", "same"),
        ("如果光标位于词中，则整个词将变为斜体。", "如果光标位于词中，则整个词将变为粗体。", "zh", "unrelated"),
    ],
)  # fmt: skip
def test_relations_of_a_passage_to_a_statement(statement: str, passage: str, lang: str, expected: str) -> None:
    assert related(statement, passage, lang) == expected


def test_what_holds_under_a_condition_does_not_support_what_holds_always() -> None:
    assert (
        related("The server deletes old log files.", "If rotation is on, the server deletes old log files.")
        == "unrelated"
    )


@pytest.mark.parametrize(
    ("first", "second", "lang"),
    [
        ("PostgreSQL listens on port 5432 by default.", "The default port of PostgreSQL is 5433.", "en"),
        ("The compiler installs its libraries.", "Libraries are not installed by the compiler.", "en"),
        ("数据库服务器的默认端口是5432。", "该数据库服务器默认端口不是3306。", "zh"),
    ],
)
def test_what_may_contradict_meets(first: str, second: str, lang: str) -> None:
    table = meeting_keys([first, second], [lang, lang]).to_pydict()
    keys = [{key for i, key in zip(table["index"], table["key"], strict=True) if i == place} for place in (0, 1)]
    assert keys[0] & keys[1]


@given(st.lists(TEXTS, max_size=6))
def test_keys_are_few_and_do_not_depend_on_the_other_texts(texts: list[str]) -> None:
    found = meeting_keys(texts, ["en"] * len(texts)).to_pydict()
    for place, text in enumerate(texts):
        own = [key for i, key in zip(found["index"], found["key"], strict=True) if i == place]
        assert len(own) <= 12 and own == meeting_keys([text], ["en"])["key"].to_pylist()


def rows(*hosts: tuple[str, str | None, str]) -> pa.Table:
    found = [{"statement": 0, "host": h, "cluster_id": c, "surroundings": s, "lang": "en"} for h, c, s in hosts]
    return pa.Table.from_pylist(found)


def test_one_hand_is_one_domain_one_cluster_or_one_text() -> None:
    told = "The port is open. The server listens on it. Nothing else does."
    other = "Every evening the harbour closes, and the ferries sail home in a long line."
    found = independent_hosts(
        rows(
            ("a.org", None, told),
            ("www.a.org", None, other),
            ("b.net", None, told),
            ("c.com", "1", other),
            ("d.com", "1", "x y"),
        )
    )["role"].to_pylist()
    assert found == ["source", "repeats", "repeats", "repeats", "repeats"]
    assert independent_hosts(rows(("a.org", None, told), ("b.net", None, other)))["role"].to_pylist() == [
        "source",
        "corroborates",
    ]
    assert domain("docs.a.co.uk") == "a.co.uk" and domain(None) == ""


def test_the_surroundings_of_a_passage_are_the_sentences_beside_it() -> None:
    assert surroundings("One is. Two is. Three is. Four is.", "Three is.") == "Two is. Three is. Four is."
    assert surroundings("", "Alone.") == "Alone."


def status(**given: Any) -> str:
    row = {"entailed": True, "computed": None, "second_reading": None, "num_hosts": 1, "num_contradicting": 0} | given
    return status_of(pa.Table.from_pylist([row])).to_pylist()[0]["status"]


def test_status_by_each_rule() -> None:
    assert status() == "supported" and status(num_hosts=2) == "corroborated"
    assert status(num_hosts=3, num_contradicting=1) == "contradicted"
    for lacking in ({"entailed": False}, {"computed": "wrong"}, {"second_reading": "disagrees"}, {"entailed": None}):
        assert status(num_hosts=3, num_contradicting=1, **lacking) == "unsupported"


def test_nothing_is_called_verified_that_no_check_looked_at() -> None:
    row = {"entailed": None, "computed": None, "second_reading": "agrees", "num_hosts": 5, "num_contradicting": 0}
    (found,) = status_of(pa.Table.from_pylist([row])).to_pylist()
    assert found == {"status": "unsupported", "reason": "its evidence was not checked"}


def test_verify_tells_agreement_contradiction_and_copies_apart() -> None:
    told = "When the disk is full, the database server stops."
    common = {"lang": "en", "title": "", "cluster_id": None}
    statement = {
        "statement": told,
        "evidence": told,
        "context": f"Disks fill. {told} Watch it.",
        "host": "a.org",
        "evidence_uid": "1",
    }
    sides = {
        "The database server stops when the disk is full.": "corroborated",
        "When the disk is full, the database server does not stop.": "contradicted",
        told: "supported",
        "The weather in the mountains changes quickly.": "supported",
    }
    for said, expected in sides.items():
        passage = {"passage": said, "context": f"Disks fill. {said} Watch it.", "host": "b.net", "evidence_uid": "2"}
        (found,) = verify(
            pa.Table.from_pylist([statement | common]), pa.Table.from_pylist([passage | common])
        ).to_pylist()
        assert found["status"] == expected and found["reason"] and found["status"] in STATUSES


def test_tables_without_rows_are_verified_too() -> None:
    strings = lambda *names: pa.table({name: pa.array([], pa.string()) for name in names})  # noqa: E731
    base = ("lang", "context", "title", "host", "cluster_id", "evidence_uid")
    assert verify(strings("statement", "evidence", *base), strings("passage", *base)).num_rows == 0
