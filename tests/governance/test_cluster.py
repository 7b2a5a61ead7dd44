"""The scheduler on a real local Ray: items done once, failures retried, stragglers doubled, engines replaced."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from governance.cluster import NODES, TRIES, UNTRIED, Cluster
from governance.cluster_map import Map
from governance.commands import Ask, address_of
from governance.config import L3, Settings
from governance.errors import RunError, UsageError
from governance.refine import needs_of as engine_needs
from governance.tiers import stages_of
from stages.contract import Resources, needs_of


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(workers=2, straggler_after_s=2.0) as running:
        yield running


def run(cluster: Cluster, work: Any, context: Any, items: list[Any]) -> dict[Any, Any]:
    done: list[tuple[Any, Any]] = []
    cluster.map(work, context, items, lambda item, result: done.append((item, result)))
    assert len(done) == len({item for item, _ in done}), "an item was reported twice"
    return dict(done)


def times(context: int, item: int) -> int:
    return context * item


def fails_twice(folder: str, item: int) -> int:
    tries = Path(folder, str(item))
    count = int(tries.read_text()) if tries.exists() else 0
    tries.write_text(str(count + 1))
    if item == 3 and count < 2:
        raise OSError("try me again")
    return count


def kills_its_process_once(folder: str, item: int) -> int:
    mark = Path(folder, "killed")
    if item == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def always_fails(context: None, item: int) -> int:
    raise ValueError(f"item {item} is broken")


def refuses(context: None, item: int) -> int:
    raise RunError("too many rows failed", "mend the stage")


def stops_once(folder: str, item: int) -> int:
    mark = Path(folder, "stopped")
    if item == 0 and not mark.exists():
        mark.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)
        Path(folder, "woken").touch()
    return item


class Counter:
    """An engine that dies once in the middle of an item."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        Path(folder, f"loaded-{os.getpid()}").touch()

    def work(self, item: int) -> Iterator[dict[str, Any]]:
        yield {"item": item, "done": False}
        mark = Path(self.folder, "died")
        if item == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield {"item": item, "done": True}

    def close(self) -> None:
        Path(self.folder, "closed").touch()


class Sleeper(Counter):
    """An engine that falls silent once in the middle of an item."""

    def work(self, item: int) -> Iterator[dict[str, Any]]:
        yield {"item": item, "done": False}
        mark = Path(self.folder, "slept")
        if item == 1 and not mark.exists():
            mark.touch()
            time.sleep(600)
        yield {"item": item, "done": True}


@pytest.mark.parametrize("count", [0, 1, 7, 500])
def test_every_item_is_done_once(cluster: Cluster, count: int) -> None:
    assert run(cluster, times, 3, list(range(count))) == {item: 3 * item for item in range(count)}


def test_without_workers_everything_runs_in_this_process() -> None:
    with Cluster(workers=0) as here:
        assert run(here, times, 2, [1, 2]) == {1: 2, 2: 4}


def test_a_failing_item_is_tried_again_and_its_neighbours_are_done(cluster: Cluster, tmp_path: Path) -> None:
    assert set(run(cluster, fails_twice, str(tmp_path), list(range(40)))) == set(range(40))


def test_a_killed_worker_costs_nothing_but_time(cluster: Cluster, tmp_path: Path) -> None:
    assert set(run(cluster, kills_its_process_once, str(tmp_path), list(range(40)))) == set(range(40))


def test_an_item_that_keeps_failing_ends_the_run_with_its_name_and_cause(cluster: Cluster) -> None:
    with pytest.raises(RunError, match="7 failed 3 times: ValueError: item 7 is broken"):
        run(cluster, always_fails, None, [7])


def test_a_refusal_is_not_tried_again_and_keeps_its_remedy(cluster: Cluster) -> None:
    with pytest.raises(RunError, match="too many rows failed") as error:
        run(cluster, refuses, None, [1])
    assert error.value.remedy == "mend the stage"


def test_an_engine_that_dies_is_replaced_and_its_item_done_elsewhere(cluster: Cluster, tmp_path: Path) -> None:
    done: list[int] = []
    cluster.stream(
        Counter, str(tmp_path), [0, 1, 2], lambda event: done.append(event["item"]) if event["done"] else None
    )
    assert sorted(done) == [0, 1, 2]
    assert len(list(tmp_path.glob("loaded-*"))) == 2


def test_an_engine_that_falls_silent_is_replaced_and_its_item_done_elsewhere(cluster: Cluster, tmp_path: Path) -> None:
    done: list[int] = []

    def note(event: dict[str, Any]) -> None:
        done.extend([event["item"]] if event["done"] else [])

    cluster.stream(Sleeper, str(tmp_path), [0, 1, 2], note, engines=2, silent_s=8.0)
    assert sorted(done) == [0, 1, 2]


