"""L3 in two steps: annotations while the engines work, then rows of what is left; both survive kills and are audited."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance.explain import explain
from governance.progress import Progress
from governance.select_outputs import verified_tokens, whole_documents
from governance.status import read as read_status
from governance.verify import audit
from manifests.ledger import load
from manifests.records import read_record, read_records
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
        "l3.engine.backoff_s=0.01",
        "l3.engine.max_num_seqs=4",
        "l3.synthesize.max_passages=1",
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
    # The echo writes the same text twice of each passage.
    dropped = found["dedup"].rejected["near_duplicate"].rows
    assert dropped == found["dedup"].kept.rows == found["rows"].kept.rows == manifest["rows"] > 0
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
