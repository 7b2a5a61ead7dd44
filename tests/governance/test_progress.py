"""Progress says what it counts, on stderr only, and a status says what is sealed and what is under way."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance import status
from governance.progress import Mode, Progress, engine_note
from manifests.store import Store


def test_a_plain_line_names_the_unit_and_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("plain").stage("L0 ingest", total=2) as line:
        line.advance(2, 1234)
    said = capsys.readouterr()
    assert said.out == ""
    assert "L0 ingest: 2/2 shards, 1,234 rows, " in said.err.splitlines()[-1]


def test_a_step_with_a_note_of_its_own_tells_that_instead_of_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("plain").stage("L3 refine", total=5, unit="documents") as line:
        line.advance(3, 0, "7 answers")
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("L3 refine: 3/5 documents, 7 answers")
    assert "rows" not in last


@pytest.mark.parametrize("mode", ["silent", "live", "plain"])
def test_no_way_of_showing_writes_to_stdout_and_silent_writes_nothing(
    mode: Mode, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(mode).stage("L1 annotate", total=3, done=1) as line:
        line.advance(1, 10)
        line.advance(1, 10)
    said = capsys.readouterr()
    assert said.out == ""
    assert bool(said.err) == (mode != "silent")


def test_time_left_comes_from_what_was_done_now_not_before() -> None:
    with Progress("silent").stage("L1 annotate", total=10, done=9) as line:
        assert line.left() == ""
        line.advance(1, 1)
        assert line.left() == ""


def test_the_engines_note_tells_rate_and_pass_rate_and_only_what_happened() -> None:
    assert engine_note({}, 0.0) == "0 answers, 0 tokens/s"
    seen = {"answers": 1_200, "outputs": 40, "passed": 10, "output_tokens": 6_000, "log_hits": 7, "retries": 0}
    assert engine_note(seen, 60.0) == "1,200 answers, 100 tokens/s, 10 of 40 outputs passed (25%), 7 from the log"
    assert engine_note(seen | {"quarantined": 1, "restarts": 2}, 60.0).endswith(
        "1 quarantined, 2 engines started again"
    )


def test_a_tier_without_a_manifest_is_under_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(str(tmp_path))
    store.put("L0/web/plan.json", b"{}")
    store.put("L0/web/_shards/data/part-00000.json", b"{}")
    body = status.read(store)
    assert body["tiers"] == [{"tier": "L0", "dump": "web", "state": "under way", "shards": {"data": 1}}]
    status.show(body, str(tmp_path))
    assert "The same `governance run` command goes on from here." in capsys.readouterr().out


def test_a_place_without_tiers_says_how_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status.show(status.read(Store(str(tmp_path))), "out")
    assert "governance run --output out" in capsys.readouterr().out
