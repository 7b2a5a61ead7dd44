"""What L3 writes of one shard while the engines are at work: annotations of every item, their ledger and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.job import Job
from governance.parts import Annotations
from manifests import ledger as accounts
from manifests.ledger import OUTPUTS, REQUESTS, Account, Ledger, merge, tally
from manifests.records import Record
from stages.notes import ANNOTATION_SCHEMA, WRITE, to_table
from synth.engines import QUARANTINED

if TYPE_CHECKING:
    import polars as pl

STEP = "annotations"
FIGURE_COLUMNS = (
    "uid", "request_uid", "row_uid", "role", "task", "lang", "prompt_id", "attempt", "prompt_tokens", "output_tokens",
    "text", "outcome", "reason", *(name for name in ANNOTATION_SCHEMA.names if name.endswith(".drop")),
)  # fmt: skip
_BATCH = 2_000  # annotations that wait to be written together: about 8 MB
_OUTCOMES = (
    "kept",
    "failed",
    "skipped",
    "rejected",
    accounts.TAKEN_DOWN,
)  # of a request, the first that one of its items has


@dataclass(frozen=True)
class Refining(Job):
    """The job of L3."""

    asked: str = ""  # fingerprint of what decides answers and verdicts: annotations outlast a change of anything else


class ShardNotes:
    """The annotations of one shard, written as they come, with their accounts."""

    def __init__(self, job: Refining, number: int, name: str) -> None:
        self._part = Annotations(job.store, f"{job.base}/{STEP}/part-{number:05d}")
        self._record = Record(STEP, number, name, job.asked)
        self._waiting: list[dict[str, Any]] = []
        self._ledgers: list[Ledger] = []
        self._figures: Counter[str] = Counter()

    def add(self, annotations: Sequence[dict[str, Any]]) -> None:
        """Append all annotations of a document; documents come in the order of L2."""
        self._waiting += annotations
        if len(self._waiting) >= _BATCH:
            self._write()

    def record(self) -> Record:
        """Finish the part; returns the record to commit."""
        self._write()
        self._record.parts = self._part.finish()
        self._record.ledger = merge(self._ledgers) or [Account(REQUESTS), Account(OUTPUTS)]
        self._record.figures = dict(sorted(self._figures.items()))
        return self._record

    def _write(self) -> None:
        table = with_fates(to_table(self._waiting))
        self._waiting = []
        self._part.write(table)
        self._ledgers = [merge([*self._ledgers, accounts_of(table)])]
        self._figures.update(figures_of(table))


def with_fates(notes: pa.Table) -> pa.Table:
    """The annotations with ``reason``, whoever's word it is that decided an item, and ``fate``, the same as the ledger
    names it: the account and the word."""
    reason = notes["fate"]
    account = pc.if_else(_is_output(notes), OUTPUTS, REQUESTS)
    word = pc.if_else(pc.equal(notes["outcome"], "rejected"), reason, notes["outcome"])
    fate = pc.if_else(
        pc.equal(notes["outcome"], "kept"),
        pa.scalar(None, pa.string()),
        pc.binary_join_element_wise(account, word, "."),
    )
    return notes.set_column(notes.column_names.index("fate"), "fate", fate).append_column("reason", reason)


def _is_output(notes: pa.Table) -> pa.ChunkedArray:
    """Which annotations are of something written: not of an edit, a second reading, or a request without an answer."""
    return pc.and_(pc.equal(notes["role"], WRITE), pc.is_valid(notes["text"]))


def accounts_of(notes: pa.Table) -> Ledger:
    """The account of the requests, planned = kept + rejected + failed + skipped, one being kept if any of its items is;
    and that of the outputs, in = kept + rejected + failed (in a second reading).

    In: FIGURE_COLUMNS, all items of a request together.
    """
    requests = _requests(notes)
    outputs = notes.filter(_is_output(notes))
    words = pc.if_else(pc.equal(outputs["outcome"], "rejected"), outputs["reason"], outputs["outcome"])
    return [
        _account(REQUESTS, requests["request_uid"].to_arrow(), requests["word"].to_arrow()),
        _account(OUTPUTS, outputs["uid"], words),
    ]


def _requests(notes: pa.Table) -> pl.DataFrame:
    """One row a request: request_uid, role, and word, its outcome or the reason of its first item."""
    import polars as pl

    names = ["request_uid", "role", "task", "lang", "prompt_id", "attempt", "outcome", "reason"]
    names += ["prompt_tokens", "output_tokens"]
    items = pl.DataFrame(notes.select(names)).with_columns(
        pl.col("outcome").replace_strict(_OUTCOMES, range(len(_OUTCOMES)), return_dtype=pl.Int8).alias("rank")
    )
    first = [pl.col(name).first() for name in ("role", "task", "lang", "prompt_id", "attempt")]
    sums = [pl.col(name).sum() for name in ("prompt_tokens", "output_tokens")]
    found = items.group_by("request_uid", maintain_order=True).agg(
        *first, *sums, pl.col("rank").min(), pl.col("reason").drop_nulls().first()
    )
    outcome = pl.col("rank").replace_strict(range(len(_OUTCOMES)), _OUTCOMES, return_dtype=pl.String)
    return found.with_columns(
        outcome.alias("outcome"),
        pl.when(outcome == "rejected").then(pl.col("reason")).otherwise(outcome).alias("word"),
    )


def _account(stage: str, uids: pa.Array | pa.ChunkedArray, words: pa.Array | pa.ChunkedArray) -> Account:
    """An account of rows by the word that says what became of each."""
    account = Account(stage, tally(uids))
    for word in sorted(pc.unique(words).to_pylist()):
        rows = tally(uids.filter(pc.equal(words, word)))
        if word == "kept":
            account.kept = rows
        else:
            account.rejected[word] = rows
    return account


def figures_of(notes: pa.Table) -> dict[str, int]:
    """Counts for the summary, flat: of requests and outputs, by prompt, language, task and role, what each check would
    reject by itself, and tokens. In: FIGURE_COLUMNS, all items of a request together."""
    import polars as pl

    requests = _requests(notes)
    outputs = pl.DataFrame(notes.filter(_is_output(notes)).select(["task", "lang", "prompt_id", "role", "outcome"]))
    figures: Counter[str] = Counter(requests=len(requests), outputs=len(outputs))
    figures["passed"] = int((outputs["outcome"] == "kept").sum())
    figures["retries"] = int((requests["attempt"] > 0).sum())
    figures["quarantined"] = int((requests["reason"].fill_null("") == QUARANTINED).sum())
    for outcome in _OUTCOMES:
        figures[outcome] = int((requests["outcome"] == outcome).sum())
    for name in ("prompt_tokens", "output_tokens"):
        figures[name] = int(requests[name].sum())
    for group, column in (("prompt", "prompt_id"), ("language", "lang"), ("task", "task"), ("role", "role")):
        figures.update(_by(group, "requests", requests[column]))
        figures.update(_by(group, "outputs", outputs[column]))
        figures.update(_by(group, "kept", outputs.filter(pl.col("outcome") == "kept")[column]))
        for member, tokens in requests.group_by(column).agg(pl.col("output_tokens").sum()).iter_rows():
            figures[f"by.{group}.{member}.output_tokens"] += tokens
    for name in ANNOTATION_SCHEMA.names:
        if name.endswith(".drop"):
            figures[f"by.check.{name.removesuffix('.drop')}"] = len(notes) - notes[name].null_count
    return {name: count for name, count in figures.items() if count or name in ("requests", "outputs")}


def _by(group: str, count: str, members: pl.Series) -> Mapping[str, int]:
    return {f"by.{group}.{name}.{count}": rows for name, rows in members.value_counts().iter_rows()}
