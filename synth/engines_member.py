"""What a pool of engines knows of each: who it is, how it is spoken to, and the news it sends."""

from __future__ import annotations

import queue
from collections import deque
from dataclasses import dataclass, field
from typing import Literal, Protocol

from synth.engines import Answer, Request

Kind = Literal[
    "answer",  # the model's own, or a request that was refused as wrong
    "busy",  # come back later; the request was not begun
    "fault",  # the server answered, but no answer: an error of its own, or a reply without text
    "lost",  # sent, and nothing came back: a broken connection, or the time was over
    "unreachable",  # never sent
    "misconfigured",  # a wrong key, model name or address: no request will ever be answered
    "alive",  # works, or answers again
    "dead",  # the process is gone, or the server is still away
]


@dataclass(frozen=True)
class News:
    """One thing that happened at a member."""

    member: Member
    kind: Kind
    key: str = ""  # of the request it is about, "" for none
    answer: Answer | None = None
    why: str = ""
    wait_s: float | None = None  # as long the server wants not to be asked


Mailbox = queue.SimpleQueue[News]


class Member(Protocol):
    """One engine of a pool. It sends ``News`` to the mailbox it was made with."""

    name: str
    slots: int  # requests in flight that keep it full
    quiet_s: float  # it may show nothing for so long while it works on an answer
    starts: int | None  # in vain, before it is given up; None: it is looked for again and again

    def send(self, request: Request) -> None:
        """Begin a request; at most one news of it comes, unless it is dropped before."""
        ...

    def drop(self) -> None:
        """Forget all that is in flight: the engine hangs or is gone. A process is ended."""
        ...

    def revive(self) -> None:
        """Find out whether it works (again): "alive" or "dead" comes as news."""
        ...

    def close(self) -> None: ...


@dataclass(eq=False)
class Asked:
    """A request on its way."""

    request: Request
    since: float
    attempts: int = 0
    last: str = ""  # what went wrong last


@dataclass
class Station:
    """A member and what the pool knows of it."""

    member: Member
    state: str = "starting"  # "up", "starting" (loading, or being looked for), "aside"
    in_flight: dict[str, Asked] = field(default_factory=dict)
    waiting: deque[Asked] = field(default_factory=deque)  # for this one, by affinity or as the least loaded
    lost: list[str] = field(default_factory=list)  # since the last answer
    faults: int = 0  # since the last answer
    deaths: int = 0  # since the last answer: how long it is left alone
    vain: int = 0  # starts in a row from which it never came up
    proven: bool = False  # has answered since it came (back); before, one request at a time
    progress: float = 0.0  # when it last showed any
    not_before: float = 0.0  # when it may be asked, or looked for, again
    busy_since: float | None = None  # it has only said "later" since then
    why: str = ""  # it is away, or busy
    answers: int = 0
    output_tokens: int = 0

    @property
    def load(self) -> float:
        """Requests for it, in flight or waiting, to each of its slots."""
        return (len(self.in_flight) + len(self.waiting)) / self.member.slots
