"""The benchmark of personal data at a tiny size. No test here looks at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import pii, pii_corpus


def test_the_halves_of_the_pii_corpus_share_no_text_and_repeat_with_the_seed() -> None:
    known = pii_corpus.cases(3, 20)
    assert known == pii_corpus.cases(3, 20) != pii_corpus.cases(4, 20)
    halves = [
        {case.text for case in known if case.half == half and case.sort in pii_corpus.MASKS}
        for half in pii_corpus.HALVES
    ]
    assert not halves[0] & halves[1]
    assert {case.sort for case in known} == {*pii_corpus.MASKS, *pii_corpus.NEGATIVES}


def test_a_partly_masked_value_is_both_missed_and_a_false_hit() -> None:
    known = [pii_corpus.Case("ip", "held", text, "at <IP_ADDRESS>") for text in ("at 82.50.72.202", "at 82.50.72.203")]
    table = pii.scores(["at <IP_ADDRESS>", "at <IP_ADDRESS>3"], known, ["ip"])
    assert table == {"held": {"ip": {"values": 2, "recall": 0.5, "precision": 0.5, "false_hits": 1}}}


def test_personal_data_is_measured_on_both_sides_and_no_value_is_printed(
    crawl: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pii, "DATA", tmp_path)
    pii.main(["--pages", "5", "--each", "6", "--runs", "1"])
    printed = capsys.readouterr().out
    body = json.loads(printed.splitlines()[-1])
    assert set(body["figures"]["ours"]["by_half_and_kind"]["held"]) == set(pii_corpus.MASKS)
    assert set(body["figures"]["datatrove"]["by_half_and_kind"]["held"]) == set(pii.KNOWN_TO_PEER)
    assert all(bar["value"] is not None for bar in body["bars"])
    assert sum(counts["documents"] for counts in body["figures"]["pages"]["counts"].values()) == 10
    assert not any(case.text in printed for case in pii_corpus.cases(1, 6) if len(case.text) > 40)
