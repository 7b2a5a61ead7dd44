"""Ray: shard maps and pools of engines, on this machine or on a cluster whose nodes come and go.

Only small values cross it: shard numbers, counts, messages. Text goes from the store to a worker and back.
``workers=0`` runs everything in this process, one shard after the other, for debugging and small tests.
"""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from governance.errors import GovernanceError, RunError
from manifests.store_faults import StoreError
from stages.contract import Resources

TRIES = 3  # of one item; Ray's own retries are off, because a retry must be counted and shown
NODES = 10  # that may die under one item: they are not its fault, but the tenth is hardly an accident
_LOOK_S = 3.0  # between looks at which nodes there are
_TRY_AGAIN = ("timed out", "Initialization failure from server")
_GIB = 1 << 30
ONE_CPU = Resources()
Work = Callable[[Any, Any], Any]  # (context, item) -> small result


class Engine(Protocol):
    """A stateful worker: it loads once and then works off items, telling how far it is."""

    def work(self, item: Any) -> Iterator[dict[str, Any]]:
        """Work off one item; yields progress as it goes."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


@dataclass(frozen=True)
class Tries:
    """What an item has been through."""

    failed: int = 0
    lost: int = 0  # nodes that died under it

    def after(self, item: Any, error: Exception, lost: bool) -> Tries:
        """One failure more; ``lost`` says that a node died. Errors: raises when trying again is no use."""
        cause = getattr(error, "cause", None) or error
        if isinstance(cause, GovernanceError | StoreError):
            raise cause from None
        if lost and self.lost + 1 < NODES:
            return replace(self, lost=self.lost + 1)
        if not lost and self.failed + 1 < TRIES:
            return replace(self, failed=self.failed + 1)
        lines = str(cause).strip().splitlines() or ["no message"]
        # A worker's own exception begins with what it says; what Ray says of a worker ends with it.
        said = lines[-1] if cause is error else lines[0]
        what = f"saw {NODES} nodes die" if lost else f"failed {TRIES} times"
        raise RunError(
            f"{item} {what}: {type(cause).__name__}: {said}",
            "everything committed is kept; mend the cause and run the same command again",
        ) from error


UNTRIED = Tries()


@dataclass
class Cluster:
    """Where the work runs. Ray starts with the first work, so that a run with nothing to do costs nothing."""

    address: str | None = None
    workers: int | None = None  # of a local Ray; None: as many as there are CPUs
    straggler_after_s: float = 300.0
    _started: bool = False
    _nodes: list[dict[str, Any]] = field(default_factory=list)  # that live, as of the last look
    _looked: float = -math.inf
    _told: set[Resources] = field(default_factory=set)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        if self._started:
            import ray

            ray.shutdown()

    def slots(self, needs: Resources = ONE_CPU) -> int:
        """How many tasks run at once on the nodes that are there now; at least 1, where none is there yet."""
        if self.workers == 0:
            return 1
        found = sum(_room(node["Resources"], self.demand(needs)) for node in self.nodes())
        if not found and needs not in self._told:
            self._told.add(needs)
            print(f"waiting for a node with {_words(needs)}; `ray status` tells what there is", file=sys.stderr)
        return max(1, found)

    def widest(self) -> int:
        """CPUs of the largest node, at least 1: what one worker can have."""
        return max([1, *(int(node["Resources"].get("CPU", 0)) for node in self.nodes())])

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes that live, as Ray tells them; looked at every few seconds, for they come and go."""
        if self.workers != 0 and time.monotonic() - self._looked > _LOOK_S:
            import ray

            self._start()
            self._nodes = [node for node in ray.nodes() if node["Alive"]]
            self._looked = time.monotonic()
        return self._nodes

    def has(self, node: str | None) -> bool:
        """Whether a node lives, by a look at this moment."""
        self._looked = -math.inf
        return any(one["NodeID"] == node for one in self.nodes())

    def demand(self, needs: Resources) -> dict[str, float]:
        """What a task asks Ray for, by which an autoscaler chooses nodes. On this machine ``workers`` alone says how
        many run at once, and memory is not asked for."""
        asked = {"CPU": needs.cpus, "GPU": needs.gpus}
        return asked if self.address is None else asked | {"memory": float(int(needs.memory_gib * _GIB))}

    def options(self, needs: Resources) -> dict[str, float]:
        """``demand`` by the names of Ray's options."""
        names = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory"}
        return {names[kind]: count for kind, count in self.demand(needs).items()}

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
                f"Ray did not start at {self.address or 'this machine'}: {' '.join(str(error).split())[:300]}",
                "check --address and RAY_AUTH_TOKEN_PATH, or leave --address out to run here; see `governance doctor`",
            ) from error
        self._started = True

    def _connect(self) -> None:
        """Start or join Ray. A busy machine can miss Ray's fixed 30 s for starting a node or the server of a client of
        ``ray://``, so both are tried again."""
        import ray

        local = self.address is None
        if self.address is not None:
            _reach(self.address)
        for last in (False, False, True):
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
                if last or not any(words in str(error) for words in _TRY_AGAIN):
                    raise
                ray.shutdown()

    def map(
        self,
        work: Work,
        context: Any,
        items: Sequence[Any],
        on_done: Callable[[Any, Any], None],
        needs: Resources = ONE_CPU,
    ) -> None:
        """Run ``work(context, item)`` for every item; ``on_done(item, result)`` once per item, here, as they finish.

        A group that fails is split and tried again, up to three times an item; a node that dies under it does not count
        as a try. One that takes far longer than the others is started a second time elsewhere: commits are create-only,
        so the first to finish counts.
        Args: needs of one worker.
        Errors: the GovernanceError that a worker raised, or RunError naming the item that keeps failing.
        """
        if self.workers == 0:
            for item in items:
                on_done(item, work(context, item))
            return
        import ray

        from governance.cluster_map import Map

        self._start()
        Map(self, work, ray.put(context), items, on_done, needs).run()

    def stream(
        self,
        make: Callable[[Any], Engine],
        context: Any,
        items: Iterable[Any],
        on_event: Callable[[dict[str, Any]], None],
        engines: int = 1,
        needs: Resources = ONE_CPU,
        silent_s: float = math.inf,
    ) -> None:
        """Work off items on a pool of engines, each loaded once by ``make(context)``; ``on_event`` per progress event.

        Engines for which there is no room yet wait for it, and the others work meanwhile.
        Args: needs of one engine.
        Errors: as ``map``. An engine that dies, or tells nothing for ``silent_s`` seconds, is started again and its
        item goes to the next free one.
        """
        if self.workers == 0:
            with closing(make(context)) as engine:
                for item in items:
                    for event in engine.work(item):
                        on_event(event)
            return
        from governance.cluster_pool import Pool

        self._start()
        Pool(self, make, context, on_event, engines, needs, silent_s).run(deque((item, UNTRIED) for item in items))


def _reach(address: str) -> None:
    """Try the port of a cluster first: Ray itself gives up on a dead one after two minutes. Errors: OSError."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():  # not "auto"
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _room(there: dict[str, float], demand: dict[str, float]) -> int:
    """How often a demand fits on a node."""
    return int(min((there.get(kind, 0) / count for kind, count in demand.items() if count), default=1))


def _words(needs: Resources) -> str:
    gpus = f", {needs.gpus:g} GPU" if needs.gpus else ""
    return f"{needs.cpus:g} CPU{gpus} and {needs.memory_gib:g} GiB of memory"
