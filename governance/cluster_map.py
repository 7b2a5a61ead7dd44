"""One ``Cluster.map`` under way: groups of items as Ray tasks, so many in flight that an autoscaler sees the work."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from governance.cluster import UNTRIED, Cluster, Tries, Work
from stages.contract import Resources

SHOWN = 1000  # tasks that Ray is given ahead: an autoscaler adds nodes for tasks that wait, and knows of no others
GROUP = 64  # items a task at most
_TASK_S = 1.0  # a task costs Ray about a millisecond, so items that take less than this share one


@dataclass(eq=False)
class _Flight:
    """A group of items on its way."""

    items: list[Any]
    tries: Tries = UNTRIED
    began: float | None = None
    doubled: bool = False
    finished: bool = False  # its twin may still be at work


@dataclass
class Map:
    """See ``Cluster.map``; ``context`` is in Ray's object store."""

    cluster: Cluster
    work: Work
    context: Any
    items: Sequence[Any]
    on_done: Callable[[Any, Any], None]
    needs: Resources
    flights: dict[Any, _Flight] = field(default_factory=dict)  # by Ray's reference, in the order they were sent
    again: deque[_Flight] = field(default_factory=deque)
    sent: int = 0  # of the items
    done: int = 0
    seconds: float = 0.0  # that those took in their workers
    longest: float = 0.0  # task

    def run(self) -> None:
        """Return when every item is done."""
        import ray

        name = getattr(self.work, "__name__", "work")  # what `ray list tasks` and the dashboard call it
        options = self.cluster.options(self.needs)
        self._remote = ray.remote(_work_group).options(name=name, max_retries=0, **options)
        while True:
            self._send_more()
            if all(flight.finished for flight in self.flights.values()):
                break
            for ref in self._ready():
                flight = self.flights.pop(ref)
                if not flight.finished:
                    self._take(ref, flight)
            self._double_stragglers()

    def _send_more(self) -> None:
        limit = max(SHOWN, 2 * self.cluster.slots(self.needs))  # anew each time: nodes come and go
        while len(self.flights) < limit:
            flight = self.again.popleft() if self.again else self._next_group()
            if flight is None:
                break
            self._send(flight)

    def _next_group(self) -> _Flight | None:
        """Single items until it is known that they take no time, and while so few are left that all slots want one."""
        left = len(self.items) - self.sent
        quick = int(_TASK_S * self.done / self.seconds) if self.seconds else 1
        size = max(1, min(GROUP, quick, left // (8 * self.cluster.slots(self.needs))))
        group = list(self.items[self.sent : self.sent + size])
        self.sent += len(group)
        return _Flight(group) if group else None

    def _send(self, flight: _Flight) -> None:
        self.flights[self._remote.remote(self.work, self.context, flight.items)] = flight

    def _ready(self) -> list[Any]:
        import ray

        if not ray.wait(list(self.flights), num_returns=1, timeout=1.0)[0]:
            return []
        return ray.wait(list(self.flights), num_returns=len(self.flights), timeout=0)[0]

    def _take(self, ref: Any, flight: _Flight) -> None:
        import ray
        from ray.exceptions import NodeDiedError, ObjectLostError

        try:
            seconds, results = ray.get(ref)
        except Exception as error:
            if any(other is flight for other in self.flights.values()):
                return  # its twin is still at work
            tries = flight.tries.after(flight.items[0], error, isinstance(error, NodeDiedError | ObjectLostError))
            self.again.extend(_Flight([item], tries) for item in flight.items)
            return
        flight.finished = True
        self.done += len(results)
        self.seconds += seconds
        self.longest = max(self.longest, seconds)
        for item, result in zip(flight.items, results, strict=True):
            self.on_done(item, result)

    def _double_stragglers(self) -> None:
        """Send again what has long been at work. Ray begins tasks in the order they were sent, so those at work are the
        first of them, as many as there are slots."""
        now = time.monotonic()
        limit = max(self.cluster.straggler_after_s, 4 * self.longest)
        for flight in list(islice(self.flights.values(), self.cluster.slots(self.needs))):
            flight.began = flight.began or now
            if now - flight.began > limit and not flight.doubled and not flight.finished:
                flight.doubled = True
                self._send(flight)


def _work_group(work: Work, context: Any, items: list[Any]) -> tuple[float, list[Any]]:
    """Seconds, and the result of each item."""
    start = time.monotonic()
    results = [work(context, item) for item in items]
    return time.monotonic() - start, results
