"""L3 with an engine in a process of its own that dies, hangs or is killed, in this process and under Ray."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from benchmarks.synthesis_server_passages import row
from governance import refine
from governance.cluster import Cluster
from governance.config import load as load_settings
from governance.inputs import find_shards
from governance.pipeline import Request, run
from governance.progress import Progress
from governance.refined import Refining
from governance.refiner import Refiner
from governance.verify import audit
from manifests.ledger import REQUESTS, load
from manifests.records import read_records
from manifests.store import Store
from synth import engines_process
from synth.engines import QUARANTINED
from tests.children import child

ENGINE = "tests.engines:PoisonedEngine"


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the stand-in notes what it is asked, in whatever process it runs."""
    path = tmp_path / "witness"
    monkeypatch.setenv("TEST_WITNESS", str(path))
    monkeypatch.setenv("TEST_ENGINE", ENGINE)
    return path


def counts(witness: Path, what: str) -> Counter[str]:
    lines = [line.split() for line in witness.read_text().splitlines()] if witness.exists() else []
    return Counter(key for word, key in lines if word == what)


def write(path: Path, documents: int, poison: str = "") -> None:
    """Documents in JSON Lines; one in the middle holds the poison."""
    rows = [row(4 * number) for number in range(documents)]
    if poison:
        text = str(rows[documents // 2]["content"])
        rows[documents // 2]["content"] = text.replace(" tells,", f" tells {poison},", 1)
    path.write_text("\n".join(json.dumps(one) for one in rows), encoding="utf-8")


@pytest.fixture
def overrides(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    return (
        f'l3.engine.model="{tmp_path}/model"', "l3.engine.max_num_seqs=8", "l3.engine.backoff_s=0.01",
        "l3.engine.hang_after_s=1.5", 'l3.synthesize.tasks=["blog"]', "l3.synthesize.max_passages=1",
        "l3.synthesize.checks.max_copied_ratio=1.0",
    )  # fmt: skip


def annotations(output: str) -> pl.DataFrame:
    store = Store(output)
    parts = [part for record in read_records(store, "L3/web", "annotations") for part in record.parts]
    return pl.concat([pl.read_parquet(store.get(part.path)) for part in parts])


def requests_balance(output: str) -> bool:
    ledger = load(json.loads(Store(output).get("L3/web/manifest.json"))["ledger"])
    return next(account for account in ledger if account.stage == REQUESTS).balances()


@pytest.mark.parametrize("poison", ["DEADLY", "HANGS"])
def test_a_document_that_kills_engines_is_quarantined_and_the_others_are_written(
    tmp_path: Path, witness: Path, overrides: tuple[str, ...], poison: str
) -> None:
    write(tmp_path / "documents.jsonl", 30, poison)
    output = str(tmp_path / "out")
    assert child(tmp_path / "documents.jsonl", output, "L3", overrides)[0] == 0
    notes = annotations(output)
    failed = notes.filter(pl.col("outcome") == "failed")
    assert len(notes) == 30 and failed["reason"].to_list() == [QUARANTINED]
    assert counts(witness, "asked")[failed["key"][0]] == 3
    assert set(counts(witness, "answered").values()) == {1}, "an innocent request was answered twice"
    assert requests_balance(output)
    assert audit(Store(output), Progress("silent"))["faults"] == []


def test_strikes_outlive_a_kill_of_the_driver_and_a_quarantined_request_is_never_asked_again(
    tmp_path: Path, witness: Path, overrides: tuple[str, ...]
) -> None:
    write(tmp_path / "documents.jsonl", 6, "DEADLY")
    output, killed = str(tmp_path / "out"), 0
    for before in (12, 10, 8, 6):  # writes are fewer the more is stored
        killed += child(tmp_path / "documents.jsonl", output, "L3", overrides, kill_before=before)[0] != 0
    assert killed > 1
    assert child(tmp_path / "documents.jsonl", output, "L3", overrides)[0] == 0
    asked, answered = counts(witness, "asked"), counts(witness, "answered")
    guilty = set(asked) - set(answered)
    assert len(guilty) == 1 and annotations(output).filter(pl.col("outcome") == "failed")["key"].to_list() == [*guilty]
    # A kill between an engine's death and the strike's one write loses that strike.
    assert asked[guilty.pop()] <= 3 + killed


class _WithStandIn(Refiner):
    """A worker, in a process of Ray's, whose engine is the stand-in."""

    def __init__(self, job: Refining) -> None:
        engines_process.FACTORY = ENGINE
        super().__init__(job)


def _victims(name: str) -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(name in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _kill_in_turn(witness: Path, done: threading.Event, killed: list[str]) -> None:
    """Kill an engine, then a worker, then an engine again, as answers come."""
    for name, answers in (("synth.engines_child", 20), ("ray::_Actor", 80), ("synth.engines_child", 140)):
        while counts(witness, "answered").total() < answers and not done.is_set():
            time.sleep(0.02)
        for victim in _victims(name)[:1]:
            os.kill(victim.pid, signal.SIGKILL)
            killed.append(name)


def test_engines_and_workers_that_are_killed_under_ray_cost_only_what_was_in_flight(
    tmp_path: Path, witness: Path, overrides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "Refiner", _WithStandIn)
    monkeypatch.setenv("TEST_DELAY_S", "0.05")
    for number in range(4):
        write(tmp_path / f"{number}.jsonl", 100)
    values = [*overrides, "l3.engines=2"]
    output, done, killed = str(tmp_path / "out"), threading.Event(), list[str]()
    killer = threading.Thread(target=_kill_in_turn, args=(witness, done, killed))
    killer.start()
    try:
        with Cluster(workers=2) as cluster:
            shards = find_shards([f"{tmp_path}/*.jsonl"], "web")
            asked: dict[str, Any] = {"settings": load_settings(None, values), "enter": "L2"}
            run(Request("L3", shards, Store(output), "web", **asked), cluster, Progress("silent"))
    finally:
        done.set()
        killer.join()
    assert killed == ["synth.engines_child", "ray::_Actor", "synth.engines_child"]
    notes = annotations(output)
    assert len(notes) == 400 and notes["uid"].n_unique() == 400
    assert notes.filter(pl.col("outcome") == "failed").is_empty()
    twice = sum(count - 1 for count in counts(witness, "answered").values())
    assert twice <= 3 * 8 + 60, "more was asked again than was in flight or not yet flushed"
    assert requests_balance(output)
    assert audit(Store(output), Progress("silent"))["faults"] == []
