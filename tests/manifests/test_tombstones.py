"""Tombstones are read by whoever reads rows: few or very many, from a store or a file system, in any process."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.fs import LocalFileSystem

from manifests import tombstones
from manifests.store import Store
from manifests.tombstones import SCHEMA, UIDS, InFileSystem, Rule, corpus_root, read_rules, read_tombstones


def write(store: Store, uids: list[str], rule: str = "domain", name: str = "a" * 16) -> None:
    sink = io.BytesIO()
    table = pa.table({"uid": sorted(uids), "rule": [rule] * len(uids)}, schema=SCHEMA)
    pq.write_table(table, sink, row_group_size=3)
    store.put(f"{UIDS}/{name}.parquet", sink.getvalue())


def uid(shard: int, row: int) -> str:
    return f"{shard:08x}{row:024x}"


def test_a_row_is_out_by_its_own_uid_or_that_of_its_document(store_url: str) -> None:
    store = Store(store_url)
    write(store, [uid(1, 1), uid(2, 2)])
    out = read_tombstones(store)
    rows = pa.table({"uid": [uid(1, 1), uid(1, 5), uid(1, 6)], "parent_uid": [None, uid(1, 1), uid(1, 2)]})
    assert out.visible(rows)["uid"].to_pylist() == [uid(1, 6)]
    assert out.visible(pa.table({"uid": [uid(3, 1)]})).num_rows == 1
    assert out.visible(pa.table({"content": ["x"]})).num_rows == 1, "rows that have no uid are of no document"
    assert out.count() == 2 and bool(out)


def test_nothing_taken_down_hides_nothing(store_url: str) -> None:
    out = read_tombstones(Store(store_url))
    assert not out and out.names == [] and out.visible(pa.table({"uid": [uid(1, 1)]})).num_rows == 1
    assert out.among(pa.array([uid(1, 1)])).to_pylist() == [False]


@pytest.mark.parametrize("small", [0, 1 << 20])
def test_large_objects_are_read_by_row_groups_and_small_ones_whole(
    tmp_path: Path, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tombstones, "_SMALL_BYTES", small)
    store = Store(str(tmp_path))
    write(store, [uid(shard, row) for shard in range(5) for row in range(4)])
    write(store, [uid(2, 9), uid(2, 1)], "copy", "b" * 16)
    known = read_tombstones(store).of(uid(2, 0), uid(2, 0))
    assert known["uid"].to_pylist() == [uid(2, row) for row in (0, 1, 2, 3, 9)]
    assert known["rule"].to_pylist() == ["domain", "copy", "domain", "domain", "copy"]


@given(
    st.sets(st.tuples(st.integers(0, 3), st.integers(0, 9))), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)))
)
def test_what_is_among_them_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, gone: set[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    store = Store(str(tmp_path_factory.mktemp("stones")))
    write(store, [uid(*one) for one in gone])
    found = read_tombstones(store).among(pa.array([uid(*one) for one in asked], pa.string()))
    assert found.to_pylist() == [one in gone for one in asked]


def test_a_file_system_of_pyarrow_and_another_process_read_the_same(tmp_path: Path) -> None:
    write(Store(str(tmp_path)), [uid(1, 1)])
    out = read_tombstones(InFileSystem(LocalFileSystem(), str(tmp_path)))
    rows = pa.table({"uid": [uid(1, 1), uid(1, 2)]})
    assert out.visible(rows).num_rows == 1
    assert pickle.loads(pickle.dumps(out)).visible(rows).num_rows == 1
    assert not read_tombstones(InFileSystem(LocalFileSystem(), str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/a/out/L1/web/data/en/part.parquet", "/a/out"), ("bucket/L3/data/x_en_l3/qa/p.parquet", "bucket"),
        ("/a/L1.parquet", None), ("/L1/b/out/L2/web/data/p.parquet", "/L1/b/out"), ("/a/L2", None),
    ],
)  # fmt: skip
def test_the_corpus_of_a_file_is_what_holds_its_tier(path: str, root: str | None) -> None:
    assert corpus_root(path) == root


def test_a_rule_is_stored_once_whatever_its_reason(store_url: str) -> None:
    store = Store(store_url)
    for rule in (Rule("domain", "b.org", "one"), Rule("domain", "b.org", "two"), Rule("domain", "b.org", "", "web")):
        store.create(rule.path, rule.to_bytes())
    assert [(rule.reason, rule.dump) for rule in sorted(read_rules(store), key=lambda r: r.dump or "")] == [
        ("one", None), ("", "web"),
    ]  # fmt: skip


def test_the_trainer_reads_them_without_the_libraries_of_the_pipeline() -> None:
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in ("obstore", "polars", "ray", "numba", "tldextract"))
    code = f"import sys; {blocked}import annealing.documents, manifests.tombstones"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[2])
