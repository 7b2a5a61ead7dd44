"""Compaction of L3: the words of what was taken down leave the annotations, and its rows the published folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.job import annotation_parts, data_parts
from governance.output_duplicates import Outputs, outputs_of
from governance.parts import read_parts
from governance.refined import accounts_of, figures_of
from governance.select_outputs import accounts_and_figures, assembled, whole_documents
from governance.verify_outputs import job_of
from manifests.ledger import OUTPUTS, REQUESTS, ROWS, TAKEN_DOWN, Account, Tally, merge
from manifests.records import Part, PartWriter, Record
from manifests.store import Store
from manifests.tombstones import Tombstones
from stages.notes import EDIT, WRITE

# Strings of an annotation that tell how something was asked and hold no word of a page or of what was written.
_KEPT = frozenset(
    ("uid", "request_uid", "parent_uid", "role", "task", "style", "lang", "prompt_id", "prompt_sha256", "model",
     "sampling", "outcome", "fate", "format.finish")
)  # fmt: skip
_TASK = ("parent_uid", "task", "passage_start")  # what all requests about one written row share
Filter = Callable[[Store, Part, Tombstones], tuple[list[Part], Tally]]


def outputs_job(store: Store, dump: str, manifest: Mapping[str, Any]) -> Outputs:
    """The job of a sealed L3, as its manifest tells it."""
    return outputs_of(job_of(store, dump, manifest))


def annotations(store: Store, record: Record, out: Tombstones) -> Record:
    """The record of a shard's annotations without the words of what was taken down, its part written.

    Every request keeps its annotation, with the outcome ``taken_down``, so that the accounts balance.
    """
    ledgers: list[list[Account]] = []
    figures: Counter[str] = Counter()
    parts: list[Part] = []
    for part in annotation_parts(record):
        with store.map(part.path) as stream:
            schema = pq.read_schema(stream)
        if not any(_hidden(table, out) is not None for table in _documents(store, part)):
            return record
        writer = PartWriter(store, part.path.rpartition("-")[0], schema)
        for table in _documents(store, part):
            hidden = _hidden(table, out)
            table = table if hidden is None else _scrubbed(table, hidden)
            writer.write(table)
            ledgers = [merge([*ledgers, accounts_of(table)])]
            figures.update(figures_of(table))
        parts.append(writer.finish())
    return replace(record, parts=parts, ledger=ledgers[0], figures=dict(sorted(figures.items()))) if parts else record


def _documents(store: Store, part: Part) -> Iterator[pa.Table]:
    return whole_documents(read_parts(store, [part]))


def _hidden(table: pa.Table, out: Tombstones) -> pa.Array | None:
    """Annotations of what was taken down: of a document all; of one written row, its own and what was asked about it,
    but for edits, from which other rows are made. None where none has words to lose."""
    hidden = out.hidden(table)
    if hidden is None:
        return None
    names = [pc.cast(table[name], pa.string()) for name in _TASK]
    tasks = pc.binary_join_element_wise(*(pc.fill_null(name, "") for name in names), "|")
    about = pc.and_(pc.is_in(tasks, value_set=pc.unique(tasks.filter(hidden))), pc.is_null(table["row_uid"]))
    hidden = pc.or_(hidden, pc.and_(about, pc.not_equal(table["role"], EDIT)))
    fresh = pc.and_(hidden, pc.not_equal(table["outcome"], TAKEN_DOWN))
    return hidden if pc.any(fresh).as_py() else None


def _scrubbed(table: pa.Table, hidden: pa.Array) -> pa.Table:
    # An empty text, not null: it still counts as an output, which was taken down.
    output = pc.and_(pc.equal(table["role"], WRITE), pc.is_valid(table["text"]))
    account = pc.if_else(output, f"{OUTPUTS}.{TAKEN_DOWN}", f"{REQUESTS}.{TAKEN_DOWN}")
    values = {"text": pc.if_else(pc.is_valid(table["text"]), "", pa.scalar(None, pa.string())), "fate": account}
    values["outcome"] = pa.array([TAKEN_DOWN] * len(table))
    for number, column in enumerate(table.schema):
        words = pa.types.is_string(column.type) and column.name not in _KEPT and not column.name.endswith(".drop")
        if column.name in values or words:
            new = values.get(column.name, pa.scalar(None, column.type))
            table = table.set_column(number, column, pc.if_else(hidden, new, table[column.name]))
    return table


def rows(store: Store, record: Record, out: Tombstones, job: Outputs, filtered: Filter, word: str) -> Record:
    """The record of a shard's rows without those that were taken down, its parts written.

    ``word`` names the compaction. Its accounts are counted again from the annotations, which hold no such output any
    more.
    """
    gone, parts = Tally(), []
    for part in data_parts(record):
        new, removed = filtered(store, part, out)
        parts += new
        gone += removed
    ledger, figures = accounts_and_figures(assembled(job, record.number))
    made = next(account for account in ledger if account.stage == ROWS)
    told = next((account for account in record.ledger if account.stage == ROWS), Account(ROWS))
    rejected = dict(told.rejected)
    if gone.rows:
        rejected[word] = rejected.get(word, Tally()) + gone
    ledger = [account for account in ledger if account.stage != ROWS] + [Account(ROWS, told.came, made.kept, rejected)]
    return replace(record, parts=parts, ledger=ledger, figures=figures)
