"""Stand-ins for an engine, to play in a process of its own what no real model does on demand."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from synth.engines import Answer, EngineConfig, Request


class PoisonedEngine:
    """Answers each request after a step or two; a text that holds DEADLY kills it, HANGS keeps it for ever, BREAKS
    raises, and REFUSED cannot be taken. The file named by TEST_WITNESS gets a line for each request that is taken
    ("asked"), and for each that is answered."""

    def __init__(self, cfg: EngineConfig) -> None:
        self.name, self.revision, self.capacity = cfg.model, "fake", cfg.max_num_seqs
        if "unloadable" in cfg.model:
            raise ValueError("no such weights")
        self._waiting: list[tuple[Request, int]] = []

    @property
    def in_flight(self) -> int:
        return len(self._waiting)

    def submit(self, request: Request) -> None:
        if "REFUSED" in request.messages[-1]["content"]:
            raise TypeError("sampling nobody knows")
        witness("asked", request)
        self._waiting.append((request, 2))

    def poll(self, timeout: float) -> list[Answer]:
        time.sleep(float(os.environ.get("TEST_DELAY_S", "0.002")))
        for request, _ in self._waiting:
            play(request.messages[-1]["content"])
        done = [request for request, steps in self._waiting if not steps]
        self._waiting = [(request, steps - 1) for request, steps in self._waiting if steps]
        for request in done:
            witness("answered", request)
        return [Answer(one.key, one.messages[-1]["content"], "stop", 5, 2) for one in done]

    def close(self) -> None:
        """Nothing to free."""


def witness(what: str, request: Request) -> None:
    """Note what happened, for a test to read when this process is gone."""
    if path := os.environ.get("TEST_WITNESS"):
        with Path(path).open("a") as file:
            file.write(f"{what} {request.key}\n")


def play(text: str) -> None:
    """Do what a text wants."""
    if "DEADLY" in text:
        os.kill(os.getpid(), signal.SIGKILL)
    if "HANGS" in text:
        time.sleep(1000)
    if "BREAKS" in text:
        raise RuntimeError("the engine broke")
