"""`diff --tier L4` tells the statements that only one output holds, and those of another status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from governance import diff_statements, whatif
from governance.compact import compact
from governance.diff import Ask
from governance.progress import Progress
from governance.takedown import rules_from, take_down
from manifests.store import Store
from tests.children import copy, tree
from tests.command_line import call, refused
from tests.organized_corpus import AROUND, SAID, table


@pytest.fixture(scope="module")
def after(organized: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same corpus with one host less, its L4 found again."""
    output = str(tmp_path_factory.mktemp("after"))
    copy(organized, output)
    store = Store(output)
    take_down(store, rules_from([("domain", "blog.example.com")], "a letter", None), False)
    compact(store, Progress("silent"))
    return output


def differs(a: str, b: str, examples: int = 1000) -> dict[str, Any]:
    return diff_statements.compare(Ask(a, b, "L4", (), examples))


def test_what_one_host_less_says_is_lost_or_of_another_status_with_its_reason(organized: str, after: str) -> None:
    body = differs(organized, after)
    mine, theirs = table(organized, "statements"), table(after, "statements")
    said = {kind: {one["statement"] for one in rows} for kind, rows in body["examples"].items()}
    assert said["lost"] == set(mine["statement"]) - set(theirs["statement"]) and said["lost"] == {AROUND[3]}
    assert body["added"] == 0 and said["added"] == set() and body["lost"] == len(said["lost"])
    (changed,) = (one for one in body["examples"]["status_changed"] if one["statement"] == SAID)
    assert (changed["a"]["status"], changed["b"]["status"]) == ("corroborated", "supported")
    assert (changed["a"]["num_hosts"], changed["b"]["num_hosts"]) == (2, 1) and changed["a"]["reason"]
    assert changed["url"].startswith("https://") and said["status_changed"] == {SAID, AROUND[2]}
    assert {"a": "corroborated", "b": "supported", "rows": 2} in body["statuses"]
    assert body["a"]["statements"] == len(mine) and body["b"]["statements"] == len(theirs)
    assert body["settings"] == []


def test_the_other_way_round_the_same_statements_are_added(organized: str, after: str) -> None:
    there, back = differs(organized, after), differs(after, organized)
    assert (back["added"], back["lost"]) == (there["lost"], 0) and back["status_changed"] == there["status_changed"]
    assert [one["b"] for one in back["examples"]["added"]] == [one["a"] for one in there["examples"]["lost"]]


def test_an_l4_does_not_differ_from_itself_and_nothing_is_written(organized: str, governance: Any) -> None:
    marks = tree(organized)
    said = governance("diff", organized, organized, "--tier", "L4", "--json")
    body = json.loads(said.out)
    assert said.code == 0 and body["lost"] == body["added"] == body["status_changed"] == 0 and body["statuses"] == []
    assert tree(organized) == marks


def test_in_rounds_the_same_is_told_and_the_examples_are_the_same_few(
    organized: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    whole = differs(organized, after, 1)
    monkeypatch.setattr(diff_statements, "ROWS_A_ROUND", 3)
    assert differs(organized, after, 1) == whole and len(whole["examples"]["status_changed"]) == 1


def test_people_read_counts_statements_and_reasons(organized: str, after: str, governance: Any) -> None:
    said = governance("diff", organized, after, "--tier", "L4")
    assert said.code == 0 and "2 statements have another status" in said.out and "not there" in said.out
    assert SAID in said.out and "corroborated: " in said.out


def test_an_l4_that_is_not_sealed_is_refused(organized: str, tmp_path: Path, governance: Any) -> None:
    copy(organized, str(tmp_path))
    Store(str(tmp_path)).delete(["L4/web/manifest.json"])
    refused(
        governance("diff", organized, str(tmp_path), "--tier", "L4"), 2, "L4 of dump 'web'", "not sealed", "--level L4"
    )


def test_what_if_says_that_only_a_run_tells_of_l4(organized: str, whatif_built: str, tmp_path: Path) -> None:
    said = call("what-if", organized, "--set", "l4.organize.max_words=12")
    refused(said, 2, "l4.organize.max_words", "statements are found in the text", "--level L4")
    copy(whatif_built, str(tmp_path))
    store = Store(str(tmp_path))
    store.put("L4/web/manifest.json", b"{}")
    body = whatif.tell(store, whatif.Ask(str(tmp_path), ("l1.gopher_quality.en.min_words=80",), None, None, 0))
    assert "only a run tells" in body["tiers"]["L4"]["untold"] and "L3" not in body["tiers"]
