"""`explain` of an address or a site tells all that was made of it, by few reads however large the corpus."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from governance import explain_address as told
from governance import url_lookup, url_table
from governance.cluster import Cluster
from governance.commands import asked_about
from governance.errors import RunError, UsageError
from governance.explain import explain
from governance.explain_address import address, explain_address
from governance.progress import Progress
from governance.takedown import rules_from, take_down
from manifests.store import Store
from tests.children import copy, tree
from tests.organized_corpus import SAID, table
from tests.takedown_corpus import SITE, uids

READS = ("get", "get_range", "open", "map")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often objects are read, by the way in which."""
    reads: Counter[str] = Counter()
    for name in READS:
        read = getattr(Store, name)

        def watched(self: Store, path: str, *rest: Any, _read: Any = read, _name: str = name) -> Any:
            reads[_name] += 1
            return _read(self, path, *rest)

        monkeypatch.setattr(Store, name, watched)
    return reads


def site(output: str, value: str = SITE) -> dict[str, Any]:
    return explain_address(Store(output), address("domain", value))


def test_a_page_leads_to_all_that_was_made_of_it(handed_over: str) -> None:
    (page,) = explain_address(Store(handed_over), address("url", f"http://{SITE}/0#x"))["pages"]
    body = explain(Store(handed_over), page["uid"])
    assert [entry["part"] for entry in body["path"] if entry["kind"] == "text"] == [
        page["tiers"][tier]["part"] for tier in ("L0", "L1", "L2")
    ]
    assert [page["tiers"][tier]["fate"] for tier in ("L0", "L1", "L2")] == ["kept"] * 3
    assert page["tiers"]["L2"]["score"] == pytest.approx(body["path"][-1]["row"]["score"])
    rows = {(e["row"]["uid"], e["part"]) for e in body["children"] if e["kind"] == "text"}
    assert {(row["uid"], row["part"]) for row in page["tiers"]["L3"]["rows"]} == rows != set()
    requests = {e["row"]["request_uid"] for e in body["children"] if e["kind"] == "verdicts"}
    assert page["tiers"]["L3"]["requests"] == len(requests)


def test_a_site_counts_every_fate_and_a_duplicate_names_its_survivor(handed_over: str) -> None:
    body = site(handed_over)
    assert len(body["pages"]) == 4 and body["counts"]["L1"] == {"kept": 4} and not body["more"]
    (copied,) = site(handed_over, "mirror.example.net")["pages"]
    survivor = next(page["uid"] for page in body["pages"] if page["url"].endswith("/0"))
    assert copied["tiers"]["L1"] == {"fate": "dedup.exact", "survivor": survivor}
    assert len(site(handed_over, "example.com")["pages"]) == 5


def test_a_site_is_explained_by_ten_reads_however_large_the_corpus(
    handed_over: str, tmp_path: Any, counted: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for rows, partition in ((8192, 500_000), (1, 500_000), (2, 3)):
        output = str(tmp_path / f"{rows}-{partition}")
        copy(handed_over, output)
        store = Store(output)
        store.delete([one.path for one in store.list(url_table.FOLDER)])
        monkeypatch.setattr(url_table, "GROUP_ROWS", rows)
        monkeypatch.setattr(url_table, "ROWS_A_PARTITION", partition)
        with Cluster(None, 0) as cluster:
            table = url_table.ensure(store, "web", cluster)
        assert table is not None
        assert json.loads(store.get(f"{table.base}/manifest.json"))["partitions"] == (1 if partition > 3 else 4)
        assert not list(store.list(f"{table.base}/_shuffle"))
        counted.clear()
        found[rows, partition] = (site(output), explain_address(store, address("url", f"{SITE}/1")))
        assert sum(counted.values()) <= 2 * 10, counted
        counted.clear()
        site(output)
        assert sum(counted.values()) <= 10, counted
    assert len({json.dumps(body, default=str) for body in found.values()}) == 1


def test_of_a_huge_site_a_few_blocks_are_read_and_more_is_said(
    handed_over: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = str(tmp_path / "out")
    copy(handed_over, output)
    store = Store(output)
    store.delete([one.path for one in store.list(url_table.FOLDER)])
    monkeypatch.setattr(url_table, "GROUP_ROWS", 1)
    monkeypatch.setattr(url_lookup, "BLOCK_BYTES", 1)
    body = site(output)
    assert len(body["pages"]) == told.BLOCKS and body["more"]
    monkeypatch.setattr(url_lookup, "TAIL_BYTES", 16)
    assert len(site(output)["pages"]) == told.BLOCKS, "a footer that is longer than what was read is read whole"


def test_the_table_is_made_again_when_a_tier_changes_and_the_old_one_goes(handed_over: str, tmp_path: Any) -> None:
    output = str(tmp_path / "out")
    copy(handed_over, output)
    before = tree(output)
    site(output)
    assert tree(output) == before, "a run has built the table"
    store = Store(output)
    store.delete([one.path for one in store.list("L3")])
    body = site(output)
    assert "L3" not in body["counts"] and not any("L3" in page["tiers"] for page in body["pages"])
    assert len(store.folders(f"{url_table.FOLDER}/web")) == 2
    marks = {one.path.split("/")[2] for one in store.list(url_table.FOLDER)}
    assert len(marks) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ab" * 16, None, None), ("uid", "ab" * 16)), (("www.example.org", None, None), ("domain", "www.example.org")),
        (("http://a/b", None, None), ("url", "http://a/b")), (("a.org/b", None, None), ("url", "a.org/b")),
        ((None, "a.org", None), ("url", "a.org")), ((None, None, "localhost"), ("domain", "localhost")),
    ],
)  # fmt: skip
def test_an_argument_is_a_uid_an_address_or_a_site(words: Any, expected: tuple[str, str]) -> None:
    assert asked_about(*words) == expected


