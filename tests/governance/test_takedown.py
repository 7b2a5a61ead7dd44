"""What is taken down is out for every reader at once, stays out, and leaves no byte behind when it is compacted."""

from __future__ import annotations

import hashlib
import json
import re
import signal
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from annealing.documents import open_dataset, read
from governance import url_table
from governance.compact import compact
from governance.errors import RunError, UsageError
from governance.explain import explain
from governance.explain_address import address, explain_address
from governance.parts import read_visible
from governance.progress import Progress
from governance.texts import read_texts
from manifests.store import Store
from tests import takedown_corpus as corpus
from tests.children import copy, tree
from tests.command_line import call
from tests.takedown_corpus import (
    LICENCE,
    SENTINEL,
    SENTINEL_ZH,
    SITE,
    WORDS,
    down,
    fates,
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


def test_a_site_goes_from_every_tier_with_what_was_written_and_its_copies(built: str) -> None:
    before = {tier: len(on_site(uids(built, tier))) for tier in ("L0", "L1", "L2", "L3")}
    told = down(built)
    assert before["L0"] == 5 and before["L1"] == 4 and before["L3"] > 2
    assert told["documents"] == 4 and told["copies"] == 1
    assert {tier: count["rows"] for tier, count in told["counts"].items()} == before
    for tier in before:
        assert on_site(uids(built, tier)) == []
        assert len(uids(built, tier)), "pages of other sites stay"
    stored = Store(built).get(told["receipt"])
    assert json.loads(stored) == told and "a letter" in stored.decode()
    assert not any(word in stored.decode() for word in WORDS)
    assert sound(built)


def test_a_report_and_a_publication_leave_out_what_was_taken_down(
    local: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from governance import report
    from governance.publish_plan import plan
    from governance.published_rows import withdrawn

    def page() -> str:
        report.report(report.Ask(local, str(tmp_path / "r.html"), None, None, 50, 0), as_json=True)
        return (tmp_path / "r.html").read_text(encoding="utf-8")

    assert SITE in page() and SENTINEL[:40] in page()
    told = down(local)
    after = page()
    assert SITE not in after and SENTINEL[:40] not in after and SENTINEL_ZH[:20] not in after
    gone = {uid for uids_of_shard in withdrawn(Store(local)).values() for uid in uids_of_shard}
    assert len(gone) >= told["documents"] + told["copies"]
    assert any(set(bundle.gone) & gone for bundle in plan(Store(local), ("L3",), 512).bundles)
    capsys.readouterr()


def test_what_if_shows_no_row_that_was_taken_down(local: str) -> None:
    def dropped() -> set[str]:
        wider = [f"l1.gopher_quality.{lang}.min_words=100000" for lang in ("en", "zh")]
        said = call("what-if", local, "--set", wider[0], "--set", wider[1], "--examples", "100", "--json")
        assert said.code == 0, said
        return set(re.findall(r"[0-9a-f]{32}", said.out))

    gone = set(uids(local, "L1").filter(pc.match_substring(uids(local, "L1")["url"], SITE))["uid"].to_pylist())
    assert gone and gone <= dropped()
    down(local)
    assert dropped() and not gone & dropped()


def test_the_receipt_proves_what_was_removed_by_hashes(local: str) -> None:
    texts = {}
    for tier in ("L0", "L2"):
        for part in Path(local, tier, "web/data").rglob("*.parquet"):
            import pyarrow.parquet as pq

            texts |= {(tier, row["uid"]): row["content"] for row in pq.read_table(part).to_pylist()}
    told = down(local)
    import io

    import pyarrow.parquet as pq

    data = Store(local).get(told["rows"])
    rows = pq.read_table(io.BytesIO(data)).to_pylist()
    assert hashlib.sha256(data).hexdigest() == told["rows_sha256"]
    everything = sorted({row["uid"] for row in rows})
    assert hashlib.sha256("\n".join(everything).encode()).hexdigest() == told["uids_sha256"]
    for row in rows:
        if (row["tier"], row["uid"]) in texts:
            assert hashlib.sha256(texts[row["tier"], row["uid"]].encode()).hexdigest() == row["sha256"]
    assert {row["tier"] for row in rows} == {"L0", "L1", "L2", "L3"}


def test_a_dry_run_shows_counts_and_examples_and_writes_nothing(built: str) -> None:
    before = tree(built)
    told = down(built, dry=True)
    assert told["receipt"] is None and len(told["examples"]) == 5 and told["counts"]["L3"]["rows"]
    assert tree(built) == before
    wet = down(built)
    assert {name: wet[name] for name in ("counts", "uids_sha256", "parts")} == {
        name: told[name] for name in ("counts", "uids_sha256", "parts")
    }


def test_a_second_takedown_of_the_same_is_told_and_writes_no_second_receipt(local: str) -> None:
    first = down(local)
    after = tree(local)
    again = down(local)
    assert again["receipt"] is None and again["already"] == first["documents"] + first["copies"]
    assert tree(local) == after


@pytest.mark.parametrize(
    ("kind", "value", "documents"),
    [
        ("domain", f"SUB.{SITE.upper()}.", 1), ("domain", f"{SITE}:443", 4), ("domain", "example.com", 5),
        ("url", f"https://sub.{SITE}:443/Path?a=1&b=2#part", 1), ("url", f"sub.{SITE}/%50ath/?b=2&a=1", 1),
        ("licence", "CC-BY-NC", 1), ("licence", LICENCE[:40], 1),
    ],
)  # fmt: skip
def test_a_rule_means_the_same_however_it_is_written(local: str, kind: str, value: str, documents: int) -> None:
    assert down(local, kind, value, dry=True)["documents"] == documents


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("domain", "*.example.org"), ("domain", ""), ("domain", "exa mple.org"), ("domain", "org"), ("domain", "co.uk"),
        ("domain", "example.org/path"), ("url", "ftp://example.org/x"), ("url", "http://["), ("url", "x" * 5000),
        ("uid", "123"), ("uid", "g" * 32), ("licence", "mine"), ("domain", "a..b"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_with_a_remedy_and_nothing_is_written(local: str, kind: str, value: str) -> None:
    before = tree(local)
    with pytest.raises(UsageError) as refused:
        down(local, kind, value)
    assert refused.value.remedy
    assert tree(local) == before


def test_what_is_not_there_ends_with_the_nearest_site_and_writes_nothing(local: str, governance: Any) -> None:
    before = tree(local)
    said = governance("takedown", "--domain", "nwes.example.org", "--output", local)
    assert said.code == 1 and "did you mean news.example.org?" in said.err
    for kind, value in (("uid", "0" * 32), ("licence", "cc-by-nd"), ("url", "https://nowhere.example.net/")):
        with pytest.raises(RunError, match="nothing found"):
            down(local, kind, value)
    with pytest.raises(UsageError, match="no dump 'other'"):
        down(local, dump="other")
    assert tree(local) == before


def test_the_command_line_takes_every_option_and_needs_one(local: str, governance: Any) -> None:
    assert governance("takedown", "--output", local).code == 2
    words = ["takedown", "--output", local, "--domain", SITE, "--url", "https://free.example.com/nc"]
    words += ["--licence", "cc-by-nc", "--uid", uids(local, "L3")["uid"][0].as_py(), "--dump", "web", "--reason", "why"]
    dry = json.loads(governance(*words, "--dry-run", "--json").out)
    assert dry["dry_run"] and len(dry["rules"]) == 4 and dry["reason"] == "why"
    assert "Would take down" in governance(*words, "--dry-run").out
    said = governance(*words)
    assert said.code == 0 and "Taken down" in said.out and "receipt" in said.out
    assert "taken down already" in governance(*words).out
    assert "Compaction 1" in governance("compact", local).out
    assert json.loads(governance("compact", local, "--json").out)["written"] == 0


def test_one_row_of_l3_goes_and_its_document_stays(local: str) -> None:
    row = next(r for r in uids(local, "L3").to_pylist() if SITE in r["url"])
    told = down(local, "uid", row["uid"])
    assert {tier: count["rows"] for tier, count in told["counts"].items()} == {"L0": 0, "L1": 0, "L2": 0, "L3": 1}
    assert row["uid"] not in uids(local, "L3")["uid"].to_pylist()
    assert len(on_site(uids(local, "L2"))) == 4
    words = explain(Store(local), row["uid"])
    assert words["fate"].startswith("taken down (uid)")
    compact(Store(local), SILENT)
    assert sound(local)
    assert len(on_site(uids(local, "L2"))) == 4


def test_every_reader_leaves_out_what_was_taken_down(local: str) -> None:
    folder = f"{local}/L2/web/data"
    texts = [text for table in read_texts([folder]) for text in table["content"].to_pylist()]
    down(local)
    left = [text for table in read_texts([folder]) for text in table["content"].to_pylist()]
    assert 0 < len(left) < len(texts) and not any(word in text for word in WORDS for text in left)
    for place in (local, f"{local}/L2", f"{local}/L3/data", *map(str, Path(f"{local}/L3/data").rglob("qa"))):
        dataset = open_dataset(place)
        trained = [text for block in dataset.blocks for text in read(dataset, block)]
        assert trained and not any(word in text for word in WORDS for text in trained)
    part = max(Path(folder).rglob("part-00001*.parquet"))
    assert sum(t.num_rows for t in read_visible(Store(local), [], None)) == 0
    assert str(part)


def test_a_dataset_of_the_trainer_is_another_after_a_takedown(local: str) -> None:
    before = open_dataset(f"{local}/L2").fingerprint
    assert open_dataset(f"{local}/L2").fingerprint == before
    down(local)
    assert open_dataset(f"{local}/L2").fingerprint != before


def test_explain_says_taken_down_and_shows_no_text(local: str, governance: Any) -> None:
    row = next(r for r in uids(local, "L3").to_pylist() if SITE in r["url"])
    document = explain(Store(local), row["uid"])["root_uid"]
    down(local)
    for uid in (row["uid"], document):
        said = governance("explain", uid, "--output", local)
        assert said.code == 0 and "taken down (domain)" in said.out and "sentinel" not in said.out
        assert "哨兵" not in said.out
    found = explain_address(Store(local), address("domain", SITE))
    assert {page["taken_down"] for page in found["pages"]} == {"domain"} and found["taken_down_by"] == [
        f"domain {SITE}"
    ]
    assert "taken down by the rule" in governance("explain", SITE, "--output", local).out


def test_another_dump_a_rerun_and_a_rebuild_do_not_bring_it_back(
    local: str, handed_over_crawl: Path, tmp_path: Path
) -> None:
    down(local)
    down(local, "licence", "cc-by-nc")
    corpus.run(handed_over_crawl, local, "L2", "web2")
    assert fates(local, "L0", "web2") == {"takedown.domain": 4, "takedown.licence": 1}
    assert on_site(uids(local, "L0", "web2")) == ["https://mirror.example.net/copy"]
    assert on_site(uids(local, "L1", "web2")) == [], "a copy in a later dump is a duplicate of what was taken down"
    page = explain_address(Store(local), address("url", f"https://{SITE}/0"))["pages"]
    assert [one["tiers"]["L0"]["fate"] for one in page if one["dump"] == "web2"] == ["takedown.domain"]
    (gone,) = [one["uid"] for one in page if one["dump"] == "web2"]
    assert explain(Store(local), gone)["fate"] == "rejected at L0: takedown.domain"
    corpus.run(handed_over_crawl, local, "L2", "web2")
    assert sound(local)
    corpus.run(handed_over_crawl, local, "L2", more=("l1.clean.min_chars=150",), rebuild=True)
    assert fates(local, "L1", "web")["takedown.domain"] == 4 and fates(local, "L1", "web")["takedown.copy"] == 1
    assert on_site(uids(local, "L1")) == []


def test_rows_that_enter_above_l0_meet_the_rules_too(tmp_path: Path, handed_over: str) -> None:
    from governance import commands

    rows = [{"url": f"https://{host}/x", "content": SENTINEL, "lang": "en"} for host in (SITE, "fine.example.com")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = str(tmp_path / "out")
    copy(handed_over, out)
    down(out)
    for enter in ("L0", "L1", "L2"):
        ask = commands.Ask(
            enter, (str(tmp_path / "rows.jsonl"),), out, None, enter, f"rows{enter}", None, 0, corpus.OVERRIDES, False
        )
        commands.run(ask, as_json=True)
        assert fates(out, enter, f"rows{enter}") == {"takedown.domain": 1}
        assert uids(out, enter, f"rows{enter}")["url"].to_pylist() == ["https://fine.example.com/x"]
    assert sound(out)


@pytest.mark.parametrize("enter", ["L0", "L2"])
def test_a_corpus_that_is_the_input_of_another_gives_no_row_that_was_taken_down(
    built: str, tmp_path: Path, enter: str, governance: Any
) -> None:
    """The other corpus has no rule of its own, nor the uids; what it says of such a row holds no text."""
    down(built)
    out = str(tmp_path / "another")
    run = ("run", "--level", enter, "--enter", enter, "--input", f"{built}/L2/web/data", "--output", out,
           "--dump", "again", "--workers", "0", "--json")  # fmt: skip
    before = {part.path for part in Store(built).list("L2/web/data")}
    said = governance(*run)
    assert said.code == 0, said.err
    gone = fates(out, enter, "again")
    assert gone.keys() == {"ingest.taken_down"} and gone["ingest.taken_down"] > 0
    assert on_site(uids(out, enter, "again")) == [] and uids(out, enter, "again").num_rows > 0
    assert sound(out)
    told = "".join(str(pq.read_table(path).to_pylist()) for path in Path(out).rglob("*.parquet"))
    assert "grey" not in told and not any(word in told for word in WORDS)
    down(built, "domain", "other.example.com")
    said = governance(*run)
    assert said.code == 2 and "inputs." in said.err and "--rebuild" in said.err, "it is another input now"
    assert governance(*run, "--rebuild").code == 0
    assert fates(out, enter, "again")["ingest.taken_down"] > gone["ingest.taken_down"] and sound(out)
    assert before == {part.path for part in Store(built).list("L2/web/data")}


def test_a_takedown_while_a_dump_is_under_way_finds_its_rows(local: str) -> None:
    store = Store(local)
    store.delete([found.path for tier in ("L1", "L2", "L3") for found in store.list(tier)])
    store.delete(["L0/web/manifest.json", *(found.path for found in store.list(url_table.FOLDER))])
    told = down(local)
    assert told["documents"] == 4 and told["counts"]["L0"]["rows"] == 4
    assert [url for url in uids(local, "L0")["url"].to_pylist() if SITE in url] == []


def test_a_takedown_killed_before_any_write_is_ended_by_the_same_command(built: str, tmp_path: Path) -> None:
    store = Store(built)
    code, writes = killed("takedown", built, SITE)
    assert code == 0 and writes == 4
    expected = {path: sha for path, sha in tree(built).items() if not path.endswith(".json") or "receipts" not in path}
    stones = [found.path for found in store.list("_tombstones")]
    for number in range(1, writes + 1):
        store.delete(stones)
        assert killed("takedown", built, SITE, before=number)[0] == -signal.SIGKILL
        assert down(built)["receipt"]
        now = {path: sha for path, sha in tree(built).items() if not path.endswith(".json") or "receipts" not in path}
        assert now == expected, f"killed before write {number}"
