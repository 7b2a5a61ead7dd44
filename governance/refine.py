"""L3 in a worker: one loop keeps an engine full across shards, logs every answer, and commits shard by shard (F).

A worker holds one engine. It reads the text of its shards from the store and writes what comes of it there; the driver
sees counts. Finished answers are logged every few seconds, so that after a kill none of them is asked for again.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance.answers import AnswerLog
from governance.cluster import Cluster
from governance.config import Settings
from governance.errors import RunError
from governance.job import Job, data_parts
from governance.parts import read_parts
from governance.progress import Progress, engine_note
from governance.quotas import Quota, best, quotas
from governance.refined import write_shard
from manifests.records import Part, commit, committed, read_record
from stages.decontaminate import VERSION, questions_identity
from stages.synthesize import (
    Conversation,
    Finished,
    Task,
    open_conversation,
    plan_row,
    read,
    with_questions,
)
from synth.engines import Answer, Engine, EngineConfig, Request, engine_languages, open_engine
from synth.models import model_identity, resolve_model

FLUSH_S = 3.0  # seconds of finished answers that a kill may cost
_EVENT_S = 1.0
_LEAST_FAILURES = 10  # failed requests before their share means anything
_DOCUMENTS_AN_ITEM = 2_000  # shards are handed to engines in groups of about this many documents
ROW_COLUMNS = ("uid", "content", "lang", "score", "source", "url", "title", "licence")


def synthesis_identity(settings: Settings) -> dict[str, Any]:
    """What decides what is written: model, sampling, prompts, passages and checks. Where it runs decides nothing."""
    talk = conversation(settings)
    engine = settings.l3.engine
    return {
        "model": talk.model,
        "revision": talk.revision,
        "languages": list(talk.languages),
        "seed": engine.seed,
        "max_documents": settings.l3.max_documents,
        "synthesize": settings.l3.synthesize.model_dump(mode="json"),
        "prompts": {prompt.id: prompt.sha256 for prompt in talk.prompts.values()},
        "decontaminate": {
            "version": VERSION,
            "config": settings.l2.decontaminate.model_dump(mode="json"),
            "model": questions_identity(settings.l2.decontaminate),
        },
    }


def conversation(settings: Settings) -> Conversation:
    """The prompts and the model that all tasks share."""
    identity = written_by(settings.l3.engine)
    languages = engine_languages(settings.l3.engine)
    return open_conversation(
        settings.l3.synthesize, identity["name"], identity["revision"], languages, settings.l1.language.languages
    )


def written_by(engine: EngineConfig) -> dict[str, str]:
    """Name and revision of the model, the same before and after it was downloaded: of a server or a hub id, which may
    move, the revision is what the settings say; of a folder it is the hash of its weights."""
    if engine.servers:
        return {"name": engine.model, "revision": engine.revision or "served"}
    model = resolve_model(engine.model)
    if not Path(model).is_dir():
        return {"name": model, "revision": engine.revision or "main"}
    return model_identity(model, engine.revision)


def build(job: Job, cluster: Cluster, progress: Progress, numbers: Sequence[int]) -> None:
    """Write L3 for every shard that has no record yet."""
    there = committed(job.store, job.base, "data")
    shares = quotas(job, cluster, numbers)
    pending = [quota for quota in shares if quota.number not in there]
    total, left = (sum(quota.documents for quota in some) for some in (shares, pending))
    seen: Counter[str] = Counter()
    start = time.monotonic()
    with progress.stage("L3 refine", total=total, done=total - left, unit="documents") as line:

        def show(event: dict[str, int]) -> None:
            seen.update(event)
            line.advance(event.get("documents", 0), 0, engine_note(seen, time.monotonic() - start))

        if pending:
            limits = job.settings.l3
            # An engine on CPUs takes its share of them all; one on a GPU or a server only waits.
            waits = limits.gpus_per_engine > 0 or not limits.engine.is_local
            cpus = 1 if waits else max(1, cluster.slots() // limits.engines)
            cluster.stream(Refiner, job, _items(pending), show, limits.engines, cpus, limits.gpus_per_engine)


def _items(pending: Sequence[Quota]) -> Iterator[tuple[Quota, ...]]:
    """Groups of shards, so that one engine stays full across small shards and several engines all have work."""
    group: list[Quota] = []
    for quota in pending:
        group.append(quota)
        if sum(one.documents for one in group) >= _DOCUMENTS_AN_ITEM:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


@dataclass
class _Shard:
    """One shard under way: its tasks in order, what is finished, and the answers to what is not."""

    number: int
    name: str
    tasks: Iterator[Task]
    log: AnswerLog
    answers: dict[str, Answer]
    finished: list[Finished | None] = field(default_factory=list)
    open_tasks: dict[int, Task] = field(default_factory=dict)
    exhausted: bool = False


class Refiner:
    """A worker with one engine; see ``governance.cluster.Engine``."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._talk = with_questions(conversation(job.settings), job.settings.l2.decontaminate)
        self._engine: Engine | None = None  # loads with the first request: a corpus in other languages needs none
        self._asked: dict[str, tuple[_Shard, int]] = {}
        self._waiting: deque[tuple[_Shard, int, Request]] = deque()
        self._news: Counter[str] = Counter()
        self._answered = self._failed = 0

    def work(self, item: tuple[Quota, ...]) -> Iterator[dict[str, int]]:
        """Write the shards of an item; yields counts of what is new about once a second."""
        coming = deque(quota for quota in item)
        under_way: list[_Shard] = []
        spoke = flushed = time.monotonic()
        while True:
            self._fill(coming, under_way)
            self._settle(under_way)
            if not (self._asked or self._waiting or under_way or coming):
                break
            for answer in self._engine.poll(_EVENT_S) if self._engine and self._asked else ():
                self._take(answer)
            now = time.monotonic()
            if now - flushed > FLUSH_S:
                flushed = now
                for shard in under_way:
                    shard.log.flush()
            if now - spoke > _EVENT_S:
                spoke = now
                yield self._tell()
        yield self._tell()

    def _tell(self) -> dict[str, int]:
        news, self._news = self._news, Counter()
        return dict(news)

    def _fill(self, coming: deque[Quota], under_way: list[_Shard]) -> None:
        """Submit requests while the engine has room, opening tasks and shards as needed."""
        while self._engine is None or self._engine.in_flight < self._engine.capacity:
            if self._waiting:
                shard, index, request = self._waiting.popleft()
                self._engine = self._engine or open_engine(self._job.settings.l3.engine)
                self._asked[request.key] = (shard, index)
                self._engine.submit(request)
            elif not self._open_task(coming, under_way):
                return

    def _open_task(self, coming: deque[Quota], under_way: list[_Shard]) -> bool:
        """Take up the next task; False when there is none left."""
        for shard in under_way:
            task = None if shard.exhausted else next(shard.tasks, None)
            if task is not None:
                self._start(shard, task)
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
        found = rows(job, data_parts(parent), quota, self._talk)
        return _Shard(quota.number, parent.name, self._tasks(found), log, log.load())

    def _tasks(self, found: Iterator[dict[str, Any]]) -> Iterator[Task]:
        """The tasks of rows; a document counts as dealt with when the next one is taken up."""
        for row in found:
            yield from plan_row(row, self._talk)
            self._news["documents"] += row["lang"] in self._talk.languages

    def _start(self, shard: _Shard, task: Task) -> None:
        shard.finished.append(None)
        shard.open_tasks[len(shard.finished) - 1] = task
        self._go_on(shard, len(shard.finished) - 1)

    def _go_on(self, shard: _Shard, index: int) -> None:
        """Judge what a task has so far: it is finished, or there is more to ask."""
        task = shard.open_tasks[index]
        outcome = read(task, shard.answers, self._talk)
        if isinstance(outcome, Finished):
            shard.finished[index] = outcome
            del shard.open_tasks[index]
            self._news["passed"] += sum(note["outcome"] == "kept" for note in outcome.annotations)
            for note in outcome.annotations:
                shard.answers.pop(note["key"], None)
            return
        queued = {request.key for _, _, request in self._waiting}
        for request in outcome:
            if request.key not in self._asked and request.key not in queued:
                self._waiting.append((shard, index, request))

    def _take(self, answer: Answer) -> None:
        shard, index = self._asked.pop(answer.key)
        shard.answers[answer.key] = answer
        self._news["answers"] += 1
        self._news["output_tokens"] += answer.output_tokens
        self._answered += 1
        if answer.error is None:  # a failure is asked again by the next run, a text never
            shard.log.append(answer)
        else:
            self._failed += 1
            self._refuse_failures(answer.error)
        self._go_on(shard, index)

    def _refuse_failures(self, last: str) -> None:
        """Stop where so many requests fail that the engine is at fault, so that no shard is sealed half written.

        Errors: RunError. The answers there are stay in the log.
        """
        if self._failed >= _LEAST_FAILURES and self._failed > self._job.settings.l3.max_failure_rate * self._answered:
            for log in {id(shard): shard.log for shard, _ in self._asked.values()}.values():
                log.flush()
            raise RunError(
                f"{self._failed} of {self._answered} requests failed, the last one: {last}",
                "see that the server or model works, then run the same command again: no answer is asked for twice",
            )

    def _settle(self, under_way: list[_Shard]) -> None:
        """Commit the shards that are done, and drop their answer logs."""
        for shard in [one for one in under_way if one.exhausted and not one.open_tasks]:
            commit(self._job.store, self._job.base, write_shard(self._job, shard.number, shard.name, shard.finished))
            shard.log.drop()
            under_way.remove(shard)


def rows(job: Job, parts: Sequence[Part], quota: Quota, talk: Conversation) -> Iterator[dict[str, Any]]:
    """The L2 rows to write from, in order, and those in languages that the model does not write, to be counted."""
    chosen = best(job, parts, quota.documents)
    for table in read_parts(job.store, parts, ROW_COLUMNS):
        for row in table.to_pylist():
            if row["lang"] not in talk.languages or row["uid"] in chosen:
                yield row
