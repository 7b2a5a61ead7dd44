"""Kill -9 before a write of a run, then run again: nothing lost, nothing doubled, the same bytes.

Every commit point is a write to the store. Runs are killed before every third of them, the first, the last, and the
first of each kind in each tier. Runs are child processes; the whole chain L0 to L2 runs in each. On S3, where a run
takes twice as long, it is every ninth: the same code runs there, over the same library.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.children import child, copy, kill_points, start, tree, wait_until_stopped
from tests.corpora import small_crawl


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_crawl(tmp_path_factory.mktemp("crawl"))


@pytest.mark.timeout(1800)  # some eighty runs
def test_a_kill_before_any_write_leaves_a_corpus_that_the_same_command_completes(
    crawl_folder: Path, store_url: str, tmp_path: Path
) -> None:
    every = 9 if store_url.startswith("s3://") else 3
    points = kill_points(tmp_path, crawl_folder, f"{store_url}/undisturbed", every=every)
    expected = tree(f"{store_url}/undisturbed")
    assert len(points) > 15 and points[-1] > 40
    for number in points:
        output = f"{store_url}/killed-{number}"
        assert child(crawl_folder, output, kill_before=number)[0] == -signal.SIGKILL
        assert child(crawl_folder, output)[0] == 0
        assert tree(output) == expected, f"killed before write {number}"


def test_a_run_that_is_killed_again_and_again_still_ends_in_the_same_bytes(crawl_folder: Path, store_url: str) -> None:
    code, writes = child(crawl_folder, f"{store_url}/undisturbed")
    assert code == 0
    output, kills = f"{store_url}/hunted", 0
    # Five writes at most lie between two commits, so each of these runs gets somewhere.
    while child(crawl_folder, output, kill_before=7)[0] != 0:
        kills += 1
        assert kills <= writes
    assert kills >= 3
    assert tree(output) == tree(f"{store_url}/undisturbed")


def test_a_worker_that_was_stopped_until_others_were_done_changes_nothing_on_waking(
    crawl_folder: Path, store_url: str
) -> None:
    _, writes = child(crawl_folder, f"{store_url}/undisturbed")
    expected = tree(f"{store_url}/undisturbed")
    for number in range(2, writes, 15 if store_url.startswith("s3://") else 6):
        output = f"{store_url}/stopped-{number}"
        sleeper, _ = start(crawl_folder, output, before=number, fault=signal.SIGSTOP)
        wait_until_stopped(sleeper.pid)
        assert child(crawl_folder, output)[0] == 0
        assert tree(output) == expected
        os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.join()
        assert sleeper.exitcode == 0
        assert tree(output) == expected, f"stopped before write {number}"


def test_a_rebuild_that_is_killed_anywhere_ends_as_if_built_so_from_the_start(
    crawl_folder: Path, store_url: str
) -> None:
    old, changed = ("l1.clean.min_chars=1",), ("l1.clean.min_chars=2000",)
    assert child(crawl_folder, f"{store_url}/old", "L1", old)[0] == 0
    assert child(crawl_folder, f"{store_url}/new", "L1", changed)[0] == 0
    expected = tree(f"{store_url}/new")
    assert tree(f"{store_url}/old") != expected
    for number in range(1, 12, 5 if store_url.startswith("s3://") else 2):
        output = f"{store_url}/killed-{number}"
        copy(f"{store_url}/old", output)
        assert child(crawl_folder, output, "L1", (*changed, "rebuild"), kill_before=number)[0] == -signal.SIGKILL
        assert child(crawl_folder, output, "L1", (*changed, "rebuild"))[0] == 0
        assert tree(output) == expected, f"killed before write {number}"


def test_a_killed_rebuild_can_go_back_to_the_old_settings(crawl_folder: Path, store_url: str) -> None:
    old, changed = ("l1.clean.min_chars=1",), ("l1.clean.min_chars=2000",)
    assert child(crawl_folder, f"{store_url}/old", "L1", old)[0] == 0
    for number in (2, 3, 4, 5):
        output = f"{store_url}/killed-{number}"
        copy(f"{store_url}/old", output)
        assert child(crawl_folder, output, "L1", (*changed, "rebuild"), kill_before=number)[0] == -signal.SIGKILL
        assert child(crawl_folder, output, "L1", old)[0] == 0
        assert tree(output) == tree(f"{store_url}/old"), f"killed before write {number}"
