"""Rows of a JSON Lines or Parquet file, sound or damaged, as plain columns."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import from_json

from stages.warc import Source


@dataclass(frozen=True)
class Line:
    """One row of a JSON file: its fields, or why there are none."""

    fields: dict[str, Any]
    problem: str | None = None  # "bad_json", "too_large", "corrupt"


def read_json(stream: BinaryIO, name: str, max_line_bytes: int) -> Iterator[Line]:
    """Rows of .jsonl, .jsonl.gz, .jsonl.zst, or of a .json file that holds lines or one array.

    Blank lines are no rows. Where a compressed file breaks, everything before is read and one "corrupt" row ends it.
    Errors: what the stream raises on reading; none from content.
    """
    source = Source(stream)
    text = _opened(source, name)
    try:
        array = name.removesuffix(".gz").removesuffix(".zst").endswith(".json") and text.peek(64).lstrip()[:1] == b"["
        yield from _array(text) if array else _lines(text, max_line_bytes)
    except (OSError, EOFError, zlib.error):
        if source.error is not None:
            raise source.error from None
        yield Line({}, "corrupt")


def _opened(source: Source, name: str) -> Any:
    """A buffered reader of the decompressed bytes."""
    if name.endswith(".gz"):  # the standard library gives all that precedes a break, pyarrow loses its last block
        return gzip.GzipFile(fileobj=source, mode="rb")
    raw: Any = pa.PythonFile(source, "r")
    return io.BufferedReader(pa.CompressedInputStream(raw, "zstd") if name.endswith(".zst") else raw, 1 << 20)


def _array(text: Any) -> Iterator[Line]:
    """A JSON array cannot be cut into lines: it is held whole."""
    try:
        rows = from_json(text.read())
    except ValueError:
        yield Line({}, "bad_json")
        return
    for row in rows:
        yield Line(row) if isinstance(row, dict) else Line({}, "bad_json")


def _lines(text: Any, max_bytes: int) -> Iterator[Line]:
    while line := text.readline(max_bytes + 1):
        if len(line) > max_bytes and not line.endswith(b"\n"):
            while (rest := text.readline(1 << 20)) and not rest.endswith(b"\n"):
                pass
            yield Line({}, "too_large")
        elif line.strip():
            yield _parsed(line.removeprefix(b"\xef\xbb\xbf"))


def _parsed(line: bytes) -> Line:
    try:
        row = from_json(line)
    except ValueError:
        return Line({}, "bad_json")
    return Line(row) if isinstance(row, dict) else Line({}, "bad_json")


@dataclass(frozen=True)
class Chunk:
    """Rows of a Parquet file that follow each other: columns where they could be read, else only their number."""

    rows: int
    columns: dict[str, pa.ChunkedArray]
    problem: str | None = None  # "corrupt"


def read_parquet(stream: BinaryIO, wanted: Sequence[str], batch_bytes: int) -> Iterator[Chunk]:
    """Rows of a Parquet file, one row group after the other, in chunks of about batch_bytes.

    Args: wanted, names of the columns to read where the file has them.
    A row group that cannot be read is one Chunk of its rows marked corrupt; a file without a readable footer is one
    corrupt row. Errors: what the stream raises on reading; none from content.
    """
    source = Source(stream)
    try:
        file = pq.ParquetFile(pa.PythonFile(source, "r"))
        names = [name for name in wanted if name in file.schema_arrow.names]
    except (pa.ArrowException, OSError):
        if source.error is not None:
            raise source.error from None
        yield Chunk(1, {}, "corrupt")
        return
    for group in range(file.metadata.num_row_groups):
        yield from _row_group(file, group, names, batch_bytes, source)


def _row_group(file: Any, group: int, names: list[str], batch_bytes: int, source: Source) -> Iterator[Chunk]:
    meta = file.metadata.row_group(group)
    done = 0
    rows = max(1, min(meta.num_rows, meta.num_rows * batch_bytes // max(1, meta.total_byte_size)))
    try:
        if not names:
            yield Chunk(meta.num_rows, {})
            return
        for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=names):
            yield Chunk(batch.num_rows, {name: pa.chunked_array([batch.column(name)]) for name in names})
            done += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        if source.error is not None:
            raise source.error from None
        if meta.num_rows > done:
            yield Chunk(meta.num_rows - done, {}, "corrupt")
