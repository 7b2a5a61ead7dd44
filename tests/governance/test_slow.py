"""A page that once hit the CPU limit is treated the same by every later run, whatever the clock says then."""

from __future__ import annotations

import signal
from pathlib import Path

import pyarrow as pa
import pytest

from governance.config import Settings
from governance.inputs import shard_key
from governance.job import Job, done_before
from governance.slow import SlowRows, agrees, named
from manifests.records import Record, read_record
from manifests.store import Store
from stages.limits import TOO_SLOW
from tests.children import tree
from tests.slow_pages import PLANTED, burn_stage, child, plant

KEY = shard_key("web", "a.warc.gz")


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(tmp_path_factory.mktemp("crawl"))


def rejected(output: str) -> int:
    ledger = read_record(Store(output), "L0/web", "data", 0).ledger
    return ledger[-1].rejected[TOO_SLOW].rows if TOO_SLOW in ledger[-1].rejected else 0


def test_a_slow_page_is_rejected_and_named_and_its_neighbours_are_unharmed(crawl_folder: Path, tmp_path: Path) -> None:
    assert child(crawl_folder, str(tmp_path / "slow"), slow=True)[0] == 0
    assert child(crawl_folder, str(tmp_path / "quick"), slow=False)[0] == 0
    assert (rejected(str(tmp_path / "slow")), rejected(str(tmp_path / "quick"))) == (PLANTED, 0)
    slow, quick = (read_record(Store(str(tmp_path / name)), "L0/web", "data", 0) for name in ("slow", "quick"))
    assert quick.ledger[-1].kept.rows - slow.ledger[-1].kept.rows == PLANTED
    assert slow.slow is not None
    assert {stage: len(uids) for stage, uids in slow.slow.items()} == {"extract": 0, "burn": PLANTED}
    assert slow.slow == named(Store(str(tmp_path / "slow")), "web", "a.warc.gz", ["extract", "burn"])
    assert quick.slow == {"extract": [], "burn": []}
    other = [read_record(Store(str(tmp_path / name)), "L0/web", "data", 1) for name in ("slow", "quick")]
    assert other[0].parts == other[1].parts


def test_a_run_that_is_killed_and_resumed_where_the_page_is_quick_gives_the_same_bytes(
    crawl_folder: Path, store_url: str
) -> None:
    """Killed before every write from the naming of the last slow page on, until the next shard is at work."""
    code, _ = child(crawl_folder, f"{store_url}/undisturbed", slow=True)
    assert code == 0
    expected = tree(f"{store_url}/undisturbed")
    assert sum(path.startswith(f"slow/web/{KEY}/burn/") for path in expected) == PLANTED
    first = 2 + PLANTED  # the plan is written first
    for number in range(first, first + 4):
        output = f"{store_url}/killed-{number}"
        assert child(crawl_folder, output, slow=True, kill_before=number)[0] == -signal.SIGKILL
        assert child(crawl_folder, output, slow=False)[0] == 0
        assert tree(output) == expected, f"killed before write {number}"


def test_a_kill_before_any_write_ends_in_the_same_bytes_while_the_page_stays_slow(
    crawl_folder: Path, store_url: str
) -> None:
    _, writes = child(crawl_folder, f"{store_url}/undisturbed", slow=True)
    expected = tree(f"{store_url}/undisturbed")
    for number in range(1, min(writes, 10)):
        output = f"{store_url}/killed-{number}"
        assert child(crawl_folder, output, slow=True, kill_before=number)[0] == -signal.SIGKILL
        assert child(crawl_folder, output, slow=True)[0] == 0
        assert tree(output) == expected, f"killed before write {number}"


def test_a_rebuild_treats_the_page_the_same(crawl_folder: Path, store_url: str) -> None:
    changed = ("l0.extract.max_html_bytes=9000000", "rebuild")
    assert child(crawl_folder, store_url, slow=True)[0] == 0
    before = tree(store_url)
    assert child(crawl_folder, store_url, slow=False, overrides=changed)[0] == 0
    assert rejected(store_url) == PLANTED
    assert child(crawl_folder, store_url, slow=False, overrides=("rebuild",))[0] == 0
    assert tree(store_url) == before


def test_the_names_can_be_carried_to_another_output(crawl_folder: Path, tmp_path: Path) -> None:
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    assert child(crawl_folder, first, slow=True)[0] == 0
    for item in Store(first).list("slow"):
        Store(second).put(item.path, Store(first).get(item.path))
    assert child(crawl_folder, second, slow=False)[0] == 0
    assert tree(second) == tree(first)


def rows(uids: list[str], drops: list[str | None]) -> pa.Table:
    return pa.table({"uid": uids, "burn.drop": pa.array(drops, pa.string())})


def test_a_stage_sees_only_its_own_slow_rows(store_url: str) -> None:
    store, stage = Store(store_url), burn_stage(True)
    SlowRows(store, "web", "a", [stage], "record").name_new(rows(["1", "2", "3"], [None, TOO_SLOW, "short"]))
    marked = SlowRows(store, "web", "a", [stage], "record").mark(pa.table({"uid": ["1", "2", "3"]}))
    assert marked["burn.slow"].to_pylist() == [False, True, False]
    other = SlowRows(store, "web", "b", [stage], "record").mark(pa.table({"uid": ["1", "2", "3"]}))
    assert other["burn.slow"].to_pylist() == [False, False, False]
    assert named(store, "web", "a", ["burn", "extract"]) == {"burn": ["2"], "extract": []}


def test_an_empty_batch_is_marked_too(tmp_path: Path) -> None:
    slow = SlowRows(Store(str(tmp_path)), "web", "a", [burn_stage(True)], "record")
    marked = slow.mark(pa.table({"uid": pa.array([], pa.string())}))
    assert marked["burn.slow"].type == pa.bool_()
    slow.name_new(rows([], []))
    assert slow.found() == {"burn": []}


def test_stages_without_a_limit_cost_nothing_and_name_nothing(tmp_path: Path) -> None:
    slow = SlowRows(Store(str(tmp_path / "absent")), "web", "a", [], "record")
    table = pa.table({"uid": ["1"]})
    assert slow.mark(table) is table
    assert slow.found() is None


def test_a_shard_is_done_again_where_another_worker_named_a_row_that_this_one_took(store_url: str) -> None:
    store, seen = Store(store_url), []

    @done_before("data")
    def step(job: Job, number: int) -> Record:
        slow = SlowRows(job.store, job.dump, "a", [burn_stage(True)], "record")
        seen.append(slow.mark(pa.table({"uid": ["1", "2"]}))["burn.slow"].to_pylist())
        if len(seen) == 1:  # the other worker, meanwhile
            SlowRows(job.store, job.dump, "a", [burn_stage(True)], "record").name_new(rows(["2"], [TOO_SLOW]))
        return Record("data", number, "a", job.fingerprint, slow=slow.found())

    job = Job(store, "L0", "web", Settings(), "f")
    step(job, 0)
    assert seen == [[False, False], [False, True]]
    record = read_record(store, "L0/web", "data", 0)
    assert record.slow == {"burn": ["2"]}
    assert agrees(store, "web", record)


def test_a_worker_that_comes_late_names_nothing(store_url: str) -> None:
    store = Store(store_url)
    late = SlowRows(store, "web", "a", [burn_stage(True)], "L0/web/_shards/data/part-00000.json")
    store.put("L0/web/_shards/data/part-00000.json", b"{}")
    late.name_new(rows(["1"], [TOO_SLOW]))
    assert named(store, "web", "a", ["burn"]) == {"burn": []}
