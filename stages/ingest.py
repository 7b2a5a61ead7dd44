"""L0 input: the records of a web archive, or the rows of a JSONL or Parquet file, as Arrow tables."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import Config
from stages.rows import Chunk, read_json, read_parquet
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
        ("x_robots_tag", pa.string()),  # a line each where the header is repeated
        ("tdm_reservation", pa.string()),  # "1": text and data mining is reserved (W3C TDMRep)
        ("payload", pa.large_binary()),  # decoded body, null unless ingest.drop is null
        ("ingest.drop", pa.string()),
    ]
)
ROW_SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("content", pa.string()),
        ("url", pa.string()),
        ("date", pa.string()),
        ("title", pa.string()),
        ("lang_declared", pa.string()),  # what the file says; the language stage decides
        ("score", pa.float64()),
        ("source", pa.string()),
        ("archive", pa.string()),
        ("archive_offset", pa.int64()),  # number of the row in the file, from 0
        ("record_type", pa.string()),  # "row"
        ("ingest.drop", pa.string()),
    ]
)
_ALIASES = {  # column: the names it goes by in published corpora, the first found is taken
    "content": ("content", "text"),
    "url": ("url",),
    "date": ("date", "timestamp"),
    "title": ("title",),
    "lang_declared": ("lang", "language"),
    "score": ("score",),
    "source": ("source",),
}
COLUMNS_TAKEN = frozenset(name for names in _ALIASES.values() for name in names)  # of a file of rows
TAKEN_DOWN = "taken_down"  # why a row of another corpus does not come in
_PAGES = frozenset(("response", "resource"))


class IngestConfig(Config):
    """How input is cut into tables and what is too large to be a page."""

    batch_bytes: int = 16_000_000  # payload or text of one table; four times as much costs 250 MB of a worker
    batch_rows: int = 20_000  # rows of one table, for archives of many small records
    max_payload_bytes: int = 20_000_000  # decoded body above it: too_large
    mimes: tuple[str, ...] = ("text/html", "application/xhtml+xml")
    text_column: str | None = None  # of a row file; null takes "content", else "text"


@dataclass(frozen=True)
class Withdrawn:
    """Which rows of a file are to stay out: the columns that tell, and of a table of these which rows, bool (n,), or
    None where none is."""

    columns: tuple[str, ...]
    rows: Callable[[pa.Table], pa.Array | None]


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
        held += len(row.get("payload") or b"")
        if held >= cfg.batch_bytes or len(rows) >= cfg.batch_rows:
            yield pa.Table.from_pylist(rows, WARC_SCHEMA)
            rows, held = [], 0
    if rows:
        yield pa.Table.from_pylist(rows, WARC_SCHEMA)


def read_table(
    stream: BinaryIO, name: str, shard: str, cfg: IngestConfig, out: Withdrawn | None = None
) -> Iterator[pa.Table]:
    """One row for each row of a JSON Lines or Parquet file, in file order.

    Args: stream, seekable; name, of the file, whose ending tells the format (.jsonl, .jsonl.gz, .jsonl.zst, .json,
        .parquet); shard, 8 hex digits; out, rows of Parquet that are to stay out.
    Out: tables of ROW_SCHEMA; ingest.drop: no_text, bad_json (a line), too_large (a line), corrupt or taken_down,
        whose text is null.
    Errors: ValueError for another ending; what the stream raises on reading; none from content.
    """
    start = 0
    for table in _row_tables(stream, name, cfg, out):
        # The file's name too: among 100,000 files two names may well share the 8 digits of their shards.
        keys = [shard + row_key(f"{name}#row:{number}") for number in range(start, start + table.num_rows)]
        known = {
            "uid": pa.array(keys, pa.string()),
            "archive": pa.repeat(pa.scalar(name), table.num_rows),
            "archive_offset": pa.array(range(start, start + table.num_rows), pa.int64()),
            "record_type": pa.repeat(pa.scalar("row"), table.num_rows),
        }
        columns = {column: known[column] if column in known else table[column] for column in ROW_SCHEMA.names}
        yield pa.table(columns, ROW_SCHEMA)
        start += table.num_rows


def _row_tables(stream: BinaryIO, name: str, cfg: IngestConfig, out: Withdrawn | None) -> Iterator[pa.Table]:
    """The named columns and ingest.drop, batch by batch."""
    aliases = _ALIASES | ({"content": (cfg.text_column,)} if cfg.text_column else {})
    if name.endswith(".parquet"):
        wanted = [*(alias for names in aliases.values() for alias in names), *(out.columns if out else ())]
        for chunk in read_parquet(stream, wanted, cfg.batch_bytes):
            table = _chunk_table(chunk, aliases)
            yield _without(table, out.rows(pa.table(chunk.columns)) if out and chunk.columns else None)
    elif name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".json.gz", ".json.zst")):
        yield from _json_tables(stream, name, aliases, cfg)
    else:
        raise ValueError(f"{name!r} is neither .jsonl, .jsonl.gz, .jsonl.zst, .json nor .parquet")


def _json_tables(
    stream: BinaryIO, name: str, aliases: dict[str, tuple[str, ...]], cfg: IngestConfig
) -> Iterator[pa.Table]:
    schema = pa.schema([*(ROW_SCHEMA.field(column) for column in aliases), ROW_SCHEMA.field("ingest.drop")])
    rows: list[dict[str, Any]] = []
    held = 0
    for line in read_json(stream, name, cfg.max_payload_bytes):
        row = {column: _value(column, line.fields, names) for column, names in aliases.items()}
        text = row["content"]
        rows.append(row | {"ingest.drop": line.problem or (None if text and text.strip() else "no_text")})
        held += len(text or "")
        if held >= cfg.batch_bytes or len(rows) >= cfg.batch_rows:
            yield pa.Table.from_pylist(rows, schema)
            rows, held = [], 0
    if rows:
        yield pa.Table.from_pylist(rows, schema)


def _value(column: str, fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The first of the named fields that is there, as the column's type; null where it is of another kind."""
    value = next((fields[name] for name in names if fields.get(name) is not None), None)
    if column == "score":
        return float(value) if isinstance(value, int | float) else None
    if column == "content":
        return value if isinstance(value, str) else None
    return str(value) if isinstance(value, str | int | float) else None


