"""Small Parquet parts to files of the size that hubs and readers like, in memory for one row group.

Row groups that are large enough are copied as they are, byte by byte, at the speed of the disk. Small ones are read
and written together again, and so are files from which rows were withdrawn. On the way every part's sha256 is compared
with its record's, and its rows are counted by licence, model and prompt, for the card.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.errors import CorpusError
from governance.publish_plan import Bundle
from governance.published_rows import rows_of
from manifests.records import ROW_GROUP_BYTES, Part
from manifests.schema import conform
from manifests.splice import splice
from manifests.store import Store
from manifests.streams import Hashing

COUNTED = ("licence", "model", "prompt_id", "style")
_OF_STATEMENTS = ("lang", "status", "method", "role")  # counted of L4 beside these
BY_LANGUAGE = "lang.status"  # statements by language and status, such as "zh supported"
MIN_GROUP_BYTES = 1_000_000  # of an average row group that is copied as it is
_BLOCK_BYTES = 8 << 20


@dataclass
class Counts:
    """What the rows of a file are: their number, by value of each counted column, and one sampling of each prompt."""

    rows: int = 0
    by: dict[str, dict[str, int]] = field(default_factory=dict)
    sampling: dict[str, str] = field(default_factory=dict)

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table; a null counts under the empty string."""
        self.rows += table.num_rows
        for column in counted_of(table.column_names):
            self._count(column, table[column])
        if {"lang", "status"} <= set(table.column_names):
            self._count(BY_LANGUAGE, pc.binary_join_element_wise(table["lang"], table["status"], " "))
        if "sampling" in table.column_names:
            self._sample(table)

    def _count(self, name: str, values: pa.ChunkedArray) -> None:
        found = Counter(self.by.get(name, {}))
        for item in pc.value_counts(values).to_pylist():
            found[item["values"] or ""] += item["counts"]
        self.by[name] = dict(sorted(found.items()))

    def _sample(self, table: pa.Table) -> None:
        prompts = table["prompt_id"].combine_chunks()
        found = pc.unique(prompts)
        firsts = pc.index_in(found, value_set=prompts)  # and no Python value to Arrow's, for which it imports pandas
        for prompt, first in zip(found.to_pylist(), firsts.to_pylist(), strict=True):
            if prompt not in self.sampling:
                body = json.loads(table["sampling"][first].as_py())[0]
                self.sampling[prompt] = json.dumps({k: v for k, v in body.items() if k not in _PER_REQUEST})


def counted_of(names: Sequence[str]) -> list[str]:
    """Which of these columns are counted: of L4, which has no texts to train on, languages and statuses too."""
    return [name for name in (*COUNTED, *(() if "content" in names else _OF_STATEMENTS)) if name in names]


_PER_REQUEST = ("seed", "schema")  # differ from request to request, or are long


@dataclass(frozen=True)
class Compacted:
    """A finished file: where it lies here, its bytes, its digest, and what it holds."""

    path: Path
    bytes: int
    sha256: str
    counts: Counts


def compact(store: Store, bundle: Bundle, folder: Path, schema: pa.Schema) -> Compacted | None:
    """Write a file of the data set into a local folder; None where all of its rows were withdrawn.

    Errors: CorpusError naming a part that is missing, damaged or not what its record says; OSError of the folder.
    """
    path = folder / f"{bundle.key[:32]}.parquet"
    counts = Counts()
    with path.open("wb") as raw:
        sink = Hashing(raw)
        if not _copied_as_is(store, bundle, schema):
            _rewrite(store, bundle, sink, schema, counts)
        elif len(bundle.parts) == 1 and not bundle.split:
            _copy(store, bundle, sink, counts)
        else:
            splice(sink, _sources(store, bundle, counts))
    if counts.rows == 0:
        path.unlink()
        return None
    return Compacted(path, sink.size, sink.sha256(), counts)


def survey(store: Store, bundle: Bundle) -> Counts:
    """What a file would hold, by its narrow columns alone: for a look before anything is done."""
    counts = Counts()
    for part in bundle.parts:
        with _opened(store, part, checked=False) as (_, file):
            _count(file, bundle, counts)
    return counts


def _copied_as_is(store: Store, bundle: Bundle, schema: pa.Schema) -> bool:
    """Whether row groups are large enough, no row is missing, and all parts have the tier's schema as it is now."""
    if bundle.gone:
        return False
    groups = 0
    for part in bundle.parts:
        footer = _footer(store, part)
        if not footer.schema.to_arrow_schema().equals(schema, check_metadata=True):
            return False
        groups += footer.num_row_groups
    return bool(bundle.split) or sum(part.bytes for part in bundle.parts) >= groups * MIN_GROUP_BYTES


