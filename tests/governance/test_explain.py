"""`explain` tells a row's whole path at every tier: pages, rejects, duplicates, and what was written from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastwarc.warc import ArchiveIterator

from governance import commands
from governance.errors import UsageError
from governance.explain import explain
from manifests.store import Store
from tests.children import copy
from tests.corpora import CRAWL, pages_of, small_crawl
from tests.llm_server import llm_server


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A corpus up to L3 with duplicates and rejects; a stand-in repeats what it was shown."""
    folder = tmp_path_factory.mktemp("crawl")
    small_crawl(folder, english=14, chinese=4)
    (folder / "d.warc.gz").write_bytes((CRAWL / "zh.warc.gz").read_bytes()[:300_000])  # all kinds of records
    output = str(tmp_path_factory.mktemp("built"))
    with llm_server() as server:
        overrides = (
            f'l3.engine.endpoints=["{server.endpoint}"]', 'l3.engine.model="echo"',
            'l3.synthesize.scale="small"', "l3.max_documents=4",
            "l3.synthesize.max_passages=1", "l3.synthesize.checks.max_copied_ratio=1.0", "l2.quality.threshold=0.9",
        )  # fmt: skip
        ask = commands.Ask("L3", (str(folder),), output, None, "L0", "web", None, 0, overrides, False)
        commands.run(ask, as_json=True)
    return output


def rows(built: str, tier: str, kind: str = "data") -> pl.DataFrame:
    """The rows of a tier."""
    folder = f"{built}/L3/data" if (tier, kind) == ("L3", "data") else f"{built}/{tier}/web/{kind}"
    return pl.read_parquet(f"{folder}/**/*.parquet")


def tiers(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["tier"], entry["kind"]) for entry in body["path"]]


def test_a_selected_row_is_followed_from_its_archive_record_through_every_verdict(built: str) -> None:
    uid = rows(built, "L2")["uid"][0]
    body = explain(Store(built), uid)
    assert tiers(body) == [("L0", "verdicts"), ("L0", "text"), ("L1", "verdicts"), ("L1", "text"),
                           ("L2", "verdicts"), ("L2", "text")]  # fmt: skip
    assert {entry["row"]["uid"] for entry in body["path"]} == {uid} == {body["root_uid"]}
    page = body["path"][1]["row"]
    assert page["archive"] == body["input"]
    assert page["url"] == body["path"][-1]["row"]["url"]
    assert 0 <= body["path"][-1]["row"]["score"] <= 1
    assert body["fate"].startswith("kept up to L2")
    assert all((Path(built) / entry["part"]).is_file() for entry in body["path"])


def test_the_path_ends_at_the_very_record_of_the_archive(built: str, crawl: dict[str, Path]) -> None:
    page = next(row for row in rows(built, "L0").to_dicts() if row["archive"] == "a.warc.gz")
    found = explain(Store(built), page["uid"])["path"][1]["row"]
    import io

    data = pages_of(CRAWL / "en.warc.gz", 14)
    record = next(iter(ArchiveIterator(io.BytesIO(data[found["archive_offset"] :]))))
    assert record.headers["WARC-Record-ID"] == found["record_id"]
    assert record.headers["WARC-Target-URI"] == found["url"]


@pytest.mark.parametrize("tier", ["L0", "L1", "L2"])
def test_a_rejected_row_of_each_tier_has_its_reason_and_goes_no_further(built: str, tier: str) -> None:
    rejected = rows(built, tier, "annotations").filter(pl.col("fate").is_not_null())
    assert len(rejected)
    for uid, fate in rejected.select("uid", "fate").rows():
        body = explain(Store(built), uid)
        assert body["fate"] == f"rejected at {tier}: {fate}"
        assert tiers(body)[-1] == (tier, "verdicts")


def test_a_duplicate_names_its_survivor_and_the_survivor_its_duplicates(built: str) -> None:
    clusters = pl.read_parquet(f"{built}/L1/web/duplicates/*.parquet")
    victims = clusters.filter(pl.col("reason").is_not_null())
    assert len(victims)
    kept = set(rows(built, "L1")["uid"])
    for raw, survivor, kind in victims.select("uid", "survivor", "reason").rows():
        body = explain(Store(built), raw.hex())
        assert body["fate"] == f"rejected at L1: dedup.{kind}, a duplicate of {survivor.hex()}"
        assert body["duplicates"]["survivor"] == survivor.hex()
        assert body["duplicates"]["similarity"] >= 0.75
        assert tiers(body)[-1] == ("L1", "verdicts")
        assert raw.hex() not in kept and survivor.hex() in kept
        other = explain(Store(built), survivor.hex())
        assert raw.hex() in other["duplicates"]["victims"]
        assert other["fate"].startswith("kept up to")


