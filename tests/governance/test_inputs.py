"""Inputs are found by path, folder, glob, list and URL, and what cannot be told apart is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governance.errors import UsageError
from governance.inputs import dump_of, find_shards
from manifests.store import Store


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"WARC/1.1 {{}} {name}".encode())  # enough of an archive, and of JSON Lines, for the search
    return folder


def names(*patterns: str) -> list[str]:
    return [shard.name for shard in find_shards(patterns, "d")]


def test_a_file_a_folder_a_glob_and_a_list_find_the_same(tmp_path: Path) -> None:
    touch(tmp_path, "b.warc.gz", "a.jsonl", "notes.md")
    listing = tmp_path / "list.txt"
    listing.write_text(f"# inputs\n{tmp_path}/b.warc.gz\n\n{tmp_path}/a.jsonl\n")
    expected = ["a.jsonl", "b.warc.gz"]
    assert names(str(tmp_path)) == names(str(listing)) == expected
    assert names(f"{tmp_path}/*.warc.gz", f"{tmp_path}/a.jsonl") == expected
    assert names(str(tmp_path / "b.warc.gz")) == ["b.warc.gz"]


def test_shards_are_numbered_by_base_name_and_keyed_by_dump_and_name_not_by_path(tmp_path: Path) -> None:
    touch(tmp_path / "one", "x/b.warc", "y/a.warc")
    touch(tmp_path / "two", "a.warc", "b.warc")
    one, two = (find_shards([str(tmp_path / folder)], "d") for folder in ("one", "two"))
    assert [(s.number, s.name, s.key, s.identity) for s in one] == [
        (s.number, s.name, s.key, i.identity) for s, i in zip(two, one, strict=True)
    ]
    assert find_shards([str(tmp_path / "two")], "other")[0].key != two[0].key


def test_a_changed_file_has_another_identity(tmp_path: Path) -> None:
    touch(tmp_path, "a.warc")
    before = find_shards([str(tmp_path)], "d")[0].identity
    (tmp_path / "a.warc").write_bytes(b"WARC/1.1 other")
    assert find_shards([str(tmp_path)], "d")[0].identity != before


def test_a_link_to_a_file_of_another_name_is_read_under_its_own(tmp_path: Path) -> None:
    touch(tmp_path, "store/data.bin")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.warc").symlink_to(tmp_path / "store" / "data.bin")
    shard = find_shards([str(tmp_path / "in")], "d")[0]
    assert (shard.name, Path(shard.folder, shard.path).read_bytes()) == (
        "a.warc",
        b"WARC/1.1 {} store/data.bin",
    )


def test_a_folder_named_like_an_archive_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "crawl.warc/a.warc.gz")
    assert names(str(tmp_path)) == names(f"file://{tmp_path}") == ["a.warc.gz"]


def test_only_head_and_tail_of_a_large_file_are_its_identity(tmp_path: Path) -> None:
    file = tmp_path / "a.warc"
    identities = set()
    for place in (0, 50_000, 99_999):
        file.write_bytes(b"WARC/1.1" + bytes(place) + b"x" + bytes(99_999 - place))
        identities.add(find_shards([str(file)], "d")[0].identity)
    assert len(identities) == 3
    file.write_bytes(b"WARC/1.1" + bytes(100_000))
    assert find_shards([str(file)], "d")[0].identity in identities


def test_inputs_on_s3_are_found_by_key_prefix_and_glob(s3_server: Any) -> None:
    store_url = f"{s3_server.url}/inputs"
    for name in ("in/a.warc.gz", "in/b.warc.gz", "in/c.md"):
        Store(store_url).put(name, b"data")
    assert names(f"{store_url}/in") == names(f"{store_url}/in/*.warc.gz") == ["a.warc.gz", "b.warc.gz"]
    assert names(f"{store_url}/in/a.warc.gz") == ["a.warc.gz"]
    shard = find_shards([f"{store_url}/in"], "d")[0]
    assert Store(shard.folder).get(shard.path) == b"data"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("nothing.warc.gz", "no input at 'nothing.warc.gz'"),
        ("*.parquet", "no input at"),
        ("list.txt", "no list of inputs"),
        ("ftp://host/a.warc", "unknown scheme 'ftp'"),
    ],
)
def test_what_is_not_there_is_named(pattern: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_shards([pattern], "d")


def test_an_unknown_suffix_an_empty_input_and_two_equal_names_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "page.pdf", "x/a.warc", "y/a.warc")
    (tmp_path / "empty.warc").touch()
    with pytest.raises(UsageError, match="names no known kind"):
        names(str(tmp_path / "page.pdf"))
    with pytest.raises(UsageError, match="every input is empty"):
        names(str(tmp_path / "empty.warc"))
    with pytest.raises(UsageError, match=r"both named 'a\.warc'"):
        names(str(tmp_path / "x"), str(tmp_path / "y"))


def test_a_dump_is_named_by_a_common_crawl_archive_else_default() -> None:
    assert dump_of(["s3://c/crawl-data/CC-MAIN-2025-51/segments/x.warc.gz"]) == "CC-MAIN-2025-51"
    assert dump_of(["pages.warc.gz"]) == "default"
