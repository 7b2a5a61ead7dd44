"""Records of a WARC file, sound or damaged: every byte of the file belongs to a record or to one broken stretch."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from fastwarc.stream_io import BrotliReader, ChunkedReader, GzipReader, ZstdReader
from fastwarc.warc import ArchiveIterator, HeaderMap, WarcRecord

GZIP_MAGIC = b"\x1f\x8b\x08"
PLAIN_MAGIC = b"WARC/"
MAGICS = (GZIP_MAGIC, PLAIN_MAGIC, b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")  # gzip, plain, zstd, lz4
RECORD_TYPES = frozenset(
    ("warcinfo", "response", "resource", "request", "metadata", "revisit", "conversion", "continuation")
)
SCAN_BYTES = 1 << 20  # how much is read at once while searching for the next sound record


@dataclass(frozen=True)
class Record:
    """One record, or one unreadable stretch (``headers`` empty)."""

    offset: int  # where reading the file has to start to meet this record
    type: str  # "response", "warcinfo" ..., "broken" for a stretch without a readable header
    headers: dict[str, str]  # WARC headers, names in lower case
    block: bytes | None  # content block of a wanted record, null when not read
    broken: str | None = None  # "truncated" or "corrupt"


@dataclass
class Source:
    """The stream, remembering a failure of its own, so that a lost connection is never taken for a damaged file."""

    stream: BinaryIO
    error: BaseException | None = None
    closed: ClassVar[bool] = False
    recent: bytes = b""  # the last two blocks read, which hold the start of the record just parsed
    last: int = 0  # bytes of the last of them

    def read(self, size: int = -1) -> bytes:
        try:
            block = self.stream.read(size)
        except BaseException as error:
            self.error = error
            raise
        if block:
            self.recent = self.recent[len(self.recent) - self.last :] + block
            self.last = len(block)
        return block

    def close(self) -> None:
        """Do nothing: the stream belongs to the caller, and pyarrow closes what it is given."""

    def starts_record(self, offset: int) -> bool:
        """Whether a record or compressed member begins at a place read a moment ago."""
        index = offset - self.stream.tell() + len(self.recent)
        return index >= 0 and self.recent.startswith(MAGICS, index)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        return self.stream.tell()


def read_records(stream: BinaryIO, wanted: frozenset[str], max_block_bytes: int) -> Iterator[Record]:
    """Walk a WARC file and survive its damage.

    Args: stream, seekable, gzip (one member per record) or plain; wanted, the record types whose block is read;
        max_block_bytes, blocks above it are passed over (``block`` null).
    Out: records in file order; each unreadable stretch is one Record with ``broken`` set.
    Errors: what the stream itself raises on reading; none from content.
    """
    source = Source(stream)
    size = source.seek(0, 2)
    start: int | None = 0
    reported = -1
    while start is not None and start < size:
        last: Record | None = None
        failed = False
        try:
            for last in _sound_run(source, start, wanted, max_block_bytes):
                yield last
                if last.broken:
                    break
        except OSError:
            if source.error is not None:
                raise source.error from None
            failed = True
        if last is not None and last.broken:
            reported = last.offset
        else:
            end = start if last is None else _record_end(source, last)
            if _only_padding(source, end, size):
                return
            if end != reported:  # the same stretch may fail a second time, after the search landed on its start
                yield Record(end, "broken", {}, None, "corrupt" if failed else "truncated")
            reported = end
        start = _next_record(source, (start if last is None else last.offset) + 1, size, reported)


def _sound_run(source: Source, start: int, wanted: frozenset[str], max_block_bytes: int) -> Iterator[Record]:
    """Records from ``start`` on; the last one yielded may be broken. OSError where no record can be parsed."""
    source.seek(start)
    offset = start
    for raw in ArchiveIterator(source, parse_http=False):
        # Inside a member of several records FastWARC's positions point nowhere; the member's start stays usable.
        offset = raw.stream_pos if source.starts_record(raw.stream_pos) else offset
        yield _read_block(raw, offset, source, wanted, max_block_bytes)


def _read_block(raw: WarcRecord, offset: int, source: Source, wanted: frozenset[str], max_bytes: int) -> Record:
    pairs = raw.headers.items_bytes()
    headers = {name.decode(errors="replace").lower(): value.decode(errors="replace") for name, value in pairs}
    kind = headers.get("warc-type", "").lower()
    kind = kind if kind in RECORD_TYPES else "unknown"
    if not headers.get("content-length", "").isdecimal():  # the file ends inside this header, or the header is damaged
        return Record(offset, kind, headers, None, "corrupt")
    length = raw.content_length
    try:
        if kind in wanted and length <= max_bytes:
            block: bytes | None = raw.reader.read(length) if length else b""
            read = len(block or b"")
        else:
            block, read = None, raw.reader.consume(length) if length else 0
    except OSError:
        if source.error is not None:
            raise
        return Record(offset, kind, headers, None, "corrupt")
    return Record(offset, kind, headers, None if read < length else block, "truncated" if read < length else None)


def _record_end(source: Source, record: Record) -> int:
    """First byte after a sound record: the end of its gzip member, or header plus block in a plain file."""
    source.seek(record.offset)
    head = source.read(SCAN_BYTES)
    if not head.startswith(GZIP_MAGIC):
        header = head.find(b"\r\n\r\n") + 4
        return record.offset + header + int(record.headers["content-length"]) + 4
    member, end = zlib.decompressobj(31), record.offset
    try:
        while head and not member.eof:
            member.decompress(head)
            end += len(head) - len(member.unused_data)
            head = b"" if member.eof else source.read(SCAN_BYTES)
    except zlib.error:
        return record.offset + 1  # several records in one member, and it breaks after this one
    return end


def _only_padding(source: Source, start: int, size: int) -> bool:
    """Whether nothing but white space or zeros follows."""
    if start >= size:
        return True
    source.seek(start)
    return not source.read(SCAN_BYTES).strip(b"\r\n\t \0") and start + SCAN_BYTES >= size


def _next_record(source: Source, start: int, size: int, skip: int) -> int | None:
    """Offset, from ``start`` on, of the next thing that begins like a WARC record, null when there is none."""
    overlap = 16
    pattern = re.compile(re.escape(GZIP_MAGIC) + rb"|WARC/\d\.\d\r?\n")
    while start < size:
        source.seek(start)
        window = source.read(SCAN_BYTES)
        for match in pattern.finditer(window):
            offset = start + match.start()
            if offset != skip and (match.group().startswith(PLAIN_MAGIC) or _member_holds_record(source, offset)):
                return offset
        start += max(1, len(window) - overlap) if len(window) == SCAN_BYTES else size
    return None


def _member_holds_record(source: Source, offset: int) -> bool:
    source.seek(offset)
    try:
        return zlib.decompressobj(31).decompress(source.read(4096), 64).startswith(PLAIN_MAGIC)
    except zlib.error:
        return False


@dataclass(frozen=True)
class HttpBody:
    """An HTTP response taken apart. ``problem`` is null, "corrupt" or "too_large"; then ``body`` is empty."""

    status: int | None
    headers: dict[str, str]  # names in lower case
    body: bytes
    problem: str | None = None


def read_http(block: bytes, max_bytes: int) -> HttpBody:
    """Split an HTTP response and undo its transfer and content encodings, at most max_bytes of them.

    Crawlers often store decoded bodies under the server's own headers, so an encoding is undone only where the
    body begins as that encoding does.
    Errors: none from content.
    """
    headers = HeaderMap()
    if not block.startswith(b"HTTP/"):
        return HttpBody(None, {}, b"", "corrupt")
    try:
        length = headers.parse(io.BytesIO(block))
    except OSError:
        return HttpBody(None, {}, b"", "corrupt")
    return _decoded(headers.status_code, _by_name(headers), block[length:], max_bytes)


def _by_name(headers: HeaderMap) -> dict[str, str]:
    """Values by name in lower case. Of a repeated name the last counts; X-Robots-Tag is made to be repeated, a line
    each, because what one header says to a robot it names is not for those that the next speaks to."""
    named: dict[str, str] = {}
    for raw_name, raw_value in headers.items_bytes():
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        repeated = name == "x-robots-tag" and name in named
        named[name] = f"{named[name]}\n{value}" if repeated else value
    return named


def _decoded(status: int | None, headers: dict[str, str], body: bytes, max_bytes: int) -> HttpBody:
    encodings = [name.strip() for name in headers.get("content-encoding", "").lower().split(",") if name.strip()]
    if "chunked" in headers.get("transfer-encoding", "").lower():
        encodings.append("chunked")
    for encoding in reversed(encodings):
        try:
            body = _undo(encoding, body, max_bytes + 1)
        except (OSError, zlib.error):
            return HttpBody(status, headers, b"", "corrupt")
        if len(body) > max_bytes:
            return HttpBody(status, headers, b"", "too_large")
    return HttpBody(status, headers, body)


def _undo(encoding: str, body: bytes, limit: int) -> bytes:
    """The decoded body, at most ``limit`` bytes; the body itself where it does not look encoded."""
    if encoding in ("gzip", "x-gzip") and body.startswith(b"\x1f\x8b"):
        return _read_all(GzipReader(io.BytesIO(body)), limit)
    if encoding == "deflate" and body and body[:1] != b"<":
        wbits = 15 if body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0 else -15
        return zlib.decompressobj(wbits).decompress(body, limit)
    if encoding == "br" and not body.lstrip().startswith(b"<"):
        return _read_all(BrotliReader(io.BytesIO(body)), limit)
    if encoding == "zstd" and body.startswith(b"\x28\xb5\x2f\xfd"):
        return _read_all(ZstdReader(io.BytesIO(body)), limit)
    if encoding == "chunked" and re.match(rb"[0-9a-fA-F]+[ \t]*(;[^\r\n]*)?\r\n", body):
        return _read_all(ChunkedReader(io.BytesIO(body)), limit)
    return body


def _read_all(reader: GzipReader | BrotliReader | ZstdReader | ChunkedReader, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit > 0 and (part := reader.read(limit)):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)
