"""A real Ray cluster of three nodes: nodes die and join in every tier, drivers are lost, and the corpus is the same."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.children import child, tree
from tests.corpora import CRAWL, pages_of
from tests.llm_server import Server, llm_server
from tests.ray_nodes import ROOT, Nodes, three_nodes

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with three_nodes() as running:
        yield running


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives enough for three nodes."""
    folder = tmp_path_factory.mktemp("crawl")
    for number in range(6):
        source = CRAWL / ("zh.warc.gz" if number % 3 == 2 else "en.warc.gz")
        (folder / f"{number}.warc.gz").write_bytes(pages_of(source, 2, skip=2 * number))
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with llm_server() as running:
        yield running


@pytest.fixture(scope="module")
def settings(server: Server) -> tuple[str, ...]:
    """A stand-in for the model, and checks that let an echo of the passage pass."""
    return (
        f'l3.engine.endpoints=["{server.endpoint}"]', 'l3.engine.model="echo"', 'l3.synthesize.scale="small"',
        "l3.engine.max_num_seqs=4", "l3.engines=2", 'l3.synthesize.tasks=["blog"]',
        "l3.synthesize.checks.max_copied_ratio=1.0", "l2.quality.threshold=0.0",
    )  # fmt: skip


@pytest.fixture(scope="module")
def expected(
    crawl_folder: Path, settings: tuple[str, ...], server: Server, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The corpus as one process without Ray builds it, undisturbed."""
    output = str(tmp_path_factory.mktemp("serial"))
    assert child(crawl_folder, output, "L3", settings)[0] == 0
    found = tree(output)
    assert sum("L3/data" in path for path in found) > 1
    server.play = lambda text, attempt: "slow"  # so that L3 is under way when it is disturbed
    return found


def command(crawl: Path, output: str, settings: tuple[str, ...], *more: str) -> list[str]:
    words = [word for setting in settings for word in ("--set", setting)]
    run = [sys.executable, "-m", "governance.cli", "run", "--level", "L3", "--dump", "web", "--json"]
    return [*run, "--input", str(crawl), "--output", output, *words, *more]


def start(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, (out + err)[-2000:]


def kill_when(run: subprocess.Popen[str], happened: Callable[[], Any], driver: Callable[[], Any]) -> None:
    """SIGKILL the driver of a command once something has happened."""
    while not happened():
        assert run.poll() is None, "".join(run.communicate())[-2000:]
        time.sleep(0.01)
    driver().kill()
    assert run.wait(timeout=120) != 0
    run.communicate()


def test_a_node_killed_in_each_tier_and_one_added_change_nothing(
    nodes: Nodes, crawl_folder: Path, settings: tuple[str, ...], expected: dict[str, str], tmp_path: Path
) -> None:
    run = start(command(crawl_folder, str(tmp_path), settings, "--address", nodes.address))
    nodes.replace_at("ingest", nodes.others)
    for step in ("annotate", "score"):  # of L1 and L2; the node that joined in the tier below has work of them
        nodes.replace_at(step, nodes.others[-1:])
    nodes.replace_at("_Actor", nodes.others)  # of L3
    finish(run)
    assert tree(str(tmp_path)) == expected


def test_a_driver_lost_as_a_job_and_one_lost_outside_are_followed_by_one_that_ends_in_the_same_bytes(
    nodes: Nodes,
    crawl_folder: Path,
    settings: tuple[str, ...],
    server: Server,
    expected: dict[str, str],
    tmp_path: Path,
) -> None:
    run = command(crawl_folder, str(tmp_path), settings)
    job = start(submitted(nodes, run))
    kill_when(job, lambda: (tmp_path / "L1/web/plan.json").exists(), lambda: driver_of(str(tmp_path)))

    before = server.asked.total()
    outside = start([*run, "--address", f"ray://127.0.0.1:{nodes.client_port}"])
    kill_when(outside, lambda: server.asked.total() > before + 5, lambda: outside)

    finish(start(submitted(nodes, run)))
    assert tree(str(tmp_path)) == expected


def submitted(nodes: Nodes, words: list[str]) -> list[str]:
    """A command as a job, which finds its cluster by itself."""
    ray = str(Path(sys.executable).with_name("ray"))
    return [ray, "job", "submit", "--address", f"http://127.0.0.1:{nodes.dashboard_port}", "--", *words]


def driver_of(output: str) -> psutil.Process:
    """The process that runs the command of a job, which is not the one that submitted it."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[1:3] == ["-m", "governance.cli"] and output in words:
            return process
    raise AssertionError("the job has no driver")