def _footer(store: Store, part: Part) -> Any:
    """The footer of a part, without fetching the rest."""
    with _told(part), store.open(part.path) as stream:
        return pq.read_metadata(stream)


def _copy(store: Store, bundle: Bundle, sink: Hashing, counts: Counts) -> None:
    """One part as it is: the hash of what is written is that of what was read."""
    (part,) = bundle.parts
    with _opened(store, part, checked=False) as (stream, file):
        stream.seek(0)
        while block := stream.read_buffer(_BLOCK_BYTES):
            sink.write(block)
        _check(part, sink.sha256())
        _count(file, bundle, counts)


def _sources(store: Store, bundle: Bundle, counts: Counts) -> Iterator[tuple[Any, Sequence[int]]]:
    """The parts as streams, one open at a time, with the row groups that go into the file; counts their rows."""
    for part in bundle.parts:
        with _opened(store, part) as (stream, file):
            _count(file, bundle, counts)
            yield stream, _numbers(file, bundle)


def _count(file: Any, bundle: Bundle, counts: Counts) -> None:
    """Count the rows of an open part that go into a file; of samplings those of the first row group are enough."""
    names = file.schema_arrow.names
    counted = counted_of(names) or names[:1]
    numbers = _numbers(file, bundle)
    for few, columns in (
        (numbers[:1], [*counted, "sampling"] if "sampling" in names else counted),
        (numbers[1:], counted),
    ):
        for table in rows_of(file, few, columns, bundle.gone):
            counts.add(table)


def _numbers(file: Any, bundle: Bundle) -> Sequence[int]:
    """The row groups of a part that go into a file: all, or by their place in the bytes of a part that is split."""
    if not bundle.split:
        return range(file.num_row_groups)
    sizes = [file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups)]
    ends = list(accumulate(sizes))
    middles = [(end - size / 2) / ends[-1] for end, size in zip(ends, sizes, strict=True)]
    return [number for number, middle in enumerate(middles) if int(middle * bundle.split) == bundle.which]


def _rewrite(store: Store, bundle: Bundle, sink: Any, schema: pa.Schema, counts: Counts) -> None:
    """Read the rows and write them in row groups of the usual size, each row as it was."""
    file = pa.PythonFile(sink, mode="w")
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        waiting: list[pa.Table] = []
        for part in bundle.parts:
            with _opened(store, part) as (_, opened):
                _count(opened, bundle, counts)
                for table in rows_of(opened, _numbers(opened, bundle), None, bundle.gone):
                    waiting.append(conform(table, schema))
                    if sum(one.nbytes for one in waiting) >= ROW_GROUP_BYTES:
                        _flush(writer, waiting)
        _flush(writer, waiting)


def _flush(writer: Any, waiting: list[pa.Table]) -> None:
    table = pa.concat_tables(waiting) if waiting else None
    if table is not None and table.num_rows:
        writer.write_table(table, row_group_size=table.num_rows)
    waiting.clear()


@contextmanager
def _opened(store: Store, part: Part, checked: bool = True) -> Generator[tuple[Any, Any]]:
    """A part as a stream and as a Parquet file; ``checked``: its bytes are those that its record names."""
    with _told(part), store.map(part.path) as stream:
        if checked:
            _check(part, _digest(stream))
        file = pq.ParquetFile(stream, page_checksum_verification=True)
        if file.metadata.num_rows != part.rows:
            message = f"{part.path} holds {file.metadata.num_rows} rows, its record says {part.rows}"
            raise CorpusError(message, "see `governance verify`")
        yield stream, file


def _check(part: Part, sha256: str) -> None:
    """Errors: CorpusError for bytes that are not those of the record."""
    if sha256 != part.sha256:
        raise CorpusError(
            f"{part.path} is damaged: its sha256 is not the recorded one",
            "nothing was published; see `governance verify`, then restore the object or build again",
        )


@contextmanager
def _told(part: Part) -> Generator[None]:
    """Name the part that is missing or no Parquet. Errors: CorpusError."""
    try:
        yield
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise CorpusError(
            f"cannot read {part.path}: {str(error).splitlines()[0]}", "run `governance verify` to see what is damaged"
        ) from error


def _digest(stream: Any) -> str:
    digest = hashlib.sha256()
    while block := stream.read_buffer(_BLOCK_BYTES):
        digest.update(block)
    stream.seek(0)
    return digest.hexdigest()
