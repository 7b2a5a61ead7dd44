"""Ray, and nothing else of ours imports it: shard maps and pools of engines, with bounded work in flight.

Only small values cross it: shard numbers, counts, messages. Text goes from the store to a worker and back.
``workers=0`` runs everything in this process, one shard after the other, for debugging and small tests.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from governance.errors import GovernanceError, RunError

TRIES = 3  # of one shard; Ray's own retries are off, because a retry must be counted and shown
GROUP = 64  # shards a task at most: a task costs Ray about a millisecond, an empty shard much less
Work = Callable[[Any, Any], Any]  # (context, item) -> small result


class Engine(Protocol):
    """A stateful worker: it loads once and then works off items, telling how far it is."""

    def work(self, item: Any) -> Iterator[dict[str, Any]]:
        """Work off one item; yields progress as it goes."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


@dataclass
class _Flight:
    """A group of items on its way."""

    items: list[Any]
    tries: int = 1
    since: float = field(default_factory=time.monotonic)
    doubled: bool = False
    finished: bool = False  # its twin may still be at work


@dataclass
class Cluster:
    """Where the work runs. Ray starts with the first work, so that a run with nothing to do costs nothing."""

    address: str | None = None
    workers: int | None = None  # None: as many as there are CPUs
    straggler_after_s: float = 300.0
    _started: bool = False

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        if self._started:
            import ray

            ray.shutdown()

    def slots(self) -> int:
        """How many tasks run at once."""
        if self.workers == 0:
            return 1
        import ray

        self._start()
        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def _start(self) -> None:
        if self._started:
            return
        # Workers must find our packages as this process does, also when it was started outside the repository.
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            self._connect()
        except Exception as error:  # Ray says "timed out during startup" with a bare Exception
            raise RunError(
                f"Ray did not start at {self.address or 'this machine'}: {str(error).strip().splitlines()[0]}",
                "check --address and RAY_AUTH_TOKEN_PATH, or leave --address out to run here; see `governance doctor`",
            ) from error
        self._started = True

    def _connect(self) -> None:
        """Start or join Ray. A busy machine can miss Ray's fixed 30 s for starting a node, so it gets a second try."""
        import ray

        local = self.address is None
        if self.address is not None:
            _reach(self.address)
        for last in (False, True):
            try:
                ray.init(
                    address=self.address or "local",
                    num_cpus=self.workers if local else None,
                    include_dashboard=False if local else None,
                    log_to_driver=False,
                    logging_level="error",
                )
                return
            except Exception as error:
                if last or "timed out" not in str(error):
                    raise
                ray.shutdown()

    def map(self, work: Work, context: Any, items: Sequence[Any], on_done: Callable[[Any, Any], None]) -> None:
        """Run ``work(context, item)`` for every item; ``on_done(item, result)`` once per item, here, as they finish.

        A group that fails is split and tried again, up to three times an item. One that takes far longer than the
        others is started a second time elsewhere: commits are create-only, so the first to finish counts.
        Errors: the GovernanceError that a worker raised, or RunError naming the item that keeps failing.
        """
        if self.workers == 0:
            for item in items:
                on_done(item, work(context, item))
            return
        import ray

        self._start()
        _Map(self, ray.put(context), work, on_done).run(_groups(items, self.slots()))

    def stream(
        self,
        make: Callable[[Any], Engine],
        context: Any,
        items: Iterable[Any],
        on_event: Callable[[dict[str, Any]], None],
        engines: int = 1,
        cpus: float = 1,
        gpus: float = 0,
        silent_s: float = math.inf,
    ) -> None:
        """Work off items on a pool of engines, each loaded once by ``make(context)``; ``on_event`` per progress event.

        Errors: as ``map``. An engine that dies, or tells nothing for ``silent_s`` seconds, is started again and its
        item goes to the next free one.
        """
        if self.workers == 0:
            with closing(make(context)) as engine:
                for item in items:
                    for event in engine.work(item):
                        on_event(event)
            return
        self._start()
        _Pool(make, context, on_event, engines, cpus, gpus, silent_s).run(deque((item, 1) for item in items))


