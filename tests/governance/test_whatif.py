"""What-if tells what a run then gives, counts apart what only a run can tell, and refuses the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import commands
from governance.pipeline import read_manifest
from governance.runner import fold
from governance.whatif_clusters import LOST, Clusters
from governance.whatif_examples import Sample
from governance.whatif_rows import Judge
from manifests.store import Store
from stages.contract import Config, Stage
from stages.uids import uid_from_bytes, uid_to_bytes
from tests.children import copy, tree
from tests.command_line import refused
from tests.corpora import pages_of
from tests.governance.whatif_corpora import build, foretold, rows, told

LONGER = ("l1.gopher_quality.en.min_words=350", "l1.gopher_quality.zh.min_words=2500")
LOOSER = (
    "l1.gopher_quality.en.min_alpha_words_ratio=0.5",
    "l1.gopher_quality.zh.min_words=80",
    "l1.gopher_repetition.en.max_dup_line_frac=0.9",
)
MIXED = (
    "l1.c4.en.min_sentences=40",
    "l1.fineweb.zh.min_line_punct_ratio=0.65",
    "l1.fineweb.en.max_char_dup_ratio=0.5",
    "l1.gopher_repetition.en.top_n_grams=[[2, 0.02], [3, 0.18], [4, 0.16]]",
)
POLICY = ("l1.policy.licences=['cc-by-sa', 'cc0']",)  # judged by columns of L0


@pytest.fixture(scope="module")
def crawl(whatif_crawl: Path) -> Path:
    return whatif_crawl


@pytest.fixture(scope="module")
def built(whatif_built: str) -> str:
    return whatif_built


def languages(tier: dict[str, Any]) -> set[str]:
    return {one["lang"] for kind in ("newly_kept", "newly_dropped") for one in tier[kind]}


@pytest.mark.parametrize("changed", [LONGER, LOOSER, MIXED, POLICY], ids=["tighter", "looser", "both", "policy"])
def test_the_rules_of_l1_keep_what_a_run_with_these_settings_keeps(
    crawl: Path, built: str, tmp_path: Path, changed: tuple[str, ...]
) -> None:
    tier = told(built, *changed)["tiers"]["L1"]
    assert languages(tier) == {"en", "zh"}
    kept, unsure = foretold(rows(built, "L1"), tier)
    copy(built, str(tmp_path))
    really = rows(build(crawl, str(tmp_path), "L1", *changed, rebuild=True), "L1")
    assert really - unsure == kept
    assert really <= kept | unsure
    manifest = read_manifest(Store(str(tmp_path)), "L1", "web")
    assert manifest
    rejected = {f"{a['stage']}.{r}": n[0] for a in manifest["ledger"] for r, n in a["rejected"].items()}
    now = {one["reason"]: one["now"] for one in tier["rejected"] if one["now"]}
    for reason in {*rejected, *now}:
        assert reason.startswith("dedup.") or rejected[reason] == now[reason]


def test_the_funnel_that_was_built_is_the_ledgers(built: str) -> None:
    body = told(built, "l1.c4.en.min_sentences=6")
    for tier in ("L1", "L2"):
        manifest = read_manifest(Store(built), tier, "web")
        assert manifest
        rejected = {f"{a['stage']}.{r}": n[0] for a in manifest["ledger"] for r, n in a["rejected"].items()}
        assert {one["reason"]: one["was"] for one in body["tiers"][tier]["rejected"] if one["was"]} == rejected
        assert body["tiers"][tier]["kept"]["was"] == manifest["rows"]


def test_what_leaves_l1_leaves_l2(crawl: Path, built: str, tmp_path: Path) -> None:
    tiers = told(built, *LONGER)["tiers"]
    assert tiers["L1"]["open"] == tiers["L2"]["open"] == {}
    copy(built, str(tmp_path))
    build(crawl, str(tmp_path), "L2", *LONGER, rebuild=True)
    assert foretold(rows(built, "L2"), tiers["L2"]) == (rows(str(tmp_path), "L2"), set())


def test_what_newly_passes_l1_has_no_score_and_is_counted_apart(built: str) -> None:
    tiers = told(built, *LOOSER)["tiers"]
    admitted = tiers["L1"]["newly_kept_rows"]
    assert admitted
    assert tiers["L1"]["open"] == {"would be compared for duplicates": admitted}
    assert tiers["L2"]["open"] == {"would be scored": admitted}
    assert tiers["L2"]["kept"]["now"] == tiers["L2"]["kept"]["was"]
    assert {one["now"] for one in tiers["L1"]["newly_kept"]} == {None}


@pytest.mark.parametrize(
    "changed",
    [("l2.quality.threshold=0.99",), ("l2.quality.threshold=0.0",), ("l2.quality.keep_share={en = 0.4, zh = 0.5}",)],
    ids=["higher", "lower", "share"],
)
def test_a_selection_of_l2_is_that_of_a_run(crawl: Path, built: str, tmp_path: Path, changed: tuple[str, ...]) -> None:
    body = told(built, *changed)
    assert list(body["tiers"]) == ["L2"]
    tier = body["tiers"]["L2"]
    copy(built, str(tmp_path))
    build(crawl, str(tmp_path), "L2", *changed, rebuild=True)
    assert foretold(rows(built, "L2"), tier) == (rows(str(tmp_path), "L2"), set())
    manifest = read_manifest(Store(str(tmp_path)), "L2", "web")
    assert manifest
    cuts = {name: cut["threshold"] for name, cut in manifest["selection"].items()}
    assert {name: cut["now"] for name, cut in tier["thresholds"].items()} == cuts


def test_an_example_names_the_figure_the_setting_and_the_page(built: str) -> None:
    tier = told(built, LONGER[0], "l1.gopher_quality.en.max_words=99000")["tiers"]["L1"]
    assert tier["newly_dropped"]
    texts = pl.read_parquet(f"{built}/L0/web/data/*.parquet").rows_by_key("uid", named=True, unique=True)
    for one in tier["newly_dropped"]:
        assert list(one["figures"]) == ["gopher_quality.words"]
        assert one["figures"]["gopher_quality.words"] < 350
        assert one["settings"] == [{"name": "l1.gopher_quality.en.min_words", "old": 50, "new": 350}]
        assert one["now"] == "gopher_quality.gopher_short_doc" and one["was"] is None
        assert one["url"] == texts[one["uid"]]["url"]
        assert one["text"] == texts[one["uid"]]["content"][:200]


def test_examples_are_the_same_rows_whatever_the_order_of_shards() -> None:
    uids = [f"{number:032x}" for number in range(50)]
    tables = [pa.table({"uid": uids[start : start + 7]}) for start in range(0, 50, 7)]
    found = []
    for order in (tables, tables[::-1], [pa.concat_tables(tables)]):
        sample = Sample(5)
        for table in order:
            sample.add("newly_kept", table)
        found.append(sorted(uid for table in sample.found["newly_kept"] for uid in table["uid"].to_pylist()))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 5


def uid(number: int) -> str:
    return f"{number:032x}"


def settled(members: dict[int, tuple[int, int | None]], lost: set[int]) -> dict[int, bool]:
    """The victims that would be none, and whether that is certain; members: uid -> (survivor, match)."""
    clusters = Clusters.__new__(Clusters)
    to_bytes = lambda numbers: uid_to_bytes(pa.array([uid(number) for number in numbers], pa.string()))  # noqa: E731
    matches = to_bytes([match or 0 for _, match in members.values()])
    reasons = pa.array(["near" if match is not None else None for _, match in members.values()], pa.string())
    table = pa.table(
        {
            "uid": to_bytes(members),
            "survivor": to_bytes([survivor for survivor, _ in members.values()]),
            "reason": reasons,
            "match": pa.array([m if r.is_valid else None for m, r in zip(matches, reasons, strict=True)], matches.type),
        }
    )
    survivors = [members[number][0] for number in sorted(lost)]
    clusters._lost = [pa.table([to_bytes(sorted(lost)), to_bytes(survivors)], schema=LOST)] if lost else []
    clusters._members = lambda wanted: table.filter(pc.is_in(table["survivor"], value_set=wanted))  # type: ignore
    return {int(one["uid"], 16): one["kept"] for one in clusters.settled().to_pylist()} if lost else {}


@pytest.mark.parametrize(
    ("members", "lost", "expected"),
    [
        ({1: (1, None), 2: (1, 1)}, {1}, {2: True}),  # the last one left has no duplicate any more
        ({1: (1, None), 2: (1, 1), 3: (1, 1)}, {1}, {2: False, 3: False}),  # only texts can tell of two
        ({1: (1, None), 2: (1, 1), 3: (1, 1)}, {2}, {}),  # a pair with the survivor stands
        ({1: (1, None), 2: (1, 1), 3: (1, 2), 4: (1, 3)}, {2}, {3: False, 4: False}),  # the chain is broken
        ({1: (1, None), 2: (1, 1), 3: (1, 2), 4: (1, 3)}, {4}, {}),  # and holds before the break
        ({2: (1, 1), 3: (1, 2)}, {2}, {3: False}),  # the survivor is of an older dump, and stays
        ({1: (1, None), 2: (1, 1), 5: (5, None), 6: (5, 5)}, {1}, {2: True}),  # another cluster is not touched
    ],
)
def test_what_is_certain_of_a_cluster_that_loses_a_member(
    members: dict[int, tuple[int, int | None]], lost: set[int], expected: dict[int, bool]
) -> None:
    assert settled(members, lost) == expected
    assert uid_from_bytes(uid_to_bytes(pa.array([uid(7)]))).to_pylist() == [uid(7)]


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ('l1.gopher_quality.en.stop_words=["a"]', "l1.gopher_quality.en.stop_words"),
        ("l1.fineweb.zh.short_line_length=20", "the stage figures would read the text again"),
        ("l1.dedup.threshold=0.8", "the stage dedup would read the text again"),
        ("l1.clean.min_chars=30", "the stage clean"),
        ("l1.language.min_score=0.2", "the stage language"),
        ("l1.host_lines.enabled=true", "a stage that reads the text comes or goes"),
        ("l0.extract.threshold=0.9", "it changes the text of L0"),
        ("l2.decontaminate.min_share=0.9", "the stage decontaminate"),
        ("l3.max_documents=3", "L3 is written by a model"),
        ("l4.organize.max_words=12", "run --level L4"),
    ],
)
def test_what_only_a_run_can_tell_is_refused_with_the_command_that_does(
    built: str, governance: Any, setting: str, why: str
) -> None:
    said = governance("what-if", built, "--set", setting)
    refused(said, 2, why, "cannot be told from annotations", "governance run", setting.partition("=")[0], "--rebuild")


def test_another_model_is_refused_and_the_same_one_is_not(built: str, governance: Any, tmp_path: Path) -> None:
    from classifiers.score import model_path

    same, other = tmp_path / "same.ftz", tmp_path / "other.ftz"
    same.write_bytes(model_path("en").read_bytes())
    other.write_bytes(same.read_bytes() + b" ")
    assert governance("what-if", built, "--set", f"l2.quality.models.en={same}", "--json").code == 0
    refused(governance("what-if", built, "--set", f"l2.quality.models.en={other}"), 2, "other files", "--rebuild")


def test_a_wrong_command_is_answered_with_its_remedy(built: str, governance: Any) -> None:
    near = governance("what-if", built, "--set", "l1.gopher_quality.en.min_word=80")
    refused(near, 2, "unknown setting", "did you mean l1.gopher_quality.en.min_words")
    refused(governance("what-if", built), 2, "nothing is proposed")
    refused(governance("what-if", built, "--set", "run.max_error_rate=0.5"), 2, "not what it writes")
    refused(governance("what-if", built, "--set", "l4.index.embedder=none"), 2, "decides no tier", "governance index")
    refused(governance("what-if", built, "--set", "l1.c4.en.min_sentences=1", "--dump", "x"), 2, "no dump 'x'", "web")
    refused(governance("what-if", f"{built}-no", "--set", "l1.c4.en.min_sentences=1"), 2, "no folder")


def test_a_settings_file_is_compared_as_a_whole(built: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[l1.gopher_quality]\nen.min_words = 350\nzh.min_words = 600\n", encoding="utf-8")
    with_file = told(built, config=str(path))
    assert with_file["changes"] == [{"name": "l1.gopher_quality.en.min_words", "old": 50, "new": 350}]
    assert with_file["tiers"] == told(built, LONGER[0])["tiers"]


def test_settings_as_they_were_built_change_nothing(built: str) -> None:
    body = told(built, "l1.gopher_quality.en.min_words=50")
    assert body["changes"] == []
    for tier in body["tiers"].values():
        assert tier["newly_kept_rows"] == tier["newly_dropped_rows"] == 0


def test_it_tells_the_same_of_every_store_and_writes_nothing(built: str, store_url: str, governance: Any) -> None:
    copy(built, store_url)
    before = tree(store_url)
    said = governance("what-if", store_url, "--set", LONGER[0], "--set", LONGER[1], "--examples", "3", "--json")
    assert said.code == 0, said
    assert json.loads(said.out)["tiers"] == told(built, *LONGER, examples=3)["tiers"]
    assert tree(store_url) == before


def test_people_read_a_table_and_no_control_characters(built: str, governance: Any) -> None:
    said = governance("what-if", built, "--set", LONGER[0], "--examples", "2")
    assert said.code == 0
    for piece in ("would be", "gopher_quality.gopher_short_doc", "Newly dropped", "350", "Nothing was changed"):
        assert piece in said.out
    assert "\x1b]" not in said.out


def test_a_tier_that_is_not_sealed_is_not_told_of(built: str, tmp_path: Path, governance: Any) -> None:
    copy(built, str(tmp_path))
    (tmp_path / "L2" / "web" / "manifest.json").unlink()
    refused(
        governance("what-if", str(tmp_path), "--set", "l2.quality.threshold=0.9"), 2, "L2 is not sealed", "finish it"
    )
    assert list(told(str(tmp_path), LONGER[0])["tiers"]) == ["L1"]
    (tmp_path / "L1" / "web" / "manifest.json").unlink()
    refused(governance("what-if", str(tmp_path), "--set", LONGER[0]), 2, "L1 is not sealed")


def test_a_tier_without_rows_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "in.warc.gz").write_bytes(pages_of(Path("examples/crawl/en.warc.gz").resolve(), 1))
    nothing = ("l1.language.languages=['zh']",)
    output = build(tmp_path / "in.warc.gz", str(tmp_path / "out"), "L2", *nothing)
    tiers = told(output, "l1.c4.en.min_sentences=1")["tiers"]
    assert tiers["L1"]["kept"] == tiers["L2"]["kept"] == {"was": 0, "now": 0}
    share = told(output, "l2.quality.keep_share=0.5")["tiers"]["L2"]
    assert share["rows"] == 0 and share["kept"]["now"] == 0


def test_what_reaches_l2_only_now_is_not_compared_with_question_sets(crawl: Path, built: str, tmp_path: Path) -> None:
    questions = tmp_path / "mine.jsonl"
    questions.write_text(
        json.dumps({"question": "What is the name of the tallest of all mountains on the moon?"}) + "\n"
    )
    output, sets = str(tmp_path / "out"), f"l2.decontaminate.sets=['{questions}']"
    copy(built, output)
    build(crawl, output, "L2", sets, "l2.quality.threshold=0.998", rebuild=True)
    tier = told(output, "l2.quality.threshold=0.0")["tiers"]["L2"]
    assert tier["newly_kept_rows"] > 0
    assert tier["open"] == {"would be compared with question sets": tier["newly_kept_rows"]}
    assert tier["kept"]["was"] == tier["kept"]["now"]
    assert "commonplaces" in told(output, LONGER[0])["tiers"]["L2"]["untold"]


def test_a_share_of_rows_that_are_not_all_scored_is_not_told(built: str) -> None:
    tiers = told(built, LOOSER[0], "l2.quality.keep_share=0.5")["tiers"]
    assert tiers["L1"]["newly_kept_rows"] > 0
    assert "keep_share" in tiers["L2"]["untold"]


def test_rows_that_entered_at_a_tier_were_judged_by_no_rule_of_it(tmp_path: Path, governance: Any) -> None:
    text = "The river rises in the hills and runs through the old town to the sea, where it is wide and slow. " * 5
    lines = (json.dumps({"url": f"http://a.org/{n}", "content": text, "record_id": str(n)}) for n in range(4))
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    output = str(tmp_path / "out")
    ask = commands.Ask("L2", (str(tmp_path / "in.jsonl"),), output, None, "L1", "web", None, 0, (), False)
    commands.run(ask, as_json=True)
    tier = told(output, "l2.quality.keep_share=1.0")["tiers"]["L2"]
    assert tier["rows"] == tier["kept"]["now"] == 4
    refused(governance("what-if", output, "--set", "l1.c4.en.min_sentences=1"), 2, "rows entered at L1")
    refused(governance("what-if", output, "--set", "l1.language.min_score=0.1"), 2, "cannot be told from annotations")


class Limit(Config):
    """A largest value."""

    most: int = 5


def _rule(name: str, figure: str, most: int) -> Stage:
    def judge(batch: pa.Table, cfg: Limit) -> pa.Table:
        high = pc.fill_null(pc.greater(batch[figure], cfg.most), False)
        return batch.append_column(f"{name}.drop", pc.if_else(high, pa.scalar("high"), pa.scalar(None, pa.string())))

    drop = f"{name}.drop"
    return Stage(name=name, fn=judge, config=Limit(most=most), needs=(figure,), adds=(drop,), reject_on=drop)


def _measure(batch: pa.Table, cfg: Config) -> pa.Table:
    if any(text == "!" for text in batch["content"].to_pylist()):
        raise ValueError("cannot be read")
    return batch.append_column("measure.chars", pc.utf8_length(batch["content"]).cast(pa.int64()))


def _chain(first: int, second: int) -> tuple[Stage, ...]:
    middle = Stage(name="measure", fn=_measure, config=Config(), needs=("content",), adds=("measure.chars",))
    return (_rule("early", "size", first), middle, _rule("late", "measure.chars", second))


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["!", "a", "abcd", "abcdefgh"])), min_size=1, max_size=12),
    st.tuples(*[st.integers(0, 9)] * 4),
)
def test_fates_from_annotations_are_those_of_a_fold_also_for_rows_that_break(
    rows: list[tuple[int, str]], limits: tuple[int, int, int, int]
) -> None:
    table = pa.table(
        {
            "uid": [uid(number) for number in range(len(rows))],
            "size": pa.array([size for size, _ in rows], pa.int64()),
            "content": [text for _, text in rows],
        }
    )
    notes = fold(_chain(*limits[:2]), table, {}).table.drop_columns(["content"])
    judge = Judge(_chain(*limits[2:]), frozenset({"early", "late"}))
    expected = fold(_chain(*limits[2:]), table, {}).table["fate"].to_pylist()
    assert judge.fates(notes.select(list(judge.columns))).to_pylist() == expected
