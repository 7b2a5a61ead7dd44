"""Checks L4 against the documents of L2: every span of evidence stands there, every statement has some, and its status
is what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from governance.errors import CorpusError
from governance.inputs import shard_key
from governance.job import data_parts, table_parts
from governance.organize_tables import table_schema
from governance.parts import read_parts
from manifests.records import Record, read_record, read_records
from manifests.store import Store
from stages.statement_checks import status_of


def evidence_faults(store: Store, dump: str, record: Record) -> Iterator[str]:
    """What is wrong with the evidence and the statuses of a record of L4."""
    try:
        statements = _table(store, record, "statements")
        evidence = _table(store, record, "evidence")
        yield from _span_faults(store, dump, record, evidence)
    except (CorpusError, FileNotFoundError):
        return  # what is missing or damaged is told where it lies
    except (pa.ArrowInvalid, KeyError) as error:
        yield f"{record.name}: a table has another schema than it should: {str(error).splitlines()[0]}"
        return
    yield from _status_faults(record, statements, evidence)


def _table(store: Store, record: Record, name: str) -> pl.DataFrame:
    tables = [*read_parts(store, table_parts(record, name), table_schema(name).names)]
    return pl.DataFrame(pa.concat_tables([table_schema(name).empty_table(), *tables]))


def _span_faults(store: Store, dump: str, record: Record, evidence: pl.DataFrame) -> Iterator[str]:
    """Evidence whose characters are not those of its document, shard of L2 by shard."""
    wanted = evidence.select("evidence_uid", "start", "end", "text").unique()
    shards = {shard_key(dump, one.name): one.number for one in read_records(store, f"L2/{dump}", "data")}
    for key, group in sorted(wanted.with_columns(key=pl.col("evidence_uid").str.slice(0, 8)).partition_by(
        "key", as_dict=True).items()):  # fmt: skip
        number = shards.get(str(key[0]))
        texts = _texts(store, dump, number, group["evidence_uid"]) if number is not None else {}
        for row in group.sort("evidence_uid", "start").iter_rows(named=True):
            text = texts.get(row["evidence_uid"])
            if text is None:
                yield f"{record.name}: evidence names a document that L2 does not hold: {row['evidence_uid']}"
            elif text[row["start"] : row["end"]] != row["text"] or not row["text"]:
                place = f"characters {row['start']} to {row['end']} of {row['evidence_uid']}"
                yield f"{record.name}: evidence is not what stands at {place}"


def _texts(store: Store, dump: str, number: int, uids: pl.Series) -> Mapping[str, str]:
    parts = data_parts(read_record(store, f"L2/{dump}", "data", number))
    wanted = pa.array(uids.unique().to_list(), pa.string())
    found: dict[str, str] = {}
    for table in read_parts(store, parts, ("uid", "content")):
        hits = table.filter(pc.is_in(table["uid"], value_set=wanted))
        found |= dict(zip(hits["uid"].to_pylist(), hits["content"].to_pylist(), strict=True))
    return found


def _status_faults(record: Record, statements: pl.DataFrame, evidence: pl.DataFrame) -> Iterator[str]:
    """Statements without a source, and counts and statuses that do not follow from the evidence."""
    sources = evidence.filter(pl.col("role") == "source")
    key = {"uid": "statement_uid", "evidence_uid": "evidence_uid", "evidence_start": "start", "evidence_end": "end"}
    without = statements.join(sources, left_on=list(key), right_on=list(key.values()), how="anti")
    yield from (f"{record.name}: statement {uid} has no evidence that it was made from" for uid in without["uid"][:5])
    lost = evidence.join(statements, left_on="statement_uid", right_on="uid", how="anti")["statement_uid"].unique()
    yield from (f"{record.name}: evidence of a statement that is not there: {uid}" for uid in lost.sort()[:5])
    told = evidence.group_by("statement_uid").agg(
        hosts=1 + (pl.col("role") == "corroborates").sum().cast(pl.Int32),
        num_contradicting=(pl.col("role") == "contradicts").sum().cast(pl.Int32),
    )
    rows = statements.join(told, left_on="uid", right_on="statement_uid", how="left", maintain_order="left")
    wrong = rows.filter(pl.col("hosts") != pl.col("num_hosts"))["uid"]
    yield from (f"{record.name}: the hosts of statement {uid} are not those of its evidence" for uid in wrong[:5])
    expected: Any = pl.Series(status_of(rows.to_arrow())["status"])
    wrong = rows.filter(expected != rows["status"])["uid"]
    yield from (f"{record.name}: the status of statement {uid} does not follow from its evidence" for uid in wrong[:5])
