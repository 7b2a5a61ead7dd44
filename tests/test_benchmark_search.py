"""The benchmark of search: an answer is right by the section it stands in, and each figure is of what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import search
from benchmarks.search_corpus import write_l4
from benchmarks.search_growth import ask as ask_grown
from benchmarks.search_growth import build
from benchmarks.search_pages import Sentence
from benchmarks.search_questions import Question, make_questions
from governance.index import refresh
from governance.index_config import IndexConfig
from governance.progress import Progress
from governance.search import Searcher
from manifests.store import Store

TEXTS = {
    "en": ("To remove a role, call DROP ROLE as its owner.", "A lock is a claim on a table that others respect."),
    "zh": ("要删除一个数据库角色，请使用 DROP ROLE 命令。", "数据库锁是一种对表的占用方式。"),
}


def sentence(text: str, lang: str, section: int) -> Sentence:
    return Sentence(text, lang, "Roles", "Removing roles", section, 1, f"https://docs.example.org/{lang}", False)


@pytest.fixture
def found() -> dict[str, list[Sentence]]:
    return {lang: [sentence(text, lang, place) for place, text in enumerate(some)] for lang, some in TEXTS.items()}


@pytest.fixture
def searcher(tmp_path: Path, found: dict[str, list[Sentence]]) -> Searcher:
    store = Store(str(tmp_path))
    for lang, some in found.items():
        write_l4(store, lang, some)
    refresh(store, IndexConfig(embedder="none"), Progress("silent"))
    return Searcher(store)


def test_a_question_is_answered_by_its_section_in_its_language_alone(
    searcher: Searcher, found: dict[str, list[Sentence]]
) -> None:
    sections = {lang: search.sections_of(some) for lang, some in found.items()}
    asked = [
        Question("How do I remove a role?", "en", "how", frozenset({0}), False),
        Question("How do I remove a role?", "en", "how", frozenset({7}), True),
        Question("How do I remove a role?", "zh", "how", frozenset({5}), True),
        Question("怎样删除一个数据库角色？", "zh", "how", frozenset({0}), False),
    ]
    places, spent = search.ask(searcher, asked, sections, search.MODES["bm25"])
    assert [place is not None for place in places] == [True, False, False, True]
    assert len(spent) == 4
    told = search.shares(asked, places)
    assert told["en"] == {"questions": 2, "recall": 0.5, "mrr": 0.5}
    assert told["zh held out"]["recall"] == 0.0
    assert told["zh looked at"] == {"questions": 1, "recall": 1.0, "mrr": 1.0}


def test_questions_say_in_other_words_what_a_statement_says(found: dict[str, list[Sentence]]) -> None:
    for lang, some in found.items():
        questions = make_questions(some, lang)
        assert questions
        for question in questions:
            assert question.text not in {one.text for one in some}
            assert question.sections


def test_a_bar_of_a_million_is_not_judged_by_a_smaller_index() -> None:
    recall = {"hybrid": {"en": {"recall": 0.9}, "zh": {"recall": 0.84}}}
    grown = [{"rows": 10_000, "hybrid": {"p95_ms": 1.0}}]
    assert [bar.holds for bar in search.bars(recall, grown)] == [True, False, False]
    grown.append({"rows": search.MILLION, "hybrid": {"p95_ms": 200.1}})
    assert [bar.holds for bar in search.bars(recall, grown)] == [True, False, False]


def test_a_generated_index_is_searched_with_all_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.search_growth._QUESTIONS", 6)
    built = build(tmp_path, 600)
    assert built["bytes_per_statement"] > 1_000
    assert set(ask_grown(tmp_path, 600)) == {"hybrid", "bm25", "vectors"}


def test_the_command_prints_its_figures_and_bars(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search.main(["--data", str(shared_data), "--every", "200", "--embedder", "none", "--sizes", "none"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [bar["bar"] for bar in told["bars"]] == [0.9, 0.85, 200.0]
    assert told["figures"]["pages"]["hybrid"]["en"]["questions"] > 20
