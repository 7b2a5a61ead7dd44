"""`report` of an L4: its counts are those of its tables, its examples are real statements, and texts cannot run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from governance import report
from governance.report_draw import Draw
from governance.report_statements import examples, statements
from governance.report_tiers import Tier, read_tiers
from governance.takedown import rules_from, take_down
from manifests.store import Store
from tests.children import copy
from tests.organized_corpus import SAID, SAID_ZH, table
from tests.statements_corpus import HOSTILE, STATEMENTS, write_corpus


def tier_of(dump: str = "default") -> Tier:
    """L4 of a dump as a report has it, without a ledger."""
    return Tier("L4", dump, {}, True, (), len(STATEMENTS), 0, {})


@pytest.fixture(scope="module")
def page(organized: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    report.report(report.Ask(organized, str(path), None, None, 20, 0), as_json=True)
    return path.read_text(encoding="utf-8")


def test_its_figures_are_those_of_the_tables_and_of_the_ledger(organized: str) -> None:
    store = Store(organized)
    told = report.build(store, read_tiers(store, None), Draw(20))["statements"]
    mine, evidence = table(organized, "statements"), table(organized, "evidence")
    for one in told["statuses"]:
        same = mine.filter(pl.col("status") == one["status"])
        assert one["rows"] == len(same)
        assert one["languages"] == {lang: int((same["lang"] == lang).sum()) for lang in ("en", "zh")}
    assert told["roles"] == Counter(evidence["role"].to_list()) and told["methods"] == Counter(mine["method"].to_list())
    assert sum(told["hosts"].values()) == len(evidence.filter(pl.col("role") != "contradicts"))
    assert told["topics"] == Counter(mine["topic"].drop_nulls().to_list())
    ledger = json.loads(store.get("L4/web/manifest.json"))["ledger"]
    rejected = {reason: count for one in ledger for reason, count in one["rejected"].items()}
    assert {one["reason"] for one in told["rejected"]} == set(rejected) and all(
        one["words"] for one in told["rejected"]
    )


def test_the_page_shows_statements_of_both_languages_with_the_words_of_their_evidence(page: str) -> None:
    section = page[page.index('<section id="statements">') : page.index('<section id="examples">')]
    assert SAID in section and SAID_ZH in section and "docs.example.org" in section
    assert "Statements that are corroborated" in section and "Statements that are supported" in section
    assert "2 hosts" in section and 'href="#statements"' in page


def test_an_output_without_l4_has_no_section_of_it(reported: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    report.report(report.Ask(reported, str(path), None, None, 5, 0), as_json=True)
    assert 'id="statements"' not in path.read_text(encoding="utf-8")


def test_what_was_taken_down_is_neither_counted_nor_shown(organized: str, tmp_path: Path) -> None:
    output = str(tmp_path / "corpus")
    copy(organized, output)
    take_down(Store(output), rules_from([("domain", "zh.example.cn")], "a letter", None), False)
    path = tmp_path / "report.html"
    report.report(report.Ask(output, str(path), None, None, 20, 0), as_json=True)
    text = path.read_text(encoding="utf-8")
    assert SAID in text and SAID_ZH not in text and "zh.example.cn" not in text


def test_hostile_texts_are_escaped_and_the_strongest_evidence_stands_first(tmp_path: Path) -> None:
    from governance.report_page import _environment

    store, draw = write_corpus(str(tmp_path)), Draw(20)
    told = statements(store, [tier_of()], draw)
    assert told is not None and sum(one["rows"] for one in told["statuses"]) == len(STATEMENTS)
    shown = examples(store, [tier_of()], draw, 500)
    assert set(shown) == {says.status for says in STATEMENTS}
    (both,) = shown["corroborated"]
    assert [piece["role"] for piece in both["evidence"]] == ["source", "corroborates"]
    macros: Any = _environment().get_template("report_parts.html").module
    pages = [str(macros.stated(one)) for ones in shown.values() for one in ones]
    assert any("window.hacked" in text for text in pages)
    assert not any("<script" in text or "<img" in text or 'href="javascript' in text for text in pages)
    assert HOSTILE not in "".join(pages)


def test_another_output_is_told_apart_by_its_statuses(organized: str, tmp_path: Path) -> None:
    output = str(tmp_path / "corpus")
    copy(organized, output)
    take_down(Store(output), rules_from([("domain", "zh.example.cn")], "a letter", None), False)
    body, other = (report.build(Store(url), read_tiers(Store(url), None), Draw(0)) for url in (output, organized))
    changed = report.compare(body, other, read_tiers(Store(output), None), read_tiers(Store(organized), None))
    assert "statements of L4, supported" in {one["name"] for one in changed["figures"]}


def test_the_same_corpus_and_seed_show_the_same_statements(tmp_path: Path) -> None:
    store = write_corpus(str(tmp_path))
    drawn = []
    for seed in (0, 0, 7):
        draw = Draw(1, seed)
        statements(store, [tier_of()], draw)
        drawn.append(examples(store, [tier_of()], draw, 100))
    assert drawn[0] == drawn[1] != drawn[2]
