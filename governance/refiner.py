"""L3 in a worker: one loop keeps the engines full across documents and shards, logs every answer, and commits (F).

The text of its shards comes from the store and what is written goes there; the driver sees counts. What it holds at a
time is bounded: the documents of the requests in flight, and what is finished behind the oldest of them.
"""

from __future__ import annotations

import os
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance import answered
from governance.answers import AnswerLog
from governance.errors import RunError
from governance.job import Job, data_parts
from governance.parts import read_visible
from governance.quotas import Quota, best
from governance.refined import Refining, ShardNotes
from governance.synthesis import conversation
from manifests.records import Part, commit, read_record
from stages.conversation import Finished, read
from stages.notes import WRITE
from stages.synthesize import Task, plan_row, with_questions
from synth.engines import QUARANTINED, Answer, EngineError, Request, open_engine
from synth.engines_pool import EnginePool

FLUSH_S = 3.0  # seconds of finished answers that a kill may cost
_EVENT_S = 1.0
_LEAST_FAILURES = 10  # failed requests before their share means anything
_HELD = 50_000  # annotations, about 100 MB, that may wait in a shard for an older document
ROW_COLUMNS = ("uid", "content", "lang", "score", "source", "url", "title", "licence")


@dataclass(eq=False)
class _Document:
    """One document under way: what is asked about it, and the answers so far. Gone once all of it is finished."""

    shard: _Shard
    uid: str
    place: int  # in its shard
    counted: bool  # is one that the quota counts
    tasks: list[Task] = field(default_factory=list)
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)  # annotations, by task
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: Counter[int] = field(default_factory=Counter)  # requests without an answer yet, by task
    written: bool = False


@dataclass(eq=False)
class _Shard:
    """One shard under way: its documents in order, the stored answers to it, and what is written of it so far."""

    number: int
    rows: Iterator[dict[str, Any]]
    log: AnswerLog
    stored: dict[str, Answer]
    notes: ShardNotes
    opened: int = 0
    written: int = 0  # documents; they are written in their order
    held: dict[int, list[dict[str, Any]]] = field(default_factory=dict)  # finished, behind an older one
    exhausted: bool = False


