"""L3 in two steps, annotations while the engines work, then rows of what is left: kills, audits, other settings."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.explain import explain
from governance.progress import Progress
from governance.select_outputs import verified_tokens, whole_documents
from governance.status import read as read_status
from governance.verify import audit
from manifests.ledger import load
from manifests.records import read_records
from manifests.store import Store
from tests.children import child, copy, tree
from tests.corpora import small_crawl
from tests.llm_server import Server, llm_server


@pytest.fixture
def server() -> Iterator[Server]:
    with llm_server() as running:
        yield running


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_crawl(tmp_path_factory.mktemp("crawl"), english=14, chinese=3)


@pytest.fixture(scope="module")
def selected(crawl_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A corpus built up to L2."""
    output = str(tmp_path_factory.mktemp("selected"))
    assert child(crawl_folder, output, "L2")[0] == 0
    return output


def settings(server: Server, *more: str) -> tuple[str, ...]:
    """An echo of the passage, and checks that let it pass."""
    return (
        f'l3.engine.endpoints=["{server.endpoint}"]',
        'l3.engine.model="echo"',
        'l3.synthesize.scale="small"',
        "l3.engine.backoff_s=0.01",
        "l3.engine.max_num_seqs=4",
        "l3.synthesize.max_passages=1",
        'l3.synthesize.scale="small"',
        'l3.synthesize.tasks=["encyclopedia","textbook"]',
        "l3.synthesize.checks.max_copied_ratio=1.0",
        *more,
    )


