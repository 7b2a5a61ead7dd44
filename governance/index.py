"""The index over L4: built, brought up to date, and found again.

    _index/current.json            the table that is asked, of which settings it is
    _index/<table>.json            what a table holds: the parts of each unit by their hashes
    _index/<table>.lance           the table, by LanceDB

A unit is a record of L4. Bringing the index up to date compares units by the hashes of their parts, and the rows of a
unit that changed by their own hashes, so that only what is new is embedded and what is gone goes. Each step can be
repeated: after a kill at any point the same command goes on. Other settings make another table; until that is whole,
the one before is asked.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from governance import index_settings
from governance.embedder import Embedder, load_embedder
from governance.errors import CorpusError, UsageError
from governance.index_config import IndexConfig
from governance.index_rows import Rows, embedded_text, part_hashes, unit_name
from governance.index_table import FOLDER, VECTOR, among, connect, index_table, literal, table_schema
from governance.progress import Line, Progress
from manifests.records import Record, read_records
from manifests.store import Store
from manifests.tombstones import read_tombstones

CURRENT = f"{FOLDER}/current.json"
_FORMAT = 1  # of rows and tables: another builds anew
_BATCH = 4_096  # rows written at once: what a kill loses at most
_EMBEDDED = 256  # texts embedded between two signs of life
_UIDS = 500  # in one condition of a query


@dataclass
class State:
    """What a table holds."""

    table: str
    config: dict[str, Any]
    dim: int
    units: dict[str, list[str]] = field(default_factory=dict)  # hashes of the parts of each
    manifests: dict[str, str] = field(default_factory=dict)  # sha256 of each dump's manifest
    tombstones: list[str] = field(default_factory=list)
    rows: int = 0


@dataclass(frozen=True)
class Change:
    """What bringing an index up to date did."""

    added: int
    removed: int
    embedded: int
    rows: int
    seconds: float


def read_state(store: Store) -> State | None:
    """The index that is asked; None where there is none. Errors: CorpusError when its record is damaged."""
    try:
        return _read(store, json.loads(store.get(CURRENT))["table"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"{CURRENT} is damaged: {error}", f"governance index {store.url} --rebuild makes it anew"
        ) from error


def _read(store: Store, table: str) -> State:
    return State(**json.loads(store.get(f"{FOLDER}/{table}.json")))


def _write(store: Store, state: State) -> None:
    store.put(f"{FOLDER}/{state.table}.json", json.dumps(asdict(state), indent=1, sort_keys=True).encode())


def sealed_dumps(store: Store) -> dict[str, str]:
    """The sealed dumps of L4 with the sha256 of their manifests."""
    found = {}
    for dump in store.folders("L4"):
        try:
            found[dump] = hashlib.sha256(store.get(f"L4/{dump}/manifest.json")).hexdigest()
        except FileNotFoundError:  # under way
            continue
    return found


def is_stale(store: Store, state: State) -> bool:
    """Whether L4, or what was taken down, is another than the index was made of."""
    return state.manifests != sealed_dumps(store) or state.tombstones != read_tombstones(store).names


def refresh(store: Store, config: IndexConfig, progress: Progress, rebuild: bool = False) -> Change:
    """Make the index that of the sealed dumps of L4, whether there is one or none.

    Args: config, which rules over the settings that a run recorded where it is not what the index has anyway; rebuild,
        a new table in any case; vectors of texts that the old one holds are taken from it.
    Errors: UsageError where no dump of L4 is sealed, or the embedder is not there.
    """
    manifests = sealed_dumps(store)
    old = _old(store, rebuild)
    config = index_settings.asked(store, config, old.config if old else None)
    if not manifests and old is None:
        raise UsageError(f"{store.url} holds no L4", f"build it first: governance run --level L4 --output {store.url}")
    if (
        old is not None
        and not rebuild
        and _asked(old.config) == _asked(config.model_dump())
        and not is_stale(store, old)
    ):
        return Change(0, 0, 0, old.rows, 0.0)
    return _Refresh(store, config, progress, old, rebuild).run(manifests)


def bring_up_to_date(store: Store, progress: Progress) -> Change:
    """Make the index that of L4 as it is now, by the settings that it has or a run recorded. Errors: as ``refresh``."""
    state = read_state(store)
    return refresh(store, IndexConfig() if state is None else IndexConfig(**state.config), progress)


def _old(store: Store, rebuild: bool) -> State | None:
    """The index that is there; a damaged one is none where it is made anew. Errors: CorpusError."""
    try:
        return read_state(store)
    except CorpusError:
        if rebuild:
            return None
        raise


def _asked(config: dict[str, Any]) -> dict[str, Any]:
    """The settings that decide what a table holds."""
    return {name: value for name, value in config.items() if name != "vector_index_rows"}


class _Refresh:
    """One bringing up to date."""

    def __init__(self, store: Store, config: IndexConfig, progress: Progress, old: State | None, rebuild: bool) -> None:
        self.store, self.config, self.progress, self.old = store, config, progress, old
        self.embedder = load_embedder(config.embedder)
        self.dim = self.embedder.dim if self.embedder else 0
        self.db = connect(store)
        self.state = self._state(rebuild)
        self.table = self.db.create_table(self.state.table, schema=table_schema(self.dim), exist_ok=True)
        same = old is not None and old.table != self.state.table and old.config["embedder"] == config.embedder
        self.known = self.db.open_table(old.table) if old is not None and same and self.dim else self.table
        self.added = self.removed = self.embedded = 0

    def _state(self, rebuild: bool) -> State:
        """The state to go on from: that of the table of these settings, finished or not, else an empty one."""
        if self.old is not None and not rebuild and _asked(self.old.config) == _asked(self.config.model_dump()):
            return self.old
        told = json.dumps([_FORMAT, self.dim, _asked(self.config.model_dump())], sort_keys=True)
        name = f"statements_{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        if self.old is not None and self.old.table == name:  # a rebuild of the same: another table all the same
            name += "_again"
        if rebuild and self.old is None:  # what an index was that cannot be read any more says nothing of its table
            self.db.drop_table(name, ignore_missing=True)
            return State(name, self.config.model_dump(), self.dim)
        try:
            return _read(self.store, name)
        except FileNotFoundError:
            return State(name, self.config.model_dump(), self.dim)

    def run(self, manifests: dict[str, str]) -> Change:
        start = time.monotonic()
        # Read before the rows are: what is taken down meanwhile makes the index stale, and is hidden until then.
        tombstones = read_tombstones(self.store).names
        records = [(dump, record) for dump in manifests for record in read_records(self.store, f"L4/{dump}", "data")]
        wanted = {unit_name(dump, record.number): part_hashes(record) for dump, record in records}
        for unit in sorted(set(self.state.units) - set(wanted)):
            self._remove(f"unit = {literal(unit)}")
            self._note(unit, None)
        if tombstones != self.state.tombstones:  # any unit may hold what was taken down
            self.state.units = {key: [] for key in self.state.units}
        due = [(dump, record) for dump, record in records if self._is_due(unit_name(dump, record.number), record)]
        with self.progress.stage("index", sum(_statements(record) for _, record in due), unit="statements") as line:
            rows = Rows(self.store, self.config)
            for dump, record in due:
                self._bring(unit_name(dump, record.number), rows.read(dump, record), line)
                self._note(unit_name(dump, record.number), part_hashes(record))
        return self._finish(manifests, tombstones, start)

    def _is_due(self, unit: str, record: Record) -> bool:
        return self.state.units.get(unit) != part_hashes(record)

    def _note(self, unit: str, hashes: list[str] | None) -> None:
        self.state.units.pop(unit, None)
        self.state.units |= {} if hashes is None else {unit: hashes}
        _write(self.store, self.state)

    def _remove(self, condition: str) -> None:
        count = self.table.count_rows(condition)
        if count:
            self.table.delete(condition)
            self.removed += count

    def _bring(self, unit: str, rows: list[dict[str, Any]], line: Line) -> None:
        """Make the rows of a unit in the table these."""
        held = self._held(unit)
        wanted = {row["uid"] for row in rows}
        fresh = [row for row in rows if held.get(row["uid"]) != row["row_hash"]]
        line.advance(len(rows) - len(fresh), len(rows) - len(fresh))
        for batch in _chunks(fresh, _BATCH):
            table = self._with_vectors(batch, line)
            self.table.merge_insert("uid").when_matched_update_all().when_not_matched_insert_all().execute(table)
            self.added += len(batch)
        # Last, so that a kill in between leaves what can be asked.
        for uids in _chunks(sorted(set(held) - wanted), _UIDS):
            self._remove(among("uid", uids))

    def _held(self, unit: str) -> dict[str, str]:
        """Hash of each row that the table holds of a unit, by uid."""
        found = self.table.search().where(f"unit = {literal(unit)}").select(["uid", "row_hash"]).limit(None).to_arrow()
        return dict(zip(found["uid"].to_pylist(), found["row_hash"].to_pylist(), strict=True))

    def _with_vectors(self, rows: list[dict[str, Any]], line: Line) -> pa.Table:
        schema = table_schema(self.dim)
        columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in schema.names if name != VECTOR}
        if self.embedder is None:
            line.advance(len(rows), len(rows))
        else:
            vectors = self._vectors(self.embedder, rows, line).astype(np.float16)
            columns[VECTOR] = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), self.dim)
        return pa.table(columns, schema=schema)

    def _vectors(self, embedder: Embedder, rows: list[dict[str, Any]], line: Line) -> np.ndarray:
        """float32 (n, dim); those of texts that are known already are not made again."""
        known = self._known([row["uid"] for row in rows])
        vectors = np.zeros((len(rows), self.dim), np.float32)
        fresh = [place for place, row in enumerate(rows) if row["text_hash"] not in known]
        for place in set(range(len(rows))) - set(fresh):
            vectors[place] = known[rows[place]["text_hash"]]
        line.advance(len(rows) - len(fresh), len(rows) - len(fresh))
        for places in _chunks(fresh, _EMBEDDED):
            vectors[places] = embedder.passages([embedded_text(rows[place]) for place in places])
            line.advance(len(places), len(places))
        self.embedded += len(fresh)
        return vectors

    def _known(self, uids: list[str]) -> dict[str, list[float]]:
        """Vectors by the hash of their text, of rows that the index before, or this one, holds."""
        search = self.known.search().where(among("uid", uids)).select(["text_hash", VECTOR]).limit(None)
        found = search.to_arrow()
        return dict(zip(found["text_hash"].to_pylist(), found[VECTOR].to_pylist(), strict=True))

    def _finish(self, manifests: dict[str, str], tombstones: list[str], start: float) -> Change:
        index_table(self.table, self.config)
        self.state.manifests, self.state.tombstones = manifests, tombstones
        self.state.rows, self.state.config = self.table.count_rows(), self.config.model_dump()
        _write(self.store, self.state)
        self.store.put(CURRENT, json.dumps({"table": self.state.table}).encode())
        self._sweep()
        return Change(self.added, self.removed, self.embedded, self.state.rows, time.monotonic() - start)

    def _sweep(self) -> None:
        """Remove the tables that are not asked any more."""
        for name in self.db.list_tables().tables:
            if name != self.state.table:
                self.db.drop_table(name)
                self.store.delete([f"{FOLDER}/{name}.json"])


def _statements(record: Record) -> int:
    return sum(part.rows for part in record.parts if "/data/statements/" in part.path)


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
