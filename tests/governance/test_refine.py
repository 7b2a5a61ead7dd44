"""L3 against a counting server: every request one fate, no stored answer asked for again, after a kill at any write."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from benchmarks.synthesis_server_passages import row
from governance.config import load as load_settings
from governance.pipeline import read_manifest
from governance.progress import Progress
from governance.synthesis import synthesis_identity
from governance.verify import audit
from manifests.ledger import OUTPUTS, REQUESTS, load
from manifests.records import read_records
from manifests.store import Store
from tests.children import child, copy
from tests.llm_server import FAULTS, Server, llm_server

DOCUMENTS = 12  # half Chinese


@pytest.fixture
def server() -> Iterator[Server]:
    with llm_server() as running:
        running.write = sentences
        yield running


def sentences(shown: str) -> str:
    """The last paragraph of what is shown: the passage, or a span of it."""
    return shown.strip().split("\n\n")[-1].removeprefix("Text: ").removeprefix("原文：")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("documents") / "documents.jsonl"
    lines = [json.dumps(row(number), ensure_ascii=False) for number in range(DOCUMENTS)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def selected(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A corpus built up to L2."""
    output = str(tmp_path_factory.mktemp("selected"))
    assert child(documents, output, "L2")[0] == 0
    return output


def settings(server: Server, *more: str) -> tuple[str, ...]:
    """An endpoint, and checks that let an echo of the passage pass."""
    return (
        f'l3.engine.endpoints=["{server.endpoint}"]',
        'l3.engine.model="echo"',
        'l3.synthesize.scale="small"',
        "l3.engine.backoff_s=0.01",
        "l3.engine.max_num_seqs=4",
        "l3.engine.down_after_s=0.5",
        "l3.synthesize.max_passages=1",
        "l3.synthesize.max_rewrites=1",
        'l3.synthesize.tasks=["blog", "textbook"]',
        "l3.synthesize.checks.max_copied_ratio=1.0",
        *more,
    )


def notes(output: str) -> pl.DataFrame:
    """The annotations of every request."""
    store = Store(output)
    parts = [part for record in read_records(store, "L3/web", "annotations") for part in record.parts]
    return pl.concat([pl.read_parquet(store.get(part.path)) for part in parts])


def manifest(output: str) -> dict[str, Any]:
    return json.loads(Store(output).get("L3/web/manifest.json"))


def faults(output: str) -> list[str]:
    return audit(Store(output), Progress("silent"))["faults"]


def build(documents: Path, selected: str, output: str, overrides: tuple[str, ...]) -> None:
    copy(selected, output)
    assert child(documents, output, "L3", overrides)[0] == 0


def test_requests_and_outputs_balance(documents: Path, selected: str, server: Server, tmp_path: Path) -> None:
    output = str(tmp_path / "out")
    build(documents, selected, output, settings(server))
    assert faults(output) == []
    accounts = {account.stage: account for account in load(manifest(output)["ledger"])}
    assert accounts[REQUESTS].balances() and accounts[OUTPUTS].balances()
    assert accounts[REQUESTS].came.rows == len(notes(output)) == sum(server.asked.values()) == 2 * DOCUMENTS
    assert set(notes(output)["lang"]) == {"en", "zh"}
    for path in Path(output, "L3/data").rglob("*.parquet"):
        for found in pq.read_table(path).to_pylist():
            assert found["parent_uid"][:8] == found["uid"][:8]
            assert found["prompt_sha256"] and found["model"] == "echo@served" and json.loads(found["sampling"])


