"""What of L4 does not leave the house: statements in which a page that was taken down had any part.

A statement that lost a host, or what contradicted it, has a status that is not found yet: `governance compact` finds it
again. Until then the statement is held back with its evidence and edges, and with the entities that no other names, so
that whatever is published follows from what is published beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.job import table_parts
from governance.parts import read_parts
from manifests.records import Part, read_records
from manifests.store import Store
from manifests.tombstones import OWNERS


@dataclass(frozen=True)
class Hidden:
    """What is held back of one dump."""

    uids: pa.Array  # of what was taken down, and of the statements that it had a part in
    entities: pa.Array  # that only such statements name
    in_part: int = 0  # statements that were not taken down themselves

    def uids_in(self, store: Store, table: str, part: Part) -> tuple[str, ...]:
        """Those that a part of a table holds, sorted: no other part is written anew for them."""
        wanted = self.entities if table == "entities" else self.uids
        if not len(wanted):
            return ()
        with store.map(part.path) as stream:
            names = [name for name in OWNERS if name in pq.read_schema(stream).names]
        found: set[str] = set()
        for rows in read_parts(store, [part], names):
            for name in names:
                found.update(rows[name].filter(pc.is_in(rows[name], value_set=wanted)).to_pylist())
        return tuple(sorted(found))


def hidden(store: Store, dump: str, gone: Mapping[str, Sequence[str]]) -> Hidden:
    """What is held back of a dump; reads its narrow columns, and nothing where nothing was taken down."""
    none = pa.array([], pa.string())
    if not gone:
        return Hidden(none, none)
    out = pa.array([uid for uids in gone.values() for uid in uids], pa.string())
    own, touched = _statements(store, dump, out)
    if not own and not touched:
        return Hidden(none, none)
    uids = pa.chunked_array([out, pa.array(sorted(own | touched), pa.string())]).combine_chunks()
    return Hidden(uids, _entities(store, dump, uids), len(touched - own))


def _statements(store: Store, dump: str, out: pa.Array) -> tuple[set[str], set[str]]:
    """Statements that were taken down, and those of which any evidence was."""
    own: set[str] = set()
    touched: set[str] = set()
    for record in read_records(store, f"L4/{dump}", "data"):
        for table in read_parts(store, table_parts(record, "statements"), ("uid", "parent_uid", "evidence_uid")):
            mask = pc.or_(pc.is_in(table["uid"], value_set=out), pc.is_in(table["parent_uid"], value_set=out))
            own.update(table["uid"].filter(pc.or_(mask, pc.is_in(table["evidence_uid"], value_set=out))).to_pylist())
        for table in read_parts(store, table_parts(record, "evidence"), ("statement_uid", "evidence_uid")):
            hits = pc.is_in(table["evidence_uid"], value_set=out)
            touched.update(table["statement_uid"].filter(hits).to_pylist())
    return own, touched


def _entities(store: Store, dump: str, uids: pa.Array) -> pa.Array:
    """Entities that none of the other statements names."""
    named = pa.array([], pa.string())
    seen = pa.array([], pa.string())
    for record in read_records(store, f"L4/{dump}", "data"):
        for table in read_parts(store, table_parts(record, "statements"), ("uid", "entities")):
            stays = pc.invert(pc.is_in(table["uid"], value_set=uids))
            seen = _united(seen, table["entities"])
            named = _united(named, table["entities"].filter(stays))
    return seen.filter(pc.invert(pc.is_in(seen, value_set=named)))


def _united(known: pa.Array, lists: pa.ChunkedArray) -> pa.Array:
    """Known uids and those in lists, each once."""
    return pc.unique(pa.chunked_array([known, *pc.list_flatten(lists).chunks], pa.string()))
