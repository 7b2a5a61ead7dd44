"""The command on a real local Ray: the same bytes for any number of workers, in any order of input, after any kill."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.children import child, tree
from tests.corpora import small_crawl

# Whatever can depend on the order in which shards are done: a share and buckets are cut by the scores of all of them.
SETTINGS = ("l2.quality.keep_share=0.6", "l2.quality.bucket_by=rank")


def command(crawl: Path, output: str, *more: str) -> list[str]:
    run = [sys.executable, "-m", "governance.cli", "run", "--level", "L2", "--dump", "web", "--json"]
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return [*run, "--input", str(crawl), "--output", output, *settings, *more]


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_crawl(tmp_path_factory.mktemp("crawl"))


@pytest.fixture(scope="module")
def expected(crawl_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The corpus as one process without Ray builds it."""
    output = str(tmp_path_factory.mktemp("serial"))
    assert child(crawl_folder, output, "L2", SETTINGS)[0] == 0
    return tree(output)


def test_two_workers_give_the_bytes_of_one_process_and_a_second_run_does_nothing(
    crawl_folder: Path, expected: dict[str, str], store_url: str
) -> None:
    done = subprocess.run(
        command(crawl_folder, store_url, "--workers", "2"), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["built"] == ["L0", "L1", "L2"]
    assert tree(store_url) == expected
    again = subprocess.run(command(crawl_folder, store_url), capture_output=True, text=True, check=True)
    assert json.loads(again.stdout)["built"] == []
    assert tree(store_url) == expected


def test_killing_driver_or_worker_again_and_again_ends_in_the_same_bytes(
    crawl_folder: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    output, chance = str(tmp_path / "out"), random.Random(7)
    for victim in ("driver", "driver", "worker"):
        process = subprocess.Popen(command(crawl_folder, output, "--workers", "2"), stdout=subprocess.DEVNULL)
        descendants = wait_for_workers(process)
        time.sleep(chance.uniform(0.5, 3.0))
        if victim == "worker":
            for worker in descendants:
                if is_worker(worker):
                    worker.send_signal(signal.SIGKILL)
            assert process.wait(timeout=300) == 0
        else:
            process.kill()
            process.wait()
            _, alive = psutil.wait_procs([one for one in descendants if is_worker(one)], timeout=60)
            assert not alive, "a worker outlived its driver"
            for helper in descendants:  # Ray's own agents linger for minutes; they hold nothing of ours
                with suppress(psutil.NoSuchProcess):
                    helper.kill()
    subprocess.run(command(crawl_folder, output, "--workers", "2"), stdout=subprocess.DEVNULL, check=True)
    assert tree(output) == expected


def wait_for_workers(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    """All processes below the driver, once Ray works."""
    driver = psutil.Process(process.pid)
    while process.poll() is None:
        below = driver.children(recursive=True)
        if any(is_worker(one) for one in below):
            return below
        time.sleep(0.1)
    return []


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is a living Ray worker, at work or idle."""
    try:
        title = "".join(process.cmdline()[:1])
        return process.is_running() and title.startswith("ray::") and not title.endswith("Agent")
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
