"""The benchmark of contamination at a tiny size: its form, its planted items, and what it says of a missing peer."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from benchmarks import decontamination
from benchmarks.decontamination_plants import BAR_KINDS, OTHER_KINDS, plant
from stages.question_sets import Item

CRAWL = Path(__file__).resolve().parent.parent / "examples" / "crawl" / "en.warc.gz"
QUESTION = "Which of the forty lamps in the northern tower does the keeper of lighthouses lend to a passing schooner?"


def _sets(folder: Path) -> Path:
    path = folder / "lamps.jsonl"
    path.write_text(json.dumps({"question": QUESTION, "choices": ["the ninth", "the last"], "answer": "B"}))
    return path


def test_every_kind_of_form_is_planted_once_an_item() -> None:
    sets = {"en": [Item("0", (QUESTION,), "", ("a", "b"), "b")], "zh": [Item("0", ("灯塔看守人借出了哪一盏灯？" * 2,))]}
    planted = plant(sets, {False: ["Some page text. " * 400], True: ["一些页面文字。" * 900]}, 5)
    assert planted.num_rows == 2 * len(BAR_KINDS | OTHER_KINDS)
    verbatim = planted.filter(pc.equal(planted["kind"], "verbatim")).sort_by("set").to_pylist()
    assert f"{QUESTION}\nA. a\nB. b" in verbatim[0]["content"]
    assert [row["chinese"] for row in verbatim] == [False, True]
    long = planted.filter(pc.equal(planted["kind"], "inside_5000_words"))
    assert len(long.sort_by("set")["content"][0].as_py().split()) > 1000


@pytest.mark.parametrize("kind", BAR_KINDS)
def test_a_form_keeps_the_letters_of_its_item(kind: str) -> None:
    make, edit = BAR_KINDS[kind]
    text = make(Item("0", (QUESTION,), "", (), "the last"))
    letters = "".join(filter(str.isalnum, edit(text, random.Random(1)))).casefold()
    if kind != "full_width":
        assert letters == "".join(filter(str.isalnum, text)).casefold()


def test_the_benchmark_prints_its_bars_and_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = _sets(tmp_path)
    decontamination.main(["--input", str(CRAWL), "--sets", str(sets), "--pages", "6", "--items", "2"])
    body = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    bars = {bar["name"]: bar for bar in body["bars"]}
    assert bars[decontamination.RECALL[0]]["value"] == 1.0
    assert bars[decontamination.FALSE[0]]["value"] == 0.0
    ours, peer = body["figures"]["ours"], body["figures"]["datatrove"]
    assert (ours["items"], ours["too_short"]) == ({"lamps": 1}, 0)
    assert set(ours["recall"]["en"]) == set(BAR_KINDS | OTHER_KINDS)
    assert peer["docs_per_s_core"] > 0


def test_a_missing_input_or_peer_makes_the_bars_fail_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    decontamination.main(["--input", "nowhere.warc.gz"])
    body = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert {(bar["holds"], bar["reason"].partition(";")[0]) for bar in body["bars"]} == {
        (False, "no input at nowhere.warc.gz")
    }
    ours: Any = ({}, None, None)
    figures = {"ours": {"recall": {"en": {}, "zh": {}}, "docs_per_s_core": 9.0}, "false_hits": [], "documents": 9}
    ratio = decontamination.bars(ours, "datatrove is not installed", figures)[-1]
    assert (ratio.holds, ratio.reason) == (False, "datatrove is not installed")
