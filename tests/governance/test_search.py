"""What a search finds and shows: both languages, filters, what was taken down, contradictions, hostile questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import UsageError
from governance.index import refresh
from governance.index_config import IndexConfig
from governance.progress import Progress
from governance.search import STATUSES, Query, Searcher
from governance.search_text import asked_runs, folded, runs_of, words_of
from manifests.store import Store
from tests.command_line import call, refused
from tests.statements_corpus import HOSTILE, STATEMENTS, take_down, write_corpus

ALL = STATUSES


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    """The small corpus with the bundled embedder; read only."""
    store = write_corpus(str(tmp_path_factory.mktemp("search")))
    refresh(store, IndexConfig(), Progress("silent"))
    return Searcher(store)


def texts(answers: list[dict[str, Any]]) -> list[str]:
    return [row["statement"] for row in answers]


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("how do I add a user in PostgreSQL?", 0),
        ("adding users", 0),
        ("How are databases backed up?", 1),
        ("怎样在数据库中新建用户？", 5),
        ("数据库如何备份", 6),
        ("树莓派能用什么操作系统", 7),  # simplified, where the statement is in traditional Chinese
        ("ｃｒｅａｔｅｕｓｅｒ", 0),  # full-width letters
    ],
)
def test_a_question_finds_its_statement_in_either_language(searcher: Searcher, question: str, place: int) -> None:
    lang = STATEMENTS[place].lang
    assert texts(searcher.search(Query(question, lang=lang)))[0] == STATEMENTS[place].statement


@pytest.mark.parametrize("modes", [("words",), ("runs",), ("vector",)])
def test_each_list_finds_on_its_own(searcher: Searcher, modes: tuple[str, ...]) -> None:
    found = texts(searcher.search(Query("使用 pg_dump 备份数据库", modes=modes)))
    assert STATEMENTS[6].statement in found


def test_an_answer_shows_its_evidence_in_its_place_with_address_and_date(searcher: Searcher) -> None:
    row = searcher.search(Query("createuser"))[0]
    assert [one["role"] for one in row["evidence"]] == ["source", "corroborates"]
    source = row["evidence"][0]
    assert (source["before"], source["text"], source["after"]) == (
        "What stands before. ", STATEMENTS[0].statement, " What stands after."
    )  # fmt: skip
    assert (source["url"], source["date"], row["status"]) == (STATEMENTS[0].url, "2026-01-02", "corroborated")


def test_what_says_otherwise_stands_beside_a_statement(searcher: Searcher) -> None:
    answers = {row["statement"]: row for row in searcher.search(Query("default port of PostgreSQL"))}
    one, other = STATEMENTS[2].statement, STATEMENTS[3].statement
    assert texts(answers[one]["contradictions"]) == [other]
    assert texts(answers[other]["contradictions"]) == [one]


def test_the_unsupported_is_shown_to_those_who_ask_for_it(searcher: Searcher) -> None:
    moon = "what is the moon made of"
    assert STATEMENTS[4].statement not in texts(searcher.search(Query(moon)))
    assert texts(searcher.search(Query(moon, status=("unsupported",)))) == [STATEMENTS[4].statement]
    assert STATEMENTS[4].statement in texts(searcher.search(Query(moon, status=ALL)))


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({"lang": "zh"}, lambda says: says.lang == "zh"),
        ({"topic": "数据库"}, lambda says: says.topic == "数据库"),
        ({"topic": HOSTILE}, lambda says: says.topic == HOSTILE),
        ({"topic": "' OR '1'='1"}, lambda says: False),
        ({"since": "2026"}, lambda says: says.date >= "2026"),
        ({"until": "2025-06"}, lambda says: says.date < "2025-07"),
        ({"since": "2024-01-01", "until": "2025-12-31"}, lambda says: "2024" <= says.date < "2026"),
    ],
)
def test_filters_keep_what_they_name_and_all_of_it(searcher: Searcher, filters: dict[str, str], kept: Any) -> None:
    found = searcher.search(Query("PostgreSQL 数据库 user 用户", limit=50, status=ALL, **filters))
    assert set(texts(found)) == {says.statement for says in STATEMENTS if kept(says)}


def test_what_is_taken_down_is_hidden_before_the_index_knows(tmp_path: Path) -> None:
    store = write_corpus(str(tmp_path))
    refresh(store, IndexConfig(embedder="none"), Progress("silent"))
    searcher = Searcher(store)
    answers = {row["statement"]: row for row in searcher.search(Query("PostgreSQL pg_dump createuser", limit=50))}
    corroborated, backup, port, other = (answers[STATEMENTS[place].statement] for place in (0, 1, 2, 3))
    take_down(store, corroborated["evidence"][1]["evidence_uid"], backup["uid"], other["evidence"][0]["evidence_uid"])
    again = {row["statement"]: row for row in searcher.search(Query("PostgreSQL pg_dump createuser", limit=50))}
    assert set(answers) - set(again) == {backup["statement"], other["statement"]}
    assert [one["role"] for one in again[corroborated["statement"]]["evidence"]] == ["source"]
    assert again[port["statement"]]["contradictions"] == []
    assert searcher.stale()


def test_a_text_of_two_dumps_is_one_answer(tmp_path: Path) -> None:
    for dump in ("one", "two"):
        store = write_corpus(str(tmp_path), dump=dump)
    refresh(store, IndexConfig(embedder="none"), Progress("silent"))
    found = texts(Searcher(store).search(Query("PostgreSQL", limit=50, status=ALL)))
    assert len(found) == len(set(found)) == 4


def test_an_open_search_follows_an_index_that_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = IndexConfig(embedder="none")
    store = write_corpus(str(tmp_path), STATEMENTS[:1])
    refresh(store, config, Progress("silent"))
    searcher = Searcher(store)
    write_corpus(str(tmp_path), STATEMENTS[:2])
    for _ in range(2):
        refresh(store, config, Progress("silent"), rebuild=True)
    assert texts(searcher.search(Query("pg_dump"))) == [STATEMENTS[1].statement]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (Query("  "), "empty"),
        (Query("a" * 1001), "longer than 1,000"),
        (Query("a", limit=0), "limit"),
        (Query("a", status=("true",)), "status"),
        (Query("a", status=()), "status"),
        (Query("a", lang="en' OR 1=1"), "language"),
        (Query("a", since="yesterday"), "date"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_with_a_reason(searcher: Searcher, query: Query, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        searcher.search(query)
    assert caught.value.remedy


_NASTY = [
    "\0",
    "\ud800",
    "\u202e",
    "'",
    '"',
    "\\",
    "*",
    "?",
    "(",
    "AND",
    "OR",
    "NOT",
    "~",
    "^",
    "😀",
    "数",
    "用户",
    "a" * 500,
]


@given(
    st.one_of(
        st.text(min_size=1, max_size=80), st.lists(st.sampled_from(_NASTY), min_size=1, max_size=20).map(" ".join)
    )
)
def test_any_question_gets_an_answer_or_a_clear_error(searcher: Searcher, text: str) -> None:
    try:
        answers = searcher.search(Query(text, status=ALL))
    except UsageError as error:
        assert error.remedy
    else:
        assert all(row["statement"] and row["evidence"] for row in answers)


@given(st.text(max_size=200))
def test_text_for_the_index_is_words_and_runs_and_nothing_of_it_stands_in_both(text: str) -> None:
    clean = folded(text)
    words, runs = words_of(clean), runs_of(clean)
    assert not set(words) & set(runs) - {" "}
    assert all(char.isalnum() or char == " " for char in words)
    assert asked_runs(clean) == "" or runs


@pytest.mark.parametrize(
    ("text", "words", "runs"),
    [
        ("用PostgreSQL数据库 createuser", "PostgreSQL createuser", "用 数据库"),
        ("std::vector<int> snake_case", "std vector int snake case", ""),
        ("資料庫", "", "资料库"),
        ("データベース", "", "データベース"),
    ],
)
def test_scripts_are_told_apart(text: str, words: str, runs: str) -> None:
    assert (words_of(folded(text)), runs_of(folded(text))) == (words, runs)


def test_words_that_only_ask_are_left_out_of_a_chinese_question() -> None:
    assert asked_runs("请问如何备份数据库吗") == "备份数据库"
    assert asked_runs("什么") == "什么"


def test_the_command_line_makes_the_index_and_prints_answers_or_json(tmp_path: Path) -> None:
    out = str(tmp_path)
    write_corpus(out)
    assert call("index", out, "--embedder", "none").out.startswith("9 statements in the index: 9 came in")
    shown = call("search", "default port", "--output", out).out
    assert "⟦The default port of PostgreSQL is 5432.⟧" in " ".join(shown.split())
    assert "but: The default port of PostgreSQL is 5433. (contradicted)" in " ".join(shown.split())
    assert "https://docs.example.org/page  2026-01-02" in shown
    write_corpus(out, STATEMENTS[:4])
    moon = ("search", "moon", "--output", out, "--status", "unsupported", "--json")
    old = json.loads(call(*moon, "--no-refresh").out)
    assert old["stale"] and texts(old["answers"]) == [STATEMENTS[4].statement]
    new = json.loads(call(*moon).out)
    assert not new["stale"] and new["answers"] == []
    refused(call("search", "moon", "--output", str(tmp_path / "none")), 2, "no folder")
    refused(call("search", " ", "--output", out), 2, "empty")


def test_s3_and_disk_give_the_same_answers(store_url: str) -> None:
    store = Store(store_url)
    write_corpus(store_url)
    refresh(store, IndexConfig(embedder="wordllama"), Progress("silent"))
    found = Searcher(store).search(Query("add a user", lang="en"))
    assert texts(found)[0] == STATEMENTS[0].statement
