"""Reading and writing the Parquet parts of a shard, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.errors import CorpusError
from governance.inputs import Shard
from manifests.hub import HubFiles
from manifests.records import Part, PartWriter
from manifests.schema import conform
from manifests.store import Store, is_local
from manifests.tombstones import OWNERS, read_tombstones


def open_input(shard: Shard) -> BinaryIO:
    """A seekable file over one input object."""
    if is_local(shard.folder):
        return Path(shard.folder, shard.path).open("rb")
    if shard.folder.startswith("hf://"):
        return HubFiles.at(shard.folder).open(shard.path, shard.size)
    return Store(shard.folder).open(shard.path)


def read_parts(
    store: Store, parts: Iterable[Part], columns: Sequence[str] | None = None, groups: Sequence[int] | None = None
) -> Iterator[pa.Table]:
    """The rows of parts, one row group a table, all of them or those numbered ``groups`` of each part.

    Errors: CorpusError naming a part that is missing or damaged.
    """
    for part in parts:
        try:
            with store.map(part.path) as stream:
                file = pq.ParquetFile(stream, page_checksum_verification=True)
                for group in range(file.num_row_groups) if groups is None else groups:
                    yield file.read_row_group(group, list(columns) if columns else None, use_threads=False)
        except (FileNotFoundError, pa.ArrowInvalid, OSError) as error:
            raise CorpusError(
                f"cannot read {part.path}: {str(error).splitlines()[0]}",
                "run `governance verify` to see what is damaged, then build into a new --output",
            ) from error


def read_visible(store: Store, parts: Iterable[Part], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """As ``read_parts``, without the rows that were taken down: for whoever uses rows, not for whoever accounts for
    them."""
    tombstones = read_tombstones(store)
    if not tombstones:
        yield from read_parts(store, parts, columns)
        return
    for part in parts:
        wanted, there = columns, []
        if columns is not None:
            with store.map(part.path) as stream:
                there = pq.read_schema(stream).names
            wanted = [*columns, *(name for name in OWNERS if name in there and name not in columns)]
        for table in read_parts(store, [part], wanted):
            visible = tombstones.visible(table)
            # As when reading Parquet: a column that is not there is left out.
            asked = visible.column_names if columns is None else [name for name in columns if name in there]
            yield visible.select(asked)


def visible_rows(store: Store, parts: Sequence[Part]) -> int:
    """How many rows of parts were not taken down; by their records alone where nothing was."""
    if not read_tombstones(store):
        return sum(part.rows for part in parts)
    return sum(table.num_rows for table in read_visible(store, parts, ["uid"]))


def read_all(store: Store, parts: Iterable[Part], columns: Sequence[str]) -> pa.Table | None:
    """A few narrow columns of parts as one table; None when there are no rows."""
    tables = list(read_parts(store, parts, columns))
    return pa.concat_tables(tables) if tables else None


def read_overlapping(store: Store, part: Part, low: bytes, high: bytes) -> pa.Table:
    """The rows of those row groups of a part that may hold a uid from ``low`` to ``high``."""
    with store.map(part.path) as stream:
        file = pq.ParquetFile(stream, page_checksum_verification=True)
        groups = [g for g in range(file.num_row_groups) if _overlaps(file.metadata.row_group(g), low, high)]
        return file.read_row_groups(groups, use_threads=False)


def _overlaps(group: Any, low: bytes, high: bytes) -> bool:
    names = [group.column(i).path_in_schema for i in range(group.num_columns)]
    statistics = group.column(names.index("uid")).statistics
    return statistics is None or not statistics.has_min_max or (statistics.min <= high and statistics.max >= low)


@dataclass
class Annotations:
    """The annotations part of one shard: opens with the first rows, whose columns it keeps."""

    store: Store
    stem: str
    _writer: PartWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Append rows; all tables of a shard have the same columns."""
        if table.num_rows == 0:
            return
        if self._writer is None:
            self._writer = PartWriter(self.store, self.stem, table.schema)
        self._writer.write(table)

    def finish(self) -> list[Part]:
        """The part written, if there were rows."""
        return [self._writer.finish()] if self._writer is not None else []


@dataclass
class Data:
    """The data parts of one shard, one a folder: ``<base>/data[/<lang>]/<stem>``."""

    store: Store
    base: str
    stem: str
    schema: pa.Schema
    by_language: bool = False
    _writers: dict[str, PartWriter] = field(default_factory=dict)

    def write(self, table: pa.Table) -> None:
        """Append rows to the part of their language."""
        languages = sorted(pc.unique(table["lang"]).to_pylist()) if self.by_language else [""]
        for language in languages:
            rows = table.filter(pc.equal(table["lang"], language)) if self.by_language else table
            if rows.num_rows:
                self._writer(language).write(conform(rows, self.schema))

    def _writer(self, language: str) -> PartWriter:
        if language not in self._writers:
            folder = f"{self.base}/data/{language}" if language else f"{self.base}/data"
            self._writers[language] = PartWriter(self.store, f"{folder}/{self.stem}", self.schema)
        return self._writers[language]

    def finish(self) -> list[Part]:
        """The parts written, by language."""
        return [self._writers[language].finish() for language in sorted(self._writers)]
