"""The benchmarks at tiny sizes: what they print has the common form. No test here looks at a time."""

from __future__ import annotations

import gzip
import json
import mmap
from ctypes.util import find_library
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import (
    dedup_planted,
    dedup_scale,
    language,
    metadata,
    report,
    rules,
    scheduler,
    scheduler_shards,
    spine,
    spine_archives,
    spine_growth,
)
from benchmarks.measure import Clock, Side, SideError, in_turns, peak, reset_peak, run_side
from governance import tiers
from governance.config import Settings
from governance.inputs import find_shards
from stages.dedup import DedupConfig
from stages.warc import read_records


def _printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The last line that was printed, checked for the common form."""
    body = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert set(body) == {"benchmark", "machine", "figures", "bars"}
    assert {"cpu", "cores", "memory_gib", "python"} <= set(body["machine"])
    for bar in body["bars"]:
        assert set(bar) - {"reason"} == {"name", "value", "bar", "unit", "holds"}
        assert bar["holds"] in (True, False, None)
        assert bar["value"] is not None or bar["reason"]
    return body


def _bars(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {bar["name"]: bar for bar in body["bars"]}


@pytest.mark.parametrize(
    ("bar", "holds"),
    [
        (report.at_least(100, "speed", 100, "pages/s"), True),
        (report.at_least(99, "speed", 100, "pages/s"), False),
        (report.at_least(99, "speed", None, "pages/s"), None),
        (report.above(0.01, "gain", 0.0, "F1"), True),
        (report.above(0.0, "gain", 0.0, "F1"), False),
        (report.at_most(100, "memory", 100, "MiB"), True),
        (report.at_most(101, "memory", 100, "MiB"), False),
        (report.at_most(101, "memory", None, "MiB"), None),
        (report.unmeasured("the peer is not installed", "ratio", 10, "x"), False),
    ],
)
def test_a_bar_says_whether_it_holds(bar: report.Bar, holds: bool | None) -> None:
    assert bar.holds is holds


def test_a_reason_is_printed_only_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    report.show(report.body("x", {}, [report.at_most(1, "a", 2, "s"), report.unmeasured("no peer", "b", 2, "s")]))
    first, second = _printed(capsys)["bars"]
    assert "reason" not in first
    assert second == {"name": "b", "value": None, "bar": 2, "unit": "s", "holds": False, "reason": "no peer"}


def test_the_clock_counts_rows_and_charges_each_name() -> None:
    clock = Clock()
    inner = clock.each("read", range(5))
    outer = clock.each("keep", (row for row in inner if row % 2), lambda row: row)
    assert list(outer) == [1, 3]
    assert {name: row["rows"] for name, row in clock.table(["read", "keep"]).items()} == {"read": 5, "keep": 4}
    assert set(clock.spent) == {"read", "keep"}


def test_the_peak_of_memory_starts_anew() -> None:
    before = reset_peak()
    with mmap.mmap(-1, 64 << 20) as block:  # fresh pages; bytes may reuse what the process has freed and still holds
        block.write(b"x" * len(block))
    assert peak() - before > (64 << 20) // 2


def test_a_side_that_fails_or_takes_too_long_says_so() -> None:
    with pytest.raises(SideError, match="no_such_side"):
        run_side("benchmarks.no_such_side", [], limit_s=60)
    with pytest.raises(SideError, match="longer than 1 s"):
        run_side("timeit", ["-n1", "-r1", "import time; time.sleep(600)"], limit_s=1)


def test_sides_run_in_turns_and_a_side_that_fails_or_takes_long_does_not_run_again() -> None:
    runs: list[tuple[str, int]] = []

    def run(name: str, wall_s: float, number: int) -> Side:
        runs.append((name, number))
        if name == "failing":
            raise SideError("no such peer")
        return Side({}, wall_s, 0.0, 0.0)

    walls = {"fast": 1.0, "slow": 1000.0, "failing": 1.0}
    found = in_turns({name: partial(run, name, wall_s) for name, wall_s in walls.items()}, runs=3)
    assert runs == [("fast", 0), ("slow", 0), ("failing", 0), ("fast", 1), ("fast", 2)]
    assert found["failing"] == "no such peer"
    assert [len(found[name]) for name in ("fast", "slow")] == [3, 1]


def test_a_missing_peer_makes_the_bar_fail_with_the_reason() -> None:
    ours = {
        "l0_to_l1": {"cpu_s": 1.0, "rows_per_s_core": 150.0},
        "peak_memory_mib": 500,
        "peak_resident_mib": {"start_up": 510, "l0_to_l1": 490},
    }
    growth = {name: {"highest_resident_mib": size} for name, size in (("part", 480), ("whole", 900))}
    bars = {bar.name: bar for bar in spine.bars(ours, "No module named 'datatrove'", growth)}
    assert bars[spine.MEMORY[0]].value == 900
    ratio = bars.pop(spine.RATIO[0])
    assert (ratio.value, ratio.holds, ratio.reason) == (None, False, "No module named 'datatrove'")
    assert all(bar.holds for bar in bars.values())


def test_without_its_input_the_spine_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spine.main(["--input", str(tmp_path / "absent.warc.gz")])
    bars = _bars(_printed(capsys))
    assert len(bars) == 5
    assert all(bar["holds"] is False and "absent.warc.gz" in bar["reason"] for bar in bars.values())


@pytest.mark.parametrize("count", [0, 3, None])
def test_the_head_of_an_archive_holds_so_many_pages(count: int | None, crawl: dict[str, Path], tmp_path: Path) -> None:
    head = tmp_path / "head.warc.gz"
    pages = spine_archives.first_pages(crawl["zh"], count, head)
    with head.open("rb") as stream:
        kinds = [record.type for record in read_records(stream, frozenset(), 0)] if head.stat().st_size else []
    assert kinds.count("response") == pages
    assert pages == count if count is not None else pages > 100


def test_a_random_part_of_an_archive_is_the_same_at_every_call(crawl: dict[str, Path], tmp_path: Path) -> None:
    parts = [tmp_path / name for name in ("a.warc.gz", "b.warc.gz")]
    assert [spine_archives.random_pages(crawl["en"], 30, part) for part in parts] == [30, 30]
    assert parts[0].read_bytes() == parts[1].read_bytes()
    assert _page_ids(parts[0]) < _page_ids(crawl["en"])
    assert len(_page_ids(parts[0])) == 30


def test_a_random_part_larger_than_the_archive_is_all_of_its_pages(crawl: dict[str, Path], tmp_path: Path) -> None:
    part, whole = tmp_path / "part.warc.gz", _page_ids(crawl["zh"])
    assert spine_archives.random_pages(crawl["zh"], 10_000, part) == len(whole)
    assert _page_ids(part) == whole


def _page_ids(archive: Path) -> set[str]:
    with archive.open("rb") as stream:
        records = list(read_records(stream, frozenset(), 0))
    return {record.headers["warc-record-id"] for record in records if record.type == "response"}


def test_the_size_without_compression_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x" * 3_000_000) + gzip.compress(b"y"))
    assert spine_archives.uncompressed_size(tmp_path / "a.gz") == 3_000_001


@pytest.mark.parametrize(("whole", "holds"), [(109.0, True), (92.0, True), (111.0, False), (90.0, False)])
def test_cost_and_memory_may_move_by_a_tenth_either_way(whole: float, holds: bool) -> None:
    ratio = spine_growth.ratio(100.0, whole)
    bars = spine_growth.bars({"peak_resident_mib": ratio, "cpu_s_per_mb_of_html": ratio})
    assert [bar.holds for bar in bars] == [holds, holds]


def test_the_parts_that_are_compared_are_stages_of_the_tiers() -> None:
    cfg = Settings()
    names = {stage.name for stage in (*tiers.l0(cfg), *tiers.l1(cfg))} | {"read", "duplicates"}
    assert {name for stages, _ in spine.SAME_WORK.values() for name in stages} <= names


@pytest.mark.skipif(not find_library("magic"), reason="datatrove's reader needs the system's libmagic")
def test_the_spine_compares_both_sides(crawl: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    spine.main(
        ["--input", str(crawl["en"]), "--pages", "10", "--runs", "1", "--docs", str(crawl["en"]), "--sample", "20"]
    )
    body = _printed(capsys)
    ours, peer, cfg = body["figures"]["ours"], body["figures"]["datatrove"], Settings()
    stages = list(dict.fromkeys(stage.name for stage in (*tiers.l0(cfg), *tiers.l1(cfg))))
    assert list(ours["stages"])[: len(stages) + 1] == ["read", *stages]
    assert set(ours["stages"]) - set(stages) == {"read", "duplicates", "rest"}
    assert set(ours["stages_of_l2"]) == {"takedown", "scores", "quality", "decontaminate", "rest"}
    assert sum(row["share"] for row in ours["stages"].values()) == pytest.approx(1, abs=0.01)
    assert set(ours["counts"]) == {"L0", "L1", "L2"}
    assert peer["counts"]["minhash filter"]["total"] == peer["counts"]["fineweb"]["forwarded"] > 0
    assert set(body["figures"]["ratio_by_part"]) >= {"read", "extract", "language"}
    growth, hours = body["figures"]["growth"], body["figures"]["cpu_hours_per_tb_of_warc"]
    assert (growth["part"]["pages"], growth["whole"]["pages"]) == (20, 328)
    assert growth["part"]["html_bytes"] < growth["whole"]["html_bytes"]
    assert all(side["compressed"] > side["uncompressed"] > 0 for side in hours.values())
    assert all(bar["value"] > 0 for bar in body["bars"])


def test_the_rules_are_compared_on_the_same_texts(crawl: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    rules.main(["--input", str(crawl["en"]), "--pages", "12"])
    body = _printed(capsys)
    ours, peer = body["figures"]["ours"], body["figures"]["datatrove"]
    assert body["figures"]["documents"] == 12
    assert set(ours["cpu_s_by_stage"]) == {"figures", *rules.RULES}
    assert set(ours["share_of_bare_pass"]) == {"sum_bytes", "count_words"}
    assert set(peer["cpu_s_by_filter"]) == set(body["figures"]["agreement"]) == set(rules.RULES)
    assert all(bar["value"] is not None for bar in body["bars"])


def test_without_its_peer_the_rules_are_measured_all_the_same() -> None:
    found = {bar.name: bar for bar in rules.bars({"docs_per_s_core": 9000.0}, "No module named 'datatrove'", None)}
    assert found[rules.SPEED[0]].holds is True
    assert {found[bar[0]].reason for bar in (rules.RATIO, rules.AGREEMENT)} == {"No module named 'datatrove'"}


def test_without_their_input_the_rules_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules.main(["--input", str(tmp_path / "absent.warc.gz")])
    assert all(bar["holds"] is False and "absent" in bar["reason"] for bar in _bars(_printed(capsys)).values())


def test_the_scheduler_is_measured_in_both_parts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sizes = ["--shards", "20", "--level", "L1", "--rows", "1000", "--row-shards", "3"]
    scheduler.main([*sizes, "--scratch", str(tmp_path)])
    body = _printed(capsys)
    assert body["figures"]["empty_shards"]["records"] == {"L0": 20, "L1": 0}
    assert body["figures"]["signatures"]["planted_clusters"] == 2
    assert _bars(body)["planted clusters missed or invented"]["value"] == 0
    assert all(bar["value"] is not None for bar in body["bars"])
    assert not any(tmp_path.iterdir())


def test_a_part_that_fails_leaves_the_others_measured(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sizes = ["--shards", "1", "--rows", "1000", "--row-shards", "1", "--limit-s", "0", "--scratch", str(tmp_path)]
    scheduler.main(sizes)
    bars = _bars(_printed(capsys))
    assert len(bars) == 7
    assert all(bar["holds"] is False and "longer than 0 s" in bar["reason"] for bar in bars.values())


def test_generated_inputs_are_archives_without_pages(tmp_path: Path) -> None:
    scheduler_shards.write_inputs(tmp_path, 3)
    shards = find_shards([str(tmp_path)], "d")
    assert [shard.name for shard in shards] == [f"shard-{number:06d}.warc" for number in range(3)]
    with Path(shards[2].folder, shards[2].path).open("rb") as stream:
        assert [record.type for record in read_records(stream, frozenset(), 0)] == ["warcinfo"]


def test_generated_texts_do_not_depend_on_the_number_of_shards(tmp_path: Path) -> None:
    signatures = []
    for shards in (1, 4):
        job, plan = dedup_planted.job_of(tmp_path / str(shards)), dedup_planted.Plan(1000, shards, 50)
        dedup_planted.write_annotations(job, plan)
        assert len(plan.clusters) == 2
        parts = sorted((tmp_path / str(shards)).rglob("*.parquet"))
        assert len(parts) == shards
        signatures += [[value for part in parts for value in pq.read_table(part)["dedup.signature"].to_pylist()]]
    assert signatures[0] == signatures[1]
    assert len(set(signatures[0])) == 1000 - 2 * (dedup_planted.CLUSTER_SIZE - 1)
    assert sum(signature[:32] == b"\7\0\0\0" * 8 for signature in signatures[0]) == 50


def test_planted_pairs_are_recovered_as_theory_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    dedup_scale.main(["--sizes", "4000", "8000", "--hot", "500", "--scratch", str(tmp_path)])
    body = _printed(capsys)
    assert [size["rows"] for size in body["figures"]["sizes"]] == [4000, 8000]
    assert _bars(body)["planted pairs recovered, largest deviation from theory"]["holds"]
    assert _bars(body)["rows in clusters that were not planted, all sizes"]["value"] == 0
    assert not any(tmp_path.iterdir())


def test_theory_of_recovery_is_that_of_drawn_signatures() -> None:
    cfg, rng = DedupConfig(), np.random.default_rng(1)
    for similarity in (0.7, 0.75, 0.8):
        equal = rng.random((20_000, *cfg.banding)) < similarity
        found = equal.all(axis=2).any(axis=1) & (equal.sum(axis=(1, 2)) >= 84)
        assert found.mean() == pytest.approx(dedup_planted.theory(similarity, cfg), abs=0.015)


def test_metadata_is_scored_on_both_sides_of_the_same_pages(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata.main(["--folder", str(shared_data / "web-pages"), "--pages", "5", "--runs", "1"])
    body = _printed(capsys)
    for side in ("ours", "trafilatura", "ours_thorough"):
        assert body["figures"][side]["title"]["pages"] == body["figures"]["pages"] == 5
    assert len(body["bars"]) == 4


def test_authors_are_the_same_whatever_their_order_case_and_separator() -> None:
    gold = {"url": "https://example.org/", "title": None, "author": "ANN LEE und Bo Ek", "date": None}
    page = metadata.Page(gold, "", [], [], None, None)
    figures = metadata.rates([page], [{"title": "x", "author": "Bo Ek; Ann Lee", "date": None}])
    assert (figures["author"]["exact"], figures["author"]["same_names"]) == (0, 1)
    assert figures["title"]["pages"] == 0


def test_language_is_compared_with_fasttext_on_the_whole_text(
    crawl: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    language.main(["--input", *map(str, crawl.values()), "--pages", "30", "--runs", "1"])
    body = _printed(capsys)
    figures = body["figures"]
    assert len(figures["pages"]) == 2 and all(0 < count <= 30 for count in figures["pages"].values())
    assert _bars(body)[language.AGREEMENT[0]]["value"] >= 0.95
    assert _bars(body)[language.RATIO[0]]["value"] > 0
    assert figures["share_of_what_the_machine_allows"] > 0
    assert sum(figures["ours"]["drop"].values()) == sum(figures["pages"].values())


def test_without_its_input_the_language_benchmark_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    language.main(["--input", str(tmp_path / "absent.warc.gz")])
    bars = _bars(_printed(capsys))
    assert len(bars) == 2
    assert all(bar["holds"] is False and "absent.warc.gz" in bar["reason"] for bar in bars.values())
