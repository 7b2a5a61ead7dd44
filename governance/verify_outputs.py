"""What only L3 can be checked for: accounts counted again from its annotations, rows made again from them and L2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from governance.config import Settings
from governance.errors import CorpusError, RunError
from governance.job import annotation_parts, data_parts
from governance.output_duplicates import outputs_of
from governance.parts import read_parts
from governance.plan import lasting_fingerprint
from governance.refined import FIGURE_COLUMNS, STEP, Refining, accounts_of, figures_of
from governance.select_outputs import assembled, by_folder, whole_documents
from manifests import ledger as accounts
from manifests.records import Record, committed, read_record
from manifests.store import Store

_MISSING = (CorpusError, RunError, FileNotFoundError)  # of what is missing or damaged, which is told where it lies


def account_faults(store: Store, record: Record) -> Iterator[str]:
    """Where the annotations of a shard, counted again, do not give its requests, outputs and figures."""
    ledger, figures = record.ledger[:0], Counter[str]()
    try:
        for notes in whole_documents(read_parts(store, annotation_parts(record), (*FIGURE_COLUMNS, "parent_uid"))):
            ledger = accounts.merge([ledger, accounts_of(notes)])
            figures.update(figures_of(notes))
    except _MISSING:
        return
    told = {account["stage"]: account for account in accounts.dump(record.ledger)}
    for account in accounts.dump(ledger):
        if told.get(account["stage"]) != account:
            yield f"shard {record.number}: its annotations give other {account['stage']} than its ledger tells"
    if record.parts and dict(figures) != record.figures:
        yield f"shard {record.number}: its figures are not those of its annotations"


def row_faults(store: Store, dump: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Rows that are not what their annotations and documents give: each is made again and compared."""
    job = outputs_of(job_of(store, dump, manifest))
    for number in sorted(committed(store, job.base, "data") & committed(store, job.base, STEP)):
        try:
            stored = _stored(store, read_record(store, job.base, "data", number))
            made = (pair for _, _, rows in assembled(job, number) for pair in by_folder(job, rows))
            yield from _differences(number, stored, made)
        except _MISSING:
            continue


def job_of(store: Store, dump: str, manifest: Mapping[str, Any]) -> Refining:
    """The job of a sealed L3, as its manifest tells it: enough to make its rows again."""
    plan = manifest["plan"]
    l3 = {"dedup": plan["dedup"], "synthesize": plan["synthesis"]["synthesize"]}
    settings = Settings.model_validate({"l3": l3})
    fingerprint = manifest["fingerprint"]
    return Refining(store, "L3", dump, settings, fingerprint, "L2", asked=lasting_fingerprint(plan) or "")


def _stored(store: Store, record: Record) -> dict[str, pa.Table]:
    """The rows of a shard by folder."""
    found: dict[str, list[pa.Table]] = {}
    for part in data_parts(record):
        found.setdefault(part.path.rpartition("/")[0], []).extend(read_parts(store, [part]))
    return {folder: pa.concat_tables(tables) for folder, tables in found.items() if tables}


def _differences(
    number: int, stored: dict[str, pa.Table], made: Iterator[tuple[str, pa.Table]]
) -> Iterator[str]:  # fmt: skip
    """Where stored rows and those made again, both by folder, are not the same in the same order."""
    done = dict.fromkeys(stored, 0)
    for folder, rows in made:
        there = stored[folder].slice(done[folder], len(rows)) if folder in stored else rows.slice(0, 0)
        done[folder] = done.get(folder, 0) + len(rows)
        if not there.cast(rows.schema).equals(rows):
            uid = _first(there, rows)
            yield f"shard {number}: rows of {folder} are not what its annotations and L2 give, such as {uid}"
            return
    for folder, table in stored.items():
        if done[folder] != len(table):
            uid = table["uid"][done[folder]]
            yield f"shard {number}: {folder} holds a row that its annotations do not give, {uid}"


def _first(there: pa.Table, rows: pa.Table) -> str:
    """The uid of the first row that differs."""
    import polars as pl

    one, two = pl.DataFrame(there), pl.DataFrame(rows)
    for a, b in zip(one.iter_rows(named=True), two.iter_rows(named=True), strict=False):
        if a != b:
            return str(b["uid"])
    return str(rows["uid"][min(len(there), len(rows) - 1)])
