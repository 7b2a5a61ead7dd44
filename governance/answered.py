"""Answers of an earlier build of L3: other checks judge them again, and no model is asked for them once more.

The annotations hold every answer with the key of its request, which tells all that the answer depends on. Where a tier
is discarded they stay, under the name of this step, until the next seal.
"""

from __future__ import annotations

import pyarrow.compute as pc

from governance.job import Job, annotation_parts
from governance.parts import read_parts
from manifests.records import Record, committed, read_record, record_path, record_paths
from manifests.store import Store
from synth.engines import Answer

STEP = "answered"
_UNREADABLE = (KeyError, ValueError, TypeError)
_COLUMNS = ("key", "output", "prompt_tokens", "output_tokens", "format.finish")


def set_aside(store: Store, base: str, lasting: str | None) -> set[str]:
    """Set the annotations of a tier that is about to be removed aside, but for those of the fingerprint ``lasting``,
    which stay what they are.

    Returns: the paths to spare: the records set aside with their parts, and the logs of unfinished shards.
    """
    for number in sorted(committed(store, base, "annotations")):
        record = _read(store, base, "annotations", number)
        if record is not None and record.fingerprint != lasting:
            store.put(record_path(base, STEP, number), record.to_bytes())
    spared = {found.path for found in store.list(f"{base}/_answers")}
    for number in sorted(committed(store, base, STEP)):
        record = _read(store, base, STEP, number)
        if record is not None:
            spared |= {*record_paths(store, base, STEP, number), *(part.path for part in annotation_parts(record))}
    return spared


def _read(store: Store, base: str, step: str, number: int) -> Record | None:
    """A record; None for one that is damaged: its answers are asked for again."""
    try:
        return read_record(store, base, step, number)
    except _UNREADABLE:
        return None


def load(job: Job, number: int) -> dict[str, Answer]:
    """The answers of a shard that an earlier build left, by request key."""
    try:
        record = read_record(job.store, job.base, STEP, number)
    except FileNotFoundError:
        return {}
    found: dict[str, Answer] = {}
    for table in read_parts(job.store, annotation_parts(record), _COLUMNS):
        for row in table.filter(pc.is_valid(table["output"])).to_pylist():
            tokens = (row["prompt_tokens"], row["output_tokens"])
            found[row["key"]] = Answer(row["key"], row["output"], row["format.finish"], *tokens)
    return found


def forget(store: Store, base: str) -> None:
    """Remove the records of answers set aside, whose parts were swept."""
    store.delete([found.path for found in store.list(f"{base}/_shards/{STEP}")])
