"""L0 input: the records of a web archive, or the rows of a JSONL or Parquet file, as Arrow tables."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from stages.contract import Config
from stages.warc import HttpBody, Record, read_http, read_records

WARC_SCHEMA = pa.schema(
    [
        ("uid", pa.string()),  # 32 hex digits
        ("url", pa.string()),
        ("date", pa.string()),  # WARC-Date, as written
        ("archive", pa.string()),
        ("archive_offset", pa.int64()),  # bytes; start reading here and look for record_id
        ("record_id", pa.string()),
        ("record_type", pa.string()),
        ("status", pa.int32()),  # HTTP status, null without HTTP
        ("mime", pa.string()),
        ("charset_declared", pa.string()),
        ("x_robots_tag", pa.string()),
        ("payload", pa.large_binary()),  # decoded body, null unless ingest.drop is null
        ("ingest.drop", pa.string()),
    ]
)
_PAGES = frozenset(("response", "resource"))


class IngestConfig(Config):
    """How input is cut into tables and what is too large to be a page."""

    batch_bytes: int = 64_000_000  # payload or text of one table
    batch_rows: int = 20_000  # rows of one table, for archives of many small records
    max_payload_bytes: int = 20_000_000  # decoded body above it: too_large
    mimes: tuple[str, ...] = ("text/html", "application/xhtml+xml")
    text_column: str | None = None  # of a row file; null takes "content", else "text"


def read_warc(stream: BinaryIO, archive: str, shard: str, cfg: IngestConfig) -> Iterator[pa.Table]:
    """One row for each record of a web archive, whatever its type, in file order.

    Args: stream, seekable, a .warc or .warc.gz; archive, its name; shard, 8 hex digits, the head of every uid.
    Out: tables of WARC_SCHEMA with about cfg.batch_bytes of payload; ingest.drop is null for a page and else
        record_<type>, status_<n>, not_html, too_large, empty_body, truncated or corrupt. A stretch that cannot
        be read is one row of record_type "broken".
    Errors: what the stream raises on reading; none from content.
    """
    seen: Counter[bytes] = Counter()
    rows: list[dict[str, Any]] = []
    held = 0
    for record in read_records(stream, _PAGES, cfg.max_payload_bytes + (1 << 16)):
        row = _warc_row(record, cfg)
        row |= {"uid": shard + _record_key(record, seen), "archive": archive}
        rows.append(row)
        held += len(row["payload"] or b"")
        if held >= cfg.batch_bytes or len(rows) >= cfg.batch_rows:
            yield pa.Table.from_pylist(rows, WARC_SCHEMA)
            rows, held = [], 0
    if rows:
        yield pa.Table.from_pylist(rows, WARC_SCHEMA)


def row_key(text: str) -> str:
    """The last 24 hex digits of a uid."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _record_key(record: Record, seen: Counter[bytes]) -> str:
    """Key from the record's id; a repeated id is numbered, a missing one gives way to the offset."""
    name = record.headers.get("warc-record-id") or f"offset:{record.offset}"
    digest = hashlib.sha256(name.encode()).digest()[:12]
    seen[digest] += 1
    return digest.hex() if seen[digest] == 1 else row_key(f"{name}#{seen[digest]}")


def _warc_row(record: Record, cfg: IngestConfig) -> dict[str, Any]:
    headers = record.headers
    row: dict[str, Any] = {
        "url": headers.get("warc-target-uri", "").strip("<>") or None,
        "date": headers.get("warc-date"),
        "archive_offset": record.offset,
        "record_id": headers.get("warc-record-id"),
        "record_type": record.type,
    }
    if record.broken or record.type not in _PAGES:
        return row | {"ingest.drop": record.broken or f"record_{record.type}"}
    if record.block is None:
        return row | {"ingest.drop": "too_large"}
    http = _http_of(record, cfg)
    mime, charset = _content_type(http.headers.get("content-type") or headers.get("warc-identified-payload-type", ""))
    mime = mime or _sniffed(http.body)
    drop = _not_a_page(http, mime, cfg)
    return row | {
        "status": http.status,
        "mime": mime,
        "charset_declared": charset,
        "x_robots_tag": http.headers.get("x-robots-tag"),
        "payload": http.body if drop is None else None,
        "ingest.drop": drop,
    }


def _http_of(record: Record, cfg: IngestConfig) -> HttpBody:
    """The HTTP response inside a record; a record without HTTP is its block under the record's own type."""
    block = record.block or b""
    kind = record.headers.get("content-type", "")
    if record.type == "response" and (kind.startswith("application/http") or block.startswith(b"HTTP/")):
        return read_http(block, cfg.max_payload_bytes)
    return HttpBody(None, {"content-type": kind}, block)


def _content_type(header: str) -> tuple[str | None, str | None]:
    """('text/html', 'gbk') from 'Text/HTML; charset="GBK"'; None for what is not there."""
    mime, *parameters = (part.strip() for part in header.lower().split(";"))
    charsets = [value.strip(" \"'") for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    return mime or None, next((value for value in charsets if value), None)


def _sniffed(body: bytes) -> str | None:
    head = body[:512].lstrip().lower()
    return "text/html" if head.startswith((b"<!doctype html", b"<html")) else None


def _not_a_page(http: HttpBody, mime: str | None, cfg: IngestConfig) -> str | None:
    """First reason why a response is no page, null when it is one. A record without HTTP has no status to fail."""
    if http.status is None and http.problem is not None:
        return http.problem
    if http.status not in (200, None):
        return f"status_{http.status}"
    if mime not in cfg.mimes:
        return "not_html"
    if http.problem is not None:
        return http.problem
    if len(http.body) > cfg.max_payload_bytes:
        return "too_large"
    return None if http.body.strip() else "empty_body"
