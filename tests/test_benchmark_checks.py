"""The cases of the benchmark of the checks: enough, half sound, in both languages, and with their labels."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.checks import Case, all_cases, bars, figures, judge, measure
from benchmarks.checks_edits import LOOKED_AT
from benchmarks.checks_unseen import UNSEEN
from stages.verify import open_checker
from synth.checks import ChecksConfig

CASES = all_cases(6, 0)
EVERY = [case for some in CASES.values() for case in some]


def folded(text: str) -> str:
    """Without case and white space."""
    return "".join(text.split()).lower()


def test_there_are_eight_hundred_half_of_them_sound_in_both_languages() -> None:
    sound = [case for case in EVERY if case["fault"] is None]
    assert len(EVERY) >= 800 and 0.45 <= len(sound) / len(EVERY) <= 0.55
    assert len({case["id"] for case in EVERY}) == len(EVERY)
    for some in CASES.values():
        languages = Counter(case["language"] for case in some)
        assert min(languages["en"], languages["zh"]) >= len(some) / 4


def test_half_of_the_kinds_of_edits_were_not_looked_at() -> None:
    assert len(UNSEEN) >= len(LOOKED_AT) and not UNSEEN.keys() & LOOKED_AT.keys()


def test_the_evidence_of_a_labelled_output_stands_in_its_passage_and_the_fault_in_the_output() -> None:
    labelled = [case for case in CASES["real"] if case["fault"] is not None]
    assert len(labelled) >= 100 and {case["origin"] for case in labelled} >= {"smollm2-135m"}
    for case in labelled:
        assert not case.get("evidence") or folded(case["evidence"]) in folded(case["passage"]), case["id"]
        assert not case.get("put") or folded(case["put"]) in folded(case["output"]), case["id"]
        assert case.get("evidence") or case.get("put"), case["id"]


@pytest.mark.parametrize("group", ["looked_at", "unseen"])
def test_an_edit_changes_its_output_and_nothing_of_its_passage(group: str) -> None:
    sound = {case["id"]: case for case in CASES["sound"]}
    for case in CASES[group]:
        if "of" in case:
            assert case["output"] != sound[case["of"]]["output"]
            assert case["passage"] == sound[case["of"]]["passage"]


def test_figures_and_bars_follow_from_the_verdicts() -> None:
    some: dict[str, list[Case]] = {name: cases[:6] for name, cases in CASES.items()}
    checker = open_checker(ChecksConfig())
    reasons, rate = measure(some, checker)
    assert [judge(case, checker).drop for case in some["real"]] == reasons["real"] and rate > 0
    found = figures(CASES, {name: ["x"] * len(cases) for name, cases in CASES.items()})
    assert all(one["share"] == 1.0 for one in (*found["caught"].values(), *found["rejected"].values()))
    holds = [bar.holds for bar in bars(found, 500.0, 49.0)]
    assert holds == [True, True, False, False, True, False]
