"""Files of rows as input: JSON Lines, JSON arrays and Parquet, sound or damaged."""

from __future__ import annotations

import gzip
import hashlib
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from stages.ingest import ROW_SCHEMA, IngestConfig, read_table

SHARD = "0a1b2c3d"
ROWS = [
    {"content": "Hello there", "url": "http://a.test/", "date": "2026", "title": "T", "language": "en", "score": 3},
    {"text": "第二行", "source": "fineweb", "lang": "zh"},
    {"content": None, "text": " "},
    {"content": ["not", "text"]},
]
REASONS = [None, None, "no_text", "no_text"]


def read(name: str, data: bytes, **options: object) -> pa.Table:
    tables = list(read_table(io.BytesIO(data), name, SHARD, IngestConfig(**options)))
    assert all(table.schema == ROW_SCHEMA for table in tables)
    return pa.concat_tables(tables) if tables else ROW_SCHEMA.empty_table()


def lines(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl", lines(ROWS)),
        ("a.jsonl", lines(ROWS).rstrip(b"\n")),
        ("a.jsonl", b"\xef\xbb\xbf" + lines(ROWS).replace(b"\n", b"\r\n\r\n")),
        ("a.jsonl.gz", gzip.compress(lines(ROWS))),
        ("a.jsonl.gz", gzip.compress(lines(ROWS[:2])) + gzip.compress(lines(ROWS[2:]))),
        ("a.jsonl.zst", zstandard.compress(lines(ROWS))),
        ("a.json", lines(ROWS)),
        ("a.json", json.dumps(ROWS, indent=1).encode()),
    ],
)
def test_json_in_every_form_gives_the_same_rows(name: str, data: bytes) -> None:
    table = read(name, data)
    assert table["content"].to_pylist() == ["Hello there", "第二行", " ", None]
    assert table["ingest.drop"].to_pylist() == REASONS
    first = table.to_pylist()[0]
    assert (first["url"], first["date"], first["title"], first["score"]) == ("http://a.test/", "2026", "T", 3.0)
    assert table["lang_declared"].to_pylist() == ["en", "zh", None, None]
    assert table["source"].to_pylist()[1] == "fineweb"


def test_uid_comes_from_the_file_name_and_the_row_number_across_batches() -> None:
    table = read("a.jsonl", lines(ROWS), batch_rows=1)
    expected = [SHARD + hashlib.sha256(f"a.jsonl#row:{n}".encode()).hexdigest()[:24] for n in range(4)]
    assert table["uid"].to_pylist() == expected
    assert table["archive_offset"].to_pylist() == [0, 1, 2, 3]


@pytest.mark.parametrize("bad", [b"{broken", b"[1]", b'"text"', b'{"text": "\xff"}', b'{"text": "\\ud800"}'])
def test_bad_json_line_costs_one_row(bad: bytes) -> None:
    table = read("a.jsonl", lines(ROWS[:1]) + bad + b"\n" + lines(ROWS[1:2]))
    assert table["ingest.drop"].to_pylist() == [None, "bad_json", None]


def test_line_above_the_limit_costs_one_row() -> None:
    table = read("a.jsonl", lines([{"text": "x" * 500}, {"text": "y"}]), max_payload_bytes=100)
    assert table["ingest.drop"].to_pylist() == ["too_large", None]


def test_cut_gzip_keeps_the_lines_before_the_cut() -> None:
    rows = [{"text": hashlib.sha256(str(n).encode()).hexdigest() * 20} for n in range(200)]
    data = gzip.compress(lines(rows))
    table = read("a.jsonl.gz", data[: len(data) // 2])
    assert table.num_rows > 50
    assert table["ingest.drop"].to_pylist() == [None] * (table.num_rows - 1) + ["corrupt"]
    assert read("a.jsonl.gz", b"junk")["ingest.drop"].to_pylist() == ["corrupt"]
    assert read("a.jsonl.zst", b"junk")["ingest.drop"].to_pylist() == ["corrupt"]


def test_text_column_names_the_text() -> None:
    rows = [{"body": "Hello", "text": "other"}]
    assert read("a.jsonl", lines(rows), text_column="body")["content"].to_pylist() == ["Hello"]
    assert read("a.jsonl", lines(rows))["content"].to_pylist() == ["other"]


def parquet(table: pa.Table, **options: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def test_parquet_is_read_by_row_group_with_its_columns() -> None:
    table = pa.table(
        {"text": pa.array(["a", None, "c", "  ", "e"], pa.large_string()), "score": [1, 2, 3, 4, 5], "url": [["l"]] * 5}
    )
    found = read("a.parquet", parquet(table, row_group_size=2))
    assert found["content"].to_pylist() == ["a", None, "c", "  ", "e"]
    assert found["ingest.drop"].to_pylist() == [None, "no_text", None, "no_text", None]
    assert found["score"].to_pylist() == [1, 2, 3, 4, 5]
    assert found["url"].null_count == 5  # a list is no address
    assert found["archive_offset"].to_pylist() == [0, 1, 2, 3, 4]


def test_batch_bytes_cuts_a_row_group() -> None:
    data = parquet(pa.table({"text": [f"{n} " * 100 for n in range(100)]}))
    tables = list(read_table(io.BytesIO(data), "a.parquet", SHARD, IngestConfig(batch_bytes=2000)))
    assert len(tables) > 3
    assert pa.concat_tables(tables) == read("a.parquet", data)


def test_damaged_row_group_costs_its_rows_alone() -> None:
    data = bytearray(parquet(pa.table({"text": [f"text {n}" for n in range(6)]}), row_group_size=2, compression="none"))
    data[4:40] = b"z" * 36
    assert read("a.parquet", bytes(data))["ingest.drop"].to_pylist() == ["corrupt", "corrupt", None, None, None, None]


@pytest.mark.parametrize("data", [b"", b"PAR1junkjunk", b"junk" * 100])
def test_file_that_is_no_parquet_is_one_broken_row(data: bytes) -> None:
    assert read("a.parquet", data)["ingest.drop"].to_pylist() == ["corrupt"]


def test_parquet_without_a_text_column_has_rows_without_text() -> None:
    assert read("a.parquet", parquet(pa.table({"raw": ["a", "b"]})))["ingest.drop"].to_pylist() == ["no_text"] * 2


def test_unknown_ending_is_refused_and_empty_files_have_no_rows() -> None:
    with pytest.raises(ValueError, match=r"a\.csv"):
        read("a.csv", b"")
    assert read("a.jsonl", b"").num_rows == 0
    assert read("a.parquet", parquet(pa.table({"text": pa.array([], pa.string())}))).num_rows == 0


class Broken(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise ConnectionResetError("peer gone")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_lost_connection_is_an_error(name: str) -> None:
    with pytest.raises(OSError, match="peer gone"):
        list(read_table(Broken(b"PAR1" * 100), name, SHARD, IngestConfig()))
