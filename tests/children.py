"""Runs in child processes that send themselves a signal before a chosen write to the store."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil

from manifests.store import Store

CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload(["tests.warm"])


def build(
    crawl: str, output: str, level: str, overrides: tuple[str, ...], before: int | None, fault: int, count: Any,
    env: dict[str, str],
) -> None:  # fmt: skip
    """One run, in this process, that sends itself a signal before a write or a removal.

    Rows of a JSON Lines file enter at L2. The variable TEST_ENGINE names what plays vLLM. The file named by TEST_WRITES
    gets a line for each write: how, and where to.

    One that was stopped and woken plays a worker, not a driver: it ends where the tier would be sealed.
    """
    os.environ.update(env)  # the server that children are forked from may be older than the S3 fixture
    writes = 0

    def watch(write: Any) -> Any:
        def watched(self: Store, what: Any, *data: Any) -> Any:
            nonlocal writes
            writes += 1
            if log := env.get("TEST_WRITES"):
                with Path(log).open("a") as file:
                    file.write(f"{write.__name__} {what}\n")
            if writes == before:
                os.kill(os.getpid(), fault)
            if before is not None and writes > before and data and what.endswith("manifest.json"):
                os._exit(0)
            return write(self, what, *data)

        return watched

    for name in ("put", "create", "delete"):
        setattr(Store, name, watch(getattr(Store, name)))
    from governance import commands, refiner
    from synth import engines_process

    refiner.FLUSH_S = 0.0  # every answer is logged as it comes
    if "TEST_ENGINE" in env:
        engines_process.FACTORY = env["TEST_ENGINE"]
    rebuild = "rebuild" in overrides
    overrides = tuple(override for override in overrides if override != "rebuild")
    enter = "L2" if crawl.endswith(".jsonl") else "L0"
    ask = commands.Ask(level, (crawl,), output, None, enter, "web", None, 0, overrides, rebuild)
    commands.run(ask, as_json=True)
    count.value = writes


def start(
    crawl: Path, output: str, level: str = "L2", overrides: tuple[str, ...] = (), before: int | None = None,
    fault: int = signal.SIGKILL,
) -> tuple[Any, Any]:  # fmt: skip
    """A run in a child process, and the shared count of its writes."""
    count = CHILDREN.Value("i", 0)
    arguments = (str(crawl), output, level, overrides, before, int(fault), count, dict(os.environ))
    process = CHILDREN.Process(target=build, args=arguments)
    process.start()
    return process, count


def child(
    crawl: Path, output: str, level: str = "L2", overrides: tuple[str, ...] = (), kill_before: int | None = None
) -> tuple[int, int]:
    """(exit code, writes) of one run."""
    process, count = start(crawl, output, level, overrides, kill_before)
    process.join()
    assert process.exitcode is not None
    return process.exitcode, count.value


def kill_points(
    folder: Path, crawl: Path, output: str, level: str = "L2", overrides: tuple[str, ...] = (), every: int = 3
) -> list[int]:
    """The writes before which to kill a run: each ``every``-th, the first, the last, and the first of each kind.

    They are told by one undisturbed run, which leaves its corpus in ``output``. Args: folder, for the list of writes.
    """
    log = folder / "writes"
    log.unlink(missing_ok=True)
    os.environ["TEST_WRITES"] = str(log)
    try:
        assert child(crawl, output, level, overrides)[0] == 0
    finally:
        del os.environ["TEST_WRITES"]
    kinds = [kind_of(line) for line in log.read_text().splitlines()]
    firsts = {kinds.index(kind) + 1 for kind in kinds}
    return sorted({*firsts, len(kinds), *range(1, len(kinds) + 1, every)})


def kind_of(write: str) -> str:
    """How, and to which tier and folder: "create L1/web/_shards", "put L2/web/plan.json"."""
    return "delete" if write.startswith("delete ") else "/".join(write.split("/")[:3])


def tree(output: str) -> dict[str, str]:
    """Path and sha256 of every object of the corpus but the times of the run."""
    store = Store(output)
    return {
        item.path: hashlib.sha256(store.get(item.path)).hexdigest()
        for item in store.list("")
        if item.path != "run.json"
    }


def copy(source: str, target: str) -> None:
    """Copy a corpus, object by object."""
    for item in Store(source).list(""):
        Store(target).put(item.path, Store(source).get(item.path))


def wait_until_stopped(pid: int) -> None:
    """Return once a process is stopped by a signal."""
    process = psutil.Process(pid)
    while process.status() != psutil.STATUS_STOPPED:
        time.sleep(0.02)
