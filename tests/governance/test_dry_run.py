"""A dry run writes nothing and asks nobody; its counts are those of the run that follows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from governance import commands
from governance.config import load as load_settings
from governance.dry_run import sample
from governance.forecast import ANSWER_SHARES
from governance.job import Job
from governance.quotas import Quota
from manifests.records import Record, commit, write_part
from manifests.schema import conform, tier_schema
from manifests.store import Store
from tests.children import tree
from tests.command_line import refused
from tests.corpora import small_crawl
from tests.llm_server import Server, llm_server

ENGLISH = (
    'l3.engine.languages=["en"]', "l3.synthesize.max_passages=1", "l3.synthesize.round_trip.enabled=false",
    "l3.synthesize.scale=small",
)  # fmt: skip


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_crawl(tmp_path_factory.mktemp("crawl"), english=14, chinese=3)


@pytest.fixture(scope="module")
def selected(crawl_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus built up to L2."""
    output = tmp_path_factory.mktemp("selected")
    commands.run(asked(crawl_folder, output, level="L2"), as_json=True)
    return output


@pytest.fixture
def server() -> Iterator[Server]:
    with llm_server() as running:
        yield running


def asked(crawl: Path, output: Path, *overrides: str, level: str = "L3") -> commands.Ask:
    return commands.Ask(level, (str(crawl),), str(output), None, "L0", "web", None, 0, overrides, False)


def told(capsys: pytest.CaptureFixture[str], ask: commands.Ask) -> dict[str, Any]:
    capsys.readouterr()
    commands.dry_run(ask, as_json=True)
    return json.loads(capsys.readouterr().out)


def endpoints(server: Server, *more: str) -> tuple[str, ...]:
    return (
        f'l3.engine.endpoints=["{server.endpoint}"]',
        'l3.engine.model="echo"',
        'l3.synthesize.scale="small"',
        *ENGLISH,
        *more,
    )


def test_nothing_is_written_and_nobody_is_asked(
    crawl_folder: Path, selected: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in [selected, *selected.rglob("*")]}
    content = tree(str(selected))
    told(capsys, asked(crawl_folder, selected, *endpoints(server)))
    assert {path: path.stat().st_mtime_ns for path in [selected, *selected.rglob("*")]} == before
    assert tree(str(selected)) == content
    assert not server.asked
    # A server that is not there is no fault: nothing is asked of it.
    dead = ('l3.engine.endpoints=["http://127.0.0.1:9/v1"]', 'l3.engine.model="org/none"', *ENGLISH)
    assert told(capsys, asked(crawl_folder, selected, *dead))["forecast"]["requests"]["value"] > 0


