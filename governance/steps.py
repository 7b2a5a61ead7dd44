"""What a worker does for one shard, step by step; every step ends in a create-only commit.

Each step looks for its record first: a shard that is committed is not done again, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance import tiers
from governance.duplicates import settle
from governance.errors import CorpusError
from governance.inputs import Shard, tombstones_over
from governance.job import Job, data_parts, done_before, models_of
from governance.parts import Annotations, Data, open_input, read_parts
from governance.repeats import with_repeated
from governance.runner import FATE, Folded, fold, refuse_error_rate
from governance.shuffle import Shuffle
from governance.slow import SlowRows
from governance.takedowns import with_takedowns
from manifests.ledger import Ledger, merge
from manifests.records import Record, read_record, record_path
from manifests.schema import tier_schema
from stages.contract import Stage

# Heavy columns live in data, not in annotations; payload lives in the archive.
_NOT_ANNOTATED = {"content", "title", "payload"}
_READER = "ingest"


def annotation_columns(folded: Folded, stages: tuple[Stage, ...], base: tuple[str, ...]) -> list[str]:
    """Names of the columns kept as annotations: identity, fate, and all that the stages found out."""
    added = [name for stage in stages for name in stage.adds if name not in _NOT_ANNOTATED]
    there = set(folded.table.column_names)
    return [name for name in (*base, FATE, "error", *added) if name in there]


def fold_shard(
    job: Job, record: Record, stages: tuple[Stage, ...], batches: Iterable[pa.Table], notes: Annotations,
    keep: Callable[[pa.Table], None], reader: str | None = None,
) -> None:  # fmt: skip
    """Fold every batch of a shard: verdicts to ``notes``, kept rows to ``keep``, what became of them to the record.

    Errors: RunError above the error rate.
    """
    ledgers: list[Ledger] = []
    base = tiers.ENTRY_ANNOTATIONS if reader else ("uid",)
    path = record_path(job.base, record.step, record.number)
    slow = SlowRows(job.store, job.dump, record.name, stages, path)
    models = with_takedowns(job, record.name, stages, models_of(job, stages))
    for batch in batches:
        folded = fold(stages, slow.mark(batch), models, reader)
        slow.name_new(folded.table)
        ledgers.append(folded.ledger)
        notes.write(folded.table.select(annotation_columns(folded, stages, base)))
        keep(folded.kept())
    record.ledger, record.slow = merge(ledgers), slow.found()
    refuse_error_rate(record.ledger, job.settings.run.max_error_rate)


@done_before("data")
def ingest(job: Job, shard: Shard) -> Record:
    """Input object to the data and annotations of the tier at which it enters (A of the data flow)."""
    stages = tiers.entry_stages(job.settings, job.tier, shard.is_archive)
    stem = f"part-{shard.number:05d}"
    data = Data(job.store, job.base, stem, tier_schema(job.tier), by_language=job.tier != "L0")
    notes = Annotations(job.store, f"{job.base}/annotations/{stem}")
    record = Record("data", shard.number, shard.name, job.fingerprint)
    with open_input(shard) as stream:
        out = tombstones_over(shard)
        batches = tiers.read_input(stream, shard.name, shard.key, shard.is_archive, job.settings, out)
        fold_shard(
            job, record, stages, batches, notes, lambda kept: data.write(tiers.with_defaults(kept, job.dump)), _READER
        )
    record.parts = [*data.finish(), *notes.finish()]
    return record


@done_before("annotations")
def annotate(job: Job, number: int) -> Record:
    """L0 rows to one narrow row each: statistics, language, verdicts, signature, no text (B of the data flow)."""
    stages = tiers.stages_of(job.settings, job.tier)
    parent = read_record(job.store, job.parent_base, "data", number)
    notes = Annotations(job.store, f"{job.base}/annotations/part-{number:05d}")
    record = Record("annotations", number, parent.name, job.fingerprint)
    batches = with_repeated(job, parent.name, read_parts(job.store, data_parts(parent)))
    fold_shard(job, record, stages, batches, notes, lambda _: None)
    record.parts = notes.finish()
    return record


@done_before("data")
def select(job: Shuffle, number: int) -> Record:
    """L0 text, annotations and duplicates to the clean text of the kept rows (D of the data flow).

    Cleaning is cheap, so it is done again for the kept rows rather than stored twice.
    """
    parent = read_record(job.store, job.parent_base, "data", number)
    notes = read_record(job.store, job.base, "annotations", number)
    verdicts, ledger = settle(job, notes)
    editing = tuple(stage for stage in tiers.stages_of(job.settings, job.tier) if stage.replaces)
    data = Data(job.store, job.base, f"part-{number:05d}", tier_schema(job.tier), by_language=True)
    done = 0
    for batch in with_repeated(job, parent.name, read_parts(job.store, data_parts(parent))):
        verdict = verdicts.slice(done, batch.num_rows)
        done += batch.num_rows
        data.write(_edited(batch, verdict, editing, models_of(job, editing)))
    return Record("data", number, parent.name, job.fingerprint, data.finish(), ledger)


def _edited(batch: pa.Table, verdict: pa.Table, editing: tuple[Stage, ...], models: dict[str, Any]) -> pa.Table:
    """The kept rows of a batch with their text edited and their verdict's columns beside it."""
    if not batch["uid"].equals(verdict["uid"]):
        raise CorpusError("annotations and text of a shard do not hold the same rows", "run `governance verify`")
    kept = pc.is_null(verdict[FATE])
    batch, verdict = batch.filter(kept), verdict.filter(kept)
    names = batch.column_names
    batch = fold(editing, batch, models).table.select(names)
    for name in verdict.column_names:
        if name not in names and name != FATE:
            batch = batch.append_column(name, verdict[name])
    return batch
