"""`governance compact` after a takedown: no byte of a text is left, and the corpus stays whole whatever stops it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from governance.answers import DOCUMENT, AnswerLog
from governance.compact import compact
from governance.errors import UsageError
from governance.explain import explain
from governance.explain_address import address, explain_address
from governance.progress import Progress
from governance.verify import audit
from manifests.store import Store
from synth.engines import Answer
from tests import takedown_corpus as corpus
from tests.children import copy, tree
from tests.takedown_corpus import (
    SENTINEL,
    SITE,
    WORDS,
    down,
    fates,
    holding,
    killed,
    on_site,
    sound,
    uids,
)

SILENT = Progress("silent")


@pytest.fixture
def built(handed_over: str, store_url: str) -> str:
    """A copy of the corpus, on disk and on S3."""
    copy(handed_over, store_url)
    return store_url


@pytest.fixture
def local(handed_over: str, tmp_path: Path) -> str:
    copy(handed_over, str(tmp_path / "out"))
    return str(tmp_path / "out")


def test_compaction_leaves_no_byte_of_the_text_and_a_sound_corpus(built: str) -> None:
    assert {path.partition("/")[0] for path in holding(built, *WORDS)} == {"L0", "L1", "L2", "L3"}
    kept = {tier: uids(built, tier).num_rows for tier in ("L0", "L1", "L2", "L3")}
    told = down(built)
    assert holding(built, *WORDS), "a takedown rewrites nothing"
    done = compact(Store(built), SILENT)
    assert done["rows"] == {tier: count["rows"] for tier, count in told["counts"].items()}
    assert holding(built, *WORDS) == []
    named = [path for path in holding(built, SITE) if not path.startswith("_tombstones/")]
    assert named == [], "its addresses are gone too"
    assert sound(built)
    for tier, rows in kept.items():
        manifest = json.loads(Store(built).get(f"{tier}/web/manifest.json"))
        assert manifest["rows"] == rows - told["counts"][tier]["rows"] == uids(built, tier).num_rows
    after = tree(built)
    assert compact(Store(built), SILENT)["written"] == 0
    assert {path: sha for path, sha in tree(built).items() if not path.startswith("_tombstones/compactions")} == {
        path: sha for path, sha in after.items() if not path.startswith("_tombstones/compactions")
    }


def test_compactions_add_up_and_later_tiers_and_dumps_build_on_them(local: str, handed_over_crawl: Path) -> None:
    down(local, "domain", f"sub.{SITE}")
    compact(Store(local), SILENT)
    down(local)
    compact(Store(local), SILENT)
    assert sound(local)
    assert {key: n for key, n in fates(local, "L0", "web").items() if "taken" in key} == {
        "taken_down.0001": 1, "taken_down.0002": 4,
    }  # fmt: skip
    corpus.run(handed_over_crawl, local, "L2", "web2")
    assert on_site(uids(local, "L1", "web2")) == []
    assert sound(local)
    (uid,) = explain_address(Store(local), address("url", "https://other.example.com/4"))["pages"][0:1]
    assert explain(Store(local), uid["uid"])["fate"].startswith("kept up to")


def test_a_near_copy_in_a_later_dump_is_judged_alike_before_and_after_compaction(
    local: str, handed_over_crawl: Path, tmp_path: Path
) -> None:
    (tmp_path / "late").mkdir()
    near = corpus.text(1, sentinel=True) + " One more sentence was added to it by somebody in the late spring."
    (tmp_path / "late" / "c.warc").write_bytes(corpus.page("https://late.example.net/", near))
    copy(local, str(tmp_path / "compacted"))
    for output in (local, str(tmp_path / "compacted")):
        down(output)
        if output != local:
            compact(Store(output), SILENT)
        corpus.run(tmp_path / "late", output, "L1", "zlate")
    assert fates(local, "L1", "zlate") == fates(str(tmp_path / "compacted"), "L1", "zlate")


def test_a_dump_under_way_is_refused_by_compact_and_l3_loses_the_answers(local: str) -> None:
    store = Store(local)
    document = next(r["uid"] for r in uids(local, "L2").to_pylist() if SITE in r["url"])
    other = next(r["uid"] for r in uids(local, "L2").to_pylist() if "free.example" in r["url"])
    down(local)
    store.delete([found.path for found in store.list("L3") if not found.path.endswith("plan.json")])
    log = AnswerLog(store, "L3/web/_answers/part-00001")
    for key, uid in (("a", document), ("b", other), ("c", None)):
        log.append(Answer(key, f"{SENTINEL} {key}", "stop", 1, 1), uid)
    log.flush()
    log.strike(["a"])
    assert holding(local, f"{SENTINEL} a")
    assert compact(store, SILENT)["answers"] == 2
    assert not holding(local, f"{SENTINEL} a") and not holding(local, f"{SENTINEL} c")
    answers, strikes = log.load_all()
    assert set(answers) == {"b"} and strikes == {"a": 1} and not hasattr(answers["b"], DOCUMENT)
    store.delete(["L2/web/manifest.json"])
    with pytest.raises(UsageError, match="L2 of dump 'web' is under way"):
        compact(store, SILENT)


@pytest.mark.timeout(900)
def test_a_compaction_killed_before_any_write_leaves_a_readable_corpus_that_another_ends(
    built: str, handed_over: str
) -> None:
    down(built)
    copy(built, f"{built}-done")
    code, writes = killed("compact", f"{built}-done")
    assert code == 0 and writes > 40
    expected = {path: sha for path, sha in tree(f"{built}-done").items() if not path.endswith(".done.json")}
    for number in range(1, writes + 1, 11 if built.startswith("s3://") else 4):
        output = f"{built}-{number}"
        copy(built, output)
        assert killed("compact", output, before=number)[0] == -signal.SIGKILL
        for tier in ("L0", "L1", "L2", "L3"):
            assert on_site(uids(output, tier)) == [] and uids(output, tier).num_rows
        assert compact(Store(output), SILENT)["compaction"] == 1
        now = {path: sha for path, sha in tree(output).items() if not path.endswith(".done.json")}
        assert now == expected, f"killed before write {number}"
        assert sound(output) and holding(output, *WORDS) == []


def test_status_tells_what_is_taken_down_and_of_a_compaction_that_did_not_end(local: str, governance: Any) -> None:
    assert json.loads(governance("status", local, "--json").out)["taken_down"] == 0
    down(local)
    assert "5 documents and rows are taken down" in governance("status", local).out
    Store(local).put("_tombstones/compactions/0001.json", b"{}")
    assert "Compaction 1 did not end" in governance("status", local).out


def test_verify_tells_of_a_compaction_that_did_not_end_and_of_a_damaged_tombstone(local: str) -> None:
    down(local)
    store = Store(local)
    store.put("_tombstones/compactions/0001.json", b"{}")
    assert "run `governance compact` again" in audit(store, SILENT)["faults"][0]
    store.delete(["_tombstones/compactions/0001.json"])
    stone = next(store.list("_tombstones/uids")).path
    data = store.get(stone)
    store.put(stone, data[:-60] + b"x" + data[-59:])
    assert any(stone in fault for fault in audit(store, SILENT)["faults"])