def test_the_forecast_counts_the_requests_of_the_run_that_follows(
    crawl_folder: Path, selected: Path, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    shutil.copytree(selected, output)
    ask = asked(crawl_folder, output, *endpoints(server))
    body = told(capsys, ask)
    forecast = body["forecast"]
    assert forecast["requests"]["value"] == forecast["requests"]["low"] == forecast["requests"]["high"]
    first = [prompt for document in body["prompts"] for prompt in document["prompts"]]
    commands.run(ask, as_json=True)
    assert sum(server.asked.values()) == forecast["requests"]["value"]
    assert forecast["documents"] == pl.read_parquet(f"{output}/L2/web/data/en/*.parquet").height
    assert body["skipped_documents"] == {"zh": pl.read_parquet(f"{output}/L2/web/data/zh/*.parquet").height}
    notes = pl.read_parquet(f"{output}/L3/web/annotations/*.parquet")
    assert {prompt["prompt_id"] for prompt in first} <= set(notes["prompt_id"])
    # After the run its figures take the place of the assumptions.
    capsys.readouterr()
    again = told(capsys, asked(crawl_folder, output, *endpoints(server, "l3.max_documents=3")))["forecast"]
    assert any("the last run of dump 'web' in this output" in said for said in again["assumptions"])
    assert again["engine_hours"] is not None and again["output_tokens"]["low"] == again["output_tokens"]["high"]


def test_prompts_of_five_documents_are_shown_whole(
    crawl_folder: Path, selected: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = told(capsys, asked(crawl_folder, selected, *ENGLISH))
    parents = dict(pl.read_parquet(f"{selected}/L2/web/data/en/*.parquet").select("uid", "content").rows())
    assert len(body["prompts"]) == 5
    for document in body["prompts"]:
        assert document["prompts"], document["uid"]
        for prompt in document["prompts"]:
            passage = parents[document["uid"]][slice(*prompt["passage"])]
            shown = prompt["messages"][-1]["content"]
            assert any(shown[start : start + 40] in passage for start in range(len(shown) - 39))
            assert prompt["tokens"] > 0 and prompt["max_tokens"] == prompt["sampling"]["max_tokens"]
    commands.dry_run(asked(crawl_folder, selected, *ENGLISH), as_json=False)
    page = capsys.readouterr().out
    first = body["prompts"][0]["prompts"][0]
    for piece in (first["prompt_id"], first["messages"][0]["content"][:60], "requests", "engine hours", "assumed"):
        assert piece in page
    assert "cost" not in page


def test_a_price_gives_a_cost_and_output_is_a_share_of_what_is_allowed(
    crawl_folder: Path, selected: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = told(capsys, asked(crawl_folder, selected, *ENGLISH, "l3.price_per_engine_hour=3"))
    forecast = body["forecast"]
    assert forecast["cost"]["value"] == pytest.approx(3 * forecast["engine_hours"]["value"], rel=0.02)
    assert forecast["output_tokens"]["value"] == pytest.approx(
        ANSWER_SHARES[0] * forecast["output_tokens"]["high"], abs=1
    )
    assert forecast["tokens_counted"]


def test_the_limit_is_kept_and_second_readings_cost_more(
    crawl_folder: Path, selected: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limited = told(capsys, asked(crawl_folder, selected, *ENGLISH, "l3.max_documents=2"))
    assert limited["forecast"]["documents"] == 2 == len(limited["prompts"])
    scores = pl.read_parquet(f"{selected}/L2/web/data/en/*.parquet").sort("score", descending=True)
    assert {document["uid"] for document in limited["prompts"]} == set(scores["uid"][:2])
    plain = told(capsys, asked(crawl_folder, selected, *ENGLISH))["forecast"]
    read = told(capsys, asked(crawl_folder, selected, *ENGLISH, "l3.synthesize.round_trip.enabled=true"))["forecast"]
    assert plain["requests"]["value"] < read["requests"]["value"] < read["requests"]["high"]
    assert any("second reading" in said for said in read["assumptions"])


def test_what_must_be_built_first_is_named(governance: Any, crawl_folder: Path, selected: Path, tmp_path: Path) -> None:
    run = ("run", "--dry-run", "--input", str(crawl_folder), "--dump", "web", "--output")
    refused(governance(*run, str(tmp_path / "none")), 2, "no folder", "--level L2")
    (tmp_path / "empty").mkdir()
    refused(governance(*run, str(tmp_path / "empty")), 2, "L0 of dump 'web'", "is not built", "--level L2")
    assert not list((tmp_path / "empty").iterdir()) and not (tmp_path / "none").exists()
    other = governance(*run, str(selected), "--set", "l2.quality.threshold=0.9")
    refused(other, 2, "L2 of dump 'web'", "built with other input or settings")
    refused(governance(*run, str(selected), "--level", "L2"), 2, "the level is L2", "--level L3")


def test_a_sample_is_drawn_from_all_shards_and_the_same_every_time(tmp_path: Path) -> None:
    store, sizes = Store(str(tmp_path)), [30, 0, 60, 10]
    for number, size in enumerate(sizes):
        uids = [f"{number:08x}{i:024x}" for i in range(size)]
        table = pa_rows(uids)
        parts = [write_part(store, f"L2/web/data/en/part-{number:05d}", [table], table.schema)] if size else []
        commit(store, "L2/web", Record("data", number, f"{number}", "f", parts))
    job = Job(store, "L3", "web", load_settings(None), "", "L2")
    shares = [Quota(number, size) for number, size in enumerate(sizes)]
    drawn = [row["uid"] for row in sample(job, shares, 20)]
    assert drawn == [row["uid"] for row in sample(job, shares, 20)] and len(set(drawn)) == 20
    assert {uid[:8] for uid in drawn} == {f"{number:08x}" for number in (0, 2, 3)}
    assert len(sample(job, shares, 1_000)) == 100
    assert sample(job, [Quota(1, 0)], 20) == []


def pa_rows(uids: list[str]) -> Any:
    import pyarrow as pa

    rows = {"uid": uids, "content": ["text"] * len(uids), "lang": ["en"] * len(uids), "score": [0.5] * len(uids)}
    return conform(pa.table(rows), tier_schema("L2"))