def _chunk_table(chunk: Chunk, aliases: dict[str, tuple[str, ...]]) -> pa.Table:
    columns: dict[str, Any] = {}
    for column, names in aliases.items():
        kind = ROW_SCHEMA.field(column).type
        found = next((chunk.columns[name] for name in names if name in chunk.columns), None)
        columns[column] = pa.nulls(chunk.rows, kind) if found is None else _cast(found, kind)
    blank = pc.fill_null(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(columns["content"])), 0), True)
    drop = pc.if_else(blank, pa.scalar("no_text"), pa.scalar(None, pa.string()))
    columns["ingest.drop"] = drop if chunk.problem is None else pa.repeat(pa.scalar(chunk.problem), chunk.rows)
    return pa.table(columns)


def _without(table: pa.Table, hidden: pa.Array | None) -> pa.Table:
    """The rows with what is to stay out marked, and without its text."""
    for name, value in (("content", None), ("title", None), ("ingest.drop", TAKEN_DOWN)) if hidden is not None else ():
        new = pc.if_else(hidden, pa.scalar(value, pa.string()), table[name])
        table = table.set_column(table.column_names.index(name), name, new)
    return table


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """The column as the type asked for, nulls where it holds something else, such as a list."""
    try:
        return pc.cast(column, kind)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return pa.chunked_array([pa.nulls(len(column), kind)])


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
        "tdm_reservation": http.headers.get("tdm-reservation"),
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
