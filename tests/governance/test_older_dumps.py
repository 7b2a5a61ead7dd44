"""One crawl after another in one output: the later one is deduplicated against what is sealed, which stays as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from governance import commands
from governance.errors import UsageError
from governance.explain import explain
from governance.older import older_dumps
from governance.progress import Progress
from governance.verify import audit
from manifests.store import Store
from stages.dedup import DedupConfig, signature_stage
from tests.children import tree
from tests.corpora import CRAWL, pages_of, small_crawl

CORPUS = ("l1.dedup.scope=corpus",)


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_crawl(tmp_path_factory.mktemp("crawl"))


def run(crawl: Path, archive: str, output: str, dump: str, overrides: tuple[str, ...] = CORPUS) -> None:
    inputs = (str(crawl / f"{archive}.warc.gz"),)
    commands.run(commands.Ask("L1", inputs, output, None, "L0", dump, None, 0, overrides, False), as_json=True)


def rejected(output: str, dump: str) -> dict[str, int]:
    ledger = json.loads(Store(output).get(f"L1/{dump}/manifest.json"))["ledger"]
    (account,) = [account for account in ledger if account["stage"] == "dedup" and account["rejected"]] or [{}]
    return {reason: count[0] for reason, count in account.get("rejected", {}).items()}


def test_a_later_crawl_loses_what_an_earlier_one_has_and_the_earlier_one_is_not_touched(
    crawl_folder: Path, store_url: str
) -> None:
    run(crawl_folder, "a", store_url, "2024-10")
    before = tree(store_url)
    run(crawl_folder, "b", store_url, "2024-18")
    after = tree(store_url)
    assert {path: digest for path, digest in after.items() if path in before} == before
    assert rejected(store_url, "2024-18")["exact"] > 0
    assert audit(Store(store_url), Progress("silent"))["faults"] == []
    store = Store(store_url)
    told = [explain(store, uid)["duplicates"] for uid in _rejected_uids(store, "2024-18")]
    assert {body["dump"] for body in told} == {"2024-10"}
    for body in told:
        assert explain(store, body["survivor"])["fate"].startswith("kept up to L1")
    run(crawl_folder, "b", store_url, "2024-18")
    run(crawl_folder, "a", store_url, "2024-10")
    assert tree(store_url) == after


def _rejected_uids(store: Store, dump: str) -> list[str]:
    from governance.clusters import CLUSTERS
    from governance.parts import read_parts
    from governance.shuffle import gathered
    from manifests.records import read_records

    parts = [part for record in read_records(store, f"L1/{dump}", "duplicates") for part in record.parts]
    return [row["uid"].hex() for row in gathered(read_parts(store, parts), CLUSTERS).to_pylist() if row["reason"]]


def test_within_a_dump_an_earlier_crawl_does_not_matter(crawl_folder: Path, tmp_path: Path) -> None:
    output = str(tmp_path / "corpus")
    run(crawl_folder, "a", output, "2024-10", ())
    run(crawl_folder, "b", output, "2024-18", ())
    assert rejected(output, "2024-18") == {}


def test_a_crawl_that_sorts_before_one_built_without_it_is_refused(crawl_folder: Path, tmp_path: Path) -> None:
    output = str(tmp_path / "corpus")
    run(crawl_folder, "b", output, "2024-18")
    with pytest.raises(UsageError, match="older by its name"):
        run(crawl_folder, "a", output, "2024-10")


def test_archives_of_two_crawls_are_no_dump_unless_they_are_given_one_name(tmp_path: Path) -> None:
    for name in ("CC-MAIN-2024-10-a.warc.gz", "CC-MAIN-2024-18-a.warc.gz"):
        (tmp_path / name).write_bytes(pages_of(CRAWL / "en.warc.gz", 1))
    ask = commands.Ask("L0", (str(tmp_path),), str(tmp_path / "out"), None, "L0", None, None, 0, (), False)
    with pytest.raises(UsageError, match="CC-MAIN-2024-10, CC-MAIN-2024-18"):
        commands.run(ask, as_json=True)
    commands.run(replace(ask, dump="both"), as_json=True)
    assert Store(ask.output).folders("L0") == ("both",)


def test_an_older_crawl_must_be_finished_first(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    signatures = signature_stage(DedupConfig())
    stages = {"dedup": {"version": signatures.version, "config": signatures.config.model_dump(mode="json")}}
    plan = {"fingerprint": "f", "plan": {"against": {}, "stages": stages}}
    store.put("L1/2024-10/plan.json", json.dumps(plan).encode())
    with pytest.raises(UsageError, match="not finished"):
        older_dumps(store, "2024-18", signatures)
    store.put("L1/2024-10/manifest.json", b"{}")
    assert older_dumps(store, "2024-18", signatures) == {"2024-10": "f"}
    assert older_dumps(store, "2024-10", signatures) == {}


@pytest.mark.parametrize("changed", [{"seed": 2}, {"word_ngram": 3}, {"bands": 7, "rows": 16}, {"unknown": 1}])
def test_signatures_of_another_scheme_are_not_compared(tmp_path: Path, changed: dict[str, int]) -> None:
    store, signatures = Store(str(tmp_path)), signature_stage(DedupConfig())
    config = signatures.config.model_dump(mode="json") | changed
    plan = {"fingerprint": "f", "plan": {"stages": {"dedup": {"version": signatures.version, "config": config}}}}
    store.put("L1/2024-10/plan.json", json.dumps(plan).encode())
    store.put("L1/2024-10/manifest.json", b"{}")
    with pytest.raises(UsageError, match="they cannot be compared"):
        older_dumps(store, "2024-18", signatures)


def test_an_older_crawl_that_was_built_again_makes_the_later_one_stale(crawl_folder: Path, tmp_path: Path) -> None:
    output = str(tmp_path / "corpus")
    run(crawl_folder, "a", output, "2024-10")
    run(crawl_folder, "b", output, "2024-18")
    inputs = (str(crawl_folder / "a.warc.gz"),)
    changed = (*CORPUS, "l1.clean.min_chars=300")
    commands.run(commands.Ask("L1", inputs, output, None, "L0", "2024-10", None, 0, changed, True), as_json=True)
    faults = audit(Store(output), Progress("silent"))["faults"]
    assert faults == ["L1/2024-18: the older dump 2024-10 was built again since, differently"]
    with pytest.raises(UsageError, match=r"against\.2024-10"):
        run(crawl_folder, "b", output, "2024-18")
