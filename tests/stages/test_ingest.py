"""Web archives as tables: every record a row, whatever state the file is in."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import itertools
import random
import re
import zlib
from pathlib import Path

import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.ingest import WARC_SCHEMA, IngestConfig, read_warc

SHARD = "0a1b2c3d"
PAGE = b"<html><body><p>Hello there, this is a page.</p></body></html>"


def http(body: bytes = PAGE, status: str = "200 OK", mime: str = "text/html", extra: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {mime}\r\n".encode() + extra + b"\r\n" + body


def record(number: int, block: bytes | None = None, kind: str = "response", mime: str = "", name: str = "") -> bytes:
    block = http() if block is None else block
    mime = mime or "application/http; msgtype=response"
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: {name or f'<urn:uuid:{number}>'}\r\n"
        f"WARC-Target-URI: http://site.test/{number}\r\nWARC-Date: 2026-01-0{number % 9 + 1}T00:00:00Z\r\n"
        f"Content-Type: {mime}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def page_of(number: int, size: int = 3000) -> bytes:
    """A page that compresses badly, so that a cut falls inside its data."""
    return http(b"<html>" + random.Random(number).randbytes(size).hex().encode())


def members(count: int) -> list[bytes]:
    return [gzip.compress(record(number, page_of(number)), mtime=0) for number in range(count)]


def read(data: bytes, **options: object) -> list[dict]:
    tables = list(read_warc(io.BytesIO(data), "a.warc.gz", SHARD, IngestConfig(**options)))
    assert all(table.schema == WARC_SCHEMA for table in tables)
    return pa.concat_tables(tables).to_pylist() if tables else []


def fates(rows: list[dict]) -> list[tuple[str | None, str | None]]:
    return [(row["record_id"], row["ingest.drop"]) for row in rows]


def test_page_keeps_payload_pointer_and_declarations() -> None:
    block = http(mime='Text/HTML; charset="GBK"', extra=b"X-Robots-Tag: noai\r\n")
    (row,) = read(gzip.compress(record(3, block)))
    assert row["uid"] == SHARD + hashlib.sha256(b"<urn:uuid:3>").hexdigest()[:24]
    assert row["payload"] == PAGE and row["ingest.drop"] is None
    assert (row["status"], row["mime"]) == (200, "text/html")
    assert (row["charset_declared"], row["x_robots_tag"]) == ("gbk", "noai")
    assert (row["url"], row["date"]) == ("http://site.test/3", "2026-01-04T00:00:00Z")
    assert (row["archive"], row["archive_offset"], row["record_type"]) == ("a.warc.gz", 0, "response")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (record(0, b"software: x", "warcinfo", "application/warc-fields"), "record_warcinfo"),
        (record(0, b"GET / HTTP/1.1\r\n\r\n", "request"), "record_request"),
        (record(0, b"x", "no-such-type"), "record_unknown"),
        (record(0, http(status="404 Not Found")), "status_404"),
        (record(0, http(status="301 Moved")), "status_301"),
        (record(0, http(mime="image/png")), "not_html"),
        (record(0, http(b"PNG", mime="")), "not_html"),
        (record(0, b"1.2.3.4", mime="text/dns"), "not_html"),
        (record(0, http(b" \r\n")), "empty_body"),
        (record(0, b"no http at all"), "corrupt"),
        (record(0, http(b"\x1f\x8b\x08 no gzip", extra=b"Content-Encoding: gzip\r\n")), "corrupt"),
    ],
)
def test_record_that_is_no_page_gets_its_reason_and_no_payload(raw: bytes, reason: str) -> None:
    (row,) = read(raw)
    assert row["ingest.drop"] == reason and row["payload"] is None


def test_opt_out_headers_are_kept_and_a_repeated_one_line_by_line() -> None:
    said = b"X-Robots-Tag: googlebot: noindex\r\nx-robots-tag: noai\r\nTDM-Reservation: 1\r\n"
    with_headers, without = read(record(1, http(extra=said)) + record(2))
    assert (with_headers["x_robots_tag"], with_headers["tdm_reservation"]) == ("googlebot: noindex\nnoai", "1")
    assert (without["x_robots_tag"], without["tdm_reservation"]) == (None, None)


@pytest.mark.parametrize(
    "raw",
    [
        record(0, http(mime="application/xhtml+xml")),
        record(0, PAGE, "resource", "text/html"),
        record(0, http(b"<!DOCTYPE html><p>x", mime="")),
    ],
)
def test_xhtml_resources_and_pages_without_a_type_are_pages(raw: bytes) -> None:
    (row,) = read(raw)
    assert row["ingest.drop"] is None and row["payload"]


def chunked(body: bytes) -> bytes:
    return b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"


BROTLI = base64.b64decode("GzwA6B0JdmzFirogj5LnBa5c0NqHrY0uOOSA/V9CiaYUOOSUT7fmWdb4JZFayXJrzPki5NCs")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Encoding: gzip\r\n", gzip.compress(PAGE, mtime=0)),
        (b"Content-Encoding: deflate\r\n", zlib.compress(PAGE)),
        (b"Content-Encoding: deflate\r\n", zlib.compress(PAGE)[2:-4]),
        (b"Content-Encoding: br\r\n", BROTLI),
        (b"Transfer-Encoding: chunked\r\n", chunked(PAGE)),
        (b"Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n", chunked(gzip.compress(PAGE, mtime=0))),
        (b"Content-Encoding: gzip\r\n", PAGE),
        (b"Transfer-Encoding: chunked\r\n", PAGE),
        (b"Content-Encoding: br\r\n", PAGE),
    ],
)
def test_transfer_and_content_encodings_are_undone_where_the_body_has_them(headers: bytes, body: bytes) -> None:
    assert read(record(0, http(body, extra=headers)))[0]["payload"] == PAGE


def test_decompression_bomb_stops_at_the_payload_limit() -> None:
    bomb = http(gzip.compress(bytes(10_000_000)), extra=b"Content-Encoding: gzip\r\n")
    assert read(record(0, bomb), max_payload_bytes=100_000)[0]["ingest.drop"] == "too_large"


def test_max_payload_bytes_rejects_a_larger_page() -> None:
    data = record(0, http(b"<html>" + b"x" * 200_000)) + record(1)
    assert [row["ingest.drop"] for row in read(data, max_payload_bytes=100_000)] == ["too_large", None]
    assert [row["ingest.drop"] for row in read(data)] == [None, None]


def test_mimes_decide_what_a_page_is() -> None:
    data = record(0, http(mime="text/plain"))
    assert read(data, mimes=("text/plain",))[0]["ingest.drop"] is None


@pytest.mark.parametrize("options", [{"batch_bytes": 7000}, {"batch_rows": 1}])
def test_batches_end_at_their_bytes_or_rows(options: dict[str, int]) -> None:
    data = b"".join(members(3))
    tables = list(read_warc(io.BytesIO(data), "a", SHARD, IngestConfig(**options)))
    assert len(tables) > 1
    assert pa.concat_tables(tables) == pa.concat_tables(read_warc(io.BytesIO(data), "a", SHARD, IngestConfig()))


def test_repeated_and_missing_record_ids_still_give_distinct_uids() -> None:
    nameless = re.sub(rb"WARC-Record-ID[^\r]*\r\n", b"", record(1))
    rows = read(record(0) + record(0) + record(0) + nameless + nameless)
    assert len({row["uid"] for row in rows}) == 5
    assert rows[1]["uid"] == SHARD + hashlib.sha256(b"<urn:uuid:0>#2").hexdigest()[:24]
    assert rows[3]["uid"] == SHARD + hashlib.sha256(f"offset:{rows[3]['archive_offset']}".encode()).hexdigest()[:24]


@pytest.mark.parametrize("compress", [True, False])
def test_offset_leads_back_to_the_record(compress: bool) -> None:
    parts = [record(number, page_of(number)) for number in range(5)]
    data = b"".join(gzip.compress(part, mtime=0) for part in parts) if compress else b"".join(parts)
    for row in read(data):
        stream = io.BytesIO(data)
        stream.seek(row["archive_offset"])
        assert next(iter(ArchiveIterator(stream))).record_id == row["record_id"]


def test_offsets_inside_one_member_point_at_its_start() -> None:
    data = gzip.compress(record(0)) + gzip.compress(b"".join(record(number, page_of(number)) for number in (1, 2, 3)))
    second = len(gzip.compress(record(0)))
    assert [row["archive_offset"] for row in read(data)] == [0, second, second, second]


def test_a_sound_archive_may_end_anywhere_behind_a_block_of_the_reader() -> None:
    parts = members(80)
    sizes = list(itertools.accumulate(map(len, parts)))
    starts = [0, *sizes]
    for count in range(20, 80):  # the reader takes 64 kB at a time: the last block is of every length
        rows = read(b"".join(parts[:count]))
        assert [(row["archive_offset"], row["ingest.drop"]) for row in rows] == [(at, None) for at in starts[:count]]
    assert sizes[-1] > 3 << 16


def test_member_cut_short_in_the_middle_costs_one_row() -> None:
    parts = members(5)
    cut = [*parts[:2], parts[2][:1000], *parts[3:]]
    assert fates(read(b"".join(cut))) == [
        ("<urn:uuid:0>", None),
        ("<urn:uuid:1>", None),
        (None, "corrupt"),
        ("<urn:uuid:3>", None),
        ("<urn:uuid:4>", None),
    ]
    assert read(b"".join(cut))[2]["archive_offset"] == len(parts[0] + parts[1])


def test_flipped_bytes_cost_one_row() -> None:
    data = bytearray(b"".join(members(5)))
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(byte ^ 0x5A for byte in data[middle : middle + 200])
    assert [drop for _, drop in fates(read(bytes(data)))] == [None, None, "corrupt", None, None]


def test_garbage_between_members_costs_one_row() -> None:
    first, second, third = members(3)
    rows = read(first + b"garbage" * 50 + second + third)
    assert [drop for _, drop in fates(rows)] == [None, "corrupt", None, None]


@pytest.mark.parametrize(
    "junk", [b"junk" * 100, b"\x1f\x8b\x08", b"WARC/1.0\r\n", gzip.compress(b"no record", mtime=0)]
)
def test_file_that_is_no_archive_is_one_broken_row(junk: bytes) -> None:
    (row,) = read(junk)
    assert row["ingest.drop"] in ("corrupt", "truncated") and row["archive_offset"] == 0


def test_empty_file_has_no_rows_and_padding_is_none() -> None:
    assert read(b"") == []
    assert len(read(b"".join(members(2)) + b"\r\n\0\0\0")) == 2


@pytest.mark.parametrize("compress", [True, False])
def test_file_cut_anywhere_in_its_last_record_loses_that_record_alone(compress: bool) -> None:
    parts = [record(number, page_of(number, 200)) for number in range(3)]
    parts = [gzip.compress(part, mtime=0) for part in parts] if compress else parts
    start = len(parts[0] + parts[1])
    for cut in range(start + 1, start + len(parts[2]) - 30):
        rows = read(b"".join(parts)[:cut])
        assert [drop for _, drop in fates(rows[:2])] == [None, None], cut
        assert len(rows) == 3 and rows[2]["ingest.drop"] in ("truncated", "corrupt"), cut
        assert rows[2]["archive_offset"] == start, cut


@pytest.mark.parametrize("length", [b"999", b"99 ", b"abc"])
def test_wrong_content_length_in_a_plain_file_hides_no_other_record(length: bytes) -> None:
    data = bytearray(b"".join(record(number, page_of(number, 300)) for number in range(5)))
    place = data.index(b"Content-Length: ", len(data) // 5) + len("Content-Length: ")
    data[place : place + 3] = length
    found = {row["record_id"] for row in read(bytes(data)) if row["ingest.drop"] is None}
    assert found >= {f"<urn:uuid:{number}>" for number in (0, 2, 3, 4)}


class Dropped(io.BytesIO):
    """A connection that breaks after some bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 5000:
            raise ConnectionResetError("peer gone")
        return super().read(3000 if size is None or size < 0 else min(size, 3000))


