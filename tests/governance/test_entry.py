"""Rows of JSON Lines and Parquet files enter at L0, L1 or L2, in both languages, and each of them is accounted for."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance import commands
from governance.progress import Progress
from governance.verify import audit
from manifests.ledger import load
from manifests.store import Store
from tests.corpora import pages_of, texts_of

FILES = ("rows.jsonl", "rows.jsonl.gz", "rows.parquet")
LEVELS = {"L0": ("L0", "L1", "L2"), "L1": ("L1", "L2"), "L2": ("L2",)}


@pytest.fixture(scope="module")
def texts(crawl: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Real pages as another pipeline would have left them: rows of text with an address."""
    found = []
    for language, count in {"en": 14, "zh": 8}.items():
        found += texts_of(pages_of(crawl[language], count)).select(["content", "url"]).to_pylist()
    return found


def write(folder: Path, name: str, rows: list[dict[str, Any]], broken: int = 0) -> Path:
    """The rows in a file of a kind, with lines that are no JSON where the kind has lines."""
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows) + "{broken\n" * broken
    path.write_bytes(gzip.compress(body.encode()) if name.endswith(".gz") else body.encode())
    return path


def run(inputs: list[Path], output: Path, enter: str, level: str = "L2", *overrides: str) -> Store:
    """A run inside this process, verified."""
    names = tuple(str(path) for path in inputs)
    commands.run(commands.Ask(level, names, str(output), None, enter, "rows", None, 0, overrides, False), as_json=True)
    assert audit(Store(str(output)), Progress("silent"))["faults"] == []
    return Store(str(output))


def ledger(store: Store, tier: str) -> Any:
    return load(json.loads(store.get(f"{tier}/rows/manifest.json"))["ledger"])


def data(store: Store, tier: str) -> pl.DataFrame:
    return pl.read_parquet(f"{store.url}/{tier}/rows/data/**/*.parquet")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("enter", LEVELS)
def test_every_row_of_every_kind_of_file_is_accounted_for_wherever_it_enters(
    texts: list[dict[str, Any]], tmp_path: Path, name: str, enter: str
) -> None:
    extra: list[dict[str, Any]] = [{"content": None, "url": "http://x/"}, {"content": "  ", "url": None}]
    broken = 0 if name.endswith(".parquet") else 2
    store = run([write(tmp_path, name, texts + extra, broken)], tmp_path / "out", enter)
    first = ledger(store, enter)[0]
    assert first.came.rows == len(texts) + 2 + broken
    rejected = {reason: count.rows for reason, count in first.rejected.items()}
    assert rejected == {"no_text": 2} | ({"bad_json": broken} if broken else {})
    assert first.quarantined.rows == 0
    notes = pl.read_parquet(f"{store.url}/{enter}/rows/annotations/*.parquet")
    assert len(notes) == first.came.rows == notes["uid"].n_unique()
    assert Counter(notes["fate"].to_list())["ingest.no_text"] == 2
    assert [tier for tier in ("L0", "L1", "L2") if store.exists(f"{tier}/rows/manifest.json")] == list(LEVELS[enter])


@pytest.mark.parametrize("enter", LEVELS)
def test_rows_that_enter_keep_their_text_and_both_languages_arrive(
    texts: list[dict[str, Any]], tmp_path: Path, enter: str
) -> None:
    store = run([write(tmp_path, "rows.jsonl", texts)], tmp_path / "out", enter)
    entered = data(store, enter)
    assert set(entered["content"]) <= {row["content"] for row in texts}
    assert {"en", "zh"} <= set(data(store, "L2")["lang"]) if enter != "L0" else True
    assert entered["source"].unique().to_list() == ["rows"]
    assert entered["url"].null_count() == 0


@pytest.mark.parametrize("column", ["text", "content", "body"])
def test_the_text_is_found_under_its_published_names_or_the_one_that_is_set(tmp_path: Path, column: str) -> None:
    for name in FILES:
        path = write(tmp_path, name, [{column: "A page of text.", "n": 1}, {column: "又一页文字。", "n": 2}])
        overrides = ("l0.ingest.text_column=body",) if column == "body" else ()
        store = run([path], tmp_path / f"out-{name}", "L0", "L0", *overrides)
        assert sorted(data(store, "L0")["content"]) == ["A page of text.", "又一页文字。"]


def test_equal_rows_of_two_files_have_different_uids_even_where_the_files_share_a_key(
    texts: list[dict[str, Any]], tmp_path: Path
) -> None:
    from stages.ingest import IngestConfig, read_table

    files = [write(tmp_path, name, texts) for name in ("a.jsonl", "b.jsonl")]
    store = run(files, tmp_path / "out", "L0", "L0")
    entered = data(store, "L0")
    assert entered["uid"].n_unique() == len(entered) == 2 * len(texts)
    uids: list[str] = []
    for file in files:
        with file.open("rb") as stream:
            for table in read_table(stream, file.name, "0" * 8, IngestConfig()):
                uids += table["uid"].to_pylist()
    assert len(set(uids)) == 2 * len(texts)


def test_a_file_moved_to_another_folder_gives_the_same_bytes(texts: list[dict[str, Any]], tmp_path: Path) -> None:
    from tests.children import tree

    trees = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        store = run([write(tmp_path / place, "rows.jsonl", texts)], tmp_path / f"out-{place}", "L1")
        trees.append(tree(store.url))
    assert trees[0] == trees[1]


def test_rows_and_archives_are_two_dumps_of_one_corpus(
    texts: list[dict[str, Any]], tmp_path: Path, crawl: dict[str, Path]
) -> None:
    from governance.errors import UsageError
    from tests.corpora import pages_of

    archive, rows = tmp_path / "a.warc.gz", write(tmp_path, "b.jsonl", texts[:3])
    archive.write_bytes(pages_of(crawl["en"], 3))
    with pytest.raises(UsageError, match=r"a\.warc\.gz is a web archive, b\.jsonl holds rows"):
        run([archive, rows], tmp_path / "out", "L0")
    store = run([rows], tmp_path / "out", "L0", "L1")
    ask = commands.Ask("L1", (str(archive),), store.url, None, "L0", "web", None, 0, (), False)
    commands.run(ask, as_json=True)
    report = audit(store, Progress("silent"))
    assert report["faults"] == []
    assert report["tiers"] == ["L0/rows", "L0/web", "L1/rows", "L1/web"]


def test_a_compressed_file_that_breaks_off_gives_all_before_the_break(tmp_path: Path) -> None:
    rows = [{"text": f"Row {number}: {number * 7919}"} for number in range(3000)]
    path = write(tmp_path, "rows.jsonl.gz", rows)
    path.write_bytes(path.read_bytes()[:-2000])
    store = run([path], tmp_path / "out", "L0", "L0")
    first = ledger(store, "L0")[0]
    assert 0 < first.kept.rows < 3000
    assert sum(count.rows for count in first.rejected.values()) in (1, 2)
    assert "corrupt" in first.rejected
