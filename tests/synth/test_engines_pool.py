"""Servers that answer late, wrongly or not at all: one answer for every request, whatever they play."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from synth.engines import LOCAL, QUARANTINED, Answer, EngineConfig, EngineError, Request, open_engine
from synth.engines_pool import EnginePool
from tests.llm_server import FAULTS, Server, llm_server


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(llm_server()) for _ in range(2)]


@pytest.fixture
def server(servers: list[Server]) -> Server:
    return servers[0]


def pool(*servers: Server, **changes: Any) -> EnginePool:
    """An engine over servers that is in a hurry."""
    values = {
        "model": "m", "endpoints": tuple(server.endpoint for server in servers), "max_num_seqs": 4,
        "timeout_s": 1.0, "max_attempts": 3, "backoff_s": 0.01, "hang_after_s": 2.0, "down_after_s": 1.0,
    }  # fmt: skip
    return open_engine(EngineConfig.model_validate(values | changes))


def ask_for(key: str, text: str = "hello", affinity: str = "", **sampling: Any) -> Request:
    messages = ({"role": "user", "content": text},)
    return Request(key, messages, {"temperature": 0.0, "max_tokens": 8} | sampling, affinity=affinity)


def drain(engine: EnginePool, requests: list[Request], seconds: float = 60) -> dict[str, Answer]:
    """Every answer, once, with requests submitted as there is room; the engine is closed."""
    answers: dict[str, Answer] = {}
    deadline, waiting = time.monotonic() + seconds, list(requests)
    try:
        while (waiting or engine.in_flight) and time.monotonic() < deadline:
            while waiting and engine.in_flight < engine.capacity:
                engine.submit(waiting.pop(0))
            for answer in engine.poll(0.5):
                assert answer.key not in answers
                answers[answer.key] = answer
    finally:
        engine.close()
    return answers


def many(count: int) -> list[Request]:
    return [ask_for(str(number), f"text {number}") for number in range(count)]


def test_a_server_answers_with_text_and_counts(server: Server) -> None:
    answer = drain(pool(server), [ask_for("a", "two words")])["a"]
    assert (answer.text, answer.finish_reason, answer.error) == ("two words", "stop", None)
    assert (answer.prompt_tokens, answer.output_tokens) == (10, 2)
    assert answer.seconds > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_tried_again(server: Server, fault: str) -> None:
    server.play = lambda text, attempt: fault if attempt == 1 else "ok"
    answer = drain(pool(server), [ask_for("a")])["a"]
    assert (answer.text, answer.error) == ("hello", None)
    assert server.attempts["hello"] == 2


@pytest.mark.parametrize(
    ("fault", "says"),
    [("500", "HTTP 500"), ("null", "no text"), ("truncated", "no chat completion"), ("cut", "ended early"),
     ("no_json", "no chat completion"), ("empty", "no text"), ("abort", "no text"), ("stall", "no answer within 1 s"),
     ("hangup", "Server")],
)  # fmt: skip
def test_a_lasting_fault_is_a_failed_answer_and_never_an_empty_text(server: Server, fault: str, says: str) -> None:
    server.play = lambda text, attempt: fault if text == "bad" else "ok"
    answers = drain(pool(server), [ask_for("a", "bad"), ask_for("b")])
    assert says in (answers["a"].error or "")
    assert answers["a"].finish_reason is None and answers["a"].text == ""
    assert answers["b"].error is None
    assert server.attempts["bad"] == 3


@pytest.mark.parametrize("status", ["400", "413", "422"])
def test_a_request_that_is_wrong_fails_alone_and_at_once(server: Server, status: str) -> None:
    server.play = lambda text, attempt: status if text == "bad" else "ok"
    answers = drain(pool(server), [ask_for("a", "bad"), ask_for("b")])
    assert (answers["a"].error or "").startswith(f"HTTP {status}")
    assert server.attempts["bad"] == 1 and answers["b"].error is None


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_server_that_will_never_answer_stops_the_run_at_once(server: Server, status: str) -> None:
    server.play = lambda text, attempt: status
    with pytest.raises(EngineError, match=f"HTTP {status}"):
        drain(pool(server, down_after_s=1000), many(3))
    assert sum(server.attempts.values()) == 1


def test_a_server_that_will_never_answer_leaves_the_work_to_others(servers: list[Server]) -> None:
    servers[0].play = lambda text, attempt: "404"
    answers = drain(pool(*servers), many(30))
    assert len(answers) == 30 and all(answer.error is None for answer in answers.values())


def test_too_many_requests_costs_no_attempt_and_is_waited_for_as_long_as_the_server_says(server: Server) -> None:
    server.retry_after = "0.2"
    server.play = lambda text, attempt: "429" if attempt < 6 else "ok"
    start = time.monotonic()
    answer = drain(pool(server, max_attempts=1), [ask_for("a")])["a"]
    assert answer.error is None and server.attempts["hello"] == 6
    assert time.monotonic() - start >= 1.0


def test_a_server_that_is_busy_for_ever_stops_the_run(server: Server) -> None:
    server.play, server.retry_after = (lambda text, attempt: "429"), "0.1"
    with pytest.raises(EngineError, match="HTTP 429"):
        drain(pool(server, down_after_s=0.5), many(3))


def test_a_server_may_think_as_long_as_one_attempt_may_take(server: Server) -> None:
    server.play, server.stall_s = (lambda text, attempt: "stall"), 2.0
    answer = drain(pool(server, timeout_s=30, hang_after_s=0.5), [ask_for("a")])["a"]
    assert answer.error is None and server.attempts["hello"] == 1


def test_while_one_server_is_busy_the_other_works(servers: list[Server]) -> None:
    servers[0].play, servers[0].retry_after = (lambda text, attempt: "429"), "60"
    answers = drain(pool(*servers), many(30))
    assert len(answers) == 30 and all(answer.error is None for answer in answers.values())
    assert sum(servers[0].attempts.values()) <= 4


def test_no_more_than_it_may_is_asked_of_a_server_at_once_and_nothing_is_lost(server: Server) -> None:
    server.play = lambda text, attempt: ("slow", "500", "slow")[min(2, (attempt + int(text[5:])) % 3)]
    answers = drain(pool(server, max_attempts=9), many(40))
    assert set(answers) == {str(number) for number in range(40)}
    assert all(answer.error is None for answer in answers.values())
    assert server.most_busy <= 4


def test_a_server_that_goes_away_leaves_its_requests_to_the_other_and_is_used_again(servers: list[Server]) -> None:
    servers[0].play = servers[1].play = lambda text, attempt: "slow"
    engine = pool(*servers, max_attempts=5)
    answers: dict[str, Answer] = {}
    waiting = many(200)
    while waiting or engine.in_flight:
        while waiting and engine.in_flight < engine.capacity:
            engine.submit(waiting.pop())
        answers |= {answer.key: answer for answer in engine.poll(0.2)}
        servers[0].away = 40 < len(answers) < 80
        if len(answers) == 80:
            servers[0].attempts.clear()
    engine.close()
    assert len(answers) == 200 and all(answer.error is None for answer in answers.values())
    assert sum(servers[0].attempts.values()) > 10, "the server came back and was not used again"
    assert sum((servers[0].asked + servers[1].asked).values()) == 200


def test_requests_of_one_passage_go_to_one_server(servers: list[Server]) -> None:
    servers[0].play = servers[1].play = lambda text, attempt: "slow"
    requests = [ask_for(f"{p}.{n}", f"{p} {n}", affinity=f"passage {p}") for p in range(20) for n in range(5)]
    drain(pool(*servers), requests)
    homes = [{text.split()[0] for text in server.attempts} for server in servers]
    assert len(homes[0] & homes[1]) <= 3, "passages were torn apart"
    assert min(len(home) for home in homes) >= 5


def test_all_servers_away_stops_the_run_and_says_why(servers: list[Server]) -> None:
    for server in servers:
        server.away = True
    engine = pool(*servers)
    with pytest.raises(EngineError) as caught:
        drain(engine, many(5))
    assert all(server.endpoint in str(caught.value) for server in servers)


def test_a_port_where_nobody_listens_stops_the_run() -> None:
    with pytest.raises(EngineError, match=re.escape("127.0.0.1:1/v1")):
        drain(open_engine(EngineConfig(model="m", endpoints=("http://127.0.0.1:1/v1",), down_after_s=0.3)), many(2))


def test_a_request_that_takes_servers_down_is_quarantined(servers: list[Server]) -> None:
    def play(text: str, attempt: int) -> str:
        return "hangup" if text == "text 3" else "slow"

    servers[0].play = servers[1].play = play
    engine = pool(*servers, max_attempts=50)
    engine._strikes["3"] = 2
    answers = drain(engine, many(12))
    assert {key for key, answer in answers.items() if answer.error} == {"3"}
    assert answers["3"].error == QUARANTINED


def test_a_schema_is_asked_for_as_the_protocol_names_it_and_only_where_it_is_wanted(server: Server) -> None:
    schema = {"type": "object", "properties": {"question": {"type": "string"}}}
    drain(pool(server), [ask_for("a", schema=schema, top_k=5)])
    drain(pool(server, structured_output=False), [ask_for("a", schema=schema)])
    assert server.bodies[0]["response_format"]["json_schema"]["schema"] == schema
    assert server.bodies[0]["top_k"] == 5 and "schema" not in server.bodies[0]
    assert "response_format" not in server.bodies[1] and "schema" not in server.bodies[1]


def test_sampling_that_is_no_json_fails_alone(server: Server) -> None:
    answers = drain(pool(server), [ask_for("a", stop=object()), ask_for("b")])
    assert "TypeError" in (answers["a"].error or "") and answers["b"].error is None


def test_a_key_in_flight_twice_is_refused(server: Server) -> None:
    engine = pool(server)
    engine.submit(ask_for("a"))
    with pytest.raises(ValueError, match="already in flight"):
        engine.submit(ask_for("a"))
    drain(engine, [])


def test_closing_drops_what_is_in_flight(server: Server) -> None:
    server.play = lambda text, attempt: "stall"
    engine = pool(server)
    engine.submit(ask_for("a"))
    engine.poll(0.3)
    engine.close()
    assert not engine._loop._thread.is_alive()


def test_workers_share_what_a_server_takes(server: Server) -> None:
    cfg = EngineConfig(model="m", endpoints=(server.endpoint,), max_num_seqs=10)
    engine = open_engine(cfg, workers=4)
    assert engine.stations[0].member.slots == 3
    engine.close()


def test_the_engines_of_a_configuration_are_servers_or_here_or_both() -> None:
    assert EngineConfig().is_local and EngineConfig().servers == ()
    assert EngineConfig.model_validate({"endpoints": "http://a/v1"}).endpoints == ("http://a/v1",)
    mixed = EngineConfig(endpoints=(LOCAL, "http://a/v1"))
    assert mixed.is_local and mixed.servers == ("http://a/v1",)
    assert not EngineConfig(endpoints=("http://a/v1",)).is_local