@pytest.mark.parametrize("words", [(None, None, None), ("a", "b", None), (None, "a", "b")])
def test_none_or_several_are_refused(words: Any) -> None:
    with pytest.raises(UsageError):
        asked_about(*words)


def test_what_is_not_there_is_told_with_what_is_spelled_most_like_it(handed_over: str) -> None:
    with pytest.raises(RunError) as missing:
        site(handed_over, "nwes.example.org")
    assert missing.value.remedy == f"did you mean {SITE}?"
    with pytest.raises(UsageError):
        site(handed_over, "*.example.org")


def test_the_command_line_prints_a_tree_and_json(handed_over: str, governance: Any) -> None:
    said = governance("explain", SITE, "--output", handed_over)
    assert said.code == 0 and "4 captures" in said.out and "L3" in said.out
    for words in (["--domain", SITE], ["--url", f"https://{SITE}/0"]):
        body = json.loads(governance("explain", *words, "--output", handed_over, "--json").out)
        assert body["pages"][0]["uid"] in uids(handed_over, "L0")["uid"].to_pylist()
    assert governance("explain", "--output", handed_over).code == 2


def test_the_output_is_named_by_an_argument_or_by_a_flag_and_not_by_two_that_differ(
    handed_over: str, governance: Any
) -> None:
    by_flag = governance("explain", SITE, "--output", handed_over, "--json")
    assert by_flag.code == 0
    for words in ([SITE, handed_over], ["--domain", SITE, handed_over], [SITE, handed_over, "--output", handed_over]):
        assert governance("explain", *words, "--json").out == by_flag.out
    uid = uids(handed_over, "L1")["uid"][0].as_py()
    assert governance("explain", uid, handed_over).code == 0
    for verb in (["explain", SITE], ["takedown"]):
        said = governance(*verb, handed_over, "--output", "elsewhere")
        assert said.code == 2 and "two outputs" in said.err
    for other in (uid, f"https://{SITE}/0"):
        said = governance("explain", other, "--domain", SITE, "--output", handed_over)
        assert said.code == 2 and "several things" in said.err
    found = governance("takedown", handed_over, "--domain", SITE, "--dry-run", "--json")
    assert found.out == governance("takedown", "--output", handed_over, "--domain", SITE, "--dry-run", "--json").out


def test_a_page_and_a_site_lead_to_the_statements_that_rest_on_them_by_ten_reads(
    organized: str, counted: Counter[str], monkeypatch: pytest.MonkeyPatch, governance: Any, tmp_path: Any
) -> None:  # fmt: skip
    evidence = table(organized, "evidence")
    expected: dict[str, set[str]] = {}
    for row in evidence.iter_rows(named=True):
        expected.setdefault(row["evidence_uid"], set()).add(row["statement_uid"])
    found = {}
    for partition in (500_000, 1):
        output = str(tmp_path / str(partition))
        copy(organized, output)
        Store(output).delete([one.path for one in Store(output).list(url_table.FOLDER)])
        monkeypatch.setattr(url_table, "ROWS_A_PARTITION", partition)
        site(output, "example.org")
        counted.clear()
        body = found[partition] = site(output, "example.org")
        assert sum(counted.values()) <= 10, counted
        assert not list(Store(output).list(f"{url_table.FOLDER}/web/_shuffle"))
    assert found[1] == found[500_000]
    for page in body["pages"]:
        told_of = page["tiers"]["L4"]
        assert told_of["statements"] == len(expected[page["uid"]]) and set(told_of["uids"]) <= expected[page["uid"]]
    assert len(body["pages"]) == 2
    assert body["counts"]["L4"] == {"statements": sum(len(expected[page["uid"]]) for page in body["pages"])}
    said = governance("explain", "--url", "https://blog.example.com/users", organized)
    statement = next(
        row["uid"] for row in table(organized, "statements").iter_rows(named=True) if row["statement"] == SAID
    )
    assert said.code == 0 and "statements rest on it" in said.out and statement in said.out


def test_of_a_page_with_many_statements_a_few_are_named(organized: str, tmp_path: Any, monkeypatch: Any) -> None:
    from governance import url_statements

    copy(organized, str(tmp_path))
    Store(str(tmp_path)).delete([one.path for one in Store(str(tmp_path)).list(url_table.FOLDER)])
    monkeypatch.setattr(url_statements, "NAMED", 1)
    pages = site(str(tmp_path), "example.org")["pages"]
    assert all(len(page["tiers"]["L4"]["uids"]) == 1 <= page["tiers"]["L4"]["statements"] for page in pages)


def test_after_compaction_a_site_tells_the_statements_that_are_left(organized: str, tmp_path: Any) -> None:
    from governance.compact import compact

    output = str(tmp_path)
    copy(organized, output)
    take_down(Store(output), rules_from([("domain", "blog.example.com")], "a letter", None), False)
    compact(Store(output), Progress("silent"))
    before = tree(output)
    left = set(table(output, "statements")["uid"].to_list())
    named = [uid for page in site(output, "example.org")["pages"] for uid in page["tiers"]["L4"]["uids"]]
    assert named and set(named) <= left and tree(output) == before, "the compaction has built the table"