class Refiner:
    """A worker with its engines; see ``governance.cluster.Engine``."""

    def __init__(self, job: Refining) -> None:
        self._job = job
        self._talk = with_questions(conversation(job.settings), job.settings.l2.decontaminate)
        self._engine: EnginePool | None = None  # opens with the first request: a corpus in other languages needs none
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._open: dict[str, tuple[_Document, list[int]]] = {}  # key of a request -> the tasks that wait for it
        self._waiting: deque[Request] = deque()  # those of them that no engine has yet
        self._strikes: dict[str, int] = {}
        self._news: Counter[str] = Counter()
        self._answered = self._failed = self._deaths = 0
        self._last_failure = ""

    def work(self, item: tuple[Quota, ...]) -> Iterator[dict[str, Any]]:
        """Write the shards of an item; yields what is new about once a second. Errors: RunError, CorpusError."""
        coming, under_way = deque(item), list[_Shard]()
        spoke = flushed = time.monotonic()
        try:
            while True:
                self._fill(coming, under_way)
                self._settle(under_way)
                if not (under_way or coming):
                    break
                for answer in self._engine.poll(_EVENT_S) if self._engine else ():
                    self._take(answer)
                self._refuse_failures()  # when all that came is in the log
                now = time.monotonic()
                if now - flushed > FLUSH_S:
                    flushed = now
                    _flush(under_way)
                if now - spoke > _EVENT_S:
                    spoke = now
                    yield self._tell()
        except EngineError as error:
            remedy = "mend it, then run the same command again: no answer is asked for twice"
            raise RunError(f"no engine works: {error}", remedy) from error
        finally:
            _flush(under_way)
        yield self._tell()

    def close(self) -> None:
        """End the engines."""
        if self._engine is not None:
            self._engine.close()

    def _tell(self) -> dict[str, Any]:
        """Counts since the last time, and how each engine is now."""
        news, self._news = self._news, Counter()
        if self._engine is not None:
            news["restarts"] = self._engine.deaths - self._deaths
            self._deaths = self._engine.deaths
        stations = self._engine.stations if self._engine else ()
        engines = {
            one.member.name: {
                "state": one.state, "why": one.why, "in_flight": len(one.in_flight),
                "answers": one.answers, "output_tokens": one.output_tokens,
            }
            for one in stations
        }  # fmt: skip
        return {"worker": self._name, "counts": dict(news), "engines": engines}

    # Documents and shards

    def _fill(self, coming: deque[Quota], under_way: list[_Shard]) -> None:
        """Submit requests while the engines have room, opening documents and shards as needed."""
        while self._engine is None or self._engine.in_flight < self._engine.capacity:
            if self._waiting:
                self._opened().submit(self._waiting.popleft())
            elif not self._open_document(coming, under_way):
                return

    def _opened(self) -> EnginePool:
        if self._engine is None:
            limits = self._job.settings.l3
            self._engine = open_engine(limits.engine, self._strike, self._strikes, limits.engines)
        return self._engine

    def _open_document(self, coming: deque[Quota], under_way: list[_Shard]) -> bool:
        """Take up the next document; False when there is none, or too much waits behind an unfinished one."""
        for shard in under_way:
            if shard.exhausted or sum(map(len, shard.held.values())) > _HELD:
                continue
            row = next(shard.rows, None)
            if row is not None:
                self._start(shard, row)
                return True
            shard.exhausted = True
        if not coming:
            return False
        under_way.append(self._open_shard(coming.popleft()))
        return True

    def _open_shard(self, quota: Quota) -> _Shard:
        job = self._job
        parent = read_record(job.store, job.parent_base, "data", quota.number)
        log = AnswerLog(job.store, f"{job.base}/_answers/part-{quota.number:05d}")
        stored, strikes = log.load_all()
        self._strikes |= strikes
        stored = answered.load(job, quota.number) | stored
        rows = rows_of(job, data_parts(parent), quota, self._talk.languages)
        return _Shard(quota.number, rows, log, stored, ShardNotes(job, quota.number, parent.name))

    def _start(self, shard: _Shard, row: dict[str, Any]) -> None:
        """Plan a document and ask the first questions about it."""
        document = _Document(shard, row["uid"], shard.opened, counted=row["lang"] in self._talk.languages)
        shard.opened += 1
        document.tasks = plan_row(row, self._talk)
        for task in range(len(document.tasks)):
            self._go_on(document, task)
        self._write_if_done(document)

    def _go_on(self, document: _Document, task: int) -> None:
        """Judge what a task has so far: it is finished, or there is more to ask, which may be stored already."""
        outcome = read(document.tasks[task], document.answers, self._talk)
        while not isinstance(outcome, Finished):
            stored = [request.key for request in outcome if request.key in document.shard.stored]
            if not stored:
                return self._queue(document, task, outcome)
            self._news["log_hits"] += len(stored)
            document.answers |= {key: document.shard.stored.pop(key) for key in stored}
            outcome = read(document.tasks[task], document.answers, self._talk)
        self._finish(document, task, outcome)

    def _queue(self, document: _Document, task: int, requests: Sequence[Request]) -> None:
        for request in requests:
            if request.key not in self._open:
                self._open[request.key] = (document, [])
                self._waiting.append(request)
                self._news["retries"] += request.meta.get("attempt", 0) > 0
            waiting = self._open[request.key][1]
            if task not in waiting:
                waiting.append(task)
                document.asked[task] += 1

    def _finish(self, document: _Document, task: int, outcome: Finished) -> None:
        """Take a task's annotations, start what follows from it, and write the document when nothing is open."""
        document.notes[task] = outcome.annotations
        outputs = [note for note in outcome.annotations if note["role"] == WRITE and note.get("text") is not None]
        self._news["outputs"] += len(outputs)
        self._news["passed"] += sum(note["outcome"] == "kept" for note in outputs)
        first = len(document.tasks)
        document.tasks += outcome.follow
        for follow in range(first, len(document.tasks)):
            self._go_on(document, follow)
        self._write_if_done(document)

    def _write_if_done(self, document: _Document) -> None:
        """Write a document of which nothing is open, and those that waited behind it."""
        if document.written or len(document.notes) < len(document.tasks):
            return
        document.written, shard = True, document.shard
        shard.held[document.place] = [note for task in sorted(document.notes) for note in document.notes[task]]
        while shard.written in shard.held:
            shard.notes.add(shard.held.pop(shard.written))
            shard.written += 1
        self._news["documents"] += document.counted

    def _settle(self, under_way: list[_Shard]) -> None:
        """Commit the shards that are done, and drop their answer logs."""
        for shard in [one for one in under_way if one.exhausted and one.written == one.opened]:
            commit(self._job.store, self._job.base, shard.notes.record())
            shard.log.drop()
            under_way.remove(shard)

    # Answers

    def _take(self, answer: Answer) -> None:
        document, tasks = self._open.pop(answer.key)
        document.answers[answer.key] = answer
        self._news.update(answers=1, output_tokens=answer.output_tokens, prompt_tokens=answer.prompt_tokens)
        if answer.error is None:  # a failure is asked again by the next run, a text never
            document.shard.log.append(answer, document.uid)
        self._count(answer)
        for task in tasks:
            document.asked[task] -= 1
            if not document.asked[task]:  # sooner, and what has come would be judged again with each of the others
                self._go_on(document, task)

    def _strike(self, keys: tuple[str, ...]) -> None:
        """Store that an engine died under these requests, before any of them is asked again."""
        by_shard: dict[int, tuple[_Shard, list[str]]] = {}
        for key in keys:
            shard = self._open[key][0].shard
            by_shard.setdefault(shard.number, (shard, []))[1].append(key)
        for shard, struck in by_shard.values():
            shard.log.strike(struck)

    def _count(self, answer: Answer) -> None:
        self._answered += 1
        if answer.error is None or answer.error == QUARANTINED:
            self._news["quarantined"] += answer.error is not None
            return
        self._failed += 1
        self._last_failure = answer.error
        self._news["failed"] += 1

    def _refuse_failures(self) -> None:
        """Stop where so many requests fail that the engine is at fault, so that no shard is sealed half written.

        Errors: RunError. The answers there are stay in the log.
        """
        if self._failed >= _LEAST_FAILURES and self._failed > self._job.settings.l3.max_failure_rate * self._answered:
            raise RunError(
                f"{self._failed} of {self._answered} requests failed, the last one: {self._last_failure}",
                "see that the server or model works, then run the same command again: no answer is asked for twice",
            )


def _flush(under_way: Sequence[_Shard]) -> None:
    for shard in under_way:
        shard.log.flush()


def rows_of(job: Job, parts: Sequence[Part], quota: Quota, languages: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The L2 rows to write from, in order, and those in languages that the model does not write, to be counted."""
    chosen = best(job, parts, quota.documents)
    for table in read_visible(job.store, parts, ROW_COLUMNS):
        for row in table.to_pylist():
            if row["lang"] not in languages or row["uid"] in chosen:
                yield row
