"""What a pool of engines knows of each: who it is, how it is spoken to, and the news it sends."""

from __future__ import annotations

import queue
from dataclasses import dataclass
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
