"""`governance report`: its figures are those of the corpus, its examples are real rows, and it writes where it says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import commands
from governance.report import MAX_BYTES, build
from governance.report_draw import Draw, ranks
from governance.report_examples import Examples, link_of
from governance.report_hosts import Hosts, top_hosts
from governance.report_places import joined, places
from governance.report_refined import Refined
from governance.report_rows import Rows
from governance.report_rules import limits_in_words, rule_of
from governance.report_sankey import Step, layout
from governance.report_texts import HIDDEN, cleaned, differences, windows
from governance.report_tiers import read_tiers
from manifests.store import Store
from tests.command_line import refused
from tests.reported_corpus import SECRET


@pytest.fixture(scope="module")
def body(reported: str) -> dict[str, Any]:
    store = Store(reported)
    return build(store, read_tiers(store, None), Draw(20))


@pytest.fixture(scope="module")
def page(reported: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    from governance import report

    path = tmp_path_factory.mktemp("page") / "report.html"
    report.report(report.Ask(reported, str(path), None, None, 20, 0), as_json=True)
    return path.read_text()


def rows(reported: str, tier: str, dump: str, kind: str) -> pl.DataFrame:
    return pl.read_parquet(f"{reported}/{tier}/{dump}/{kind}/**/*.parquet", missing_columns="insert")


def both(reported: str, tier: str) -> pl.DataFrame:
    notes = [rows(reported, tier, dump, "annotations") for dump in ("hostile", "web")]
    return pl.concat(notes, how="diagonal_relaxed")


def empty_input(folder: Path) -> Path:
    """A file of rows without a row."""
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), folder / "rows.parquet")
    return folder / "rows.parquet"


def text_of(pieces: list[dict[str, Any]], *without: str) -> str:
    return "".join(piece["text"] for piece in pieces if piece["kind"] not in without)


def test_the_funnel_and_every_rule_count_what_the_annotations_hold(reported: str, body: dict[str, Any]) -> None:
    assert [level["tier"] for level in body["tiers"]] == ["L0", "L1", "L2", "L3"]
    told = {(rule["tier"], rule["fate"]): rule["rows"] for rule in body["rules"]}
    for tier in ("L0", "L1", "L2"):
        notes = both(reported, tier)
        level = next(level for level in body["tiers"] if level["tier"] == tier)
        assert level["in"] == len(notes)
        for fate, count in notes["fate"].drop_nulls().value_counts().rows():
            assert told.pop((tier, fate)) == count
    assert all(fate.startswith(("dedup.", "outputs.")) for _, fate in told)
    for level in body["tiers"]:
        turned_away = sum(sum(stage["rejected"].values()) for stage in level["stages"])
        assert level["in"] == level["out"] + turned_away


def test_histograms_hosts_and_masked_values_add_up(reported: str, body: dict[str, Any]) -> None:
    notes = both(reported, "L1")
    figures = body["figures"]
    assert sum(row["rows"] for row in figures["languages"]) == len(notes)
    assert sum(sum(row["counts"]) for row in figures["lengths"]["rows"]) == notes["num_words"].count()
    assert figures["pii"]["email"]["values"] == notes["pii.email"].sum()
    kept = sum(len(rows(reported, "L1", dump, "data")) for dump in ("hostile", "web"))
    assert sum(figures["clusters"].values()) == kept
    scored = sum(rows(reported, "L2", dump, "scores")["score"].count() for dump in ("hostile", "web"))
    assert sum(map(sum, figures["scores"].values())) == scored
    assert figures["hosts"][0]["L0"] >= figures["hosts"][-1]["L0"] > 0 and figures["hosts_error"] == 0
    assert body["synthesis"]["outputs"] == next(one for one in body["tiers"] if one["tier"] == "L3")["in"]


def test_one_dump_alone_is_told_where_one_is_named(governance: Any, reported: str, tmp_path: Path) -> None:
    out = tmp_path / "one.html"
    said = governance("report", reported, "--dump", "web", "--output", str(out), "--json", "--examples", "0")
    told = json.loads(said.out)
    assert (said.code, told["dumps"], told["report"]) == (0, ["web"], str(out))
    assert told["tiers"][0]["in"] == len(rows(reported, "L0", "web", "annotations"))
    assert told["bytes"] == out.stat().st_size < MAX_BYTES
    refused(governance("report", reported, "--dump", "nosuch", "--output", str(out)), 2, "nosuch", "hostile, web")


def test_the_same_corpus_and_seed_give_the_same_bytes_and_another_seed_other_rows(
    governance: Any, reported: str, tmp_path: Path
) -> None:
    def written(name: str, *more: str) -> bytes:
        path = tmp_path / name
        assert (
            governance("report", reported, "--dump", "web", "--output", str(path), "--examples", "2", *more).code == 0
        )
        return path.read_bytes()

    first, uids = written("a.html"), re.compile(rb"uid <code>([0-9a-f]{32})")
    assert first == written("b.html")
    assert set(uids.findall(first)) != set(uids.findall(written("c.html", "--seed", "7")))


def test_personal_data_is_in_no_page(page: str) -> None:
    assert SECRET not in page and SECRET.partition("@")[0] not in page
    assert "&lt;EMAIL&gt;" in page and HIDDEN in page


def test_what_changed_from_another_output_is_told(governance: Any, tmp_path: Path) -> None:
    """The other is the same crawl with stricter rules."""
    rows_in = tmp_path / "rows.jsonl"
    text = "The lake lies still. It is cold in the winter and warm in the summer months. " * 3
    rows_in.write_text(
        "".join(json.dumps({"text": f"{text} {i}", "url": f"https://a.test/{i}"}) + "\n" for i in range(6))
    )
    strict = ("l1.gopher_quality.en.min_words=5000", "l1.gopher_repetition.en.top_n_grams=[]",
              "l1.gopher_repetition.en.dup_n_grams=[]")  # fmt: skip
    for name, overrides in (("loose", ()), ("strict", strict)):
        ask = commands.Ask("L1", (str(rows_in),), str(tmp_path / name), None, "L0", "d", None, 0, overrides, False)
        commands.run(ask, as_json=True)
    page = tmp_path / "report.html"
    said = governance(
        "report", str(tmp_path / "strict"), "--against", str(tmp_path / "loose"), "--output", str(page), "--json"
    )
    told = json.loads(said.out)["against"]
    assert told["output"] == str(tmp_path / "loose")
    changed = {row["name"]: (row["was"], row["is"]) for row in told["rules"]}
    assert changed["L1 gopher_quality.gopher_short_doc"] == (0, 6)
    assert any("min_words was 50, is 5000" in line for line in told["settings"])
    text = page.read_text()
    assert "What changed from" in text and "min_words was 50, is 5000" in text
    same = governance(
        "report", str(tmp_path / "loose"), "--against", str(tmp_path / "loose"), "--output", str(page), "--json"
    )
    found = json.loads(same.out)["against"]
    assert (found["tiers"], found["rules"], found["figures"], found["settings"]) == ([], [], [], [])
    refused(governance("report", str(tmp_path / "loose"), "--against", str(tmp_path / "nothing")), 2, "nothing")


def test_the_page_goes_into_a_local_output_unless_told_otherwise(
    governance: Any, reported: str, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    for name in ("L0", "L1"):
        shutil.copytree(Path(reported, name), own / name)
    said = governance("report", str(own))
    assert said.code == 0 and (own / "report.html").is_file() and str(own / "report.html") in said.out
    assert governance("verify", str(own)).code == 0
    refused(governance("report", str(own), "--output", str(own)), 2, "is a folder")
    refused(governance("report", str(own), "--output", str(own / "no" / "page.html")), 2, "no folder")
    refused(governance("report", str(tmp_path / "nothing")), 2, "no folder")


def test_a_corpus_in_a_store_is_read_and_the_page_may_go_there_too(
    governance: Any, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_in = tmp_path / "rows.jsonl"
    rows_in.write_text(json.dumps({"text": "Short.", "title": "A title", "url": "https://a.test/"}) + "\n")
    commands.run(commands.Ask("L1", (str(rows_in),), store_url, None, "L0", "d", None, 0, (), False), as_json=True)
    monkeypatch.chdir(tmp_path)
    assert (
        governance(
            "report", store_url, "--output", f"{store_url}/pages/r.html" if "://" in store_url else "r.html"
        ).code
        == 0
    )
    page = Store(f"{store_url}/pages").get("r.html").decode() if "://" in store_url else Path("r.html").read_text()
    assert "A title" in page and "clean.too_short" in page
    assert governance("report", store_url).code == 0
    assert ("://" in store_url) == Path("report.html").is_file()


@pytest.mark.parametrize("level", ["L0", "L2"])
def test_an_empty_corpus_and_one_of_few_tiers_have_a_page(governance: Any, tmp_path: Path, level: str) -> None:
    rows_in = empty_input(tmp_path)
    out = str(tmp_path / "out")
    commands.run(commands.Ask(level, (str(rows_in),), out, None, "L0", "d", None, 0, (), False), as_json=True)
    assert governance("report", out).code == 0
    page = Path(out, "report.html").read_text()
    assert "The input held no record" in page and "Nothing came in" in page


def test_an_unfinished_tier_is_told_of_and_counted_as_far_as_it_is(
    governance: Any, reported: str, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    shutil.copytree(reported, own)
    for tier in ("L1", "L3"):
        (own / tier / "web" / "manifest.json").unlink()
    (own / "L1/web/_shards/data/part-00000.json").unlink()
    said = governance("report", str(own), "--json")
    told = json.loads(said.out)
    by_tier = {level["tier"]: level for level in told["tiers"]}
    assert [by_tier[name]["whole"] for name in ("L0", "L1", "L2", "L3")] == [True, False, True, False]
    assert by_tier["L1"]["shards"]["web"] == {"annotations": 3, "data": 2}
    assert "L1 of web is unfinished" in (own / "report.html").read_text()


def test_a_page_that_would_be_too_large_shows_less_of_each_text(
    governance: Any, reported: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governance import report

    whole, small = tmp_path / "whole.html", tmp_path / "small.html"
    governance("report", reported, "--dump", "hostile", "--output", str(whole))
    monkeypatch.setattr(report, "MAX_BYTES", whole.stat().st_size - 5_000)
    governance("report", reported, "--dump", "hostile", "--output", str(small))
    assert small.stat().st_size < whole.stat().st_size - 5_000


def test_rules_are_told_with_their_limits_in_both_languages() -> None:
    config = {"en": {"min_words": 50, "top_n_grams": [[3, 0.18]]}, "zh": {"min_words": 80, "top_n_grams": [[5, 0.2]]}}
    assert limits_in_words("gopher_quality.gopher_short_doc", config) == "en < 50, zh < 80"
    assert limits_in_words("gopher_repetition.top_3_gram", config) == "en > 0.18"
    assert limits_in_words("quality.low_score", {"threshold": {"en": 0.5, "zh": 0.7}}) == "en < 0.5, zh < 0.7"
    assert limits_in_words("clean.too_short", {"min_chars": 20}) == "< 20"
    assert rule_of("ingest.status_404").words == "a response of status 404"
    assert rule_of("outputs.copied").setting == "max_copied_ratio"
    assert rule_of("my_stage.my_reason").words == ""


def test_places_are_where_the_rules_look() -> None:
    found = [("c4.curly_bracket", "a { b }", "en", ["{"]),
             ("fineweb.char_dup_ratio", "一行\n二行\n一行", "zh", ["一行"]),
             ("gopher_repetition.top_2_gram", "big cat sat. big cat ran", "en", ["big cat", "big cat"]),
             ("gopher_repetition.duplicated_2_n_grams", "x y z x y", "en", ["x y"]),
             ("gopher_quality.gopher_below_alpha_threshold", "word 12 - end", "en", ["12", "-"]),
             ("gopher_quality.gopher_short_doc", "few words", "en", [])]  # fmt: skip
    for fate, text, lang, expected in found:
        assert [text[slice(*span)] for span in places(fate, text, lang, {})] == expected, fate
    rules = {"zh": {"navigation_phrases": ["首页"], "advert_phrases": ["加qq"]}}
    assert len(places("c4.too_many_boilerplate_lines", "首页 加ＱＱ", "zh", rules)) == 2


@given(
    st.text(max_size=300),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=8),
    st.integers(1, 400),
)
def test_windows_are_pieces_of_the_text_in_order_and_no_longer_than_asked(text: str, pairs: list, chars: int) -> None:
    from governance.classifier_report import printable

    spans = joined((min(a, b, len(text)), min(max(a, b), len(text))) for a, b in pairs)
    pieces = windows(text, spans, chars)
    place, clean = 0, printable(text)
    for piece in pieces:
        place = clean.find(piece["text"], place)
        assert place >= 0
        place += len(piece["text"])
    assert sum(len(piece["text"]) for piece in pieces) <= chars + 2 * 160


@given(st.text(max_size=120), st.text(max_size=120))
def test_differences_hold_both_versions(old: str, new: str) -> None:
    from governance.classifier_report import printable

    assert text_of(differences(old, new), "old") == printable(new)


def test_cleaning_never_shows_what_only_the_new_text_masks() -> None:
    pieces = cleaned("write to a\u200b@b.example now", "write to <EMAIL> now", 500)
    assert "b.example" not in text_of(pieces) and "<EMAIL>" in text_of(pieces)
    shown = cleaned("same\nto <EMAIL> x\u00a0y", "same\nto <EMAIL> x y", 500)
    assert HIDDEN in text_of(shown, "new") and "⟨U+00A0⟩" in text_of(shown)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "data:text/html,x", "https://a.test/\nb", "http://[x", "https:///x", 'https://a.test/"x',
        "https://a.test/<x", None, "", "//a.test", "https://a.test/\u202e",
    ],
)  # fmt: skip
def test_only_a_plain_address_of_the_web_becomes_a_link(url: str | None) -> None:
    assert link_of(url) is None


def test_hosts_are_exact_until_there_are_too_many_and_then_bounded() -> None:
    hosts = Hosts(most=10)
    for _ in range(30):
        hosts.add(
            pa.chunked_array(
                [[f"https://u:p@Big.test:80/{i}" for i in range(5)] + [None, "no address", "http://[::1]/"]]
            )
        )
    assert (hosts.counts["big.test"], hosts.counts["[::1]"], hosts.error) == (150, 30, 0)
    for i in range(100):
        hosts.add(pa.chunked_array([[f"http://rare{i}.test/"]]))
    assert len(hosts.counts) <= 20 and 150 - hosts.error <= hosts.counts["big.test"] <= 150
    assert top_hosts({"L0": hosts, "L1": Hosts()}, 1)[0]["host"] == "big.test"


def test_drawn_rows_do_not_depend_on_the_order_of_parts(reported: str) -> None:
    tier = read_tiers(Store(reported), "web")[0]
    uids = [f"{i * 7919:032x}" for i in range(500)]
    table = pa.table({"uid": uids, "fate": ["a.b"] * 250 + [None] * 250})
    one, two = Draw(7), Draw(7)
    one.add(tier, table)
    for start in (300, 100, 200, 0, 400):
        two.add(tier, table.slice(start, 100))
    assert one.of("L0", "a.b") == two.of("L0", "a.b") and len(one.of("L0", "a.b")) == 7
    assert len(set(ranks(table["uid"]).tolist())) == 500


@given(st.lists(st.tuples(st.sampled_from(["", "left", "broken"]), st.integers(0, 10**7)), max_size=30))
def test_a_sankey_of_any_numbers_stays_inside_its_frame(found: list[tuple[str, int]]) -> None:
    drawing = layout([Step("start", 10**6), *(Step("x", rows, kind) for kind, rows in found)])
    assert drawing is not None
    places_of = [label["y"] for label in drawing["labels"]]
    assert places_of == sorted(places_of) and places_of[-1] < drawing["height"]
    assert all("nan" not in band["path"] and "inf" not in band["path"] for band in drawing["bands"])
    assert layout([]) is None


def test_the_copies_that_the_benchmark_measures_are_a_corpus_whose_rows_are_found(
    reported: str, tmp_path: Path
) -> None:
    from benchmarks.handover_report import replicate

    size = replicate(reported, str(tmp_path / "copies"), 25)
    pages = len(rows(reported, "L0", "hostile", "data"))
    assert size == {"copies": -(-25 // pages), "pages": size["copies"] * pages, "shards": size["copies"]}
    store = Store(str(tmp_path / "copies"))
    tiers, draw = read_tiers(store, None), Draw(50)
    told = build(store, tiers, draw)
    once = build(Store(reported), read_tiers(Store(reported), "hostile"), Draw(0))
    assert [rule["rows"] for rule in told["rules"]] == [rule["rows"] * size["copies"] for rule in once["rules"]]
    shown = Examples(Rows(store, tiers), tiers, draw, 100).of_level("L1")
    assert shown and all(one["text"] for found in shown.values() for one in found)
    written = Refined(Rows(store, tiers), tiers, draw, 100).written()
    assert all(one["text"] and one["passage"] for found in written.values() for one in found)


def test_a_run_names_the_report_among_what_to_type_next(reported: str) -> None:
    from governance.funnel import next_commands
    from governance.pipeline import read_manifest

    store = Store(reported)
    manifest = read_manifest(store, "L1", "web")
    assert manifest and f"governance report {reported}" in next_commands(store, reported, {"L1": manifest})


def test_the_item_of_a_question_set_is_marked_where_it_stands(tmp_path: Path) -> None:
    """Rows that entered at L1, so that no tier lies below."""
    item = (
        "A keeper of lighthouses counts forty lamps in the northern tower and lends nine of them to a passing schooner"
    )
    text = "The coast lies in fog, and no ship has passed it for days. " * 5
    (tmp_path / "lamps.jsonl").write_text(json.dumps({"question": item}))
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": f"{text}{item}. {text}"}) + "\n")
    overrides = (f'l2.decontaminate.sets=["{tmp_path / "lamps.jsonl"}"]', "l2.quality.threshold=0.0")
    out = str(tmp_path / "out")
    ask = commands.Ask("L2", (str(tmp_path / "rows.jsonl"),), out, None, "L1", "d", None, 0, overrides, False)
    commands.run(ask, as_json=True)
    store = Store(out)
    tiers, draw = read_tiers(store, None), Draw(5)
    told = build(store, tiers, draw)
    assert told["contamination"][0]["rejected"] == 1 and "not_checked" not in told["contamination"][0]
    (one,) = Examples(Rows(store, tiers), tiers, draw, 300).of_level("L2")["decontaminate.contaminated"]
    assert [piece["text"] for piece in one["text"] if piece["kind"] == "mark"] == [item]
    assert {figure["name"]: figure["value"] for figure in one["figures"]}["item"] == "lamps:0"
