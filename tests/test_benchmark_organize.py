"""The cases of the benchmark of verification: every kind in both halves, edited where they say so, and judged."""

from __future__ import annotations

from collections import Counter

from benchmarks.organize import bars, figures, judge
from benchmarks.organize_cases import LOOKED_AT, UNSEEN, cases, looked_at, read
from benchmarks.organize_paraphrase import paraphrase

PAGES = [
    page
    for i in range(40)
    if (
        page := read(
            f"https://a.org/{i}",
            f"Server {i}",
            f"If the disk of server{i} is full, the Apache daemon stops and shows a warning to its users. "
            f"The configuration file of server{i} contains {i + 20} settings that must be checked before the start. "
            f"The Debian package of server{i} creates a directory for the logs and returns its path to the user. "
            "One is. Two are. Three are. Four are.",
            "en",
        )
    )
    is not None
]


def test_every_kind_is_made_of_its_own_half_of_the_pages() -> None:
    found = list(cases(PAGES, 3, 0, paraphrase))
    assert Counter(case.kind for case in found).keys() == LOOKED_AT.keys() | UNSEEN.keys()
    assert len(LOOKED_AT) == len(UNSEEN) == 4
    for case in found:
        assert looked_at(case.document) == (case.kind in LOOKED_AT)
        assert case.document.uid != case.other.uid
        if case.status == "unsupported":
            assert case.statement != case.document.told[case.place]


def test_figures_and_bars_follow_from_the_statuses() -> None:
    found = list(cases(PAGES, 1, 0, paraphrase))
    right = [{"status": case.status} for case in found]
    assert figures(found, right)["right"]["all"]["share"] == 1.0
    wrong = figures(found, [{"status": "corroborated"} for _ in found])
    assert wrong["right"]["all"]["share"] == wrong["corroborated"]["precision"] == 0.125
    assert [bar.holds for bar in bars(wrong, 501.0)] == [False, False, True]
    assert {one["status"] for one in judge(found)} <= {"corroborated", "supported", "contradicted", "unsupported"}
