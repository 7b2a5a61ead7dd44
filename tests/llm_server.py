"""A loopback server that speaks the OpenAI protocol, plays faults, and counts what it was asked.

It stands in for a model only: what it writes is the text it was shown, so that checks with copying allowed pass it, or
what a test's own ``write`` makes of the last message.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = ("500", "502", "429", "hangup", "truncated", "null", "cut", "empty", "no_json", "abort", "stall")


class Server(ThreadingHTTPServer):
    """``asked`` counts answered requests by the hash of what was asked; ``errors_to_play`` requests get an error
    instead, and all do once ``dies_after`` have been answered. ``play(text, attempt)`` names what a request gets: "ok",
    "slow", one of FAULTS, or another HTTP status. A server that is ``away`` takes connections and drops them."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        self.errors_to_play = 0
        self.dies_after: int | None = None
        self.write: Callable[[str], str] = lambda shown: re.sub(r"^(Text:|原文：)\s*", "", shown)
        self.finish_reason = "stop"
        self.play: Callable[[str, int], str] = lambda text, attempt: "ok"
        self.attempts: Counter[str] = Counter()  # by the last message, answered or not
        self.bodies: list[dict[str, Any]] = []
        self.retry_after: str | None = None
        self.stall_s = 3.0
        self.away = False
        self.models: list[str] = []  # that it says it serves; none: it has no such list
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()

    def settle(self) -> None:
        """Return when nothing is asked any more: what a killed client sent last may still be on its way."""
        quiet = time.monotonic()
        while time.monotonic() - quiet < 0.1:
            quiet = time.monotonic() if self.busy else quiet
            time.sleep(0.01)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that was not willing to wait is part of the play."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.server.away:
            self.connection.close()
        elif self.server.models:
            self._send(200, json.dumps({"data": [{"id": model} for model in self.server.models]}).encode())
        else:
            self.send_error(501, "no such list")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = body["messages"][-1]["content"]
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.attempts[text] += 1
            self.server.busy += 1
            self.server.most_busy = max(self.server.most_busy, self.server.busy)
            step = "hangup" if self.server.away else self._step(text)
            if step in ("ok", "slow"):
                question = json.dumps([body["messages"], body.get("temperature")])
                self.server.asked[hashlib.sha256(question.encode()).hexdigest()] += 1
        time.sleep({"slow": random.uniform(0.05, 0.2), "stall": self.server.stall_s}.get(step, 0.0))
        with self.server.lock:  # before the answer leaves: its reader may ask again before this thread runs on
            self.server.busy -= 1
        self._play(step, text)

    def _step(self, text: str) -> str:
        dead = self.server.dies_after is not None and sum(self.server.asked.values()) >= self.server.dies_after
        if dead or self.server.errors_to_play > 0:
            self.server.errors_to_play -= not dead
            return "500"
        return self.server.play(text, self.server.attempts[text])

    def _play(self, step: str, text: str) -> None:
        if step.isdigit():
            return self._send(int(step), b'{"error": {"message": "played"}}')
        if step == "hangup":
            return self.connection.close()
        if step == "no_json":
            return self._send(200, b"<html>a gateway's page</html>")
        body = completion(self.server.write(text), self.server.finish_reason, step)
        cut = len(body) // 2 if step in ("truncated", "cut") else len(body)
        return self._send(200, body[:cut], promised=len(body) if step == "cut" else cut)

    def _send(self, status: int, body: bytes, promised: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) if promised is None else promised))
        if self.server.retry_after is not None and status in (429, 503):
            self.send_header("retry-after", self.server.retry_after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def completion(text: str, finish_reason: str, step: str = "ok") -> bytes:
    """The JSON of a chat completion; of some faults one that holds no answer."""
    content: str | None = {"null": None, "empty": ""}.get(step, text)
    words = 0 if step == "empty" else max(1, len(text.split()))  # the end is a token too
    reason = "abort" if step == "abort" else finish_reason
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": content}}
    usage = {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words}
    head = {"id": "1", "object": "chat.completion", "created": 0, "model": "echo"}
    return json.dumps(head | {"choices": [choice], "usage": usage}).encode()


@contextmanager
def llm_server() -> Iterator[Server]:
    """A running server."""
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
