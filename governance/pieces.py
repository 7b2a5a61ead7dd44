"""Small pieces of a run's input, spread evenly over its bytes, each holding whole records.

A record belongs to the piece in which it begins, so a sum over pieces, times all bytes over the pieces' bytes, is the
sum over the input whatever the size of its records. Of what is compressed as one stream only the head can be read.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from governance.errors import UsageError
from governance.inputs import Shard
from governance.parts import open_input
from stages.warc import GZIP_MAGIC

COUNT = 24  # pieces of an input
BYTES = 64 << 10  # of a piece
_MOST_BYTES = 8 << 20  # of a piece with the rest of its last record
_HEAD_BYTES = 512 << 10  # of text, of a stream that is compressed as one
_ROWS = 32  # of a row group
_PLAIN = b"\r\n\r\nWARC/1"


@dataclass(frozen=True)
class Piece:
    """Records of one shard as a file of their own. ``weight``: bytes of the input that it stands for."""

    shard: Shard
    name: str  # whose ending tells the format of the piece
    data: bytes
    weight: float


def pieces(shards: Sequence[Shard], count: int = COUNT) -> Iterator[Piece]:
    """The pieces in an order in which any first few lie spread over the input; the whole of an input that is small."""
    total = sum(shard.size for shard in shards)
    if total <= count * BYTES:
        yield from (piece for shard in shards if shard.size for piece in _whole(shard))
        return
    seen: set[tuple[int, int]] = set()
    for turn in _spread(count):
        shard, offset = _at(shards, int((turn + 0.5) * total / count) - BYTES // 2)
        rows = range(1)
        if shard.name.endswith(".parquet"):
            rows = _rows_at(shard, offset, total / count)
            offset = rows.start
        elif not _is_cut(shard.name):
            offset = 0
        if (shard.number, offset) not in seen and len(rows):
            seen.add((shard.number, offset))
            yield _rows(shard, rows) if shard.name.endswith(".parquet") else _piece(shard, offset)


def _spread(count: int) -> list[int]:
    """0 to count - 1, each far from those just before it."""
    step = next(step for step in range(max(1, round(count * 0.618)), count + 2) if _coprime(step, count))
    return [turn * step % count for turn in range(count)]


def _coprime(one: int, other: int) -> bool:
    while other:
        one, other = other, one % other
    return one == 1


def _at(shards: Sequence[Shard], position: int) -> tuple[Shard, int]:
    """The shard and the place in it of a byte of all input."""
    for shard in shards:
        if position < shard.size:
            return shard, max(0, position)
        position -= shard.size
    return shards[-1], max(0, shards[-1].size - BYTES)


def _is_cut(name: str) -> bool:
    """Whether a file of this name can be read from any record on."""
    return name.endswith((".warc", ".warc.gz", ".jsonl"))


def _whole(shard: Shard) -> Iterator[Piece]:
    """A small shard whole, cut where it can be, so that its pieces differ and the spread of a sum is known."""
    if not _is_cut(shard.name):
        with open_input(shard) as stream:
            yield Piece(shard, shard.name, stream.read(), shard.size)
        return
    for offset in range(0, shard.size, BYTES):
        yield _piece(shard, offset)


def _piece(shard: Shard, offset: int) -> Piece:
    with open_input(shard) as stream:
        if _is_cut(shard.name):
            size = min(BYTES, shard.size - offset)
            return Piece(shard, shard.name, _records(stream, shard, offset, size), size)
        return _head(stream, shard)


def _records(stream: BinaryIO, shard: Shard, offset: int, size: int) -> bytes:
    """The records that begin in a stretch of a file, each whole, however far the last of them reaches."""
    stream.seek(offset)
    data = stream.read(2 * size)
    first = _next_start(data, shard.name, 0, offset == 0)
    if first is None or first >= size:
        return b""
    end = _next_start(data, shard.name, size, False)
    while end is None and len(data) < _MOST_BYTES:
        more = stream.read(len(data))
        if not more:
            return data[first:]
        data += more
        end = _next_start(data, shard.name, size, False)
    return data[first:end]


def _next_start(data: bytes, name: str, place: int, at_head: bool) -> int | None:
    """Where the next record begins, from a place on."""
    if at_head:
        return place
    if name.endswith(".gz"):
        while (place := data.find(GZIP_MAGIC, place)) >= 0:
            if _is_member(data[place : place + 4096]):
                return place
            place += 1
        return None
    mark, ahead = (b"\n", 1) if name.endswith(".jsonl") else (_PLAIN, 4)
    found = data.find(mark, max(0, place - ahead))
    return found + ahead if found >= 0 and found + ahead < len(data) else None


def _is_member(data: bytes) -> bool:
    try:
        return zlib.decompressobj(31).decompress(data, 16).startswith(b"WARC/")
    except zlib.error:
        return False


def _rows_at(shard: Shard, offset: int, spacing: float) -> range:
    """The few rows of a Parquet file that lie about there; ``spacing``: bytes from piece to piece."""
    with open_input(shard) as stream:
        total = pq.read_metadata(stream).num_rows
    count = max(1, min(_ROWS, int(total * spacing / shard.size)))
    start = int(offset / shard.size * total) // count * count
    return range(start, min(start + count, total))


def _rows(shard: Shard, rows: range) -> Piece:
    """Rows of a Parquet file as a file of their own."""
    with open_input(shard) as stream:
        file = pq.ParquetFile(stream)
        groups: list[int] = []
        first = before = 0
        for group in range(file.num_row_groups):
            last = first + file.metadata.row_group(group).num_rows
            if first < rows.stop and last > rows.start:
                groups, before = [*groups, group], (before if groups else first)
            first = last
        skipped, found = rows.start - before, []
        for batch in file.iter_batches(_ROWS, row_groups=groups, use_threads=False):
            found.append(batch.slice(min(skipped, batch.num_rows)))
            skipped -= min(skipped, batch.num_rows)
            if sum(one.num_rows for one in found) >= len(rows):
                break
        total = file.metadata.num_rows
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches(found).slice(0, len(rows)), sink)
    return Piece(shard, shard.name, sink.getvalue().to_pybytes(), shard.size * len(rows) / total)


class _Slowly:
    """A file that gives a little at a time, so that a decompressor reads hardly more than it needs."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(4096 if size < 0 else min(size, 4096))

    def close(self) -> None:
        """Do nothing: the stream belongs to the caller."""


def _head(stream: BinaryIO, shard: Shard) -> Piece:
    """The first lines of a compressed file. Errors: UsageError for one large JSON array, which has no lines."""
    name = shard.name.removesuffix(".gz").removesuffix(".zst")
    codec = {".gz": "gzip", ".zst": "zstd"}.get(shard.name[len(name) :])
    raw: Any = pa.PythonFile(_Slowly(stream), "r")
    text: Any = pa.CompressedInputStream(raw, codec) if codec else stream
    data = text.read(_HEAD_BYTES)
    if len(data) < _HEAD_BYTES:
        return Piece(shard, name, data, shard.size)
    if name.endswith(".json") and data.lstrip()[:1] == b"[":
        raise UsageError(f"{shard.name} is one JSON array, of which no sample can be read", "write it as .jsonl")
    lines = data[: data.rfind(b"\n") + 1]
    return Piece(shard, name, lines, min(shard.size, stream.tell()) * len(lines) / len(data))


def stream_of(piece: Piece) -> BinaryIO:
    """The piece as a file."""
    return io.BytesIO(piece.data)
