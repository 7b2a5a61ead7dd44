"""Batches made in a thread of their own, a few ahead of the step that wants them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from annealing.parallel import Ranks
from annealing.stream import Batch

_DEPTH = 4


@dataclass(frozen=True)
class Fed:
    """This process's rows of a batch, on the host."""

    tokens: Tensor  # int64 (rows, seq_len)
    targets: Tensor
    starts: Tensor
    counted: int  # targets of the whole batch, all processes
    state: dict[str, Any]  # position behind it


class Feed:
    """Iterates over batches; ``waited`` sums the seconds that the training stood still for them."""

    def __init__(self, draw: Callable[[], Batch | None], ranks: Ranks, pin: bool) -> None:
        self.waited = 0.0
        self._draw, self._ranks, self._pin = draw, ranks, pin
        self._queue: queue.Queue[Fed | BaseException | None] = queue.Queue(_DEPTH)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def next(self) -> Fed | None:
        """The next batch; None when the data has ended. Errors: whatever making it raised."""
        start = time.perf_counter()
        found = self._queue.get()
        self.waited += time.perf_counter() - start
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        while self._thread.is_alive():
            while not self._queue.empty():
                self._queue.get_nowait()
            self._thread.join(0.01)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                batch = self._draw()
                self._queue.put(None if batch is None else self._mine(batch))
                if batch is None:
                    return
        except BaseException as error:  # raised where the batch is asked for
            self._queue.put(error)

    def _mine(self, batch: Batch) -> Fed:
        mine = slice(self._ranks.rank, None, self._ranks.world)
        parts = (torch.from_numpy(part[mine].copy()) for part in (batch.tokens, batch.targets, batch.starts))
        tokens, targets, starts = (part.pin_memory() if self._pin else part for part in parts)
        return Fed(tokens, targets, starts, batch.counted, batch.state)
