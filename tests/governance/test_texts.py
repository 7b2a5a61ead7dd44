"""Texts of Parquet, JSON Lines and text files, with the site that each is from."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance.errors import UsageError
from governance.texts import host_of, read_texts
from manifests.store import Store

ROWS = [
    {"text": "first", "url": "https://www.One.org:8080/a", "topic": "x"},
    {"text": None, "url": None, "topic": None},
    {"text": "third 三", "url": "two.org", "topic": "y"},
]


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read(*patterns: Path | str, text: str | None = None, site: str | None = None) -> list[dict]:
    return [row for table in read_texts([str(p) for p in patterns], text, site) for row in table.to_pylist()]


@pytest.fixture(params=["a.jsonl", "a.jsonl.gz", "a.json", "a.parquet"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines(ROWS).encode()))
    else:
        path.write_text(json.dumps(ROWS) if path.suffix == ".json" else lines(ROWS))
    return path


def test_the_site_is_the_host_of_the_url(file: Path) -> None:
    assert read(file) == [
        {"content": "first", "site": "one.org", "file": file.name},
        {"content": None, "site": None, "file": file.name},
        {"content": "third 三", "site": "two.org", "file": file.name},
    ]


def test_a_named_site_column_is_taken_as_it_is_and_none_is_none(file: Path) -> None:
    assert [row["site"] for row in read(file, site="topic")] == ["x", None, "y"]
    assert [row["site"] for row in read(file, site="")] == [None, None, None]


def test_any_column_may_hold_the_text(file: Path) -> None:
    assert [row["content"] for row in read(file, text="topic")] == ["x", None, "y"]


@pytest.mark.parametrize(("named", "word"), [({"text": "body"}, "no column body"), ({"site": "host"}, "column host")])
def test_a_column_that_is_missing_is_told_with_those_there_are(named: dict, word: str, file: Path) -> None:
    with pytest.raises(UsageError, match=word) as error:
        read(file, **named)
    assert "it has: text, url, topic" in error.value.remedy


def test_content_comes_before_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines([{"text": "no", "content": "yes"}]))
    assert [row["content"] for row in read(tmp_path / "a.jsonl")] == ["yes"]


def test_a_text_file_is_one_text(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("\ufeffsecond\nline", encoding="utf-8")
    (tmp_path / "a.txt").write_text("first", encoding="utf-8")
    found = [
        {"content": "first", "site": None, "file": "a.txt"},
        {"content": "second\nline", "site": None, "file": "b.txt"},
    ]
    assert read(tmp_path) == read(tmp_path / "*.txt") == found


def test_files_of_a_folder_come_in_the_order_of_their_names_and_once(tmp_path: Path) -> None:
    for name in ("c", "a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(lines([{"text": name}]))
    assert [row["content"] for row in read(tmp_path, tmp_path / "a.jsonl")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "x"}\nno json\n', "row 2 is no JSON object"),
        ("a.jsonl", b'{"text": "x"}\n{"text": 3}\n', "holds int in row 2, no text"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x"}\n' * 9000)[:-20], "is damaged"),
        ("a.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "cannot read"),
        ("a.parquet", b"no parquet", "is no complete Parquet file"),
        ("a.txt", b"caf\xe9", "cannot read .*a.txt.*decode"),
        ("a.txt", b"a\0b", "zero bytes"),
        ("a.csv", b"text\nx\n", "names no known kind"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read(tmp_path / name)


def test_a_parquet_column_of_lists_is_no_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [["a"], ["b"]]}), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match=r"column text of .*holds list.*no text"):
        read(tmp_path / "a.parquet")


def test_a_parquet_row_group_that_is_damaged_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"text number {i}" for i in range(2000)]}), path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[200:400] = bytes(200)
    path.write_bytes(data)
    with pytest.raises(UsageError, match="cannot read"):
        read(path)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file at"):
        read(tmp_path / "none*.jsonl")


def test_an_empty_file_has_no_texts(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    assert read(tmp_path / "a.jsonl") == []


def test_dictionary_and_large_strings_are_text(tmp_path: Path) -> None:
    kinds = [pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
    for number, kind in enumerate(kinds):
        pq.write_table(pa.table({"text": pa.array(["a", None, "a"]).cast(kind)}), tmp_path / f"{number}.parquet")
    assert [row["content"] for row in read(tmp_path)] == ["a", None, "a"] * 2


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://user:pw@WWW.a.org:80/x?y#z", "a.org"),
        ("a.org/x", "a.org"),
        ("http://", None),
        ("", None),
        (None, None),
        ("http://[::1]/", "["),
    ],
)
def test_the_host_of_an_address_is_only_a_name(url: str | None, host: str | None) -> None:
    assert host_of(url) == host


def test_texts_of_a_store_are_read_by_folder_glob_and_name(store_url: str) -> None:
    store = Store(store_url)
    store.put("in/a.jsonl", lines(ROWS[:1]).encode())
    store.put("in/b.txt", b"second")
    store.put("in/c.csv", b"no text")
    expected = [
        {"content": "first", "site": "one.org", "file": "a.jsonl"},
        {"content": "second", "site": None, "file": "b.txt"},
    ]
    assert read(f"{store_url}/in") == expected
    assert read(f"{store_url}/in/*.jsonl", f"{store_url}/in/b.txt") == expected
    with pytest.raises(UsageError, match="no file at"):
        read(f"{store_url}/none/*.jsonl")
