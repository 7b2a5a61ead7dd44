"""Several Parquet files made one without decoding a row: column chunks are copied as bytes, only the footer is written.

No library that Python reaches copies row groups between files, and decoding and compressing text again is ten times
slower than a disk. The footer is a Thrift struct in the compact protocol. What a writer put into it stays as it is,
byte by byte, known or not; only the offsets and counts named below change.
Sources: parquet.thrift of apache/parquet-format 2.12, thrift-compact-protocol.md of apache/thrift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAGIC = b"PAR1"
_COPY_BYTES = 8 << 20
# Types of the compact protocol.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
# Fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData by their numbers in parquet.thrift.
_SCHEMA, _NUM_ROWS, _ROW_GROUPS = 2, 3, 4
_COLUMNS, _ROWS_OF_GROUP, _GROUP_OFFSET, _ORDINAL = 1, 3, 5, 7
_CHUNK_OFFSET, _META = 2, 3
_INDEXES = (4, 5, 6, 7)  # offset and column index, which lie outside of the column chunks: not copied
_PAGE_OFFSETS = (9, 10, 11)  # of the data, index and dictionary page
_COMPRESSED = 7
_BLOOM = (14, 15)  # bloom filters lie outside too

_NUMBERS = (_I16, _I32, _I64)
Field = list[Any]  # [number, type, value]
Struct = list[Field]
_Shape = Mapping[int, Any]  # the fields to look into, each with the shape of what is in it
_SHAPE: _Shape = {_ROW_GROUPS: {_COLUMNS: {_META: {}}}}


@dataclass(frozen=True)
class Footer:
    """The footer of one file, and which bytes of it each row group takes."""

    fields: Struct
    groups: list[Struct]
    spans: list[tuple[int, int]]  # first byte and one past the last

    @property
    def schema(self) -> Any:
        """The schema as Thrift has it: files with equal ones can be joined."""
        return _value(self.fields, _SCHEMA)


def read_footer(stream: Any) -> Footer:
    """The footer of a Parquet file. Errors: ValueError for a file that is none, or whose chunks do not lie in a row."""
    stream.seek(0, 2)
    size = stream.tell()
    stream.seek(max(0, size - 8))
    tail = bytes(stream.read(8))
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length + 12 > size:
        raise ValueError("no Parquet file")
    stream.seek(size - 8 - length)
    fields = _Reader(bytes(stream.read(length))).struct(_SHAPE)
    groups = _value(fields, _ROW_GROUPS)[1]
    spans = [_span(group) for group in groups]
    if any(end > size - 8 - length for _, end in spans):
        raise ValueError("a column chunk lies outside of the file")
    return Footer(fields, groups, spans)


def splice(sink: Any, sources: Iterable[tuple[Any, Sequence[int] | None]]) -> int:
    """Write row groups of several files as one file.

    Args: where to write; of each source a seekable file and the numbers of its row groups, None for all.
    Out: the rows written. Errors: ValueError for no Parquet file, other schemas, or no source.
    """
    sink.write(MAGIC)
    at, first, groups, rows = len(MAGIC), None, [], 0
    for stream, numbers in sources:
        footer = read_footer(stream)
        first = first or footer
        if footer.schema != first.schema:
            raise ValueError("files of other schemas cannot be joined")
        for number in range(len(footer.groups)) if numbers is None else numbers:
            start, end = footer.spans[number]
            if start == end:
                continue
            for block in _blocks(stream, start, end):
                sink.write(block)
            groups.append(_moved(footer.groups[number], at - start, len(groups)))
            rows += _value(footer.groups[number], _ROWS_OF_GROUP)
            at += end - start
    if first is None:
        raise ValueError("nothing to join")
    _set(first.fields, _NUM_ROWS, rows)
    _set(first.fields, _ROW_GROUPS, (_STRUCT, groups))
    written = bytearray()
    _write_struct(written, first.fields)
    sink.write(written + len(written).to_bytes(4, "little") + MAGIC)
    return rows


def _blocks(stream: Any, start: int, end: int) -> Iterator[Any]:
    """The bytes in blocks; of a mapped file views of it, not copies."""
    read = getattr(stream, "read_buffer", stream.read)
    stream.seek(start)
    while start < end:
        block = read(min(_COPY_BYTES, end - start))
        if not len(block):
            raise ValueError("the file ends inside of a row group")
        start += len(block)
        yield block


def _span(group: Struct) -> tuple[int, int]:
    """The bytes of a row group. A chunk begins at its dictionary page where it has one; without rows it has no page."""
    if _value(group, _ROWS_OF_GROUP) == 0:
        return len(MAGIC), len(MAGIC)
    spans = []
    for chunk in _value(group, _COLUMNS)[1]:
        meta = _value(chunk, _META)
        begin = min([field[2] for field in meta if field[0] in _PAGE_OFFSETS and field[2] > 0])
        spans.append((begin, begin + _value(meta, _COMPRESSED)))
    start, end = min(begin for begin, _ in spans), max(end for _, end in spans)
    if end - start != sum(last - begin for begin, last in spans):
        raise ValueError("the chunks of a row group do not lie side by side")
    return start, end


def _moved(group: Struct, by: int, ordinal: int) -> Struct:
    """A row group whose bytes lie ``by`` further on; changes it in place."""
    for field in group:
        if field[0] == _GROUP_OFFSET:
            field[2] += by
        elif field[0] == _ORDINAL:
            field[2] = ordinal
    for chunk in _value(group, _COLUMNS)[1]:
        chunk[:] = [field for field in chunk if field[0] not in _INDEXES]
        meta = _value(chunk, _META)
        meta[:] = [field for field in meta if field[0] not in _BLOOM]
        for field in meta:
            if field[0] in _PAGE_OFFSETS and field[2] > 0:
                field[2] += by
        for field in chunk:
            if field[0] == _CHUNK_OFFSET and field[2] > 0:  # newer writers leave it 0
                field[2] += by
    return group


def _value(fields: Struct, number: int) -> Any:
    for field in fields:
        if field[0] == number:
            return field[2]
    raise ValueError(f"no field {number} in the footer")


def _set(fields: Struct, number: int, value: Any) -> None:
    for field in fields:
        if field[0] == number:
            field[2] = value


class _Reader:
    """Thrift's compact protocol to lists: a struct is [[number, type, value], ...], a list is (type, values).

    ``shape`` names the fields to look into; another struct, list or string stays the bytes it is.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self, shape: _Shape) -> Struct:
        data, fields, number = self._data, [], 0
        while True:
            head = data[self._at]
            self._at += 1
            if head == 0:
                return fields
            kind = head & 15
            number = number + (head >> 4) if head >> 4 else self._signed()
            if kind <= _FALSE:
                fields.append([number, kind, kind == _TRUE])
            elif kind in _NUMBERS:
                fields.append([number, kind, self._signed()])
            elif number in shape:
                fields.append([number, kind, self._inner(kind, shape[number])])
            else:
                start = self._at
                self._skip(kind)
                fields.append([number, kind, data[start : self._at]])

    def _inner(self, kind: int, shape: _Shape) -> Any:
        if kind == _STRUCT:
            return self.struct(shape)
        inner, size = self._list_head()
        if kind != _LIST or inner != _STRUCT:
            raise ValueError("a footer of another shape")
        return inner, [self.struct(shape) for _ in range(size)]

    def _skip(self, kind: int) -> None:
        """Go past a value; in a list a bool is a byte too."""
        if kind in _NUMBERS:
            while self._data[self._at] >= 128:
                self._at += 1
            self._at += 1
        elif kind == _BINARY:
            size = self._varint()  # moves on, so first
            self._at += size
        elif kind == _STRUCT:
            self._skip_struct()
        elif kind in (_LIST, _SET):
            inner, size = self._list_head()
            for _ in range(size):
                self._skip(inner)
        elif kind in (_TRUE, _FALSE, _BYTE, _DOUBLE):
            self._at += 8 if kind == _DOUBLE else 1
        else:
            raise ValueError(f"a footer with a Thrift type {kind}")

    def _skip_struct(self) -> None:
        while head := self._data[self._at]:
            self._at += 1
            if head >> 4 == 0:
                self._skip(_I16)
            if head & 15 > _FALSE:
                self._skip(head & 15)
        self._at += 1

    def _list_head(self) -> tuple[int, int]:
        head = self._data[self._at]
        self._at += 1
        return head & 15, self._varint() if head >> 4 == 15 else head >> 4

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _varint(self) -> int:
        data, at = self._data, self._at
        byte = data[at]
        at += 1
        value, shift = byte & 127, 7
        while byte >= 128:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
        self._at = at
        return value


def _write_struct(out: bytearray, fields: Struct) -> None:
    """The inverse of the reader."""
    before = 0
    for number, kind, value in fields:
        kind = (_TRUE if value else _FALSE) if kind <= _FALSE else kind
        if 0 < number - before < 16:
            out.append((number - before) << 4 | kind)
        else:
            out.append(kind)
            _write_varint(out, number << 1 ^ number >> 63)
        before = number
        if kind in _NUMBERS:
            _write_varint(out, (value << 1) ^ (value >> 63))
        elif kind > _FALSE:
            _write_inner(out, value)
    out.append(0)


def _write_inner(out: bytearray, value: Any) -> None:
    if isinstance(value, bytes):
        out += value
    elif isinstance(value, tuple):
        inner, structs = value
        out.append(min(len(structs), 15) << 4 | inner)
        if len(structs) >= 15:
            _write_varint(out, len(structs))
        for one in structs:
            _write_struct(out, one)
    else:
        _write_struct(out, value)


def _write_varint(out: bytearray, value: int) -> None:
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
