"""Equal statements become one with all their evidence, and get their status from what every check found."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from governance.job import annotation_parts, done_before
from governance.parts import read_visible
from governance.shuffle import Shuffle, Spill, gathered, scratch, spilled
from manifests.ledger import Account, tally
from manifests.records import Record, read_record
from stages import dedup
from stages.organize import statement_digits
from stages.statement_checks import status_of
from stages.statement_hosts import independent_hosts, surroundings
from stages.uids import UID, uid_from_bytes, uid_to_bytes

TIER = "L4"
MERGE = "merge"  # the account of statements that stand for themselves, and of those that say what another says
TWINS = pa.schema([("key", pa.string()), ("uid", UID)])
CHOSEN = pa.schema([("found", UID), ("statement", UID)])
# A place in a document that says something of a statement; found_uid: the statement as it was found, of which it does.
EVIDENCE = pa.schema(
    [(name, pa.string()) for name in ("statement_uid", "found_uid", "role", "reason", "evidence_uid")]
    + [("start", pa.int64()), ("end", pa.int64())]
    + [
        (name, pa.string())
        for name in (
            "text", "context", "url", "host", "title", "date", "lang", "licence", "source", "cluster_id", "other",
        )
    ]
)  # fmt: skip
# A statement as it was found, and what its own evidence says of it.
FACTS = pa.schema(
    [(name, pa.string()) for name in ("statement_uid", "uid", "statement", "lang", "method", "question", "parent_uid")]
    + [("entailed", pa.bool_())]
    + [
        (name, pa.string())
        for name in (
            "entailed_reason", "computed", "computed_reason", "second_reading", "prompt_id", "prompt_sha256", "model",
        )
    ]
)  # fmt: skip
METHODS = ("claim", "qa", "sentence")  # of equal statements, the one that was made so stands for them: it knows most
ROLES = ("source", "contradicts", "corroborates", "repeats")


def statements_of(job: Shuffle, run: int, columns: tuple[str, ...]) -> Iterator[pa.Table]:
    """The statements that were found in the shards of a run."""
    for shard in job.own.runs[run].shards:
        record = read_record(job.store, job.base, "annotations", shard)
        for table in read_visible(job.store, annotation_parts(record), (*columns, "fate")):
            yield table.filter(pc.is_null(table["fate"])).select(columns)


@done_before("twins", TIER)
def send_twins(job: Shuffle, number: int) -> Record:
    """The statements of a run by the hash of their folded text."""
    spill = Spill(job.store, scratch(job, "twins"), number, TWINS)
    for table in statements_of(job, number, ("uid", "key")):
        keys = [statement_digits(key) for key in table["key"].to_pylist()]
        heads = np.array([int(key[:16], 16) for key in keys], np.uint64)
        rows = pa.table([pa.array(keys, pa.string()), uid_to_bytes(table["uid"])], schema=TWINS)
        spill.write(rows, dedup.partition_of(heads, job.partitions))
    return Record("twins", number, f"run {number}", job.fingerprint, spill.finish())


@done_before("chosen", TIER)
def choose(job: Shuffle, partition: int) -> Record:
    """The uid of each statement of a partition: the shard of the smallest of its twins, and the hash of its text."""
    twins = gathered(spilled(job, "twins", scratch(job, "twins"), partition), TWINS)
    rows = pl.DataFrame({"key": twins["key"].to_pylist(), "uid": uid_from_bytes(twins["uid"]).to_pylist()})
    smallest = pl.col("uid").min().over("key").str.slice(0, 8)
    rows = rows.with_columns(statement=smallest + pl.col("key")).sort("uid")
    columns = [uid_to_bytes(rows[name].to_arrow().cast(pa.string())) for name in ("uid", "statement")]
    found = pa.table(columns, schema=CHOSEN)
    spill = Spill(job.store, scratch(job, "chosen"), partition, CHOSEN)
    at, runs = job.runs_of(found["found"])
    spill.write(found.take(pa.array(at)), runs)
    return Record("chosen", partition, f"partition {partition}", job.fingerprint, spill.finish())


def chosen_of(job: Shuffle, run: int) -> dict[str, str]:
    """What each statement that was found in a run has become."""
    table = gathered(spilled(job, "chosen", scratch(job, "chosen"), run), CHOSEN)
    found, statements = (uid_from_bytes(table[name]).to_pylist() for name in CHOSEN.names)
    return dict(zip(found, statements, strict=True))


@done_before("merged", TIER)
def merge_run(job: Shuffle, number: int) -> Record:
    """The statements of a run with their evidence and status, as L4 has them but for topics and entities."""
    facts = pl.DataFrame(gathered(spilled(job, "related", scratch(job, "facts"), number), FACTS))
    evidence = pl.DataFrame(gathered(spilled(job, "related", scratch(job, "related"), number), EVIDENCE))
    best = _best(facts)
    merged = told_roles(evidence, best)
    statements = with_status(best, merged)
    record = Record("merged", number, f"run {number}", job.fingerprint)
    for name, table in (("statements", statements), ("evidence", merged)):
        arrow = table.to_arrow()
        spill = Spill(job.store, scratch(job, f"merged_{name}"), number, _narrow(arrow.schema), hashes=False)
        spill.write(arrow.cast(_narrow(arrow.schema)), np.full(len(table), number))
        record.parts += spill.finish()
    record.ledger = [_account(facts, best)]
    return record


def _narrow(schema: pa.Schema) -> pa.Schema:
    """Large strings, which polars gives, as strings."""
    small = {pa.large_string(): pa.string(), pa.string_view(): pa.string()}
    kinds = [pa.list_(pa.string()) if pa.types.is_large_list(f.type) else small.get(f.type, f.type) for f in schema]
    return pa.schema([(field.name, kind) for field, kind in zip(schema, kinds, strict=True)])


def _best(facts: pl.DataFrame) -> pl.DataFrame:
    """Of the statements that say the same, the one that stands for them: entailed before others, then by METHODS."""
    order = pl.col("method").replace_strict(METHODS, range(len(METHODS)), return_dtype=pl.Int8)
    ranked = facts.sort("statement_uid", ~pl.col("entailed").fill_null(False), order, "uid")
    agrees = pl.when((pl.col("second_reading") == "disagrees").any().over("statement_uid")).then(pl.lit("disagrees"))
    agrees = agrees.when((pl.col("second_reading") == "agrees").any().over("statement_uid")).then(pl.lit("agrees"))
    return ranked.with_columns(second_reading=agrees).unique("statement_uid", keep="first", maintain_order=True)


def told_roles(evidence: pl.DataFrame, best: pl.DataFrame) -> pl.DataFrame:
    """Evidence once for each place, the statement's own first, each with the role that it plays for it."""
    own = best.select("statement_uid", found_uid="uid", own=pl.lit(True))
    rank = pl.col("role").replace_strict(ROLES, range(len(ROLES)), return_dtype=pl.Int8)
    rows = (
        evidence.join(own, on=["statement_uid", "found_uid"], how="left")
        .with_columns(own=pl.col("own").fill_null(False) & (pl.col("role") == "source"))
        .sort("statement_uid", ~pl.col("own"), rank, "evidence_uid", "start")
        .unique(["statement_uid", "evidence_uid", "start", "end"], keep="first", maintain_order=True)
    )
    # What was found with the same words elsewhere corroborates, if it is no copy.
    role = pl.when(pl.col("role") == "source", ~pl.col("own")).then(pl.lit("corroborates")).otherwise("role")
    rows = rows.with_columns(role=role).drop("own")
    for_it = rows.filter(pl.col("role") != "contradicts")
    around = [surroundings(context or "", text) for context, text in for_it.select("context", "text").iter_rows()]
    read = pa.table({
        "statement": for_it["statement_uid"].rank("dense").cast(pl.Int64).to_arrow(), "surroundings": around,
        **{name: for_it[name].to_arrow() for name in ("host", "cluster_id", "lang")},
    })  # fmt: skip
    told = for_it.with_columns(role=pl.Series(independent_hosts(read)["role"].to_pylist(), dtype=pl.String))
    return pl.concat([told, rows.filter(pl.col("role") == "contradicts")]).sort("statement_uid", maintain_order=True)