def test_annotations_stand_in_the_order_of_the_documents_whatever_finishes_first(
    documents: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    server.play = lambda text, attempt: "slow"
    output = str(tmp_path / "out")
    build(documents, selected, output, settings(server, "l3.engine.max_num_seqs=24"))
    order = pl.read_parquet(f"{output}/L2/web/data/**/*.parquet")["uid"].to_list()
    for _, part in notes(output).group_by("lang"):
        places = [order.index(uid) for uid in part["parent_uid"]]
        assert places == sorted(places)


def test_a_language_the_model_does_not_write_is_skipped_and_counted_not_filled(
    documents: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    build(documents, selected, output, settings(server, 'l3.engine.languages=["en"]'))
    assert set(notes(output).filter(pl.col("lang") == "zh")["fate"]) == {f"{REQUESTS}.skipped"}
    assert not list(Path(output, "L3/data/ultrafineweb_zh_l3").rglob("*.parquet"))
    assert faults(output) == []


def test_the_limit_takes_so_many_documents_and_no_more(
    documents: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    build(documents, selected, output, settings(server, "l3.max_documents=2"))
    assert notes(output)["parent_uid"].n_unique() == 2


def test_faults_of_a_server_are_tried_again_and_cost_no_row(
    documents: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    build(documents, selected, str(tmp_path / "calm"), settings(server))
    passing = [fault for fault in FAULTS if fault != "stall"]
    server.play = lambda text, attempt: passing[len(text) % len(passing)] if attempt == 1 else "ok"
    build(documents, selected, str(tmp_path / "faults"), settings(server))
    assert manifest(str(tmp_path / "faults"))["ledger"] == manifest(str(tmp_path / "calm"))["ledger"]


def test_after_a_kill_before_any_write_no_stored_answer_is_asked_for_again(
    documents: Path, selected: str, server: Server, store_url: str
) -> None:
    # One request at a time: else the number of log segments, and so of writes, would vary from run to run.
    overrides = settings(server, "l3.max_documents=3", "l3.engine.max_num_seqs=1")
    copy(selected, f"{store_url}/undisturbed")
    code, writes = child(documents, f"{store_url}/undisturbed", "L3", overrides)
    assert code == 0
    needed, ledger = set(server.asked), manifest(f"{store_url}/undisturbed")["ledger"]
    assert writes > 8
    some = max(1, writes // (3 if store_url.startswith("s3") else 12))
    for number in sorted({1, 2, *range(3, writes, some), writes - 1, writes}):
        output = f"{store_url}/killed-{number}"
        copy(selected, output)
        server.asked.clear()
        assert child(documents, output, "L3", overrides, kill_before=number)[0] == -signal.SIGKILL
        stored = stored_keys(output)
        server.settle()
        server.asked.clear()
        assert child(documents, output, "L3", overrides)[0] == 0
        assert sum(server.asked.values()) == len(needed) - len(stored), f"killed before write {number}"
        assert manifest(output)["ledger"] == ledger, f"killed before write {number}"
        assert faults(output) == []
        assert not list(Store(output).list("L3/web/_answers")), "the answer log outlived its shard"


def test_what_is_in_flight_at_a_kill_is_all_that_is_asked_twice(
    documents: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    copy(selected, output)
    assert child(documents, output, "L3", settings(server), kill_before=8)[0] == -signal.SIGKILL
    assert child(documents, output, "L3", settings(server))[0] == 0
    assert len(server.asked) == 2 * DOCUMENTS
    assert sum(server.asked.values()) - len(server.asked) <= 4 + 4, "in flight, and answered but not yet flushed"
    assert faults(output) == []


def test_a_server_that_dies_stops_the_run_and_the_same_command_goes_on_when_it_is_back(
    documents: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    copy(selected, output)
    overrides = settings(server, "l3.engine.max_attempts=50")
    server.dies_after = 5
    assert child(documents, output, "L3", overrides)[0] == 1
    assert read_manifest(Store(output), "L3", "web") is None, "a tier was sealed full of failures"
    stored, server.dies_after = stored_keys(output), None
    assert len(stored) == 5
    server.asked.clear()
    assert child(documents, output, "L3", overrides)[0] == 0
    assert sum(server.asked.values()) + len(stored) == len(notes(output))
    assert faults(output) == []


def test_a_damaged_log_stops_the_run_until_its_segment_is_removed(
    documents: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    copy(selected, output)
    assert child(documents, output, "L3", settings(server), kill_before=8)[0] == -signal.SIGKILL
    store = Store(output)
    segment = next(store.list("L3/web/_answers")).path
    store.put(segment, store.get(segment)[:-9])
    assert child(documents, output, "L3", settings(server))[0] == 1
    store.delete([segment])
    assert child(documents, output, "L3", settings(server))[0] == 0
    assert faults(output) == []


def test_a_hub_model_has_one_identity_before_and_after_its_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    settings = load_settings(None, ['l3.engine.model="org/model"'])
    before = synthesis_identity(settings)
    ref = tmp_path / "hub" / "models--org--model" / "refs" / "main"
    ref.parent.mkdir(parents=True)
    ref.write_text("0123456789abcdef")
    assert synthesis_identity(settings) == before
    pinned = load_settings(None, ['l3.engine.model="org/model"', 'l3.engine.revision="0123456789abcdef"'])
    assert synthesis_identity(pinned) != before


def stored_keys(output: str) -> set[str]:
    """Keys of the requests whose answer is in a log or in a committed shard."""
    store = Store(output)
    lines = [
        json.loads(line)
        for segment in store.list("L3/web/_answers")
        for line in store.get(segment.path).decode().split("\n")
        if line
    ]
    committed = {
        key
        for record in read_records(store, "L3/web", "annotations")
        for part in record.parts
        for key in pl.read_parquet(store.get(part.path))["key"]
    }
    return {line["key"] for line in lines if "key" in line} | committed
