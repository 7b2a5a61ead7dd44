"""``governance run --dry-run``: the prompts of five documents and the forecast. It writes nothing and asks nobody.

The documents are those that L3 would be written from, so L2 must be there, built with the same input and settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from governance import rates
from governance.cluster import Cluster
from governance.config import Settings
from governance.errors import UsageError
from governance.forecast import Asked, Forecast, Measured, Rate, cpu_rate, forecast, measured_rate, published_rate
from governance.job import Job, data_parts
from governance.parts import read_visible
from governance.pipeline import Request, plan_tiers, read_manifest
from governance.plan import model_errors
from governance.quotas import Quota, best, quotas
from governance.synthesis import conversation
from manifests.records import committed, read_record, read_records
from stages.conversation import ask, second_readings
from stages.synthesize import Conversation, Task, plan_exercise, plan_row, plan_writing
from synth.engines import EngineConfig
from synth.models import DEFAULT_MODEL
from synth.prompt_files import Prompt
from synth.token_counts import TokenCounter, open_counter

SHOWN = 5  # documents whose prompts are shown
SAMPLE = 200  # documents that are planned; 200 of them give the tokens of a document within a tenth
_SHARDS = 16  # that the sample is drawn from, spread over the dump
_COLUMNS = ("uid", "content", "lang", "url", "title")  # of L2, that prompts are made of
_OUTPUT_CHARS = 150  # of a question or an answer that a second reading is told
_POINTS = 3  # knowledge points of a mathematical passage, an exercise each


@dataclass(frozen=True)
class _Planned:
    """A document, what would be asked about it first, and what may be asked after that."""

    row: Mapping[str, Any]
    prompts: list[dict[str, Any]]  # prompt_id, task, passage, messages, sampling, tokens and max_tokens of each request
    later: list[dict[str, Any]]  # the same, of second readings and of what follows from answers

    @property
    def asked(self) -> Asked:
        """The same in numbers."""
        return Asked(*_sums(self.prompts), *_sums(self.later))


def _sums(prompts: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """Requests, prompt tokens, most output tokens."""
    counted = [(one["times"], one["times"] * one["tokens"], one["times"] * one["max_tokens"]) for one in prompts]
    requests, tokens, max_tokens = (sum(column) for column in zip((0, 0, 0), *counted, strict=True))
    return requests, tokens, max_tokens


def dry_run(request: Request, cluster: Cluster) -> dict[str, Any]:
    """Prompts and forecast as JSON values. Errors: UsageError where L2 is not there as it would be used."""
    check_selected(request)
    settings, job = request.settings, Job(request.store, "L3", request.dump, request.settings, "", "L2")
    engine = settings.l3.engine
    with model_errors("L3"):  # who the model is decides nothing here, so it is not looked for
        talk = conversation(settings, {"name": engine.model, "revision": ""})
    counter = open_counter(engine.model, engine.revision)
    shares = quotas(job, cluster, sorted(committed(job.store, job.parent_base, "data")))
    documents = sum(share.documents for share in shares)
    planned = [_plan(row, talk, counter, engine.max_model_len) for row in sample(job, shares, SAMPLE)]
    measured = rates.measured(request.store, request.dump, engine.model)
    told = _forecast(settings, [one.asked for one in planned], documents, measured)
    return {
        "dry_run": True,
        "output": request.store.url,
        "dump": request.dump,
        "model": engine.model,
        "forecast": told.to_json() | {"tokens_counted": counter.source},
        "skipped_documents": _other_languages(job, talk.languages),
        "prompts": [_shown(one) for one in [one for one in planned if one.prompts][:SHOWN]],
    }


def forecast_of(request: Request, rows: Sequence[Mapping[str, Any]], count: int, documents: float) -> dict[str, Any]:
    """The forecast for L2 that is not built yet, from rows that it would hold.

    Args: rows with the columns of L2; count, how many of them are planned; documents that L2 would hold.
    """
    settings, engine = request.settings, request.settings.l3.engine
    with model_errors("L3"):
        talk = conversation(settings, {"name": engine.model, "revision": ""})
    counter = open_counter(engine.model, engine.revision)
    ours = sorted((row for row in rows if row["lang"] in talk.languages), key=lambda row: _draw(row["uid"]))
    asked = [_plan(row, talk, counter, engine.max_model_len).asked for row in ours[:count]]
    wanted = round(documents * len(ours) / max(1, len(rows)))
    limited = min(wanted, settings.l3.max_documents or wanted)
    told = _forecast(settings, asked, limited, rates.measured(request.store, request.dump, engine.model))
    return told.to_json() | {"tokens_counted": counter.source}


def check_selected(request: Request) -> None:
    """Every tier below L3 is built with the input and settings of the request. Errors: UsageError naming the first."""
    below = Request("L2", request.shards, request.store, request.dump, request.settings, request.enter)
    for plan in plan_tiers(below):
        manifest = read_manifest(request.store, plan.tier, request.dump)
        state = "is not built" if manifest is None else "was built with other input or settings"
        if manifest is None or manifest["fingerprint"] != plan.fingerprint:
            raise UsageError(
                f"--dry-run looks at L2, and {plan.tier} of dump {request.dump!r} in {request.store.url} {state}",
                "build it first: the same command with --level L2 and without --dry-run",
            )


def sample(job: Job, shares: Sequence[Quota], count: int) -> list[dict[str, Any]]:
    """L2 rows among those that would be written from, drawn by the hash of their uid, so the same ones every time.

    Shards spread over the dump give rows in proportion to their documents.
    """
    filled = [share for share in shares if share.documents]
    picked = filled[:: max(1, -(-len(filled) // _SHARDS))]
    documents = sum(share.documents for share in picked)
    rows: list[dict[str, Any]] = []
    for share in picked:
        parts = data_parts(read_record(job.store, job.parent_base, "data", share.number))
        wanted = -(-count * share.documents // documents)
        uids = set(sorted(best(job, parts, share.documents), key=_draw)[:wanted])
        for table in read_visible(job.store, parts, _COLUMNS):
            rows += [row for row in table.to_pylist() if row["uid"] in uids]
    return sorted(rows, key=lambda row: _draw(row["uid"]))[:count]


def _draw(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()


def _plan(row: Mapping[str, Any], talk: Conversation, counter: TokenCounter, window: int) -> _Planned:
    """The first requests of every task of a document, and those that answers may lead to.

    Of a document that is edited first, writing is planned as if nothing were changed.
    """
    tasks = plan_row(row, talk)
    writing = plan_writing(row, talk) if talk.cfg.edit.enabled else []
    asked = [(task, one) for task in tasks for one in ask(task, talk)]
    after = [(task, one) for task in writing for one in ask(task, talk)]
    first = [_prompt(task.prompt, task, one.messages, one.sampling) for task, one in asked]
    sure = [_prompt(task.prompt, task, one.messages, one.sampling) for task, one in after]
    later = [prompt for task, one in (*asked, *after) for prompt in _later(task, one.meta["target"], talk)]
    every = [*first, *sure, *later]
    counts = counter.of_chats([prompt["messages"] for prompt in every], row["lang"])
    for prompt, count in zip(every, counts, strict=True):
        # Without a limit of its own an answer may fill the model's window.
        prompt |= {"tokens": count, "max_tokens": prompt["sampling"].get("max_tokens", max(0, window - count))}
    return _Planned(row, [*first, *sure], later)


def _prompt(
    prompt: Prompt, task: Task, messages: Sequence[dict[str, str]], sampling: Mapping[str, Any], times: int = 1
) -> dict[str, Any]:
    return {
        "prompt_id": prompt.id,
        "task": task.prompt.task,
        "passage": list(task.passage),
        "messages": list(messages),
        "sampling": dict(sampling),
        "times": times,
    }


def _later(task: Task, target: tuple[int, int], talk: Conversation) -> Iterator[dict[str, Any]]:
    """Second readings of all items that a request may have, and exercises on its knowledge points. What they are told
    of an output is not known yet: the beginning of the passage stands for it."""
    shown = task.row["content"][slice(*target)]
    told = shown[:_OUTPUT_CHARS]
    values = {"passage": shown, "context": task.passage_text, "title": task.row.get("title") or "", **task.values}
    for prompt in second_readings(task, talk).values():
        messages = prompt.render(**values | {"question": told, "answer": told})
        yield _prompt(prompt, task, messages, prompt.sampling, task.values.get("pairs", 1))
    exercise = plan_exercise(task, told, 0, talk) if task.prompt.task == "knowledge" else None
    if exercise is not None:
        one = ask(exercise, talk)[0]
        yield _prompt(exercise.prompt, exercise, one.messages, one.sampling, _POINTS)


def _shown(one: _Planned) -> dict[str, Any]:
    return {name: one.row.get(name) for name in ("uid", "lang", "url", "title")} | {"prompts": one.prompts}


def _other_languages(job: Job, languages: tuple[str, ...]) -> dict[str, int]:
    """Documents in languages that the model does not write, by language: they are skipped."""
    counts: dict[str, int] = {}
    for record in read_records(job.store, job.parent_base, "data"):
        for part in data_parts(record):
            language = part.path.split("/")[-2]
            if language not in languages:
                counts[language] = counts.get(language, 0) + part.rows
    return counts


def _forecast(settings: Settings, asked: Sequence[Asked], documents: int, measured: Measured | None) -> Forecast:
    engine = settings.l3.engine
    rate = (measured_rate(measured) if measured else None) or _rate(engine, settings.l3.gpus_per_engine)
    return forecast(asked, documents, rate, rates.engines_of(settings.l3), settings.l3.price_per_engine_hour, measured)


def _rate(engine: EngineConfig, gpus: float) -> Rate | None:
    """What is known of engines like these: on CPUs of the bundled model only."""
    if engine.servers or gpus > 0:
        return published_rate(engine.model, engine.tensor_parallel)
    return cpu_rate() if engine.model == DEFAULT_MODEL else None


def show(body: dict[str, Any]) -> None:
    """Print prompts and forecast for people."""
    from rich.console import Console

    console = Console()

    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    for document in body["prompts"]:
        say(f"document {document['uid']} ({document['lang']}) {document['url'] or ''}", "bold")
        for prompt in document["prompts"]:
            sampling = json.dumps(prompt["sampling"], ensure_ascii=False)
            passage = "{}:{}".format(*prompt["passage"])
            say(f"\n{prompt['prompt_id']}, passage {passage}, {prompt['tokens']:,} tokens, {sampling}", "bold")
            for turn in prompt["messages"]:
                say(f"[{turn['role']}]", "dim")
                say(turn["content"])
        say("")
    for line in in_words(body):
        say(line)


def in_words(body: Mapping[str, Any]) -> Iterator[str]:
    """The forecast, line by line."""
    told = body["forecast"]
    yield f"Forecast for {body['model']} on dump {body['dump']}: nothing was asked or written"
    yield f"  documents       {told['documents']:,}"
    for language, count in sorted(body["skipped_documents"].items()):
        yield f"                  {count:,} more in {language!r} are skipped: the model does not write it"
    yield f"  requests        {_range(told['requests'])}"
    yield f"  prompt tokens   {_range(told['prompt_tokens'])}"
    yield f"  output tokens   {_range(told['output_tokens'])}"
    if told["engine_hours"]:
        yield f"  engine hours    {_range(told['engine_hours'])}"
        yield f"  hours           {_range(told['hours'])} with {told['engines']:,} at work at once"
    if "cost" in told:
        yield f"  cost            {_range(told['cost'])}"
    yield f"  tokens counted  {told['tokens_counted']}"
    for number, assumption in enumerate(told["assumptions"]):
        yield f"  {'assumed' if number == 0 else '':<15} {assumption}"


def _range(estimate: Mapping[str, float]) -> str:
    value = f"{estimate['value']:,}"
    if estimate["low"] == estimate["high"]:
        return value
    return f"{value} ({estimate['low']:,} to {estimate['high']:,})"
