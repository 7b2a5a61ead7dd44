"""Diff compares two outputs of the same input by row: fates, figures, settings; two dumps by input and record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from governance.diff import Ask, compare
from manifests.store import Store
from tests.children import copy, tree
from tests.command_line import refused
from tests.governance.whatif_corpora import build, rows

TIGHTER = ("l1.gopher_quality.en.min_words=350", "l1.gopher_quality.zh.min_words=80", "l2.quality.threshold=0.998")


@pytest.fixture(scope="module")
def before(whatif_built: str) -> str:
    return whatif_built


@pytest.fixture(scope="module")
def after(whatif_crawl: Path, before: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    output = str(tmp_path_factory.mktemp("after"))
    copy(before, output)
    return build(whatif_crawl, output, "L2", *TIGHTER, rebuild=True)


def differs(a: str, b: str, tier: str = "L1", *dumps: str, examples: int = 1000) -> dict[str, Any]:
    return compare(Ask(a, b, tier, dumps, examples))


def test_the_rows_whose_fate_differs_are_those_that_only_one_keeps(before: str, after: str) -> None:
    body = differs(before, after)
    old, new = rows(before, "L1"), rows(after, "L1")
    found = {kind: {one["a_uid"] for one in body["examples"][kind]} for kind in body["examples"]}
    assert found["kept_to_rejected"] == old - new != set()
    assert found["rejected_to_kept"] == new - old != set()
    assert found["other_reason"]
    assert body["changed"] == sum(one["rows"] for one in body["fates"]) == sum(map(len, found.values()))
    assert (body["a"]["kept"], body["b"]["kept"]) == (len(old), len(new))
    assert body["only_in_a"] == body["only_in_b"] == 0
    assert (None, "gopher_quality.gopher_short_doc") in {(one["a"], one["b"]) for one in body["fates"]}
    assert body["fates"] == sorted(body["fates"], key=lambda one: -one["rows"])
    one = body["examples"]["kept_to_rejected"][0]
    assert one["url"].startswith("http") and one["text"]


def test_the_settings_that_differ_are_those_that_were_changed(before: str, after: str) -> None:
    assert differs(before, after)["settings"] == [
        "L1: stages.gopher_quality.config.en.min_words was 50, is 350",
        "L1: stages.gopher_quality.config.zh.min_words was 600, is 80",
    ]
    assert differs(before, after, "L2")["settings"][-1] == "L2: stages.quality.config.threshold was 0.5, is 0.998"


def test_rows_that_one_tier_lacks_and_figures_whose_mean_moves_are_told(before: str, after: str) -> None:
    body = differs(before, after, "L2")
    old, new = rows(before, "L1"), rows(after, "L1")
    assert (body["only_in_a"], body["only_in_b"]) == (len(old - new), len(new - old))
    assert "score" in {one["figure"] for one in body["figures"]}
    shifts = [abs(one["shift"]) for one in body["figures"]]
    assert shifts == sorted(shifts, reverse=True)


def test_an_output_does_not_differ_from_itself(before: str) -> None:
    for tier in ("L0", "L1", "L2"):
        body = differs(before, before, tier)
        assert body["settings"] == body["fates"] == body["figures"] == []
        assert body["changed"] == body["only_in_a"] == body["only_in_b"] == 0


def test_two_dumps_of_the_same_input_are_compared_by_input_and_record(
    whatif_crawl: Path, before: str, tmp_path: Path
) -> None:
    copy(before, str(tmp_path))
    build(whatif_crawl, str(tmp_path), "L1", TIGHTER[0], dump="other")
    body = differs(str(tmp_path), str(tmp_path), "L1", "web", "other")
    assert body["only_in_a"] == body["only_in_b"] == 0
    assert 0 < body["changed"] < body["a"]["rows"]
    one = body["examples"]["kept_to_rejected"][0]
    assert one["a_uid"][8:] == one["b_uid"][8:] and one["a_uid"] != one["b_uid"]


def test_an_input_that_only_one_side_read_is_counted(whatif_crawl: Path, before: str, tmp_path: Path) -> None:
    fewer = tmp_path / "in"
    fewer.mkdir()
    (fewer / "c.warc.gz").write_bytes((whatif_crawl / "c.warc.gz").read_bytes())
    output = build(fewer, str(tmp_path / "out"), "L1")
    body = differs(before, output)
    assert body["only_in_a"] == body["a"]["rows"] - body["b"]["rows"] > 0
    assert body["only_in_b"] == body["changed"] == 0


def test_it_reads_every_store_writes_nothing_and_ends_with_0(
    before: str, after: str, store_url: str, governance: Any
) -> None:
    copy(after, store_url)
    marks = tree(store_url)
    said = governance("diff", before, store_url, "--examples", "2", "--json")
    assert said.code == 0
    told, expected = json.loads(said.out), differs(before, after, examples=2)
    for side in (told["b"], expected["b"]):
        side.pop("output")
    assert told == expected
    assert tree(store_url) == marks
    shown = governance("diff", before, store_url, "--tier", "L2", "--examples", "1")
    assert shown.code == 0
    assert "fates differ" in shown.out and "stages.quality.config.threshold" in shown.out


def test_what_cannot_be_compared_is_refused(before: str, tmp_path: Path, governance: Any) -> None:
    refused(governance("diff", before, f"{before}-no"), 2, "no folder")
    refused(governance("diff", before, before, "--dump", "x"), 2, "no dump 'x'", "web")
    refused(governance("diff", before, before, *["--dump", "web"] * 3), 2, "more than twice")
    copy(before, str(tmp_path))
    Store(str(tmp_path)).delete(["L2/web/manifest.json"])
    refused(governance("diff", before, str(tmp_path), "--tier", "L2"), 2, "not sealed", "--level L2")