def test_a_written_row_leads_to_its_request_its_document_and_the_page(built: str) -> None:
    written = rows(built, "L3").to_dicts()
    assert written
    for row in written:
        body = explain(Store(built), row["uid"])
        assert body["root_uid"] == row["parent_uid"] != row["uid"]
        assert body["fate"].startswith(f"written at L3 from {row['parent_uid']}, characters")
        assert tiers(body)[0] == ("L0", "verdicts") and tiers(body)[-1] == ("L2", "text")
        kinds = [entry["kind"] for entry in body["written"]]
        assert kinds.count("text") == 1 and kinds.count("verdicts") == row["num_outputs"]
        note = next(entry["row"] for entry in body["written"] if entry["kind"] == "verdicts")
        assert {"prompt_id", "prompt_sha256", "model", "sampling", "output"} <= note.keys()
        assert body["children"] == []


def test_a_document_lists_all_that_was_asked_for_and_written_from_it(built: str) -> None:
    parent = rows(built, "L3")["parent_uid"][0]
    body = explain(Store(built), parent)
    notes = rows(built, "L3", "annotations").filter(pl.col("parent_uid") == parent)
    own = rows(built, "L3").filter(pl.col("parent_uid") == parent)
    kinds = [entry["kind"] for entry in body["children"]]
    assert (kinds.count("verdicts"), kinds.count("text")) == (len(notes), len(own))
    assert body["fate"] == f"kept up to L2; {len(own)} rows were written from it"


def test_a_rejected_request_tells_its_reason(built: str) -> None:
    rejected = rows(built, "L3", "annotations").filter(pl.col("outcome") == "rejected").to_dicts()
    assert rejected
    body = explain(Store(built), rejected[0]["uid"])
    assert body["fate"] == f"a request at L3 about {rejected[0]['parent_uid']}: rejected, {rejected[0]['reason']}"


@pytest.mark.parametrize("uid", ["", "xyz", "0" * 31, "0" * 33, "g" * 32, "../../etc/passwd"])
def test_what_is_no_uid_is_refused(built: str, uid: str) -> None:
    with pytest.raises(UsageError, match="is no uid") as error:
        explain(Store(built), uid)
    assert "32 hex digits" in error.value.remedy


def test_an_unknown_uid_is_told_whether_its_shard_is_known_or_not(built: str) -> None:
    known = rows(built, "L0")["uid"][0]
    for uid in ("0" * 32, known[:8] + "0" * 24):
        with pytest.raises(UsageError, match=f"no row {uid}"):
            explain(Store(built), uid)


def test_upper_case_is_the_same_uid(built: str) -> None:
    uid = rows(built, "L0")["uid"][0]
    assert explain(Store(built), f" {uid.upper()} ")["uid"] == uid


def test_every_row_of_the_corpus_can_be_explained_and_printed(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    uids = {rows(built, tier)["uid"][0] for tier in ("L0", "L1", "L2", "L3")}
    for uid in uids:
        commands.explain(uid, None, None, built, as_json=False)
        assert uid in capsys.readouterr().out
        commands.explain(uid, None, None, built, as_json=True)
        assert json.loads(capsys.readouterr().out)["uid"] == uid


def test_a_page_that_holds_terminal_markup_is_printed_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "a.jsonl"
    page.write_text(json.dumps({"text": "[bold red]not markup[/bold red] [/nothing] \x1b[31mnot red"}) + "\n")
    out = str(tmp_path / "out")
    commands.run(commands.Ask("L0", (str(page),), out, None, "L0", None, None, 0, (), False), as_json=True)
    capsys.readouterr()
    commands.explain(rows_of(out), None, None, out, as_json=False)
    said = capsys.readouterr().out
    assert "[bold red]not markup[/bold red]" in said and "\x1b" not in said


def rows_of(out: str) -> str:
    return str(pl.read_parquet(f"{out}/L0/default/data/*.parquet")["uid"][0])


def test_a_corpus_on_s3_is_explained_the_same(built: str, s3_server: Any) -> None:
    url = f"{s3_server.url}/explain"
    copy(built, url)
    uid = rows(built, "L3")["uid"][0]
    assert explain(Store(url), uid) == explain(Store(built), uid)
