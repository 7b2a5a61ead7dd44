"""The main job with real parts: bundled pages, real fastText, real Ray, real vLLM with the bundled model."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import polars as pl
import pytest

from manifests.store import Store
from tests.corpora import small_crawl


def governance(*arguments: str) -> dict[str, Any]:
    """Run a verb with --json; its result."""
    command = [sys.executable, "-m", "governance.cli", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str], dict[str, Any]]:
    """(output, the command, its result) of a run to L3 on some fifty pages."""
    crawl = small_crawl(tmp_path_factory.mktemp("crawl"), english=40, chinese=10)
    output = str(tmp_path_factory.mktemp("out") / "corpus")
    command = ["run", "--level", "L3", "--input", str(crawl), "--output", output, "--dump", "web", "--limit", "6"]
    return output, command, governance(*command)


def test_the_funnel_accounts_for_every_record_and_the_corpus_verifies(corpus: tuple[str, Any, dict[str, Any]]) -> None:
    output, _, result = corpus
    assert [tier["tier"] for tier in result["tiers"]] == ["L0", "L1", "L2", "L3"]
    assert result["tiers"][0]["in"] == 40 + 20 + 10
    for above, below in zip(result["tiers"][:2], result["tiers"][1:3], strict=True):
        assert above["rows"] == below["in"] == below["rows"] + sum(below["rejected"].values()) + below["quarantined"]
    assert governance("verify", output)["faults"] == []


def test_the_bundled_model_writes_verified_english_and_chinese_is_skipped_not_filled(
    corpus: tuple[str, Any, dict[str, Any]],
) -> None:
    output, _, result = corpus
    figures = result["synthesis"]
    assert figures["requests"] == figures["kept"] + figures["rejected"] + figures.get("failed", 0) + figures["skipped"]
    assert figures["kept"] > 0 and figures["verified_tokens"] > 0 and figures["skipped"] > 0
    rows = pl.read_parquet(f"{output}/L3/data/**/*.parquet")
    assert set(rows["lang"]) == {"en"}
    assert rows["model"].str.contains("SmolLM2-135M-Instruct").all()


def test_explain_leads_from_an_l3_row_to_its_archive_record(corpus: tuple[str, Any, dict[str, Any]]) -> None:
    output, _, _ = corpus
    row = pl.read_parquet(f"{output}/L3/data/**/*.parquet").row(0, named=True)
    told = json.dumps(governance("explain", row["uid"], "--output", output))
    for word in (row["parent_uid"], row["prompt_sha256"], "archive_offset", "urn:uuid:", "gopher_quality"):
        assert word in told


def test_the_same_command_again_does_nothing(corpus: tuple[str, list[str], Any]) -> None:
    output, command, _ = corpus
    before = sorted((item.path, item.e_tag) for item in Store(output).list(""))
    assert governance(*command)["built"] == []
    assert sorted((item.path, item.e_tag) for item in Store(output).list("")) == before
