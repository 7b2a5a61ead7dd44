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

from governance.config import load as load_settings
from governance.pipeline import read_manifest
from governance.progress import Progress
from governance.synthesis import synthesis_identity
from governance.verify import audit
from manifests.ledger import REQUESTS, load
from manifests.records import read_records
from manifests.store import Store
from tests.children import child, copy
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
    """An endpoint, and checks that let an echo of the passage pass."""
    return (
        f'l3.engine.endpoints=["{server.endpoint}"]',
        'l3.engine.model="echo"',
        "l3.engine.backoff_s=0.01",
        "l3.engine.max_num_seqs=4",
        "l3.synthesize.max_passages=1",
        "l3.synthesize.checks.max_copied_ratio=1.0",
        *more,
    )


def notes(output: str) -> pl.DataFrame:
    """The annotations of every request."""
    store = Store(output)
    parts = [p for r in read_records(store, "L3/web", "data") for p in r.parts if "/annotations/" in p.path]
    return pl.concat([pl.read_parquet(store.get(part.path)) for part in parts])


def manifest(output: str) -> dict[str, Any]:
    return json.loads(Store(output).get("L3/web/manifest.json"))


def faults(output: str) -> list[str]:
    return audit(Store(output), Progress("silent"))["faults"]


def build(crawl: Path, selected: str, output: str, overrides: tuple[str, ...]) -> None:
    copy(selected, output)
    assert child(crawl, output, "L3", overrides)[0] == 0


def test_requests_balance_and_rows_lie_in_the_published_layout(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    build(crawl_folder, selected, output, settings(server))
    assert faults(output) == []
    requests = next(account for account in load(manifest(output)["ledger"]) if account.stage == REQUESTS)
    assert requests.balances()
    assert requests.came.rows == len(notes(output)) == sum(server.asked.values())
    assert requests.kept.rows > 0 and requests.rejected
    folders = {path.relative_to(output).parent.as_posix() for path in Path(output, "L3/data").rglob("*.parquet")}
    assert {f"L3/data/ultrafineweb_{lang}_l3/multi_style" for lang in ("en", "zh")} <= folders
    for path in Path(output, "L3/data").rglob("*.parquet"):
        for row in pq.read_table(path).to_pylist():
            assert row["parent_uid"][:8] == row["uid"][:8]
            assert row["prompt_sha256"] and row["model"] == "echo@served" and json.loads(row["sampling"])


def test_a_passages_offsets_lead_to_its_words_in_the_parent(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    build(crawl_folder, selected, output, settings(server, 'l3.synthesize.tasks=["abstract"]',
          "l3.synthesize.checks.max_abstract_ratio=1.1"))  # fmt: skip
    parents = pl.read_parquet(f"{output}/L2/web/data/**/*.parquet").select("uid", pl.col("content").alias("parent"))
    rows = pl.read_parquet(f"{output}/L3/data/**/*.parquet").join(parents, left_on="parent_uid", right_on="uid")
    assert len(rows) > 0
    for row in rows.iter_rows(named=True):
        passage = row["parent"][row["passage_start"] : row["passage_end"]]
        assert " ".join(row["content"].split()) == " ".join(passage.split())


def test_a_language_the_model_does_not_write_is_skipped_and_counted_not_filled(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    build(crawl_folder, selected, output, settings(server, 'l3.engine.languages=["en"]'))
    assert set(notes(output).filter(pl.col("lang") == "zh")["fate"]) == {f"{REQUESTS}.skipped"}
    assert not list(Path(output, "L3/data/ultrafineweb_zh_l3").rglob("*.parquet"))
    assert faults(output) == []


def test_the_limit_takes_the_best_documents_and_no_more(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    build(crawl_folder, selected, output, settings(server, "l3.max_documents=2"))
    assert notes(output)["parent_uid"].n_unique() == 2


def test_server_errors_are_tried_again_and_cost_no_row(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    build(crawl_folder, selected, str(tmp_path / "calm"), settings(server))
    server.errors_to_play = 3
    build(crawl_folder, selected, str(tmp_path / "errors"), settings(server))
    assert manifest(str(tmp_path / "errors"))["ledger"] == manifest(str(tmp_path / "calm"))["ledger"]


def test_after_a_kill_before_any_write_no_stored_answer_is_asked_for_again(
    crawl_folder: Path, selected: str, server: Server, store_url: str
) -> None:
    # One request at a time: else the number of log segments, and so of writes, would vary from run to run.
    overrides = settings(server, "l3.max_documents=2", "l3.engine.max_num_seqs=1")
    copy(selected, f"{store_url}/undisturbed")
    code, writes = child(crawl_folder, f"{store_url}/undisturbed", "L3", overrides)
    assert code == 0
    needed, ledger = set(server.asked), manifest(f"{store_url}/undisturbed")["ledger"]
    assert writes > 8
    for number in sorted({1, 2, 3, *range(4, writes, max(1, writes // 12)), writes - 2, writes - 1, writes}):
        output = f"{store_url}/killed-{number}"
        copy(selected, output)
        server.asked.clear()
        assert child(crawl_folder, output, "L3", overrides, kill_before=number)[0] == -signal.SIGKILL
        stored = stored_keys(output)
        server.asked.clear()
        assert child(crawl_folder, output, "L3", overrides)[0] == 0
        assert sum(server.asked.values()) == len(needed) - len(stored), f"killed before write {number}"
        assert manifest(output)["ledger"] == ledger, f"killed before write {number}"
        assert faults(output) == []
        assert not list(Store(output).list("L3/web/_answers")), "the answer log outlived its shard"


def test_a_server_that_dies_stops_the_run_and_the_same_command_goes_on_when_it_is_back(
    crawl_folder: Path, selected: str, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    copy(selected, output)
    overrides = settings(server, "l3.engine.max_attempts=1", "l3.synthesize.max_questions=6")
    server.dies_after = 5
    assert child(crawl_folder, output, "L3", overrides)[0] == 1
    assert read_manifest(Store(output), "L3", "web") is None, "a tier was sealed full of failures"
    stored, server.dies_after = stored_keys(output), None
    assert len(stored) == 5
    server.asked.clear()
    assert child(crawl_folder, output, "L3", overrides)[0] == 0
    assert sum(server.asked.values()) + len(stored) == len(notes(output))
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
    logged = {
        json.loads(line)["key"]
        for segment in store.list("L3/web/_answers")
        for line in store.get(segment.path).decode().splitlines()
    }
    committed = {
        key
        for record in read_records(store, "L3/web", "data")
        for part in record.parts
        if "/annotations/" in part.path
        for key in pl.read_parquet(store.get(part.path))["key"]
    }
    return logged | committed