def build(crawl: Path, selected: str, output: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    copy(selected, output)
    assert child(crawl, output, "L3", overrides)[0] == 0
    return json.loads(Store(output).get("L3/web/manifest.json"))


def faults(output: str) -> list[str]:
    return audit(Store(output), Progress("silent"))["faults"]


def accounts(manifest: dict[str, Any]) -> dict[str, Any]:
    return {account.stage: account for account in load(manifest["ledger"])}


def test_two_styles_that_say_the_same_become_one_row_and_every_account_balances(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    manifest = build(crawl_folder, selected, output, settings(server))
    assert faults(output) == []
    found = accounts(manifest)
    assert list(found) == ["requests", "outputs", "dedup", "rows"]
    assert found["outputs"].kept == found["dedup"].came
    # The echo writes one text twice of a passage.
    dropped = found["dedup"].rejected["near_duplicate"].rows
    assert dropped > 0 and found["rows"].kept.rows == manifest["rows"] >= dropped
    assert manifest["figures"]["near_duplicate"] == dropped
    assert 0 < manifest["figures"]["verified_tokens"] < manifest["figures"]["output_tokens"]
    state = next(tier for tier in read_status(Store(output))["tiers"] if tier["tier"] == "L3")
    assert state["rows"] == manifest["rows"]


def test_without_duplicates_looked_for_every_kept_output_is_in_a_row(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    manifest = build(crawl_folder, selected, output, settings(server, "l3.dedup.enabled=false"))
    found = accounts(manifest)
    assert found["rows"].kept.rows == found["outputs"].kept.rows > 0
    assert faults(output) == []


def test_another_threshold_selects_again_and_asks_nothing(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output, once = str(tmp_path / "out"), str(tmp_path / "once")
    build(crawl_folder, selected, output, settings(server))
    server.asked.clear()
    changed = settings(server, "l3.dedup.enabled=false")
    assert child(crawl_folder, output, "L3", changed)[0] == 1, "a corpus of other settings was overwritten"
    assert child(crawl_folder, output, "L3", (*changed, "rebuild"))[0] == 0
    assert not server.asked
    assert faults(output) == []
    build(crawl_folder, selected, once, changed)
    assert tree(output) == tree(once)


def test_other_checks_judge_the_answers_again_and_ask_nothing(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output, once = str(tmp_path / "out"), str(tmp_path / "once")
    before = build(crawl_folder, selected, output, settings(server))
    server.asked.clear()
    changed = settings(server, "l3.synthesize.checks.max_copied_ratio=0.5", "rebuild")
    assert child(crawl_folder, output, "L3", changed)[0] == 0
    assert not server.asked
    after = json.loads(Store(output).get("L3/web/manifest.json"))
    assert after["rows"] < before["rows"]
    assert faults(output) == []
    build(crawl_folder, selected, once, changed[:-1])
    assert tree(output) == tree(once)


def test_a_build_that_is_replaced_half_way_keeps_its_answers(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    copy(selected, output)
    # With one request at a time, the eighth write is a segment of the answer log of some shard.
    one = settings(server, "l3.engine.max_num_seqs=1")
    assert child(crawl_folder, output, "L3", one, kill_before=8)[0] == -signal.SIGKILL
    stored = stored_keys(output)
    assert stored
    server.asked.clear()
    changed = settings(server, "l3.synthesize.checks.max_copied_ratio=0.5")
    assert child(crawl_folder, output, "L3", (*changed, "rebuild"))[0] == 0
    assert sum(server.asked.values()) == len(stored_keys(output)) - len(stored)
    assert faults(output) == []


def stored_keys(output: str) -> set[str]:
    """Keys of the requests whose answer is in a log or in the annotations of a committed shard."""
    store = Store(output)
    logs = (store.get(segment.path).splitlines() for segment in store.list("L3/web/_answers"))
    records = list(read_records(store, "L3/web", "annotations"))
    notes = [pl.read_parquet(store.get(part.path), columns=["key"]) for one in records for part in one.parts]
    return {json.loads(line)["key"] for log in logs for line in log} | {key for note in notes for key in note["key"]}


def test_a_kill_before_any_write_of_the_last_steps_costs_nothing_and_changes_nothing(
    crawl_folder: Path, selected: str, server: Server, store_url: str
) -> None:
    overrides = settings(server, "l3.engine.max_num_seqs=1", "l3.max_documents=3")
    copy(selected, f"{store_url}/undisturbed")
    code, writes = child(crawl_folder, f"{store_url}/undisturbed", "L3", overrides)
    assert code == 0
    expected = tree(f"{store_url}/undisturbed")
    last = writes - 30  # of the two steps after the annotations there are more writes than that
    for number in sorted({*range(last, writes - 4, 9), writes - 1, writes}):
        output = f"{store_url}/killed-{number}"
        copy(selected, output)
        assert child(crawl_folder, output, "L3", overrides, kill_before=number)[0] == -signal.SIGKILL
        server.asked.clear()
        assert child(crawl_folder, output, "L3", overrides)[0] == 0
        assert not server.asked, f"killed before write {number}"
        assert tree(output) == expected, f"killed before write {number}"


def test_a_row_changed_in_place_is_found_even_where_its_checksums_are_made_to_fit(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    build(crawl_folder, selected, output, settings(server))
    (path, *_) = sorted(Path(output, "L3/data").rglob("*.parquet"))
    table = pq.read_table(path)
    texts = ["Nobody wrote this.", *table["content"].to_pylist()[1:]]
    table = table.set_column(table.column_names.index("content"), table.schema.field("content"), pa.array(texts))
    pq.write_table(table, path, write_page_checksum=True)
    forge(output, path)
    (fault,) = [fault for fault in faults(output) if "annotations and L2" in fault]
    assert table["uid"][0].as_py() in fault


def forge(output: str, path: Path) -> None:
    """Make a record name what a part holds now, and the manifest its size."""
    name = path.relative_to(output).as_posix()
    for record in Path(output, "L3/web/_shards/data").glob("*.json"):
        body = json.loads(record.read_text())
        for part in body["parts"]:
            if part["path"] == name:
                grown = path.stat().st_size - part["bytes"]
                part |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
                record.write_text(json.dumps(body))
                sealed = Path(output, "L3/web/manifest.json")
                manifest = json.loads(sealed.read_text())
                sealed.write_text(json.dumps(manifest | {"bytes": manifest["bytes"] + grown}))


def test_explain_leads_from_a_row_to_its_outputs_and_from_a_duplicate_to_its_survivor(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    build(crawl_folder, selected, output, settings(server))
    row = pl.read_parquet(f"{output}/L3/data/**/*.parquet").row(0, named=True)
    told = explain(Store(output), row["uid"])
    (kept,) = [entry["row"]["uid"] for entry in told["written"] if entry["kind"] == "verdicts"]
    (victim,) = told["alike"][kept]["victims"]
    assert explain(Store(output), victim)["fate"].endswith(f"near_duplicate, adds nothing to the output {kept}")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=6), st.data())
def test_tables_are_cut_where_a_document_ends_and_nothing_is_lost(
    runs: list[tuple[int, int]], data: st.DataObject
) -> None:
    documents = [f"{number}" for number, (_, times) in enumerate(runs) for _ in range(times)]
    tables, at = [], 0
    while at < len(documents):
        size = data.draw(st.integers(1, 5))
        tables.append(pa.table({"parent_uid": pa.array(documents[at : at + size], pa.string())}))
        at += size
    cut = [table["parent_uid"].to_pylist() for table in whole_documents(tables)]
    assert [one for table in cut for one in table] == documents
    assert all(table and table[-1] != after[0] for table, after in pairwise(cut))


def test_verified_tokens_are_the_share_of_a_request_that_is_left() -> None:
    table = pa.table(
        {
            "request_uid": ["a", "a", "a", "b"],
            "task": ["qa", "qa", "qa", "blog"],
            "output_tokens": [90, 0, 0, 7],
            "text": ["x" * 10, "x" * 10, "x" * 10, "kept"],
            "row_uid": ["r", "r", None, "s"],
            "duplicate": pa.array([None, "near_duplicate", None, None], pa.string()),
        }
    )
    assert verified_tokens(table) == {"qa": 30, "blog": 7}
