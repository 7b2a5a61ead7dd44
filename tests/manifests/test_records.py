"""The commit of a shard: parts named by their hash, the first record stands, strays go."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manifests.records import Record, commit, committed, read_record, read_records, record_path, sweep, write_part
from manifests.store import Store
from manifests.streams import SPOOL_BYTES, Hashing

SCHEMA = pa.schema([("uid", pa.string()), ("content", pa.string())])


def table(*texts: str) -> pa.Table:
    return pa.table({"uid": [f"{i:032x}" for i in range(len(texts))], "content": list(texts)}, SCHEMA)


def record_of(store: Store, text: str, number: int = 0) -> Record:
    part = write_part(store, f"L1/web/data/part-{number:05d}", [table(text)], SCHEMA)
    return Record("data", number, "web.warc.gz", "f" * 64, [part])


def test_a_part_is_named_by_its_own_hash_and_reads_back(store_url: str) -> None:
    store = Store(store_url)
    part = write_part(store, "L1/web/data/en/part-00000", [table("one"), table("two", "三")], SCHEMA)
    body = store.get(part.path)
    assert part.path == f"L1/web/data/en/part-00000-{hashlib.sha256(body).hexdigest()[:12]}.parquet"
    assert (part.rows, part.bytes) == (3, len(body))
    assert pq.read_table(pa.BufferReader(body))["content"].to_pylist() == ["one", "two", "三"]


def test_the_same_rows_give_the_same_bytes(store_url: str) -> None:
    store = Store(store_url)
    first = write_part(store, "a/part", [table("one", "two")], SCHEMA)
    assert write_part(store, "a/part", [table("one", "two")], SCHEMA) == first


def test_a_part_larger_than_the_spool_goes_through_scratch_disk(tmp_path: Path) -> None:
    spool = Hashing.spooled()
    block = b"x" * (1 << 20)
    for _ in range(SPOOL_BYTES // len(block) + 2):
        spool.write(block)
    store = Store(str(tmp_path))
    store.put("large", spool.content())
    assert store.head("large").size == spool.size
    assert hashlib.sha256(store.get("large")).hexdigest() == spool.sha256()


def test_the_first_committer_wins_and_the_second_leaves_nothing(store_url: str) -> None:
    store = Store(store_url)
    first, second = record_of(store, "first"), record_of(store, "second")
    assert commit(store, "L1/web", first) is first
    assert commit(store, "L1/web", second).to_bytes() == first.to_bytes()
    assert {item.path for item in store.list("L1/web/data")} == {first.parts[0].path}
    assert read_record(store, "L1/web", "data", 0).to_bytes() == first.to_bytes()


def test_a_worker_that_wakes_up_and_commits_the_same_bytes_keeps_them(store_url: str) -> None:
    store = Store(store_url)
    for _ in range(2):
        record = record_of(store, "same")
        commit(store, "L1/web", record)
    assert store.exists(record.parts[0].path)


def test_an_answer_lost_after_the_record_was_written_counts_as_committed(store_url: str) -> None:
    store = Store(store_url)
    record = record_of(store, "text")
    store.put(record_path("L1/web", "data", 0), record.to_bytes())
    assert commit(store, "L1/web", record) is record


def test_committed_lists_numbers_and_read_records_gives_them_in_order(store_url: str) -> None:
    store = Store(store_url)
    for number in (7, 2, 100_000):
        commit(store, "L1/web", record_of(store, str(number), number))
    assert committed(store, "L1/web", "data") == {2, 7, 100_000}
    assert [record.number for record in read_records(store, "L1/web", "data")] == [2, 7, 100_000]
    assert committed(store, "L1/web", "annotations") == set()


def test_sweep_removes_exactly_what_no_record_names(store_url: str) -> None:
    store = Store(store_url)
    kept = commit(store, "L1/web", record_of(store, "kept"))
    stray = write_part(store, "L1/web/data/part-00000", [table("stray")], SCHEMA)
    assert sweep(store, ["L1/web/data"], {kept.parts[0].path}) == [stray.path]
    assert {item.path for item in store.list("L1/web/data")} == {kept.parts[0].path}


def test_a_record_that_is_not_there_is_a_file_not_found(store_url: str) -> None:
    with pytest.raises(FileNotFoundError):
        read_record(Store(store_url), "L1/web", "data", 0)


def test_reading_a_store_in_ranges_is_reading_a_file(store_url: str) -> None:
    store = Store(store_url)
    body = bytes(range(256)) * 100
    store.put("object", body)
    with store.open("object") as stream:
        stream.seek(1000)
        assert stream.read(10) == body[1000:1010]
        assert stream.seek(-5, 2) == len(body) - 5
        assert stream.read() == body[-5:]


def test_deleting_what_is_not_there_is_no_error(store_url: str) -> None:
    Store(store_url).delete(["nothing/here"])
