"""`publish` of L4 to a hub on loopback: four tables beside L3, their card, and what a takedown takes out."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from governance.compact import compact
from governance.progress import Progress
from governance.takedown import rules_from, take_down
from manifests.store import Store
from tests.children import copy
from tests.command_line import refused
from tests.hub_server import HubServer
from tests.organized_corpus import SAID
from tests.published_corpus import NAMES as L3_NAMES
from tests.published_corpus import rows_of, write_l3
from tests.publisher import ROOT, Publisher, environment

TABLES = ("statements", "evidence", "entities", "edges")
NAMES = [f"Ultra-FineWeb-L4-{table.title()}" for table in TABLES]


@pytest.fixture
def corpus(organized: str, tmp_path: Path) -> str:
    """A finished L4 that a test may change."""
    copy(organized, str(tmp_path / "corpus"))
    return str(tmp_path / "corpus")


@pytest.fixture
def publish(publisher: Publisher, corpus: str) -> Any:
    """Publish the corpus to acme/web; the outcome."""

    def call(*words: str) -> dict[str, Any]:
        said = publisher("publish", corpus, "--repo-id", "acme/web", "--json", *words)
        assert said.code == 0, said
        return json.loads(said.out)

    return call


def rows(hub: HubServer, table: str) -> list[dict[str, Any]]:
    """The published rows of a table of L4."""
    files = hub.repos["acme/web"].files_of("main")
    found = [path for path in sorted(files) if path.startswith(f"data/ultrafineweb_l4/{table}/")]
    return [row for path in found for row in pq.read_table(hub.place(files[path])).to_pylist()]


def stored(corpus: str, table: str) -> list[dict[str, Any]]:
    """The rows of a table as the corpus has them."""
    found = sorted(Path(corpus, "L4/web/data", table).glob("*.parquet"))
    return [row for path in found for row in pq.read_table(path).to_pylist()]


def named(told: dict[str, Any]) -> list[str]:
    return [one["name"] for one in told["configurations"]]


def test_the_tables_of_l4_are_published_beside_l3_and_each_loads_by_its_name(
    hub: HubServer, publish: Any, corpus: str, tmp_path: Path
) -> None:  # fmt: skip
    write_l3(Store(corpus), {"a": rows_of("other", "a", 24)}, "other")
    told = publish()
    assert named(told) == [*L3_NAMES, *NAMES] and len(hub.repos["acme/web"].commits) == 2
    for table in TABLES:
        assert rows(hub, table) == stored(corpus, table) and rows(hub, table)
    code = (
        "import datasets, json; datasets.disable_progress_bars(); "
        "load = lambda name: datasets.load_dataset('acme/web', name, split='train').to_list(); "
        f"print(json.dumps({{name: load(name) for name in {NAMES!r}}}))"
    )
    env = environment(hub.endpoint, tmp_path)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {name: rows(hub, table) for name, table in zip(NAMES, TABLES, strict=True)}
    assert not publish()["changed"]


def test_the_card_says_in_both_languages_what_l4_holds_and_its_metadata_are_valid(
    hub: HubServer, publish: Any, corpus: str, tmp_path: Path
) -> None:  # fmt: skip
    import mlcroissant

    write_l3(Store(corpus), {"a": rows_of("other", "a", 24)}, "other")
    publish()
    text = hub.content("acme/web", "README.md").decode()
    head = yaml.safe_load(text.split("---\n")[1])
    assert [one["config_name"] for one in head["configs"]] == [*L3_NAMES, *NAMES] and head["configs"][0]["default"]
    assert head["configs"][4]["data_files"][0]["path"] == "data/ultrafineweb_l4/statements/*.parquet"
    assert "text-retrieval" in head["task_categories"] and head["language"] == ["en", "zh"]
    statements = stored(corpus, "statements")
    english, chinese = text.split("## 中文\n")
    for page, means in ((english, "independent hosts say it"), (chinese, "相互独立的网站这样说")):
        for status in ("corroborated", "supported", "contradicted", "unsupported"):
            counts = [
                sum(row["status"] == status and row["lang"] in langs for row in statements)
                for langs in (("en", "zh"), ("en",), ("zh",))
            ]
            assert f"| {status} | {' | '.join(map(str, counts))} |" in page
        assert means in page and "`supported`" in page and "L4" in page
    logging.getLogger("absl").setLevel(logging.ERROR)
    path = tmp_path / "croissant.json"
    path.write_bytes(hub.content("acme/web", "croissant.json"))
    metadata = mlcroissant.Dataset(jsonld=str(path)).metadata
    assert metadata.ctx.issues.errors == set()
    assert [one.name for one in metadata.record_sets] == [*L3_NAMES, *NAMES]
    fields = {field.name: field for field in metadata.record_sets[4].fields}
    assert fields["entities"].is_array and fields["entities"].references.field == f"{NAMES[2]}/uid"


def test_a_takedown_leaves_with_the_next_commit_and_what_is_left_is_found_again_by_compaction(
    hub: HubServer, publish: Any, corpus: str
) -> None:  # fmt: skip
    publish()
    before = stored(corpus, "statements")
    take_down(Store(corpus), rules_from([("domain", "blog.example.com")], "a letter", None), False)
    told = publish()
    assert told["changed"] and any("statements are held back" in line for line in told["warnings"])
    hosts = {row["host"] for row in rows(hub, "evidence")}
    assert hosts and "blog.example.com" not in hosts
    # Two hosts said it, and its status would be wrong with one: it waits until it is found again.
    assert SAID in {row["statement"] for row in before} - {row["statement"] for row in rows(hub, "statements")}
    left = {row["uid"]: row for row in rows(hub, "statements")}
    assert left and all(row in before for row in left.values())
    assert {row["statement_uid"] for table in ("evidence", "edges") for row in rows(hub, table)} <= set(left)
    entities = {row["uid"] for row in rows(hub, "entities")}
    assert entities == {uid for row in left.values() for uid in row["entities"]}
    compact(Store(corpus), Progress("silent"))
    again = publish()
    found = {row["statement"]: row for row in rows(hub, "statements")}
    assert found[SAID]["status"] == "supported" and found[SAID]["num_hosts"] == 1
    assert not [line for line in again["warnings"] if "held back" in line]
    assert "blog.example.com" not in {row["host"] for row in rows(hub, "evidence")}


def test_a_takedown_sends_no_file_anew_that_holds_nothing_of_it(hub: HubServer, publish: Any, corpus: str) -> None:
    publish()
    take_down(Store(corpus), rules_from([("url", "https://zh.example.cn/port")], "a letter", None), False)
    files = {path for path in hub.repos["acme/web"].files_of("main") if "ultrafineweb_l4" in path}
    publish()
    assert files & set(hub.repos["acme/web"].files_of("main"))
    assert "zh.example.cn" not in {row["host"] for row in rows(hub, "evidence")}


def test_l4_that_is_not_sealed_is_left_out_and_refused_where_it_is_asked_for(
    hub: HubServer, publisher: Publisher, publish: Any, corpus: str
) -> None:  # fmt: skip
    write_l3(Store(corpus), {"a": rows_of("other", "a", 24)}, "other")
    Store(corpus).delete(["L4/web/manifest.json"])
    told = publish()
    assert named(told) == L3_NAMES and any("L4 of dump web is not sealed" in line for line in told["warnings"])
    said = publisher("publish", corpus, "--repo-id", "acme/web", "--tier", "L4", "--json")
    refused(said, 1, "L4/web is not sealed")


def test_l4_alone_is_listed_by_a_dry_run_and_its_card_names_no_text_to_train_on(
    hub: HubServer, publish: Any, corpus: str
) -> None:  # fmt: skip
    told = publish("--dry-run", "--tier", "L4")
    assert not hub.requests and named(told) == NAMES
    assert {one["path"].split("/")[2] for one in told["files"]} == set(TABLES)
    assert sum(one["rows"] for one in told["files"]) == sum(len(stored(corpus, table)) for table in TABLES)
    assert "The text to train on" not in told["card"] and "训练文本在" not in told["card"]
    assert "the sentences and checked outputs" in told["card"]
