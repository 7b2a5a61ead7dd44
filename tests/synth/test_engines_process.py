"""Engines in processes of their own: what hangs or dies is ended and started again, and who did it is found."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from synth import engines_process
from synth.engines import LOCAL, QUARANTINED, Answer, EngineConfig, EngineError, Request, open_engine
from synth.engines_pool import EnginePool
from synth.models import ModelNotFound
from tests.llm_server import llm_server


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The stand-in instead of vLLM, and a folder that looks like a model."""
    monkeypatch.setattr(engines_process, "FACTORY", "tests.engines:PoisonedEngine")
    folder = tmp_path_factory.mktemp("model")
    (folder / "config.json").write_text("{}")
    return str(folder)


def config(model: str, **changes: object) -> EngineConfig:
    values = {"model": model, "max_num_seqs": 8, "backoff_s": 0.01, "hang_after_s": 2.0}
    return EngineConfig.model_validate(values | changes)


@pytest.fixture
def engine(fake: str) -> Iterator[EnginePool]:
    one = open_engine(config(fake))
    yield one
    one.close()


def ask_for(key: str, text: str = "hello") -> Request:
    return Request(key, ({"role": "user", "content": text},), {"temperature": 0.0})


def drain(engine: EnginePool, requests: list[Request], seconds: float = 60) -> dict[str, Answer]:
    """Every answer, with requests submitted as there is room."""
    answers: dict[str, Answer] = {}
    deadline, waiting = time.monotonic() + seconds, list(requests)
    while (waiting or engine.in_flight) and time.monotonic() < deadline:
        while waiting and engine.in_flight < engine.capacity:
            engine.submit(waiting.pop(0))
        for answer in engine.poll(0.5):
            assert answer.key not in answers
            answers[answer.key] = answer
    return answers


def test_answers_come_from_the_process_and_the_engine_is_full(engine: EnginePool) -> None:
    answers = drain(engine, [ask_for(str(number), f"text {number}") for number in range(50)])
    assert {key: answer.text for key, answer in answers.items()} == {str(n): f"text {n}" for n in range(50)}
    assert engine.in_flight == engine.deaths == 0


def test_a_request_that_the_engine_cannot_take_fails_alone(engine: EnginePool) -> None:
    answers = drain(engine, [ask_for("bad", "REFUSED"), ask_for("good")])
    assert answers["good"].error is None
    assert answers["bad"].error == "TypeError: sampling nobody knows"


@pytest.mark.parametrize("fault", ["DEADLY", "HANGS", "BREAKS"])
def test_a_request_under_which_three_engines_die_is_quarantined_and_no_other(fake: str, fault: str) -> None:
    struck: Counter[str] = Counter()
    engine = open_engine(config(fake, hang_after_s=1.0), lambda keys: struck.update(keys))
    requests = [ask_for(str(number), fault if number == 11 else "hello") for number in range(40)]
    answers = drain(engine, requests, 120)
    engine.close()
    assert len(answers) == 40
    assert {key for key, answer in answers.items() if answer.error} == {"11"}
    assert answers["11"].error == QUARANTINED
    assert engine.deaths == struck["11"] == 3
    assert max(count for key, count in struck.items() if key != "11") < 3


def test_strikes_of_earlier_runs_count(fake: str) -> None:
    strikes = {"old": 3, "suspect": 2}
    engine = open_engine(config(fake), strikes=strikes)
    answers = drain(engine, [ask_for("old"), ask_for("suspect", "DEADLY"), ask_for("good")])
    engine.close()
    assert answers["old"].error == answers["suspect"].error == QUARANTINED
    assert answers["good"].error is None and engine.deaths == 1


def test_an_engine_that_is_killed_loses_no_request(engine: EnginePool) -> None:
    for number in range(8):
        engine.submit(ask_for(str(number)))
    answers = {answer.key: answer for answer in engine.poll(30)}
    os.kill(child_pids()[0], signal.SIGKILL)
    answers |= drain(engine, [ask_for(str(number)) for number in range(8, 30)])
    assert set(answers) == {str(number) for number in range(30)}
    assert all(answer.error is None for answer in answers.values())


def test_the_engine_here_and_a_server_share_the_work(fake: str) -> None:
    with llm_server() as server:
        server.play = lambda text, attempt: "slow"
        engine = open_engine(config(fake, endpoints=(LOCAL, server.endpoint)))
        answers = drain(engine, [ask_for(str(number), f"text {number}") for number in range(400)])
        engine.close()
    assert {key: answer.text for key, answer in answers.items()} == {str(n): f"text {n}" for n in range(400)}
    assert min(station.answers for station in engine.stations) > 10
    assert sum(server.asked.values()) + engine.stations[0].answers == 400


def test_closing_ends_the_process(fake: str) -> None:
    engine = open_engine(config(fake))
    engine.submit(ask_for("a"))
    pid = child_pids()[0]
    engine.close()
    assert not psutil.pid_exists(pid)


def test_an_engine_that_cannot_be_loaded_stops_the_run_with_its_reason(fake: str) -> None:
    folder = Path(fake) / "unloadable"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    engine = open_engine(config(str(folder)))
    engine.submit(ask_for("a"))
    with pytest.raises(EngineError, match="no such weights"):
        drain(engine, [])
    engine.close()


def test_a_model_that_is_not_there_is_named_at_once() -> None:
    with pytest.raises(ModelNotFound, match="no-such-model"):
        open_engine(config("no-such-model"))


def child_pids() -> list[int]:
    """Engines below this process."""
    found = psutil.Process().children()
    return [child.pid for child in found if "synth.engines_child" in " ".join(child.cmdline())]
