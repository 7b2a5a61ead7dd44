"""An engine in a process of its own, which can be ended when it hangs and whose death costs nothing but its work.

    python -m synth.engines_child FD

FD is a socket to the parent: in come the configuration and then requests, out go ``(kind, value)`` messages: "ready",
"answers", "alive" about once a second while steps return, and "failed" with why the engine could not load or broke.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import queue
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from synth.engines import Engine, EngineConfig, Request, failed

VLLM = "synth.engines_vllm:VllmEngine"
ALIVE_S = 1.0
_PR_SET_PDEATHSIG = 1


def main(descriptor: int) -> None:
    """Load the engine that the parent names and work until the parent is gone."""
    _end_with_parent()
    parent = Connection(descriptor)
    factory, cfg = parent.recv()
    try:
        engine = _named(factory)(cfg)
        parent.send(("ready", None))
        _serve(engine, parent)
    except Exception as error:  # the parent decides; this process has nobody else to tell
        parent.send(("failed", f"{type(error).__name__}: {error}"[:1000]))


def _serve(engine: Engine, parent: Connection) -> None:
    """Requests in, answers out, for ever."""
    coming: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(parent, coming), daemon=True).start()
    told = time.monotonic()
    while True:
        while not (engine.in_flight and coming.empty()):
            _submit(engine, coming.get(), parent)
        answers = engine.poll(0.0)
        now = time.monotonic()
        if answers or now - told > ALIVE_S:
            told = now
            parent.send(("answers", answers) if answers else ("alive", None))


def _submit(engine: Engine, request: Request, parent: Connection) -> None:
    """Hand a request to the engine; one that it cannot take, such as by its sampling, fails alone."""
    try:
        engine.submit(request)
    except Exception as error:
        parent.send(("answers", [failed(request.key, f"{type(error).__name__}: {error}"[:500])]))


def _receive(parent: Connection, coming: queue.SimpleQueue[Request]) -> None:
    try:
        while True:
            coming.put(parent.recv())
    except (EOFError, OSError):
        os._exit(0)


def _end_with_parent() -> None:
    """A killed parent must not leave an engine behind, with its memory, that hangs in a step and never looks up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it in order
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _named(factory: str) -> Any:
    module, _, name = factory.partition(":")
    return getattr(importlib.import_module(module), name)


def start_message(factory: str, cfg: EngineConfig) -> tuple[str, EngineConfig]:
    """What a parent sends first."""
    return factory, cfg


if __name__ == "__main__":
    main(int(sys.argv[1]))
