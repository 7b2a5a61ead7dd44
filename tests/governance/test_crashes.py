"""Kill -9 before every write of a run, then run again: nothing lost, nothing doubled, the same bytes.

Every commit point is a write to the store, so a run that is killed before its n-th write, for every n, was killed at
every commit point and between any two. Runs are child processes; the whole chain L0 to L2 runs in each.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from manifests.store import Store
from tests.corpora import small_crawl

CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload(["tests.warm"])


def build(crawl: str, output: str, before: int | None, fault: int, count: Any, env: dict[str, str]) -> None:
    """One run in a child process that sends itself a signal before a write.

    One that was stopped and woken plays a worker, not a driver: it ends where the tier would be sealed.
    """
    os.environ.update(env)  # the server that children are forked from may be older than the S3 fixture
    writes = 0

    def watch(write: Any) -> Any:
        def watched(self: Store, path: str, data: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes == before:
                os.kill(os.getpid(), fault)
            if before is not None and writes > before and path.endswith("manifest.json"):
                os._exit(0)
            return write(self, path, data)

        return watched

    Store.put, Store.create = watch(Store.put), watch(Store.create)  # type: ignore[method-assign]
    from governance import commands

    commands.run(
        commands.Ask("L1", (crawl,), output, None, "L0", "web", None, 0, (), False),
        as_json=True,
    )
    count.value = writes


def start(crawl: Path, output: str, before: int | None = None, fault: int = signal.SIGKILL) -> tuple[Any, Any]:
    """A run in a child process, and the shared count of its writes."""
    count = CHILDREN.Value("i", 0)
    arguments = (str(crawl), output, before, int(fault), count, dict(os.environ))
    process = CHILDREN.Process(target=build, args=arguments)
    process.start()
    return process, count


def child(crawl: Path, output: str, kill_before: int | None = None) -> tuple[int, int]:
    """(exit code, writes) of one run."""
    process, count = start(crawl, output, kill_before)
    process.join()
    assert process.exitcode is not None
    return process.exitcode, count.value


def tree(output: str) -> dict[str, str]:
    """Path and sha256 of every object of the corpus but the times of the run."""
    store = Store(output)
    return {
        item.path: hashlib.sha256(store.get(item.path)).hexdigest()
        for item in store.list("")
        if item.path != "run.json"
    }


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_crawl(tmp_path_factory.mktemp("crawl"))


def test_a_kill_before_any_write_leaves_a_corpus_that_the_same_command_completes(
    crawl_folder: Path, store_url: str
) -> None:
    code, writes = child(crawl_folder, f"{store_url}/undisturbed")
    assert code == 0
    expected = tree(f"{store_url}/undisturbed")
    assert writes > 20
    for number in range(1, writes + 1):
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
    for number in range(2, writes, 3):
        output = f"{store_url}/stopped-{number}"
        sleeper, _ = start(crawl_folder, output, number, signal.SIGSTOP)
        wait_until_stopped(sleeper.pid)
        assert child(crawl_folder, output)[0] == 0
        assert tree(output) == expected
        os.kill(sleeper.pid, signal.SIGCONT)
        sleeper.join()
        assert sleeper.exitcode == 0
        assert tree(output) == expected, f"stopped before write {number}"


def wait_until_stopped(pid: int) -> None:
    """Return once a process is stopped by a signal."""
    import psutil

    process = psutil.Process(pid)
    while process.status() != psutil.STATUS_STOPPED:
        time.sleep(0.02)
