"""The rows that leave the house: those of a part that nobody took down. Everything published is read through here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.store import Store
from manifests.tombstones import OWNERS, read_tombstones


def withdrawn(store: Store) -> Mapping[str, Sequence[str]]:
    """The uids that were taken down, sorted, by their first 8 digits, those of their shard."""
    found: dict[str, set[str]] = {}
    for path, _ in read_tombstones(store).objects:
        with store.map(path) as stream:
            for uid in pq.read_table(stream, columns=["uid"])["uid"].to_pylist():
                found.setdefault(uid[:8], set()).add(uid)
    return {shard: sorted(uids) for shard, uids in found.items()}


def rows_of(file: Any, groups: Sequence[int], columns: Sequence[str] | None, gone: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of an open Parquet file that nobody took down, a row group a table; ``columns``: None for all."""
    owners = [name for name in OWNERS if name in file.schema_arrow.names] if gone else []
    wanted = None if columns is None else list(dict.fromkeys([*owners, *columns]))
    uids = pa.array(gone, pa.string()) if gone else None
    for group in groups:
        table = file.read_row_group(group, wanted, use_threads=False)
        for name in owners:
            table = table.filter(pc.invert(pc.is_in(table[name], value_set=uids)))
        yield table if columns is None else table.select(list(columns))