def test_lost_connection_is_an_error_and_not_a_damaged_record() -> None:
    with pytest.raises(OSError, match="peer gone"):
        list(read_warc(Dropped(b"".join(members(4))), "a", SHARD, IngestConfig()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 14_000), st.integers(1, 255)), max_size=4), st.integers(0, 15_000))
def test_no_damage_raises_or_repeats_a_uid(flips: list[tuple[int, int]], end: int) -> None:
    data = bytearray(b"".join(members(4)))
    for place, mask in flips:
        data[place % len(data)] ^= mask
    rows = read(bytes(data[:end]))
    assert len({row["uid"] for row in rows}) == len(rows)
    assert (len(rows) > 0) == (end > 0)
    assert all((row["payload"] is None) == (row["ingest.drop"] is not None) for row in rows)


def test_every_record_of_the_shared_crawls_is_a_row(shared_data: Path) -> None:
    for name, count in (("web-pages/pages.warc.gz", 1158), ("docs-pages/zh.warc.gz", 1955)):
        with (shared_data / name).open("rb") as stream:
            uids = [uid for table in read_warc(stream, name, SHARD, IngestConfig()) for uid in table["uid"].to_pylist()]
        assert len(uids) == len(set(uids)) == count
        assert all(re.fullmatch("[0-9a-f]{32}", uid) for uid in uids)