def test_an_engine_in_this_process_is_closed_whatever_happens(tmp_path: Path) -> None:
    def stop(event: dict[str, Any]) -> None:
        raise RunError("enough", "")

    with Cluster(workers=0) as here, pytest.raises(RunError, match="enough"):
        here.stream(Counter, str(tmp_path), [0], stop)
    assert (tmp_path / "closed").exists()


def test_a_stopped_worker_is_overtaken_and_what_it_says_on_waking_is_ignored(cluster: Cluster, tmp_path: Path) -> None:
    assert run(cluster, stops_once, str(tmp_path), list(range(4))) == {item: item for item in range(4)}
    os.kill(int((tmp_path / "stopped").read_text()), signal.SIGCONT)
    deadline = time.monotonic() + 30
    while not (tmp_path / "woken").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (tmp_path / "woken").exists()


def test_a_cluster_that_is_not_there_is_named_at_once() -> None:
    with (
        pytest.raises(RunError, match=r"Ray did not start at 127\.0\.0\.1:9: .*refused"),
        Cluster(address="127.0.0.1:9") as nowhere,
    ):
        nowhere.map(times, 1, [1], lambda _item, _result: None)


def test_ray_is_given_far_more_tasks_than_there_are_cpus_so_that_an_autoscaler_sees_them(cluster: Cluster) -> None:
    seen: list[int] = []
    work = Map(cluster, times, 3, list(range(400)), lambda item, result: seen.append(len(work.flights)), Resources())
    work.run()
    assert len(seen) == 400 and max(seen) > 300 > cluster.slots()


def test_engines_without_room_wait_and_the_others_do_the_work(cluster: Cluster, tmp_path: Path) -> None:
    done: list[int] = []
    (tmp_path / "died").touch()
    cluster.stream(
        Counter, str(tmp_path), list(range(6)), lambda event: done.extend([event["item"]] * event["done"]), engines=5
    )
    assert sorted(done) == list(range(6))
    assert len(list(tmp_path.glob("loaded-*"))) <= 2


def test_a_node_that_dies_is_no_failure_of_the_item_but_ten_are_no_accident() -> None:
    tries = UNTRIED
    for _ in range(NODES - 1):
        tries = tries.after("shard 7", OSError("node died"), lost=True)
    for _ in range(TRIES - 1):
        tries = tries.after("shard 7", OSError("disk full"), lost=False)
    with pytest.raises(RunError, match="shard 7 saw 10 nodes die: OSError: node died"):
        tries.after("shard 7", OSError("node died"), lost=True)
    with pytest.raises(RunError, match="shard 7 failed 3 times: OSError: disk full"):
        tries.after("shard 7", OSError("disk full"), lost=False)


def test_what_stages_declare_is_what_ray_is_asked_for_on_a_cluster() -> None:
    stages = stages_of(Settings(), "L2")
    assert needs_of(stages) == Resources(1, 0, 1)
    heavy = replace(stages[0], resources=Resources(2, 0.5, 6))
    asked = Cluster(address="auto").options(needs_of([heavy, *stages]))
    assert asked == {"num_cpus": 2, "num_gpus": 0.5, "memory": 6 * 2**30}
    assert Cluster().options(needs_of([heavy])) == {"num_cpus": 2, "num_gpus": 0.5}


def test_an_engine_asks_for_no_more_cpus_than_a_node_has() -> None:
    nodes = [{"NodeID": str(number), "Resources": {"CPU": 4.0, "memory": 2.0**33}} for number in range(3)]
    cluster = Cluster(address="auto", _nodes=nodes, _looked=math.inf)
    assert engine_needs(L3(), cluster).cpus == 4
    assert engine_needs(L3(engines=6), cluster).cpus == 2
    assert engine_needs(L3(gpus_per_engine=2), cluster) == Resources(1, 2, 4)


@pytest.mark.parametrize(
    ("address", "workers", "found"),
    [(None, None, "10.0.0.1:6379"), ("auto", None, "auto"), (None, 2, None), (None, 0, None), ("auto", 0, "auto")],
)
def test_a_job_finds_its_own_cluster_and_workers_mean_this_machine(
    monkeypatch: pytest.MonkeyPatch, address: str | None, workers: int | None, found: str | None
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    ask = Ask("L0", (), "out", None, "L0", None, address, workers, (), False)
    assert address_of(ask) == found
    with pytest.raises(UsageError, match="--workers"):
        address_of(replace(ask, address="auto", workers=2))
