"""What every worker of a tier knows, and the frame of a step: look for the record, build, commit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from governance.config import Settings
from governance.errors import CorpusError, RunError
from governance.runner import load_models
from governance.slow import agrees
from manifests.records import Part, Record, commit, read_record, record_path
from manifests.store import Store
from stages.contract import Stage


@dataclass(frozen=True)
class Job:
    """One tier of one dump, as every worker of it sees it."""

    store: Store
    tier: str
    dump: str
    settings: Settings
    fingerprint: str
    parent: str | None = None  # the tier below, None where rows enter from outside
    partitions: int = 1  # of a shuffle; any number gives the same result
    older: tuple[str, ...] = ()  # dumps among which duplicates of this one's rows are looked for

    @property
    def base(self) -> str:
        """The tier's folder in the store."""
        return f"{self.tier}/{self.dump}"

    @property
    def parent_base(self) -> str:
        """The folder of the tier below."""
        return f"{self.parent}/{self.dump}"


# Tables of L4 that lie beside its rows, which are statements.
_BESIDE_STATEMENTS = re.compile(r"^L4/[^/]+/data/(?:evidence|entities|edges)/")
_BUILDERS: dict[tuple[str, str], Callable[[Any, Any], Record]] = {}


def builder_of(step: str, tier: str = "") -> Callable[[Any, Any], Record]:
    """What builds the record of a step, with its parts, whether or not there is one; it commits nothing."""
    return _BUILDERS.get((step, tier)) or _BUILDERS[step, ""]


def done_before(
    step: str, tier: str = ""
) -> Callable[[Callable[[Any, Any], Record]], Callable[[Any, Any], dict[str, Any]]]:
    """Make a step look for its record first, and answer with the few numbers that the driver needs.

    tier: the one whose step it is, where several have steps of this name.
    """

    def wrap(build: Callable[[Any, Any], Record]) -> Callable[[Any, Any], dict[str, Any]]:
        _BUILDERS[step, tier] = build

        def run(job: Job, item: Any) -> dict[str, Any]:
            number = getattr(item, "number", item)
            try:
                record = read_record(job.store, job.base, step, number)
            except FileNotFoundError:
                record = commit(job.store, job.base, _built(build, job, item))
            except (ValueError, KeyError, TypeError) as error:
                raise CorpusError(
                    f"the record of {step} {number} in {job.base} is not readable: {error}",
                    f"remove {record_path(job.base, step, number)} and run the same command again",
                ) from error
            return summary(record)

        return wraps(build)(run)  # under the step's own name, by which Ray's workers find it

    return wrap


def _built(build: Callable[[Any, Any], Record], job: Job, item: Any) -> Record:
    """What a step builds; built again where another worker on it found a row too slow that this one took."""
    while True:
        record = build(job, item)
        if agrees(job.store, job.dump, record):
            return record


def summary(record: Record) -> dict[str, Any]:
    """Rows in and kept, and bytes written: all of a shard that travels to the driver."""
    rows = record.ledger[0].came.rows if record.ledger else sum(part.rows for part in record.parts)
    kept = record.ledger[-1].kept.rows if record.ledger else rows
    return {"rows": rows, "kept": kept, "bytes": sum(part.bytes for part in record.parts)}


_models: dict[str, dict[str, Any]] = {}


def models_of(job: Job, stages: tuple[Stage, ...]) -> dict[str, Any]:
    """The stages' models, loaded once in this process; one tier's at a time, to bound the worker's memory."""
    if job.fingerprint not in _models:
        _models.clear()
    loaded = _models.setdefault(job.fingerprint, {})
    try:
        loaded.update(load_models([stage for stage in stages if stage.name not in loaded]))
    except ValueError as error:  # a file that is no model of its kind, as the loaders say
        raise RunError(f"a model of {job.tier} cannot be used: {error}", "correct it in the settings") from error
    return loaded


def data_parts(record: Record) -> list[Part]:
    """The parts of a record that hold text."""
    return [part for part in record.parts if "/data/" in part.path and not _BESIDE_STATEMENTS.search(part.path)]


def table_parts(record: Record, table: str) -> list[Part]:
    """The parts of a record of L4 that hold one of its tables: statements, evidence, entities or edges."""
    return [part for part in record.parts if f"/data/{table}/" in part.path]


def annotation_parts(record: Record) -> list[Part]:
    """The parts of a record that hold verdicts."""
    return [part for part in record.parts if "/annotations/" in part.path]
