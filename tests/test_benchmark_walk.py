"""``benchmarks.walk`` types what the quick start says, from the first build to the published data set."""

from __future__ import annotations

from benchmarks import walk


def test_the_walk_is_the_quick_start_without_a_readers_own_pages() -> None:
    words = list(walk.commands(None))
    assert words[0] == ["run", "--level", "L3"] and words[-1][0] == "publish" and "--dry-run" not in words[-1]
    verbs = [line[0] for line in words]
    assert verbs.count("run") == 1 and {"verify", "report", "explain", "takedown", "compact"} <= set(verbs)


def test_a_limit_is_the_readers_own() -> None:
    assert next(iter(walk.commands(3))) == ["run", "--level", "L3", "--limit", "3"]


def test_the_runs_advice_is_read() -> None:
    said = "Next:\n  governance verify output\n  governance explain 11c94c67efd9a5c7d48b07170926230f --output output\n"
    found = walk._ADVICE.search(said)
    assert found and found[1] == "explain 11c94c67efd9a5c7d48b07170926230f --output output"
