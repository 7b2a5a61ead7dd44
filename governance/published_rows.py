"""The rows that leave the house: those of a part that nobody withdrew. Everything published is read through here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.store import Store

TOMBSTONES = "_tombstones"


def withdrawn(store: Store) -> Mapping[str, Sequence[str]]:
    """The uids of withdrawn rows by their first 8 digits, those of their shard: all that ``_tombstones`` holds.

    Tombstones are Parquet objects with a column ``uid``. Errors: ValueError for an object that is none.
    """
    found: dict[str, list[str]] = {}
    for item in sorted(store.list(TOMBSTONES), key=lambda one: one.path):
        with store.map(item.path) as stream:
            for uid in pq.read_table(stream, columns=["uid"])["uid"].to_pylist():
                found.setdefault(uid[:8], []).append(uid)
    return found


def rows_of(file: Any, groups: Sequence[int], columns: Sequence[str] | None, gone: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of an open Parquet file that nobody withdrew, a row group a table; ``columns``: None for all."""
    wanted = None if columns is None else list(dict.fromkeys(["uid", *columns] if gone else columns))
    for group in groups:
        table = file.read_row_group(group, wanted, use_threads=False)
        if gone:
            left = pc.invert(pc.is_in(table["uid"], value_set=pa.array(gone, pa.string())))
            table = table.filter(left)
        yield table if columns is None else table.select(list(columns))
