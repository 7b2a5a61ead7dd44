"""Looking up pages in the table of addresses by ranges of bytes: a footer, then the row groups that can hold them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.url_table import Table, partition_of_host
from manifests.records import Part

TAIL_BYTES = 256 << 10  # read at the end of a part: a footer of some hundred row groups
BLOCK_BYTES = 32 << 20  # of row groups, read at once
_FOOTER_END = 8  # its length and the magic word


def pages_between(table: Table, host: str, low: str, high: str) -> Iterator[pa.Table]:
    """The pages with keys from ``low`` up to, not including, ``high``, all of one registered domain, in order.

    One read of a range of bytes finds the row groups, one more reads each BLOCK_BYTES of them.
    """
    part = _part(table, host)
    if part is None:
        return
    footer = _footer(table, part)
    names = [footer.row_group(group) for group in range(footer.num_row_groups)]
    wanted = [number for number, group in enumerate(names) if _bounds(group)[0] < high and _bounds(group)[1] >= low]
    for groups in _blocks(footer, wanted):
        found = _read(table, part, footer, groups)
        yield found.filter(pc.and_(pc.greater_equal(found["key"], low), pc.less(found["key"], high)))


def neighbours(table: Table, host: str, low: str) -> list[str]:
    """The keys that stand where ``low`` would, or next to it: of the sites that are spelled most like it."""
    part = _part(table, host)
    if part is None:
        return []
    footer = _footer(table, part)
    after = [n for n in range(footer.num_row_groups) if _bounds(footer.row_group(n))[1] >= low]
    group = after[0] if after else footer.num_row_groups - 1
    return _read(table, part, footer, [group])["key"].to_pylist()


def _part(table: Table, host: str) -> Part | None:
    body = json.loads(table.store.get(f"{table.base}/manifest.json"))
    found = body["parts"].get(str(partition_of_host(host, body["partitions"])))
    return Part(**found) if found else None


def _footer(table: Table, part: Part) -> Any:
    start = max(0, part.bytes - TAIL_BYTES)
    tail = table.store.get_range(part.path, start, part.bytes)
    length = int.from_bytes(tail[-_FOOTER_END:-4], "little") + _FOOTER_END
    if length > len(tail):
        tail = table.store.get_range(part.path, part.bytes - length, part.bytes)
    return pq.read_metadata(pa.BufferReader(tail))


def _bounds(group: Any) -> tuple[str, str]:
    """The first and the last key of a row group."""
    seen = group.column(0).statistics
    return seen.min, seen.max


def _span(group: Any) -> tuple[int, int]:
    """Where the bytes of a row group begin and end."""
    columns = [group.column(number) for number in range(group.num_columns)]
    starts = [
        column.data_page_offset if column.dictionary_page_offset is None else column.dictionary_page_offset
        for column in columns
    ]
    ends = [start + column.total_compressed_size for start, column in zip(starts, columns, strict=True)]
    return min(starts), max(ends)


def _blocks(footer: Any, groups: list[int]) -> Iterator[list[int]]:
    """Neighbouring row groups in blocks of at most BLOCK_BYTES, or of one."""
    block: list[int] = []
    for group in groups:
        if block and _span(footer.row_group(group))[1] - _span(footer.row_group(block[0]))[0] > BLOCK_BYTES:
            yield block
            block = []
        block.append(group)
    if block:
        yield block


def _read(table: Table, part: Part, footer: Any, groups: list[int]) -> pa.Table:
    """Row groups that follow each other, by one read."""
    start, stop = _span(footer.row_group(groups[0]))[0], _span(footer.row_group(groups[-1]))[1]
    window = _Window(start, table.store.get_range(part.path, start, stop), part.bytes)
    with pa.PythonFile(window, "r") as stream:
        return pq.ParquetFile(stream, metadata=footer, pre_buffer=False).read_row_groups(groups, use_threads=False)


class _Window(io.RawIOBase):
    """A file of which only a range of bytes is there."""

    def __init__(self, start: int, data: bytes, size: int) -> None:
        self._start, self._data, self._size, self._place = start, data, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        first = self._place - self._start
        if first < 0 or first > len(self._data):
            raise OSError(f"byte {self._place} was not read")
        found = self._data[first:] if size < 0 else self._data[first : first + size]
        self._place += len(found)
        return found
