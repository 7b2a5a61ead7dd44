"""One engine over several: vLLM here and any number of servers, least loaded first, the dead set aside and tried again.

All of its state is changed by its owner's thread alone, in ``submit`` and ``poll``; members send news to a mailbox.
What a request can meet:

    answered, or refused as wrong          it is done
    busy (429)                             it waits for any engine; the server is left alone as long as it asked
    an error or no text                    asked again after a growing wait, up to ``max_attempts``
    lost at a server, or the engine died   asked again; a strike, when that engine is given up
    three strikes                          failed as "quarantined", never asked again

Who killed an engine is found without harm to the innocent: of requests with one strike a few at a time are asked among
others, one with two is asked alone. So a third strike falls on the guilty one.
"""

from __future__ import annotations

import heapq
import queue
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from synth.engines import QUARANTINED, STRIKES, Answer, EngineConfig, EngineError, OnDeath, Request, failed
from synth.engines_member import Asked, Mailbox, Member, News, Station
from synth.models import model_identity, resolve_model

SUSPECTS = 8  # with one strike, in flight at one engine at a time
_FAULTS = 5  # one after the other, and a server is set aside
_LOSSES = 3
_LONGEST_WAIT_S = 60.0


def open_pool(cfg: EngineConfig, on_death: OnDeath, strikes: dict[str, int], workers: int) -> EnginePool:
    """The engines of a configuration; see ``synth.engines.open_engine``. Errors: ModelNotFound."""
    mailbox: Mailbox = queue.SimpleQueue()
    members: list[Member] = []
    identity = {"name": cfg.model, "revision": cfg.revision or "served"}
    if cfg.is_local:
        from synth.engines_process import ProcessMember

        model = resolve_model(cfg.model)
        identity = identity if cfg.servers else model_identity(model, cfg.revision)
        members.append(ProcessMember(cfg.model_copy(update={"model": model}), mailbox))
    loop = None
    if cfg.servers:
        from synth.engines_server import Loop, ServerMember

        loop = Loop(cfg.timeout_s)
        slots = -(-cfg.max_num_seqs // workers)
        members += [ServerMember(url, cfg, slots, loop, mailbox) for url in cfg.servers]
    return EnginePool(cfg, identity, members, mailbox, on_death, strikes, loop)


class EnginePool:
    """See ``synth.engines.Engine``."""

    def __init__(
        self, cfg: EngineConfig, identity: dict[str, str], members: list[Member], mailbox: Mailbox,
        on_death: OnDeath = lambda _: None, strikes: dict[str, int] | None = None, loop: Any = None,
    ) -> None:  # fmt: skip
        self.name, self.revision = identity["name"], identity["revision"]
        self.stations = [Station(member) for member in members]
        self._cfg, self._mailbox, self._loop = cfg, mailbox, loop
        self._on_death, self._strikes = on_death, {} if strikes is None else strikes
        self._keys: set[str] = set()  # of all that is not answered
        self._homes: OrderedDict[str, Station] = OrderedDict()  # affinity -> where its requests go
        self._later: list[tuple[float, int, Asked]] = []  # heap of what waits before it is asked again
        self._anywhere: deque[Asked] = deque()
        self._suspects: deque[Asked] = deque()  # one strike
        self._lone: deque[Asked] = deque()  # two
        self._alone_at: Station | None = None  # the engine that is kept for one of them
        self._done: list[Answer] = []
        self._worked = time.monotonic()  # when any engine was last there
        self._count = 0
        self.deaths = 0  # of engines that had worked
        for station in self.stations:
            self._look_for(station)

    @property
    def capacity(self) -> int:
        """What keeps all engines full, and as many that wait here: none is idle while the owner is busy, and one that
        has room finds requests of its own passages rather than taking those of another."""
        return 2 * sum(station.member.slots for station in self.stations)

    @property
    def in_flight(self) -> int:
        return len(self._keys)

    def submit(self, request: Request) -> None:
        """Take a request up. Errors: ValueError for a key in flight twice."""
        if request.key in self._keys:
            raise ValueError(f"request {request.key} is already in flight")
        self._keys.add(request.key)
        self._place(Asked(request, time.monotonic()))

    def poll(self, timeout: float) -> list[Answer]:
        """Answers there are, waiting for the first. Errors: EngineError when no engine works, ModelNotFound."""
        deadline = time.monotonic() + timeout
        while True:
            self._read_mail()
            self._tick()
            now = time.monotonic()
            if self._done or now >= deadline or not self._keys:
                answers, self._done = self._done, []
                return answers
            self._read_mail(max(0.0, min(deadline, self._wake_at()) - now))

    def close(self) -> None:
        """Drop what is in flight and end all engines that are ours."""
        for station in self.stations:
            station.member.close()
        if self._loop is not None:
            self._loop.close()

    # What came

    def _read_mail(self, timeout: float = 0.0) -> None:
        """Take what has come, waiting for the first of it."""
        try:
            self._hear(self._mailbox.get(timeout=timeout) if timeout else self._mailbox.get_nowait())
            while True:
                self._hear(self._mailbox.get_nowait())
        except queue.Empty:
            return

    def _hear(self, news: News) -> None:
        station = next(one for one in self.stations if one.member is news.member)
        if not news.key:
            return self._hear_of_engine(station, news)
        asked = station.in_flight.pop(news.key, None)
        if asked is None:  # dropped meanwhile: it is asked elsewhere
            return
        station.progress = time.monotonic()
        if self._alone_at is station and self._strikes.get(news.key, 0) > 1:
            self._alone_at = None
        asked.last = news.why
        if news.kind == "answer" and news.answer is not None:
            self._answered(station, asked, news.answer)
        elif news.kind == "busy":
            wait_s = self._wait(1) if news.wait_s is None else news.wait_s
            station.not_before = time.monotonic() + wait_s
            station.busy_since, station.why = station.busy_since or time.monotonic(), news.why
            self._place(asked)
        elif news.kind == "fault":
            self._fault(station, asked)
        elif news.kind == "lost":
            self._lose(station, asked)
        else:  # unreachable, misconfigured
            self._set_aside(station, news.why, forever=news.kind == "misconfigured")
            self._place(asked)

    def _hear_of_engine(self, station: Station, news: News) -> None:
        station.progress = time.monotonic()
        if news.kind == "dead" and station.state == "starting":
            self._start_failed(station, news.why)
        elif news.kind == "dead":
            self._bury(station, news.why)
        elif station.state == "starting":
            station.state, station.proven, station.lost, station.faults, station.vain = "up", False, [], 0, 0

    def _answered(self, station: Station, asked: Asked, answer: Answer) -> None:
        station.proven, station.faults, station.deaths, station.lost, station.busy_since = True, 0, 0, [], None
        station.answers += 1
        station.output_tokens += answer.output_tokens
        self._finish(asked, answer)

    def _finish(self, asked: Asked, answer: Answer) -> None:
        self._keys.discard(answer.key)
        seconds = answer.seconds or time.monotonic() - asked.since
        self._done.append(replace(answer, seconds=seconds))

    def _fault(self, station: Station, asked: Asked) -> None:
        station.faults += 1
        if station.faults >= _FAULTS:
            self._set_aside(station, asked.last)
        self._again(asked)

    def _lose(self, station: Station, asked: Asked) -> None:
        """A server took a request and gave nothing back. Several in a row, or one from a server already given up, are
        counted as an engine's death."""
        station.lost.append(asked.request.key)
        if station.state == "aside" or len(station.lost) >= _LOSSES:
            self._set_aside(station, asked.last)
        self._again(asked)

    def _again(self, asked: Asked) -> None:
        """Ask once more, after a wait, or give the request up."""
        asked.attempts += 1
        if asked.attempts >= self._cfg.max_attempts:
            self._finish(asked, failed(asked.request.key, asked.last))
            return
        self._count += 1  # a heap compares what comes next, and requests have no order
        heapq.heappush(self._later, (time.monotonic() + self._wait(asked.attempts), self._count, asked))

    def _wait(self, times: int) -> float:
        return min(_LONGEST_WAIT_S, self._cfg.backoff_s * 2 ** min(times - 1, 16))

    # Deaths

    def _set_aside(self, station: Station, why: str, forever: bool = False) -> None:
        """Ask nothing more of a server for a growing while; what is in flight there may still come."""
        lost, station.lost = station.lost, []
        self._strike(lost)
        if station.state == "aside":
            return
        self.deaths += bool(station.proven or lost)  # not each time it is looked for in vain
        station.state, station.why, station.faults, station.proven = "aside", why, 0, False
        station.deaths += 1
        station.not_before = float("inf") if forever else time.monotonic() + self._wait(station.deaths)
        self._send_home(station)

    def _start_failed(self, station: Station, why: str) -> None:
        """An engine could not be loaded, or a server is still away; of the latter, old answers may yet come."""
        station.state, station.vain = "up", station.vain + 1  # to be set aside once more
        self._set_aside(station, why, forever=station.vain == station.member.starts)

    def _bury(self, station: Station, why: str) -> None:
        """An engine died, or is ended because it hangs: all in flight there is asked again elsewhere."""
        station.member.drop()
        under = list(station.in_flight.values())
        station.in_flight = {}
        if self._alone_at is station:
            self._alone_at = None
        station.lost += [asked.request.key for asked in under]
        self._set_aside(station, why)
        for asked in under:
            asked.last = why
            self._place(asked)

    def _strike(self, keys: Iterable[str]) -> None:
        """Note that an engine died under these, before any of them is asked again."""
        struck = tuple(key for key in keys if key in self._keys)
        if struck:
            self._on_death(struck)
        for key in struck:
            self._strikes[key] = self._strikes.get(key, 0) + 1

    def _send_home(self, station: Station) -> None:
        """What waits for one that is away goes to others."""
        self._anywhere.extend(station.waiting)
        station.waiting.clear()
        for affinity in [affinity for affinity, home in self._homes.items() if home is station]:
            del self._homes[affinity]
        if self._alone_at is station:
            self._alone_at = None

    # Who gets what

    def _place(self, asked: Asked) -> None:
        """Put a request where it belongs by its strikes, and by where its like went."""
        strikes = self._strikes.get(asked.request.key, 0)
        if strikes >= STRIKES:
            self._finish(asked, failed(asked.request.key, QUARANTINED))
        elif strikes:
            (self._suspects if strikes == 1 else self._lone).append(asked)
        else:
            home = self._home(asked.request.affinity)
            (self._anywhere if home is None else home.waiting).append(asked)
        self._dispatch()

    def _home(self, affinity: str) -> Station | None:
        """The engine for an affinity: where its like went while that works, else the least loaded."""
        home = self._homes.get(affinity) if affinity else None
        there = [station for station in self.stations if station.state == "up"]
        if home is None and there:
            home = min(there, key=lambda station: station.load)
        if home is not None and affinity:
            self._homes[affinity] = home
            self._homes.move_to_end(affinity)
            if len(self._homes) > 8 * self.capacity:
                self._homes.popitem(last=False)
        return home

    def _dispatch(self) -> None:
        now = time.monotonic()
        ready = [station for station in self.stations if station.state == "up" and station.not_before <= now]
        if self._lone and self._alone_at is None and ready:
            self._alone_at = min(ready, key=lambda station: len(station.in_flight))
        for station in sorted(ready, key=lambda station: station.load):
            if station is self._alone_at:
                if self._lone and not station.in_flight:
                    self._send(station, self._lone.popleft())
                continue
            limit = station.member.slots if station.proven else 1
            while len(station.in_flight) < limit and (asked := self._next(station)) is not None:
                self._send(station, asked)

    def _next(self, station: Station) -> Asked | None:
        """What an engine with room is asked: suspects, its own, what waits for any, what waits for others."""
        if self._suspects:
            under = sum(1 for key in station.in_flight if self._strikes.get(key))
            if under < SUSPECTS:
                return self._suspects.popleft()
        if not station.waiting:
            self._take_over(station, self._anywhere or max((one.waiting for one in self.stations), key=len))
        return station.waiting.popleft() if station.waiting else None

    def _take_over(self, station: Station, waiting: deque[Asked]) -> None:
        """Make a passage that waits elsewhere one of an engine that has nothing of its own."""
        if not waiting:
            return
        affinity = waiting[0].request.affinity
        moved = [asked for asked in waiting if asked is waiting[0] or (affinity and asked.request.affinity == affinity)]
        station.waiting.extend(moved)
        for asked in moved:
            waiting.remove(asked)
        if affinity:
            self._homes[affinity] = station

    def _send(self, station: Station, asked: Asked) -> None:
        if not station.in_flight:
            station.progress = time.monotonic()  # it was idle, not stuck
        station.in_flight[asked.request.key] = asked
        station.member.send(asked.request)

    # Time

    def _look_for(self, station: Station) -> None:
        station.state, station.progress = "starting", time.monotonic()
        station.member.revive()

    def _tick(self) -> None:
        """Second tries, engines that hang, servers that may be back. Errors: EngineError."""
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self._place(heapq.heappop(self._later)[2])
        for station in self.stations:
            patience = max(self._cfg.hang_after_s, station.member.quiet_s)
            limit = self._cfg.load_within_s if station.state == "starting" else patience
            busy = station.in_flight or station.state == "starting"
            if busy and now - station.progress > limit:
                station.member.drop()
                gone = self._start_failed if station.state == "starting" else self._bury
                gone(station, f"no progress within {limit:g} s")
            elif station.state == "aside" and station.not_before <= now:
                self._look_for(station)
        self._dispatch()
        self._refuse_silence(now)

    def _refuse_silence(self, now: float) -> None:
        """Stop where nothing works: at once when nothing ever will. Errors: EngineError."""
        if any(self._may_work(station, now) for station in self.stations):
            self._worked = now
            return
        hopeless = all(station.not_before == float("inf") for station in self.stations)
        if self._keys and (hopeless or now - self._worked > self._cfg.down_after_s):
            raise EngineError("; ".join(f"{station.member.name}: {station.why}" for station in self.stations))

    def _may_work(self, station: Station, now: float) -> bool:
        """Whether an engine is at work, or on its way for the first time."""
        if station.state == "starting":
            return not station.deaths
        busy = station.busy_since is not None and now - station.busy_since > self._cfg.down_after_s
        return station.state == "up" and not busy

    def _wake_at(self) -> float:
        """When the clock next asks for something."""
        now = time.monotonic()
        at = [station.not_before for station in self.stations if station.not_before > now]
        at += [self._later[0][0]] if self._later else []
        return max(now + 0.005, min([now + 1.0, *at]))
