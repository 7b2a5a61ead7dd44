"""The annotations of L3: one for every item of every request, whatever became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stages.decontaminate import COLUMNS
from stages.entailment import FIGURES as ENTAILMENT
from stages.synthesize import SKIPPED, Conversation, Task, digest
from stages.verify import FIGURES, Verdict
from synth.engines import Answer, Request

WRITE, EDIT, JUDGE = "write", "edit", "judge"
PROVENANCE = {
    "parent_uid": pa.string(),
    "passage_start": pa.int64(),  # characters of the parent's content, after its edits where it was edited
    "passage_end": pa.int64(),
    "edited": pa.bool_(),
    "prompt_id": pa.string(),
    "prompt_sha256": pa.string(),
    "model": pa.string(),  # name@revision
    "sampling": pa.string(),  # JSON: of the request; of a row the list of those of its outputs
}
ROUND_TRIP = {
    "round_trip.with": pa.float64(),
    "round_trip.without": pa.float64(),
    "round_trip.drop": pa.string(),
    "judge.supported": pa.bool_(),
    "judge.drop": pa.string(),
}
ANNOTATION_SCHEMA = pa.schema(
    {name: pa.string() for name in ("uid", "request_uid", "row_uid", "key", "role", "task", "style", "lang", "values")}
    | PROVENANCE
    | {name: pa.int64() for name in ("target_start", "target_end", "attempt", "item")}
    | {name: pa.int64() for name in ("prompt_tokens", "output_tokens")}
    | {name: pa.string() for name in ("output", "text", "question", "answer")}
    | {column.name: column.type for schema in (FIGURES, ENTAILMENT) for column in schema}
    | dict(COLUMNS.items())
    | ROUND_TRIP
    | {"outcome": pa.string(), "fate": pa.string()}
)


def note(
    task: Task, asked: Request, answer: Answer | None, verdict: Verdict | None, item: int, talk: Conversation
) -> dict[str, Any]:
    """Everything about one item of a request. ``outcome`` is kept, rejected, failed or skipped; ``fate``: why, null if
    kept. The request's tokens and output stand in its first item alone, so that they can be summed."""
    outcome, fate = outcome_of(answer, verdict)
    meta, first = asked.meta, item == 0 and answer is not None
    sample = f"{meta['role']}.{meta['target'][0]}.{meta['attempt']}.{meta.get('of', '')}"
    return {
        "uid": child_uid(task, f"{sample}.{item}"),
        "request_uid": child_uid(task, sample),
        "row_uid": row_uid(task) if outcome == "kept" and meta["role"] == WRITE else None,
        "key": asked.key,
        "role": meta["role"],
        "task": task.prompt.task,
        "style": task.prompt.style,
        "lang": task.prompt.language,
        "values": json.dumps(dict(task.values), ensure_ascii=False, sort_keys=True) if task.values else None,
        **provenance(task, talk),
        "prompt_id": meta["prompt_id"],
        "prompt_sha256": meta["prompt_sha256"],
        "target_start": meta["target"][0],
        "target_end": meta["target"][1],
        "sampling": json.dumps(asked.sampling, sort_keys=True),
        "attempt": meta["attempt"],
        "item": item,
        "prompt_tokens": answer.prompt_tokens if answer and first else 0,
        "output_tokens": answer.output_tokens if answer and first else 0,
        "output": answer.text if answer and first and answer.error is None else None,
        **(_parsed(verdict) if verdict else {}),
        "outcome": outcome,
        "fate": fate,
    }


def outcome_of(answer: Answer | None, verdict: Verdict | None) -> tuple[str, str | None]:
    """What became of an item, and why."""
    if answer is None:
        return "skipped", SKIPPED
    if answer.error is not None:
        return "failed", answer.error
    if verdict is not None and verdict.drop is not None:
        return "rejected", verdict.drop
    return "kept", None


def _parsed(verdict: Verdict) -> dict[str, Any]:
    parsed = verdict.parsed
    return {"text": parsed.text, "question": parsed.question, "answer": parsed.answer, **verdict.figures}


def provenance(task: Task, talk: Conversation) -> dict[str, Any]:
    """Where an output comes from."""
    return {
        "parent_uid": task.row["uid"],
        "passage_start": task.passage[0],
        "passage_end": task.passage[1],
        "edited": bool(task.row.get("edited")),
        "prompt_id": task.prompt.id,
        "prompt_sha256": task.prompt.sha256,
        "model": f"{talk.model}@{talk.revision}",
    }


def row_uid(task: Task) -> str:
    """The uid of the row that a task makes."""
    return child_uid(task, "row")


def child_uid(task: Task, sample: str) -> str:
    """A uid below the document's: its first 8 hex digits, then 24 of a hash over what tells its children apart.

    The first 8 name the shard, so a child is found where its parent is.
    """
    parent = task.row["uid"]
    told = digest(parent, task.prompt.task, list(task.passage), task.prompt.sha256, dict(task.values), sample)
    return parent[:8] + told[:24]


def to_table(annotations: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Annotations as a table, in the order given."""
    return pa.Table.from_pylist([dict(one) for one in annotations], schema=ANNOTATION_SCHEMA)
