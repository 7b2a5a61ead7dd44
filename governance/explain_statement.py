"""Statements of L4 for `governance explain`: with their evidence, and those that rest on a document."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.job import table_parts
from governance.parts import read_parts
from manifests.records import Part, Record, read_records
from manifests.store import Store


def of_statement(store: Store, dump: str, uid: str) -> list[dict[str, Any]]:
    """A statement, then its evidence, its own first; nothing where there is no such statement."""
    for record in read_records(store, f"L4/{dump}", "data"):
        found = _rows(store, record, "statements", "uid", [uid])
        if found:
            return found + _rows(store, record, "evidence", "statement_uid", [uid])
    return []


def of_document(store: Store, dump: str, uid: str) -> list[dict[str, Any]]:
    """The statements for which a document is evidence."""
    found: list[dict[str, Any]] = []
    for record in read_records(store, f"L4/{dump}", "data"):
        uids = [entry["row"]["statement_uid"] for entry in _rows(store, record, "evidence", "evidence_uid", [uid])]
        found += _rows(store, record, "statements", "uid", uids) if uids else []
    return found


def _rows(store: Store, record: Record, table: str, column: str, values: list[str]) -> list[dict[str, Any]]:
    """The rows of a table of L4 whose ``column`` is one of the values."""
    found = []
    for part in table_parts(record, table):
        for group, mask in _hits(store, part, column, values):
            for row in next(read_parts(store, [part], groups=[group])).filter(mask).to_pylist():
                told = {name: value for name, value in row.items() if value is not None}
                found.append({"tier": "L4", "kind": table, "part": part.path, "row": told})
    return found


def _hits(store: Store, part: Part, column: str, values: list[str]) -> list[tuple[int, pa.Array]]:
    wanted = pa.array(values, pa.string())
    masks = (pc.is_in(table[column], value_set=wanted) for table in read_parts(store, [part], [column]))
    return [(group, mask) for group, mask in enumerate(masks) if pc.any(mask).as_py()]
