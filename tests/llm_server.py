"""A loopback server that speaks the OpenAI protocol, plays faults, and counts what it was asked.

It stands in for a model only: what it writes is the text it was shown, so that checks with copying allowed pass it, or
what a test's own ``write`` makes of the last message.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """``asked`` counts requests by the hash of what was asked; ``errors_to_play`` requests get an error instead, and
    all do once ``dies_after`` have been answered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        self.errors_to_play = 0
        self.dies_after: int | None = None
        self.write: Callable[[str], str] = lambda shown: re.sub(r"^(Text:|原文：)\s*", "", shown)
        self.finish_reason = "stop"
        self.lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        question = json.dumps([body["messages"], body.get("temperature")])
        with self.server.lock:
            dead = self.server.dies_after is not None and sum(self.server.asked.values()) >= self.server.dies_after
            play_error = self.server.errors_to_play > 0 or dead
            self.server.errors_to_play -= play_error and not dead
            if not play_error:
                self.server.asked[hashlib.sha256(question.encode()).hexdigest()] += 1
        if play_error:
            self.send_error(500, "played")
            return
        self._reply(self.server.write(body["messages"][-1]["content"]))

    def _reply(self, text: str) -> None:
        choice = {
            "index": 0,
            "finish_reason": self.server.finish_reason,
            "message": {"role": "assistant", "content": text},
        }
        usage = {"prompt_tokens": 10, "completion_tokens": len(text.split()), "total_tokens": 10 + len(text.split())}
        reply = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "echo",
            "choices": [choice],
            "usage": usage,
        }
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


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
