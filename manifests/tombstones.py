"""What was taken down: rules and uids in ``<output>/_tombstones``, written once and never changed.

    _tombstones/<hash>.json             a rule: rows that match it do not come in any more
    _tombstones/uids/<hash>.parquet     documents and rows that are out, sorted: uid, and the kind of rule that did it
    _tombstones/receipts/<hash>.json    what one takedown found; beside it a Parquet file with the hash of every row
    _tombstones/compactions/<n>.json    a compaction was begun; <n>.done.json: it ended

A row is out if its own uid or that of the document it was made from is: one entry hides all that was written from a
document, now and later. Only pyarrow is needed to read this, so that a trainer honours it too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from manifests.store import Store

FOLDER = "_tombstones"
UIDS, RECEIPTS, COMPACTIONS = f"{FOLDER}/uids", f"{FOLDER}/receipts", f"{FOLDER}/compactions"
SCHEMA = pa.schema([("uid", pa.string()), ("rule", pa.string())])
OWNERS = (
    "uid",
    "parent_uid",
    "row_uid",
    "evidence_uid",
    "statement_uid",
)  # columns any of which makes a row one of something taken down
GROUP_ROWS = 50_000  # rows a row group, so that a reader of one shard takes few
_SMALL_BYTES = 1 << 20  # objects up to this are read once and kept
_TIERS = ("L0", "L1", "L2", "L3", "L4")


class Files(Protocol):
    """Where tombstones lie: a store, or a file system that only pyarrow knows."""

    def sizes(self, folder: str) -> list[tuple[str, int]]:
        """Path and bytes of the files right below a folder; none where there is no folder."""
        ...

    def open(self, path: str) -> Any:
        """A file to read."""
        ...


@dataclass(frozen=True)
class InStore:
    """The files of a corpus store."""

    store: Store

    def sizes(self, folder: str) -> list[tuple[str, int]]:
        """See ``Files``."""
        return [(found.path, found.size) for found in self.store.list(folder)]

    def open(self, path: str) -> Any:
        """See ``Files``."""
        return self.store.open(path)


@dataclass(frozen=True)
class InFileSystem:
    """The files of a corpus below ``root`` of a pyarrow file system."""

    filesystem: Any
    root: str

    def sizes(self, folder: str) -> list[tuple[str, int]]:
        """See ``Files``."""
        from pyarrow.fs import FileSelector

        found = self.filesystem.get_file_info(FileSelector(f"{self.root}/{folder}", allow_not_found=True))
        return [(f"{folder}/{one.base_name}", one.size) for one in found if one.is_file]

    def open(self, path: str) -> Any:
        """See ``Files``."""
        return self.filesystem.open_input_file(f"{self.root}/{path}")


@dataclass
class Tombstones:
    """The uids that are out, as they were when this was made. Memory: those of the shards asked for last."""

    files: Files
    objects: tuple[tuple[str, int], ...]  # path and bytes
    _kept: dict[str, pa.Table] = field(default_factory=dict, repr=False)
    # Range and uids in one, because threads of a trainer share this.
    _last: tuple[tuple[str, str], pa.Table] = field(
        default_factory=lambda: (("", ""), pa.Table.from_batches([], SCHEMA)), repr=False
    )

    def __bool__(self) -> bool:
        return bool(self.objects)

    def __getstate__(self) -> dict[str, Any]:
        return {"files": self.files, "objects": self.objects}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    @property
    def names(self) -> list[str]:
        """The objects, sorted: others of these names are others."""
        return sorted(path.rpartition("/")[2] for path, _ in self.objects)

    def count(self) -> int:
        """How many uids are out, by the footers of the objects; one that two takedowns name counts twice."""
        total = 0
        for path, _ in self.objects:
            with self.files.open(path) as stream:
                total += pq.read_metadata(stream).num_rows
        return total

    def of(self, low: str, high: str) -> pa.Table:
        """SCHEMA of the uids from one to another, those that share their first 8 digits with them too; each once."""
        bounds = (low[:8].ljust(32, "0"), high[:8].ljust(32, "f"))
        known_bounds, known = self._last
        if bounds != known_bounds:
            found = [table for path, size in self.objects for table in self._read(path, size, *bounds)]
            table = pa.concat_tables([SCHEMA.empty_table(), *found])
            known = table.group_by("uid", use_threads=False).aggregate([("rule", "min")]).rename_columns(
                SCHEMA.names
            ).sort_by("uid").combine_chunks()  # fmt: skip
            self._last = (bounds, known)
        return known

    def _read(self, path: str, size: int, low: str, high: str) -> Iterator[pa.Table]:
        if path in self._kept:
            yield _between(self._kept[path], low, high)
            return
        with self.files.open(path) as stream:
            if size <= _SMALL_BYTES:
                self._kept[path] = pq.read_table(pa.BufferReader(stream.read()))
                yield _between(self._kept[path], low, high)
                return
            file = pq.ParquetFile(stream, pre_buffer=False)
            for group in range(file.num_row_groups):
                seen = file.metadata.row_group(group).column(0).statistics
                if seen.min <= high and seen.max >= low:
                    yield _between(file.read_row_group(group, use_threads=False), low, high)

    def hidden(self, table: pa.Table) -> pa.Array | None:
        """Which rows are out, bool (n,), by their OWNERS; None where none is."""
        columns = [table[name] for name in OWNERS if name in table.column_names]
        columns = [column for column in columns if pa.types.is_string(column.type) and column.null_count < len(column)]
        if not self.objects or not columns:
            return None
        ends = [pc.min_max(column).as_py() for column in columns]
        known = self.of(min(end["min"] for end in ends), max(end["max"] for end in ends))["uid"].combine_chunks()
        if len(known) == 0:
            return None
        mask = pc.is_in(columns[0], value_set=known)
        for column in columns[1:]:
            mask = pc.or_(mask, pc.is_in(column, value_set=known))
        mask = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
        return mask if pc.any(mask).as_py() else None

    def among(self, uids: pa.Array) -> pa.Array:
        """Which of these uids of any shards are out, bool (n,); memory for the tombstones of one shard."""
        heads = pc.utf8_slice_codeunits(uids, 0, 8)
        tables = [self.of(head, head) for head in sorted(set(heads.to_pylist()))] if self.objects else []
        known = pa.concat_tables([SCHEMA.empty_table(), *tables])["uid"].combine_chunks()
        return pc.is_in(uids, value_set=known)

    def visible(self, table: pa.Table) -> pa.Table:
        """The rows that are not out."""
        hidden = self.hidden(table)
        return table if hidden is None else table.filter(pc.invert(hidden))


def _between(table: pa.Table, low: str, high: str) -> pa.Table:
    return table.filter(pc.and_(pc.greater_equal(table["uid"], low), pc.less_equal(table["uid"], high)))


def read_tombstones(files: Files | Store) -> Tombstones:
    """What is taken down now, by one listing."""
    source: Files = InStore(files) if isinstance(files, Store) else files
    return Tombstones(source, tuple(sorted(each for each in source.sizes(UIDS) if each[0].endswith(".parquet"))))


def corpus_root(path: str) -> str | None:
    """The folder of the corpus that a file of a tier lies in; None where the path names no tier."""
    pieces = path.split("/")
    places = [place for place, piece in enumerate(pieces[:-1]) if piece in _TIERS]
    return "/".join(pieces[: places[-1]]) if places else None


@dataclass(frozen=True)
class Rule:
    """What is to stay out: ``kind`` is domain, url, licence or uid; ``dump`` None means every dump."""

    kind: str
    value: str
    reason: str = ""
    dump: str | None = None

    @property
    def path(self) -> str:
        """Where the rule is stored: the reason is no part of its name, the first one stands."""
        told = json.dumps([self.kind, self.value, self.dump], ensure_ascii=False)
        return f"{FOLDER}/{hashlib.sha256(told.encode()).hexdigest()[:16]}.json"

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return json.dumps(vars(self), indent=1, sort_keys=True, ensure_ascii=False).encode()


def read_rules(store: Store) -> list[Rule]:
    """The rules of a corpus, sorted."""
    paths = [found.path for found in store.list(FOLDER) if found.path.count("/") == 1]
    return sorted((Rule(**json.loads(store.get(path))) for path in paths), key=lambda rule: (rule.kind, rule.value))


def under_way(store: Store) -> int | None:
    """The number of a compaction that was begun and did not end."""
    names = {found.path.rpartition("/")[2] for found in store.list(COMPACTIONS)}
    open_ones = [int(name[:-5]) for name in names if "done" not in name and f"{name[:-5]}.done.json" not in names]
    return min(open_ones, default=None)


def tombstone_faults(store: Store) -> Iterator[str]:
    """Objects of uids whose bytes are not those that they were named by."""
    for path, _ in read_tombstones(store).objects:
        if hashlib.sha256(store.get(path)).hexdigest()[:16] != path.rpartition("/")[2].partition(".")[0]:
            yield f"{path} is damaged: what it took down may show again"
