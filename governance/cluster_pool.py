"""One ``Cluster.stream`` under way: Ray actors, each with at most one item, that are asked for one event at a time.

Plain calls rather than Ray's streaming generators, which do not work through ``ray://``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from governance.cluster import UNTRIED, Cluster, Engine, Tries
from stages.contract import Resources


@dataclass(eq=False)
class _Worker:
    """An actor, the node it is on, and what it works on."""

    actor: Any
    node: str | None = None  # None until there was room for it
    item: Any = None
    tries: Tries = UNTRIED
    heard: float = 0.0  # when it was last given work or told something


@dataclass
class Pool:
    """See ``Cluster.stream``."""

    cluster: Cluster
    make: Callable[[Any], Engine]
    context: Any
    on_event: Callable[[dict[str, Any]], None]
    engines: int
    needs: Resources
    silent_s: float
    calls: dict[Any, _Worker] = field(default_factory=dict)  # what is asked of each worker, by Ray's reference
    free: list[_Worker] = field(default_factory=list)
    starts: Tries = UNTRIED  # of workers, since one last started

    def run(self, waiting: deque[tuple[Any, Tries]]) -> None:
        """Return when every item is done."""
        import ray

        self.waiting = waiting
        for _ in range(min(self.engines, len(waiting))):
            self._start()
        try:
            while self.waiting or any(worker.node for worker in self.calls.values()):
                while self.waiting and self.free:
                    worker = self.free.pop()
                    worker.item, worker.tries = self.waiting.popleft()
                    self._ask(worker, worker.actor.begin.remote(worker.item))
                self.cluster.slots(self.needs)  # says so where no node has room
                for call in ray.wait(list(self.calls), num_returns=1, timeout=1.0)[0]:
                    self._take(call, self.calls.pop(call))
                self._end_silent()
        finally:
            for worker in [*self.free, *self.calls.values()]:
                ray.kill(worker.actor)

    def _start(self) -> None:
        import ray

        actor = ray.remote(_Actor).options(**self.cluster.options(self.needs)).remote(self.make, self.context)
        self.calls[actor.node.remote()] = _Worker(actor)

    def _ask(self, worker: _Worker, call: Any) -> None:
        worker.heard = time.monotonic()
        self.calls[call] = worker

    def _take(self, call: Any, worker: _Worker) -> None:
        """Take what a worker answered: its node, an event, or None where its item is done."""
        import ray

        try:
            answer = ray.get(call)
        except Exception as error:
            self._replace(worker, error)
            return
        if worker.node is None:
            worker.node, self.starts = answer, UNTRIED
            self.free.append(worker)
        elif answer is None:
            self.free.append(worker)
        else:
            self._ask(worker, worker.actor.tell.remote())
            self.on_event(answer)

    def _end_silent(self) -> None:
        for call, worker in list(self.calls.items()):
            if worker.node and time.monotonic() - worker.heard > self.silent_s:
                del self.calls[call]
                self._replace(worker, TimeoutError(f"it told nothing for {self.silent_s:g} s"))

    def _replace(self, worker: _Worker, error: Exception) -> None:
        """End a worker that failed, and have its item done by another. Errors: as ``Tries.after``."""
        import ray

        ray.kill(worker.actor)
        lost = self._is_lost(worker, error)
        if worker.node is None:
            self.starts = self.starts.after("the start of a worker", error, lost)
        else:
            self.waiting.append((worker.item, worker.tries.after(worker.item, error, lost)))
        self._start()

    def _is_lost(self, worker: _Worker, error: Exception) -> bool:
        """Whether a worker went with its node, or cannot be reached there: its item is not to blame."""
        from ray.exceptions import ActorUnavailableError, NodeDiedError, RayActorError

        if isinstance(error, ActorUnavailableError | NodeDiedError):
            return True
        return isinstance(error, RayActorError) and worker.node is not None and not self.cluster.has(worker.node)


class _Actor:
    """One engine in a process of its own."""

    def __init__(self, make: Callable[[Any], Engine], context: Any) -> None:
        self._engine = make(context)
        self._events: Iterator[dict[str, Any]] = iter(())

    def node(self) -> str:
        """The node it runs on."""
        import ray

        return ray.get_runtime_context().get_node_id()

    def begin(self, item: Any) -> dict[str, Any] | None:
        """Take up an item; as ``tell``."""
        self._events = self._engine.work(item)
        return self.tell()

    def tell(self) -> dict[str, Any] | None:
        """Work until there is an event to tell; None when the item is done."""
        return next(self._events, None)
