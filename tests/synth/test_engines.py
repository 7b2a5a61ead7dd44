"""Engines: the real small model through vLLM, and a loopback server that misbehaves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stages.synthesize import Finished, SynthesizeConfig, ask, open_conversation, plan_row, read, to_tables
from synth.engines import (
    Answer,
    Engine,
    EngineConfig,
    OpenAIEngine,
    Request,
    VllmEngine,
    engine_languages,
    open_engine,
)
from synth.models import ModelNotFound


def ask_for(key: str, text: str = "Say hello.", **sampling: Any) -> Request:
    return Request(key, ({"role": "user", "content": text},), {"temperature": 0.0, "max_tokens": 8} | sampling)


def drain(engine: Engine, seconds: float = 60) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    deadline = time.monotonic() + seconds
    while engine.in_flight and time.monotonic() < deadline:
        for answer in engine.poll(1.0):
            assert answer.key not in answers
            answers[answer.key] = answer
    return answers


class Server(ThreadingHTTPServer):
    """Answers by the plan of each request: the words of its message, one for each attempt."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.attempts: dict[str, int] = {}
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        plan = body["messages"][-1]["content"]
        with self.server.lock:
            attempt = self.server.attempts[plan] = self.server.attempts.get(plan, 0) + 1
            self.server.busy += 1
            self.server.most_busy = max(self.server.most_busy, self.server.busy)
        steps = plan.split()[1:]
        self.play(steps[min(attempt, len(steps)) - 1])
        with self.server.lock:
            self.server.busy -= 1

    def play(self, step: str) -> None:
        message: dict[str, Any] = {"role": "assistant", "content": "hello"}
        if step == "slow":
            time.sleep(0.2)
        if step == "stall":
            time.sleep(3)
        if step.isdigit():
            return self.reply(int(step), b'{"error": {"message": "no"}}')
        if step == "garbage":
            return self.reply(200, b'{"choices": [{"mess')
        if step == "null":
            message["content"] = None
        if step == "hangup":
            return self.connection.close()
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        reply = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
        return self.reply(200, json.dumps(reply).encode())

    def reply(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Nothing: the tests read the answers."""


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    threading.Thread(target=one.serve_forever, daemon=True).start()
    yield one
    one.shutdown()
    one.server_close()


@pytest.fixture
def client(server: Server) -> Iterator[OpenAIEngine]:
    engine = OpenAIEngine(
        EngineConfig(model="m", endpoint=server.url, max_num_seqs=4, timeout_s=1.0, max_attempts=3, backoff_s=0.01)
    )
    yield engine
    engine.close()


def test_a_server_answers_with_text_and_counts(client: OpenAIEngine) -> None:
    client.submit(ask_for("a", "1 ok"))
    answer = drain(client)["a"]
    assert (answer.text, answer.finish_reason, answer.error) == ("hello", "stop", None)
    assert (answer.prompt_tokens, answer.output_tokens) == (5, 2)
    assert client.in_flight == 0


@pytest.mark.parametrize("plan", ["2 500 ok", "3 429 500 ok", "4 hangup ok", "5 null ok", "6 stall ok"])
def test_a_passing_fault_is_tried_again(client: OpenAIEngine, server: Server, plan: str) -> None:
    client.submit(ask_for("a", plan))
    answer = drain(client)["a"]
    assert (answer.text, answer.error) == ("hello", None)
    assert server.attempts[plan] == len(plan.split()) - 1


@pytest.mark.parametrize(
    ("plan", "attempts", "error"),
    [("7 500", 3, "InternalServerError"), ("8 400", 1, "BadRequestError"), ("9 404", 1, "NotFoundError"),
     ("10 null", 3, "MalformedReply"), ("11 stall", 3, "APITimeoutError")],
)  # fmt: skip
def test_a_lasting_fault_is_a_failed_answer_and_never_an_empty_text(
    client: OpenAIEngine, server: Server, plan: str, attempts: int, error: str
) -> None:
    client.submit(ask_for("a", plan))
    answer = drain(client)["a"]
    assert answer.error is not None and answer.error.startswith(error)
    assert answer.finish_reason is None
    assert server.attempts[plan] == attempts


def test_truncated_json_is_a_failed_answer(client: OpenAIEngine) -> None:
    client.submit(ask_for("a", "12 garbage"))
    assert drain(client)["a"].error is not None


def test_no_more_than_the_capacity_is_asked_at_once_and_nothing_is_lost(client: OpenAIEngine, server: Server) -> None:
    for number in range(20):
        client.submit(ask_for(str(number), f"{number + 100} {'slow' if number % 2 else '500 ok'}"))
    assert client.in_flight == 20
    answers = drain(client)
    assert set(answers) == {str(number) for number in range(20)}
    assert all(answer.error is None for answer in answers.values())
    assert server.most_busy <= client.capacity == 4


def test_a_server_that_is_not_there_is_a_failed_answer() -> None:
    config = EngineConfig(model="m", endpoint="http://127.0.0.1:1/v1", max_attempts=2, backoff_s=0.01)
    engine = open_engine(config)
    engine.submit(ask_for("a"))
    error = drain(engine)["a"].error
    engine.close()
    assert error is not None and error.startswith("APIConnectionError")


def test_a_key_in_flight_twice_is_refused(client: OpenAIEngine) -> None:
    client.submit(ask_for("a", "13 slow"))
    with pytest.raises(ValueError, match="already in flight"):
        client.submit(ask_for("a", "13 slow"))
    drain(client)


def test_closing_drops_what_is_in_flight(server: Server) -> None:
    engine = OpenAIEngine(EngineConfig(model="m", endpoint=server.url))
    engine.submit(ask_for("a", "14 stall"))
    engine.close()
    assert not engine._thread.is_alive()


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelNotFound, match="no-such-model"):
        open_engine(EngineConfig(model="no-such-model"))


def test_languages_are_known_without_loading_anything() -> None:
    assert engine_languages(EngineConfig()) == ("en",)
    assert engine_languages(EngineConfig(languages=("en", "zh"))) == ("en", "zh")


@pytest.fixture(scope="module")
def vllm_engine() -> Iterator[VllmEngine]:
    engine = VllmEngine(EngineConfig(max_model_len=2048, max_num_seqs=16))
    yield engine
    engine.close()


def test_vllm_answers_as_requests_finish_and_takes_new_ones_meanwhile(vllm_engine: VllmEngine) -> None:
    vllm_engine.submit(ask_for("long", "Count from one to fifty.", max_tokens=40))
    vllm_engine.submit(ask_for("short", "What is the capital of France?", max_tokens=2))
    first = vllm_engine.poll(60)
    assert [answer.key for answer in first] == ["short"]
    assert (first[0].finish_reason, first[0].output_tokens) == ("length", 2)
    vllm_engine.submit(ask_for("joined", "What is the capital of France?", max_tokens=20))
    answers = drain(vllm_engine)
    assert set(answers) == {"long", "joined"}
    # An engine that computes wrongly still writes fluent text; this it does not know.
    assert "Paris" in answers["joined"].text
    assert answers["joined"].prompt_tokens > 10


def test_vllm_refuses_a_prompt_that_does_not_fit(vllm_engine: VllmEngine) -> None:
    vllm_engine.submit(ask_for("big", "word " * 3000))
    assert vllm_engine.in_flight == 1
    answer = drain(vllm_engine)["big"]
    assert answer.error is not None and answer.error.startswith("prompt_too_long")


def test_the_small_model_goes_through_the_whole_conversation(vllm_engine: VllmEngine) -> None:
    content = (
        "The GNOME and KDE communities still work together under the FreeDesktop.org umbrella, where the projects "
        "defined standards for interoperability across applications.\nPostfix was selected for the electronic mail "
        "server by the administrators, due to its reliability and its ease of configuration."
    )
    row = {"uid": "ab" * 16, "content": content, "lang": "en", "score": 0.9, "source": "s", "url": "u", "title": "t"}
    config = SynthesizeConfig(tasks=("qa", "encyclopedia"), retries=0, max_rewrites=1)
    talk = open_conversation(config, vllm_engine.name, vllm_engine.revision, ("en",), ("en",))
    finished, answers = [], {}
    for task in plan_row(row, talk):
        result: Any = ask(task, talk)
        while not isinstance(result, Finished):
            for request in result:
                vllm_engine.submit(request)
            answers |= drain(vllm_engine)
            result = read(task, answers, talk)
        finished.append(result)
    annotations, rows = to_tables(finished)
    assert annotations.num_rows == len(answers) > 0
    assert all(annotations["output_tokens"].to_pylist())
    assert all("SmolLM2-135M-Instruct@gguf-sha256-" in model for model in annotations["model"].to_pylist())
    assert rows.num_rows == len({uid for uid in annotations["row_uid"].to_pylist() if uid})
