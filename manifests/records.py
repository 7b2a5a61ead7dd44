"""The commit of a shard: a record that names its objects and balances its rows, written once and create-only."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from manifests import ledger as accounts
from manifests.store import Object, Store
from manifests.streams import Hashing

SCRATCH = "_shuffle"  # folder of parts that only the build of a tier needs; gone once it is sealed
ROW_GROUP_BYTES = 16 << 20  # of text in memory; small enough that a reader streams, large enough to compress


@dataclass(frozen=True)
class Part:
    """One Parquet object of a shard."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass
class Record:
    """What one step wrote for one shard. ``figures`` hold counts such as tokens; no clock is in a record."""

    step: str
    number: int
    name: str
    fingerprint: str
    parts: list[Part] = field(default_factory=list)
    ledger: accounts.Ledger = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    slow: dict[str, list[str]] | None = None  # by stage, the rows that hit its CPU limit; None: no stage has one

    def to_bytes(self) -> bytes:
        """Canonical JSON: the same record gives the same bytes."""
        body = {
            "step": self.step,
            "number": self.number,
            "name": self.name,
            "fingerprint": self.fingerprint,
            "parts": [asdict(part) for part in self.parts],
            "ledger": accounts.dump(self.ledger),
            "figures": self.figures,
            "slow": self.slow,
        }
        return json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False).encode()

    @staticmethod
    def from_bytes(data: bytes) -> Record:
        """The inverse of ``to_bytes``. Errors: ValueError when the bytes are no record."""
        body = json.loads(data)
        return Record(
            body["step"],
            body["number"],
            body["name"],
            body["fingerprint"],
            [Part(**part) for part in body["parts"]],
            accounts.load(body["ledger"]),
            body["figures"],
            body.get("slow"),
        )


def record_path(base: str, step: str, number: int, generation: int = 0) -> str:
    """Where the record of a shard's step lies, e.g. ``L1/web/_shards/data/part-00012.json``; that of a later
    generation, which a compaction wrote, ``L1/web/_shards/data/part-00012/g0001.json``."""
    stem = f"{base}/_shards/{step}/part-{number:05d}"
    return f"{stem}/g{generation:04d}.json" if generation else f"{stem}.json"


def generations(store: Store, base: str, step: str, number: int) -> list[int]:
    """The later generations of a record that are there, in order."""
    folder = record_path(base, step, number).removesuffix(".json")
    return sorted(int(found.path.rpartition("/g")[2][:-5]) for found in store.list(folder))


def record_paths(store: Store, base: str, step: str, number: int) -> list[str]:
    """Where all generations of a record lie."""
    later = generations(store, base, step, number)
    return [record_path(base, step, number, generation) for generation in (0, *later)]


def read_record(store: Store, base: str, step: str, number: int) -> Record:
    """The record of a shard's step; the latest generation, once the first record is gone.

    Until a compaction has removed the first one, it stands, and its parts are there.
    Errors: FileNotFoundError when it is not committed.
    """
    try:
        return Record.from_bytes(store.get(record_path(base, step, number)))
    except FileNotFoundError:
        later = generations(store, base, step, number)
        if not later:
            raise
    return Record.from_bytes(store.get(record_path(base, step, number, later[-1])))


def committed(store: Store, base: str, step: str) -> set[int]:
    """Numbers of the shards whose step is committed, by one listing."""
    folder = f"{base}/_shards/{step}"
    names = (found.path[len(folder) + 1 :] for found in store.list(folder) if found.path.endswith(".json"))
    return {int(name[5:].partition("/")[0].partition(".")[0]) for name in names if name.startswith("part-")}


def read_records(store: Store, base: str, step: str) -> Iterator[Record]:
    """The records of a step by shard number, a few thousand at a time in memory."""
    numbers = sorted(committed(store, base, step))
    with ThreadPoolExecutor(16) as pool:
        for start in range(0, len(numbers), 4096):
            yield from pool.map(lambda number: read_record(store, base, step, number), numbers[start : start + 4096])


def commit(store: Store, base: str, record: Record) -> Record:
    """Commit a shard's step, after all of its parts are written; returns the record that stands.

    The first committer wins. Whoever loses removes the parts that the winner does not name, and of a sealed tier its
    scratch parts too, so that a worker which was paused, replaced and woken leaves nothing behind.
    """
    path = record_path(base, record.step, record.number)
    # A compacted shard has no first record: whoever slept until then must not bring back what was removed.
    if not generations(store, base, record.step, record.number) and store.create(path, record.to_bytes()):
        return record
    winner = read_record(store, base, record.step, record.number)
    sealed = store.exists(f"{base}/manifest.json")
    named = {part.path for part in winner.parts if not (sealed and f"/{SCRATCH}/" in part.path)}
    store.delete(part.path for part in record.parts if part.path not in named)
    return winner


class PartWriter:
    """Writes one Parquet part whole; its name carries 12 hex digits of its own sha256."""

    def __init__(self, store: Store, stem: str, schema: pa.Schema, hashes: bool = False) -> None:
        """``stem`` is the path without hash and suffix, e.g. ``L1/web/data/en/part-00012``; ``hashes``: the columns are
        ids and hashes, on which compression is lost time."""
        self._store, self._stem, self._schema = store, stem, schema
        self._spool = Hashing.spooled()
        self._sink = pa.PythonFile(self._spool, mode="w")
        self._writer = pq.ParquetWriter(
            self._sink, schema, compression="none" if hashes else "zstd", use_dictionary=not hashes,
            write_page_checksum=True,
        )  # fmt: skip
        self._rows = 0
        self._waiting: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        """Append rows; row groups close at a fixed size, whatever the size of the tables given."""
        self._waiting.append(table.select(self._schema.names).cast(self._schema))
        self._rows += table.num_rows
        if sum(waiting.nbytes for waiting in self._waiting) >= ROW_GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Close the row group."""
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
            self._waiting = []

    def finish(self) -> Part:
        """Put the part into the store under its final name."""
        self.flush()
        self._writer.close()
        digest = self._spool.sha256()
        path = f"{self._stem}-{digest[:12]}.parquet"
        self._store.put(path, self._spool.content())
        return Part(path, self._rows, self._spool.size, digest)


def write_part(store: Store, stem: str, tables: Iterable[pa.Table], schema: pa.Schema) -> Part:
    """Write tables as one part."""
    writer = PartWriter(store, stem, schema)
    for table in tables:
        writer.write(table)
    return writer.finish()


def sweep(store: Store, folders: Iterable[str], named: Container[str], stem: str = "") -> list[str]:
    """Remove the objects under ``folders`` whose paths no record named; returns their paths.

    After it the folders hold exactly the tier, and any Parquet reader may glob them. ``stem`` spares objects whose
    base name starts otherwise: those of other dumps in a folder that dumps share.
    """
    strays = [found.path for folder in folders for found in _below(store, folder, stem) if found.path not in named]
    store.delete(strays)
    return strays


def _below(store: Store, folder: str, stem: str) -> Iterator[Object]:
    return (found for found in store.list(folder) if found.path.rpartition("/")[2].startswith(stem))