def _reach(address: str) -> None:
    """Try the port of a cluster first: Ray itself gives up on a dead one after two minutes. Errors: OSError."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():  # not "auto"
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _groups(items: Sequence[Any], slots: int) -> Iterator[list[Any]]:
    """Groups of items: single ones while there are few, so that all slots have work."""
    size = max(1, min(GROUP, len(items) // (slots * 8)))
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _work_group(work: Work, context: Any, items: list[Any]) -> list[Any]:
    return [work(context, item) for item in items]


@dataclass
class _Map:
    """One ``Cluster.map`` under way."""

    cluster: Cluster
    context: Any
    work: Work
    on_done: Callable[[Any, Any], None]
    flights: dict[Any, _Flight] = field(default_factory=dict)
    longest: float = 0.0

    def run(self, groups: Iterator[list[Any]]) -> None:
        import ray

        remote = ray.remote(num_cpus=1, max_retries=0)(_work_group)
        waiting: deque[_Flight] = deque()
        limit = self.cluster.slots() * 2
        while True:
            while len(self.flights) < limit:
                flight = waiting.popleft() if waiting else _next_flight(groups)
                if flight is None:
                    break
                self._send(remote, flight)
            if not self._unfinished():
                break
            done, _ = ray.wait(list(self.flights), num_returns=1, timeout=1.0)
            for ref in done:
                flight = self.flights.pop(ref)
                if not flight.finished:
                    self._take(ref, flight, waiting)
            self._double_stragglers(remote)

    def _unfinished(self) -> bool:
        return any(not flight.finished for flight in self.flights.values())

    def _send(self, remote: Any, flight: _Flight) -> None:
        flight.since = time.monotonic()
        self.flights[remote.remote(self.work, self.context, flight.items)] = flight

    def _take(self, ref: Any, flight: _Flight, waiting: deque[_Flight]) -> None:
        import ray

        try:
            results = ray.get(ref)
        except Exception as error:
            if any(other is flight for other in self.flights.values()):
                return  # its twin is still at work
            waiting.extend(_retry(flight, error))
            return
        flight.finished = True
        self.longest = max(self.longest, time.monotonic() - flight.since)
        for item, result in zip(flight.items, results, strict=True):
            self.on_done(item, result)

    def _double_stragglers(self, remote: Any) -> None:
        limit = max(self.cluster.straggler_after_s, 4 * self.longest)
        for flight in list(self.flights.values()):
            late = time.monotonic() - flight.since > limit
            if late and not flight.doubled and not flight.finished:
                flight.doubled = True
                self._send(remote, flight)


def _next_flight(groups: Iterator[list[Any]]) -> _Flight | None:
    items = next(groups, None)
    return None if items is None else _Flight(items)


def _retry(flight: _Flight, error: Exception) -> list[_Flight]:
    """What to try again after a failure: the items one by one. Errors: raises when trying again is no use."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, GovernanceError):
        raise cause from None
    if flight.tries >= TRIES:
        lines = str(cause).strip().splitlines() or ["no message"]
        # A worker's own exception begins with what it says; what Ray says of a worker ends with it.
        said = lines[-1] if cause is error else lines[0]
        raise RunError(
            f"{flight.items[0]} failed {TRIES} times: {type(cause).__name__}: {said}",
            "everything committed is kept; mend the cause and run the same command again",
        ) from error
    return [_Flight([item], flight.tries + 1) for item in flight.items]


@dataclass
class _Pool:
    """One ``Cluster.stream`` under way: actors, each with at most one item in flight."""

    make: Callable[[Any], Engine]
    context: Any
    on_event: Callable[[dict[str, Any]], None]
    engines: int
    cpus: float
    gpus: float
    silent_s: float
    heard: dict[Any, float] = field(default_factory=dict)  # stream -> when it last told something

    def run(self, waiting: deque[tuple[Any, int]]) -> None:
        import ray

        free = [self._actor() for _ in range(min(self.engines, max(1, len(waiting))))]
        streams: dict[Any, tuple[Any, Any, int]] = {}
        try:
            while waiting or streams:
                while waiting and free:
                    item, tries = waiting.popleft()
                    actor = free.pop()
                    stream = actor.work.remote(item)
                    streams[stream] = (actor, item, tries)
                    self.heard[stream] = time.monotonic()
                for stream in ray.wait(list(streams), num_returns=1, timeout=1.0)[0]:
                    self._next(stream, streams, free, waiting)
                for stream in [one for one in streams if time.monotonic() - self.heard[one] > self.silent_s]:
                    silence = TimeoutError(f"it told nothing for {self.silent_s:g} s")
                    self._replace(stream, silence, streams, free, waiting)
        finally:
            for actor in [*free, *(entry[0] for entry in streams.values())]:
                ray.kill(actor)

    def _next(self, stream: Any, streams: dict[Any, Any], free: list[Any], waiting: deque[tuple[Any, int]]) -> None:
        import ray

        self.heard[stream] = time.monotonic()
        try:
            event = ray.get(next(stream))
        except StopIteration:
            free.append(streams.pop(stream)[0])
            del self.heard[stream]
        except Exception as error:
            self._replace(stream, error, streams, free, waiting)
        else:
            self.on_event(event)

    def _replace(
        self, stream: Any, error: Exception, streams: dict[Any, Any], free: list[Any], waiting: deque[tuple[Any, int]]
    ) -> None:
        """End an engine that failed, and have its item done by another. Errors: as ``_retry``."""
        import ray

        actor, item, tries = streams.pop(stream)
        del self.heard[stream]
        ray.kill(actor)
        _retry(_Flight([item], tries), error)
        waiting.append((item, tries + 1))
        free.append(self._actor())

    def _actor(self) -> Any:
        import ray

        return ray.remote(num_cpus=self.cpus, num_gpus=self.gpus)(_Actor).remote(self.make, self.context)


class _Actor:
    """One engine in a process of its own."""

    def __init__(self, make: Callable[[Any], Engine], context: Any) -> None:
        self._engine = make(context)

    def work(self, item: Any) -> Iterator[dict[str, Any]]:
        """See ``Engine.work``; a generator method streams its events."""
        yield from self._engine.work(item)
