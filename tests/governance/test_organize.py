"""L4 from whole runs: what documents of several hosts say becomes statements with evidence that can be checked."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance.compact import compact
from governance.errors import UsageError
from governance.explain import explain
from governance.index import refresh
from governance.index_config import IndexConfig
from governance.job import table_parts
from governance.progress import Progress
from governance.rag import measure
from governance.takedown import rules_from, take_down
from governance.verify import audit
from governance.verify_statements import evidence_faults
from manifests.records import read_records
from manifests.store import Store
from synth.engines import EngineConfig
from tests.children import copy, tree
from tests.llm_server import llm_server
from tests.organized_corpus import OTHER, SAID, SAID_ZH, pages, run, table


def test_a_sentence_that_two_hosts_say_is_one_corroborated_statement(organized: str) -> None:
    row = table(organized, "statements").filter(pl.col("statement") == SAID).row(0, named=True)
    assert row["status"] == "corroborated" and row["num_hosts"] == 2 and row["num_evidence"] == 3
    evidence = table(organized, "evidence").filter(pl.col("statement_uid") == row["uid"])
    roles = dict(evidence.select("host", "role").iter_rows())
    assert sorted(roles.values()) == ["corroborates", "repeats", "source"]
    assert roles["blog.example.com"] in ("corroborates", "source")
    assert row["date"] == "2026-03-04"


def test_what_one_host_says_is_supported_in_either_language(organized: str) -> None:
    statements = table(organized, "statements")
    for said, lang in ((OTHER, "en"), (SAID_ZH, "zh")):
        row = statements.filter(pl.col("statement") == said).row(0, named=True)
        assert (row["status"], row["lang"], row["num_hosts"]) == ("supported", lang, 1)


def test_every_span_is_found_in_its_document_and_a_changed_one_is_a_fault(organized: str) -> None:
    report = audit(Store(organized), Progress("silent"))
    assert report["faults"] == [] and "L4/web" in report["tiers"]


def test_the_ledger_of_l4_says_what_became_of_every_sentence(organized: str) -> None:
    manifest = json.loads(Store(organized).get("L4/web/manifest.json"))
    accounts = {one["stage"]: one for one in manifest["ledger"]}
    # Three hosts say SAID, and the copy says the two sentences around it once more.
    assert accounts["merge"]["rejected"]["same_statement"][0] == 2 + 2 + 1  # AROUND[2] stands on two pages
    assert accounts["rows"]["kept"][0] == manifest["rows"] == len(table(organized, "statements"))


def test_any_workers_give_the_same_bytes(organized_pages: Path, organized: str, tmp_path: Path) -> None:
    run(organized_pages, str(tmp_path), more=("run.pairs_in_memory=0",))
    ours, theirs = tree(organized), tree(str(tmp_path))
    assert {path: digest for path, digest in ours.items() if path.startswith("L4/")} == {
        path: digest for path, digest in theirs.items() if path.startswith("L4/")
    }


def test_explain_leads_from_a_statement_to_its_page_and_back(organized: str) -> None:
    row = table(organized, "statements").filter(pl.col("statement") == SAID).row(0, named=True)
    told = explain(Store(organized), row["uid"])
    assert told["fate"].startswith("corroborated at L4") and told["root_uid"] == row["evidence_uid"]
    assert [entry["kind"] for entry in told["written"]] == ["statements", "evidence", "evidence", "evidence"]
    page = explain(Store(organized), row["evidence_uid"])
    assert row["uid"] in [entry["row"].get("uid") for entry in page["children"] if entry["tier"] == "L4"]


def test_what_is_taken_down_is_gone_from_l4_at_once_and_stays_gone_after_compaction(
    organized_pages: Path, tmp_path: Path
) -> None:
    output = str(tmp_path)
    run(organized_pages, output)
    store = Store(output)
    receipt = take_down(store, rules_from([("domain", "blog.example.com")], "a letter", None), False)
    assert receipt["counts"]["L4"]["rows"] >= 1
    assert "blog.example.com" not in table(output, "evidence")["host"].to_list()
    assert audit(store, Progress("silent"))["faults"] == []
    compact(store, Progress("silent"))
    row = table(output, "statements").filter(pl.col("statement") == SAID).row(0, named=True)
    assert row["status"] == "supported" and row["num_hosts"] == 1  # one host less says it
    assert audit(store, Progress("silent"))["faults"] == []
    run(organized_pages, output)
    assert "blog.example.com" not in table(output, "evidence")["host"].to_list()


@pytest.mark.parametrize("step", ["annotations", "chosen", "pairs", "fetched", "related", "merged", "data"])
def test_a_run_that_was_killed_in_any_step_ends_in_the_same_bytes(
    organized_pages: Path, organized: str, tmp_path: Path, step: str
) -> None:
    """What a kill leaves: the records up to a step, without the seal."""
    copy(organized, str(tmp_path))
    store = Store(str(tmp_path))
    order = ["annotations", "twins", "chosen", "met", "pairs", "fetched", "related", "merged", "named", "data"]
    gone = [one.path for after in order[order.index(step) :] for one in store.list(f"L4/web/_shards/{after}")]
    store.delete(["L4/web/manifest.json", *gone])
    # The parts between the steps went when the tier was sealed: they are organized again from what they were made of.
    run(organized_pages, str(tmp_path))
    assert tree(str(tmp_path)) == tree(organized)


def test_other_settings_are_refused_without_rebuild_and_build_another_l4_with_it(
    organized_pages: Path, tmp_path: Path
) -> None:
    output = str(tmp_path)
    run(organized_pages, output)
    with pytest.raises(UsageError, match=r"organize\.config\.max_words"):
        run(organized_pages, output, more=("l4.organize.max_words=12",))
    before = len(table(output, "statements"))
    run(organized_pages, output, rebuild=True, more=("l4.organize.max_words=12",))
    assert 0 < len(table(output, "statements")) < before


def test_changed_evidence_a_lost_source_and_a_wrong_status_are_faults(organized: str, tmp_path: Path) -> None:
    copy(organized, str(tmp_path))
    store = Store(str(tmp_path))
    record = next(read_records(store, "L4/web", "data"))
    faults = {}
    for name, column, value in (
        ("evidence", "text", "Another text."),
        ("statements", "status", "corroborated"),
        ("evidence", "role", "repeats"),
    ):
        (part,) = table_parts(record, name)
        whole = pq.read_table(tmp_path / part.path)
        values = [value] * len(whole)
        forged = whole.set_column(whole.column_names.index(column), column, pa.array(values, pa.string()))
        pq.write_table(forged, tmp_path / part.path)
        faults[column] = list(evidence_faults(store, "web", record))
        pq.write_table(whole, tmp_path / part.path)
    assert any("is not what stands at" in fault for fault in faults["text"])
    assert any("does not follow from its evidence" in fault for fault in faults["status"])
    assert any("no evidence that it was made from" in fault for fault in faults["role"])


def test_a_model_that_reads_what_is_found_is_right_and_one_that_recalls_nothing_is_not(tmp_path: Path) -> None:
    said = "Postfix is a mail server that was written by Wietse Venema at IBM."
    (tmp_path / "in").mkdir()
    rows = [row | {"text": f"{said} {row['text']}"} for row in pages()[:1]]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in" / "a.parquet")
    output = str(tmp_path / "out")
    run(tmp_path / "in", output)
    refresh(Store(output), IndexConfig(embedder="none"), Progress("silent"))
    with llm_server() as server:
        server.write = lambda shown: f"{said} [1]" if said in shown else "I do not know."
        engine = EngineConfig(model="echo", endpoints=(server.endpoint,), languages=("en",))
        told = measure(Store(output), engine, 10, 3, Progress("silent"))
    figures = told["figures"]
    assert figures["questions"] == 1 and figures["document among the hits"]["value"] == 1
    assert figures["accuracy with the index"]["value"] == 1 and figures["accuracy without"]["value"] == 0
    assert figures["answers that their cited evidence supports"]["value"] == 1
    assert figures["said to be not in the index, and is not"] is None  # rows entered at L2: there is no L1 to ask about