def with_status(best: pl.DataFrame, evidence: pl.DataFrame) -> pl.DataFrame:
    """Statements with the counts of their evidence and the status that follows from it."""
    by = evidence.group_by("statement_uid", maintain_order=True)
    against = pl.col("role") == "contradicts"
    counts = by.agg(
        num_hosts=1 + (pl.col("role") == "corroborates").sum().cast(pl.Int32),
        num_evidence=(~against).sum().cast(pl.Int32),
        num_contradicting=against.sum().cast(pl.Int32),
        contradicted_by=pl.col("other").filter(against).drop_nulls().unique(maintain_order=True),
        contradiction=pl.col("reason").filter(against).first(),
        date=pl.col("date").max(),
        **{f"evidence_{name}": pl.col(name).first() for name in ("start", "end")},
        **{name: pl.col(name).first() for name in ("evidence_uid", "source", "licence")},
    )
    rows = best.drop("uid").join(counts, on="statement_uid", how="left", maintain_order="left")
    mine = pl.col("contradicted_by").list.set_difference(pl.concat_list("statement_uid"))
    rows = rows.with_columns(contradicted_by=pl.when(mine.list.len() > 0).then(mine))
    arrow = rows.to_arrow()
    verdict = pl.DataFrame(status_of(arrow.cast(_narrow(arrow.schema))))
    return rows.with_columns(verdict["status"], verdict["reason"], uid="statement_uid").drop("statement_uid")


def _account(facts: pl.DataFrame, best: pl.DataFrame) -> Account:
    """Statements that were found = those that stand for themselves + those that say what another of them says."""
    rest = facts.join(best, on="uid", how="anti")
    came, kept, twins = (tally(table["uid"].to_arrow().cast(pa.string())) for table in (facts, best, rest))
    return Account(MERGE, came, kept, {"same_statement": twins} if twins.rows else {})
