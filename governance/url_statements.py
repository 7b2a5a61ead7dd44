"""Statements of L4 in the table of addresses: of each page how many rest on it, and the first few of them.

Evidence names its document and its address, so that it is sent to the partition of its page once, whatever shard of L4
it lies in.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from governance.job import table_parts
from governance.parts import read_parts
from manifests.records import read_record
from manifests.store import Store
from stages.addresses import page_keys

NAMED = 5  # statements of a page that are named: a row of the table stays narrow; `explain UID` tells all of them
SAID = pa.schema([("document", pa.string()), ("statement", pa.string())])


def said_of(store: Store, dump: str, number: int) -> tuple[pa.ChunkedArray, pa.Table]:
    """The keys of the pages of a record of L4, and SAID beside them; evidence without an address of the web is left
    out."""
    parts = table_parts(read_record(store, f"L4/{dump}", "data", number), "evidence")
    names = ("url", "evidence_uid", "statement_uid")
    tables = [table.select(names) for table in read_parts(store, parts, names)]
    found = pa.concat_tables([pa.schema([(name, pa.string()) for name in names]).empty_table(), *tables])
    found = found.filter(pc.is_valid(found["url"]))
    keys = page_keys(found["url"])
    known = pc.is_valid(keys)
    said = found.select(names[1:]).rename_columns(SAID.names).cast(SAID).filter(known)
    return pa.chunked_array([keys.filter(known)], pa.string()), said


def of_pages(tables: Iterable[pa.Table], uids: pa.Array) -> dict[str, pa.Array]:
    """How many statements rest on each page, null where none does, and those of the smallest uids."""
    import polars as pl

    frames = [pl.DataFrame(table).unique() for table in tables]
    schema = {"document": pl.String, "statement": pl.String}
    said = pl.concat([pl.DataFrame(schema=schema), *frames]).unique()
    told = said.group_by("document").agg(
        count=pl.len().cast(pl.Int32), first=pl.col("statement").bottom_k(NAMED).sort()
    )  # fmt: skip
    pages = pl.DataFrame({"document": pl.Series(uids.to_pylist(), dtype=pl.String)})
    pages = pages.join(told, on="document", how="left", maintain_order="left")
    return {
        "L4.statements": pages["count"].to_arrow(),
        "L4.uids": pages["first"].to_arrow().cast(pa.list_(pa.string())),
    }
