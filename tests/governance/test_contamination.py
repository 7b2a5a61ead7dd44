"""Contamination through whole runs: rejected at L2 and L3, told where it did not run, stopped before work starts."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from governance import commands
from governance.contamination import commonplaces, in_words
from governance.errors import UsageError
from governance.explain import explain
from governance.progress import Progress
from governance.verify import audit
from manifests.store import Store
from tests.corpora import CRAWL, pages_of, texts_of
from tests.llm_server import llm_server

ITEM = (
    "A keeper of lighthouses counts forty lamps in the northern tower and lends nine of them to a passing schooner; "
    "how many lamps remain in the northern tower for the winter?"
)
COMMON = "The keeper of this page keeps every one of its forty lamps lit for readers of the northern tower."
STATEMENT = (
    "The keeper of the lighthouse at Velmara counted forty lamps in the northern tower and lent nine of them to a "
    "passing schooner before the first storms of the winter came to the coast."
)
CHECKED = "l2.decontaminate.sets"


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question too short to look for, one that is planted, a sentence that three rows hold, and one for L3."""
    path = tmp_path_factory.mktemp("sets") / "lamps.jsonl"
    rows = [{"question": "Which?"}, {"question": ITEM}, {"question": COMMON}, {"question": STATEMENT}]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Real pages; the item stands in the first, the common sentence in the next three."""
    found = [row["content"] for row in texts_of(pages_of(CRAWL / "en.warc.gz", 12)).to_pylist()]
    first, *others = [text for text in found if len(text) > 1500][:6]
    assert len(others) == 5
    lines = first.split("\n")
    middle = len(lines) // 2
    first = "\n".join([*lines[:middle], ITEM.upper(), *lines[middle:]])
    return [first, *(f"{text}\n{COMMON}" for text in others[:3]), *others[3:]]


def _run(folder: Path, texts: list[str], level: str, enter: str, *overrides: str) -> tuple[dict[str, Any], str]:
    """The funnel of a run over rows, and its output."""
    source, output = folder / "rows.jsonl", folder / "out"
    source.write_text("\n".join(json.dumps({"text": text, "url": f"http://a{k}.org/"}) for k, text in enumerate(texts)))
    ask = commands.Ask(level, (str(source),), str(output), None, enter, "web", None, 0, overrides, False)
    with redirect_stdout(StringIO()) as shown:
        commands.run(ask, as_json=True)
    return json.loads(shown.getvalue()), str(output)


def _sets(path: Path) -> str:
    return f"{CHECKED}={json.dumps([str(path)])}"


def _notes(output: str, tier: str) -> pl.DataFrame:
    return pl.read_parquet(f"{output}/{tier}/web/annotations/*.parquet")


KEEP_ALL = "l2.quality.threshold=0.0"


def test_a_row_that_holds_an_item_is_rejected_at_l2_with_its_place(
    tmp_path: Path, texts: list[str], sets: Path
) -> None:
    funnel, output = _run(tmp_path, texts, "L2", "L1", _sets(sets), KEEP_ALL)
    notes = _notes(output, "L2").filter(pl.col("fate").is_not_null())
    contaminated = notes.filter(pl.col("fate") == "decontaminate.contaminated").sort("decontaminate.item")
    assert contaminated["decontaminate.item"].to_list() == [1, 2, 2, 2]
    row = contaminated.row(0, named=True)
    assert texts[0][row["decontaminate.start"] : row["decontaminate.end"]] == ITEM.upper()[:-1]
    told = funnel["contamination"]["L2"]
    assert told == {"sets": ["lamps"], "rejected": 4, "items": 4, "too_short": 1, "commonplaces": {}}
    assert "compared with 1 question sets, 4 rejected; 1 of 4 items too short" in in_words("L2", told)
    body = explain(Store(output), row["uid"])
    assert body["fate"] == "rejected at L2: decontaminate.contaminated"
    assert body["not_checked"] == []
    assert body["path"][-1]["row"]["decontaminate.set"] == "lamps"
    assert not audit(Store(output), Progress("silent"))["faults"]


def test_an_item_that_many_rows_hold_is_a_commonplace_and_rejects_nothing(
    tmp_path: Path, texts: list[str], sets: Path
) -> None:
    limits = ("l2.decontaminate.max_rows=2", "l2.decontaminate.max_rows_ratio=0.1")
    funnel, output = _run(tmp_path, texts, "L2", "L1", _sets(sets), KEEP_ALL, *limits)
    told = funnel["contamination"]["L2"]
    assert (told["rejected"], told["commonplaces"]) == (1, {"lamps:2": 3})
    assert "1 items are commonplaces of this dump and reject nothing: lamps:2 (3 rows)" in in_words("L2", told)
    more = commands.settings_file.load(None, [_sets(sets), limits[0], "l2.decontaminate.max_rows_ratio=0.6"])
    assert commonplaces(more, Store(output), "L2/web") == {}


def test_without_a_question_set_the_funnel_and_explain_say_that_nothing_was_checked(
    tmp_path: Path, texts: list[str]
) -> None:
    funnel, output = _run(tmp_path, texts[:2], "L2", "L1", KEEP_ALL)
    assert funnel["contamination"]["L2"]["not_checked"] == f"no question set is configured in {CHECKED}"
    assert in_words("L2", funnel["contamination"]["L2"]).startswith("L2 not checked: no question set")
    notes = _notes(output, "L2")
    assert notes["decontaminate.share"].null_count() == len(notes)
    assert explain(Store(output), notes["uid"][0])["not_checked"] == [
        f"L2, contamination: no question set is configured in {CHECKED}"
    ]


def test_what_the_model_wrote_is_checked_at_l3_also_where_rows_entered_at_l2(
    tmp_path: Path, texts: list[str], sets: Path
) -> None:
    with llm_server() as server:
        funnel, output = _run(
            tmp_path, [texts[5].replace(". ", f". {STATEMENT} ")], "L3", "L2", _sets(sets),
            f'l3.engine.endpoints=["{server.endpoint}"]', 'l3.engine.model="echo"', 'l3.synthesize.scale="small"',
            'l3.synthesize.tasks=["blog", "qa"]', "l3.synthesize.max_passages=3",
            "l3.synthesize.checks.max_copied_ratio=1.0",
            "l3.synthesize.checks.max_repetition_ratio=1.0", "l3.synthesize.checks.max_question_ratio=1.0",
        )  # fmt: skip
    assert funnel["contamination"]["L2"] == {"sets": [], "not_checked": "rows entered at L2"}
    notes = pl.read_parquet(f"{output}/L3/web/annotations/*.parquet")
    held = notes.filter(pl.col("decontaminate.item") == 3)
    assert len(held)
    assert held["outcome"].unique().to_list() == ["rejected"]
    assert "contaminated" in held["reason"].to_list()
    told = funnel["contamination"]["L3"]
    assert (told["sets"], told["rejected"]) == (["lamps"], held["reason"].to_list().count("contaminated"))
    clean = notes.filter(pl.col("decontaminate.item").is_null() & (pl.col("outcome") != "skipped"))
    assert clean["decontaminate.share"].to_list() == [0.0] * len(clean)


def test_a_changed_byte_of_a_set_is_another_plan(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps({"question": ITEM}))
    _run(tmp_path, texts[4:], "L2", "L1", _sets(path), KEEP_ALL)
    assert _run(tmp_path, texts[4:], "L2", "L1", _sets(path), KEEP_ALL)[0]["built"] == []
    path.write_text(json.dumps({"question": COMMON}))
    with pytest.raises(UsageError, match=r"stages.decontaminate.model.s was"):
        _run(tmp_path, texts[4:], "L2", "L1", _sets(path), KEEP_ALL)


@pytest.mark.parametrize(
    ("content", "setting", "message"),
    [
        (None, "", "no file .*gone.jsonl"),
        ("{broken", "", "question set 's': row 0 of .* cannot be read"),
        ('{"n": 1}', "", "question set 's': no field holds a question"),
        ('{"question": "x"}', 'l2.decontaminate.ignore=["t:1"]', "ignore names the question set 't'"),
    ],
)
def test_a_set_that_cannot_be_used_is_told_before_anything_runs(
    tmp_path: Path, content: str | None, setting: str, message: str
) -> None:
    path = tmp_path / ("gone.jsonl" if content is None else "s.jsonl")
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=message) as error:
        _run(tmp_path, ["x"], "L2", "L1", _sets(path), *filter(None, [setting]))
    assert error.value.remedy
    assert not list((tmp_path / "out").rglob("plan.json"))
