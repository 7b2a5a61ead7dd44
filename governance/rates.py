"""What the engines of L3 did in the last run of an output: how fast they wrote, and how long their answers are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from governance.config import L3
from governance.forecast import Measured
from governance.job import annotation_parts
from governance.parts import read_parts
from governance.pipeline import Outcome, read_manifest
from governance.refined import STEP
from manifests.records import committed, read_record
from manifests.store import Store
from stages.notes import EDIT, WRITE
from synth.models import DEFAULT_MODEL, DEFAULT_NAME

TIMES = "run.json"  # of the last run that built something
_SHARDS = 4  # whose requests are looked at
_NOTED = ("role", "task", "item", "values", "output_tokens", "sampling", "outcome")


def engines_of(l3: L3) -> int:
    """How many engines are at work at once."""
    return len(l3.engine.servers) + (l3.engines if l3.engine.is_local else 0)


def engine_work(outcome: Outcome, l3: L3) -> dict[str, Any]:
    """What a run tells of its engines: the sums of their events, their number and the seconds they had."""
    seconds = outcome.seconds.get("L3 refine", 0.0)
    return {"dump": outcome.manifests["L3"]["dump"], "engines": engines_of(l3), "seconds": seconds, **outcome.engine}


def measured(store: Store, dump: str, model: str) -> Measured | None:
    """What the last run of L3 in a store did with a model, of this dump rather than another; None if none is sealed."""
    names = {model, Path(model).name, *([DEFAULT_NAME] if model == DEFAULT_MODEL else [])}
    for found in sorted(set(store.folders("L3")) - {"data"}, key=lambda name: (name != dump, name)):
        manifest = read_manifest(store, "L3", found)
        if manifest is None or manifest["plan"]["synthesis"]["model"] not in names:
            continue
        requests = [note for note in _notes(store, found) if note["item"] == 0]
        written, most = _lengths(requests)
        if written and most:
            where = f"the last run of dump {found!r} in this output"
            return Measured(where, written / most, _read_again(requests), _rate(store, found))
    return None


def _notes(store: Store, dump: str) -> Iterator[Mapping[str, Any]]:
    """The annotations of a few shards."""
    for number in sorted(committed(store, f"L3/{dump}", STEP))[:_SHARDS]:
        record = read_record(store, f"L3/{dump}", STEP, number)
        for table in read_parts(store, annotation_parts(record), _NOTED):
            yield from table.to_pylist()


def _lengths(requests: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """Output tokens of answered requests, and the most they could have had."""
    written = most = 0
    for note in requests:
        limit = json.loads(note["sampling"]).get("max_tokens")
        if note["outcome"] in ("kept", "rejected") and limit:
            written, most = written + note["output_tokens"], most + limit
    return written, most


def _read_again(requests: Sequence[Mapping[str, Any]]) -> float | None:
    """Second readings over those there would be if every item that was asked for got all of its own; None without."""
    asked: Counter[str] = Counter()  # items by task
    readings: Counter[tuple[str, str]] = Counter()  # by task and role
    for note in requests:
        if note["role"] == WRITE and note["outcome"] != "skipped":
            asked[note["task"]] += json.loads(note["values"] or "{}").get("pairs", 1)
        elif note["role"] not in (WRITE, EDIT):
            readings[note["task"], note["role"]] += 1
    possible = sum(asked[task] for task, _ in readings)
    return readings.total() / possible if possible else None


def _rate(store: Store, dump: str) -> float | None:
    """Output tokens a second of one engine, where the last run tells them of this dump."""
    try:
        work = json.loads(store.get(TIMES)).get("engine", {})
    except (FileNotFoundError, ValueError):
        return None
    if work.get("dump") != dump or not work.get("seconds") or not work.get("output_tokens"):
        return None
    return work["output_tokens"] / work["seconds"] / work["engines"]
