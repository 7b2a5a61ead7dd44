"""`governance classifier evaluate`, from labelled files to figures, plots and a page that is safe to open."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from governance.classifier_page import CAPTIONS, excerpt, percent, render, write
from governance.classifier_plots import wilson
from governance.classifier_report import Scored, build, printable
from governance.classifier_warnings import warnings_of
from governance.cli import app
from governance.errors import GovernanceError, UsageError
from governance.labelled import SCHEMA, Columns, read_labelled

HOSTILE = "</pre></details><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7 * 7 }} $x_{$ \x00\x1b[31m\u202e"
PROSE = (
    "Water expands when it freezes, because its molecules take up an open lattice; this is why ice floats on a lake. "
)
MENU = "Home | Login | Cart | Buy now | Next page | Contact | Sitemap | Cheap offers | Click here | "
BUNDLED = Path(__file__).parents[2] / "classifiers" / "models" / "en.ftz"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve positives and twelve negatives of six sources, both classes in each, one hostile text a class."""
    path = tmp_path / "data.jsonl"
    rows = [
        {"content": (PROSE if i % 2 else MENU) * (2 + i), "label": i % 2, "source": f"source {i // 4}",
         "url": f"https://www.site{i}.test/a"}
        for i in range(24)
    ]  # fmt: skip
    rows[0]["content"], rows[1]["content"], rows[2]["source"] = HOSTILE + MENU, HOSTILE + PROSE, HOSTILE
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["classifier", "evaluate", *map(str, arguments)], env={"COLUMNS": "200"})


def documents(count: int = 40, **columns: list) -> pa.Table:
    """A table of SCHEMA with both classes in two sources, some columns replaced."""
    values: dict[str, list] = {
        "content": [f"text number {i}" for i in range(count)],
        "positive": [i % 2 == 0 for i in range(count)],
        "source": ["first" if i < count / 2 else "second" for i in range(count)],
        "site": [None] * count,
        "set": [None] * count,
    }
    return pa.table(values | columns, schema=SCHEMA)


def report_of(table: pa.Table, *scores: np.ndarray, **settings: float) -> dict[str, Any]:
    models = [Scored(f"model {i}", BUNDLED, column) for i, column in enumerate(scores)]
    return build(table, models, **settings) | {"left_out": {}}


def spread(count: int = 40, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(count)


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_labelled_file_becomes_figures_plots_and_a_page(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("bundled:en", "--data", data, "--output", out, "--against", "bundled:zh")
    assert result.exit_code == 0, result.output
    assert "AUC" in result.stdout and "evaluation.html" in result.stdout
    assert {path.name for path in out.iterdir()} == {"evaluation.html", "evaluation.json"} | {
        f"{name}.svg" for name in CAPTIONS
    }
    report = json.loads((out / "evaluation.json").read_text())
    assert (report["documents"], report["labelled"], report["figures"]["positives"]) == (24, 24, 12)
    assert report["figures"]["interval_of"]["unit"] == "sources"
    assert report["agreement"]["documents"] == 24
    assert len(report["texts"]["negatives"]) == len(report["texts"]["positives"]) == 12
    assert report["texts"]["negatives"][0]["site"].startswith("site")


def test_the_page_needs_nothing_else_and_runs_nothing_of_the_texts(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("bundled:en", "--data", data, "--output", out, "--against", "bundled:zh").exit_code == 0
    page = (out / "evaluation.html").read_text()
    tags = Tags(page).found
    assert {tag for tag, _ in tags}.isdisjoint({"script", "iframe", "link", "object", "embed"})
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    sources = [attributes["src"] for _, attributes in tags if "src" in attributes]
    assert len(sources) == len(CAPTIONS)
    assert all(source and source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7 * 7 }}" in page
    assert not set("\x00\x1b\u202e") & set(page)
    for plot in out.glob("*.svg"):
        names = {element.tag.rpartition("}")[2] for element in ET.parse(plot).iter()}
        assert "script" not in names


def test_the_same_question_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run("bundled:en", "--data", data, "--output", tmp_path / name).exit_code == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_json_prints_one_object_and_nothing_else(data: Path, tmp_path: Path) -> None:
    result = run("bundled:en", "--data", data, "--output", tmp_path / "out", "--json")
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "evaluation.json").read_text())


def test_without_labels_less_is_told(tmp_path: Path) -> None:
    path = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"text": ["水在结冰时会膨胀，因为分子排成了疏松的晶格。" * 3, MENU, " ", None]}), path)
    result = run("bundled:zh", "--data", path, "--output", tmp_path / "out", "--keep-share", "0.5")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (report["figures"], report["labelled"], report["left_out"]) == (None, 0, {"no_text": 2})
    assert (report["threshold"]["keep_share"], report["threshold"]["from"]) == (0.5, "keep share 0.5")
    assert "水在结冰时会膨胀" in (tmp_path / "out" / "evaluation.html").read_text()
    assert {path.name for path in (tmp_path / "out").glob("*.svg")} == {"histograms.svg", "keep_share.svg"}


def test_what_training_wrote_beside_a_model_is_the_default_and_its_sets_are_told_apart(tmp_path: Path) -> None:
    model = tmp_path / "model.ftz"
    model.write_bytes(BUNDLED.read_bytes())
    table = documents(40, content=[(PROSE if i % 2 == 0 else MENU) * (1 + i) for i in range(40)],
                      set=["held_out" if i < 20 else "other_sources" for i in range(40)])  # fmt: skip
    pq.write_table(table, tmp_path / "model.test.parquet")
    result = run(model, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "AUC, other_sources (20)" in result.stdout
    sets = json.loads((tmp_path / "out" / "evaluation.json").read_text())["sets"]
    assert [(row["name"], row["documents"], len(row["models"])) for row in sets] == [
        ("held_out", 20, 1), ("other_sources", 20, 1),
    ]  # fmt: skip


def test_a_seed_list_gives_the_documents_that_training_leaves_out(tmp_path: Path) -> None:
    seeds = ['language = "en"', 'title = "t"']
    for name, text, test in (
        ("good", PROSE, False),
        ("bad", MENU, False),
        ("new good", PROSE, True),
        ("new bad", MENU, True),
    ):
        random = np.random.default_rng(len(seeds))
        rows = [
            " ".join(random.permutation(f"{text} {name} {i} {random.integers(10**9, size=30)}".split()))
            for i in range(30)
        ]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"content": row}) + "\n" for row in rows))
        label = "positive" if text is PROSE else "negative"
        seeds.append(
            f'[[source]]\nname = "{name}"\nlabel = "{label}"\npath = "{name}.jsonl"\ntest = {str(test).lower()}'
        )
    (tmp_path / "seeds.toml").write_text("\n".join(seeds))
    result = run("bundled:en", "--seeds", tmp_path / "seeds.toml", "--output", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert {row["name"]: row["documents"] for row in report["sets"]} == {"held_out": 6, "other_sources": 60}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bundled:xx"], "there is no bundled model 'xx'"),
        (["nowhere.bin"], "no model at 'nowhere.bin'"),
        (["bundled:en"], "nothing to evaluate on"),
        (["bundled:en", "--data", "nowhere.jsonl"], "no input at"),
        (["bundled:en", "--threshold", "0.5", "--keep-share", "0.5"], "both decide"),
        (["bundled:en", "--keep-share", "0"], "not above 0"),
        (["bundled:en", "--seeds", "s.toml", "--data", "x.jsonl"], "--seeds says itself"),
        (["bundled:en", "--seeds", "nowhere.toml"], "cannot read the seed list"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_before_anything_is_scored(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert isinstance(result.exception, GovernanceError)
    assert message in str(result.exception)
    assert result.exception.remedy
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "flags", "message"),
    [
        (
            [{"content": "a", "label": "pos"}, {"content": "b", "label": 1}],
            [],
            "one class: 2 positives and 0 negatives",
        ),
        ([{"content": "a", "label": "splendid"}], [], "the label 'splendid'"),
        ([{"content": "a"}], ["--label", "grade"], "no row has a label in the column grade"),
        ([{"content": "a"}], ["--text", "body"], "has a text in body"),
        ([{"content": ["a"]}], [], "has a text in content or text"),
    ],
)
def test_data_that_cannot_be_used_is_refused_by_name(
    rows: list[dict], flags: list[str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("bundled:en", "--data", path, "--output", tmp_path / "out", *flags)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)


def test_a_file_that_is_no_model_is_refused(data: Path) -> None:
    result = run(data, "--data", data)
    assert isinstance(result.exception, UsageError)


@pytest.mark.parametrize(
    ("good", "bad"),
    [("positive", "negative"), (1, 0), (True, False), ("__label__pos", "__label__neg"), ("TRUE ", "False"), (1.0, 0.0)],
)
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_labels_may_be_written_in_the_usual_ways(good: object, bad: object, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{suffix}"
    rows = [{"text": "a", "label": good}, {"text": "b", "label": bad}, {"text": "c", "label": None}]
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n")
    table, left_out = read_labelled([str(path)], Columns())
    assert table["positive"].to_pylist() == [True, False, None]
    assert table["source"].to_pylist() == ["rows"] * 3
    assert left_out == ({} if suffix == "parquet" else {"bad_json": 1})


def test_documents_with_and_without_labels_are_told_apart() -> None:
    table = documents(40, positive=[None if i >= 30 else i % 2 == 0 for i in range(40)])
    report = report_of(table, spread())
    assert (report["documents"], report["labelled"], report["figures"]["documents"]) == (40, 30, 30)
    assert [(row["name"], "positives" in row) for row in report["sources"]] == [
        ("first", True), ("second", True), ("second", False),
    ]  # fmt: skip
    assert sum(row["documents"] for row in report["sources"]) == 40


def test_the_errors_are_the_worst_of_each_side_worst_first() -> None:
    scores = spread()
    texts = report_of(documents(), scores)["texts"]
    labels = np.arange(40) % 2 == 0
    assert [row["score"] for row in texts["negatives"]] == np.sort(scores[~labels])[::-1].round(4).tolist()
    assert [row["score"] for row in texts["positives"]] == np.sort(scores[labels]).round(4).tolist()


def test_texts_with_nothing_left_are_neither_errors_nor_kept() -> None:
    scores = spread()
    scores[:4] = np.nan
    report = report_of(documents(), scores, threshold=0.0)
    assert report["nothing_left"] == 4
    assert len(report["texts"]["negatives"]) == 18
    assert report["threshold"]["keep_share"] == 1
    assert any("could not be scored" in sentence for sentence in report["warnings"])
    with pytest.raises(ValueError, match="nothing is left of any of the 4 texts"):
        report_of(documents(4, positive=[None] * 4), np.full(4, np.nan))


def test_a_keep_share_is_met_by_each_model_with_its_own_threshold() -> None:
    first, second = spread(), spread(seed=1) / 100
    report = report_of(documents(), first, second, keep_share=0.25)
    assert report["threshold"]["keep_share"] == report["against"]["threshold"]["keep_share"] == 0.25
    assert report["against"]["threshold"]["threshold"] < 0.01
    table = report["agreement"]["table"]
    assert table["both"] + table["first"] == table["both"] + table["second"] == 10


def test_what_a_reader_must_not_overlook_is_said() -> None:
    labels = np.arange(40) % 2 == 0
    lengthy = ["x" * (50 if label else 5) for label in labels]
    said = " ".join(report_of(documents(content=lengthy), np.where(labels, 0.9, 0.1))["warnings"])
    assert "bare length of a text reaches an AUC of 1.0" in said
    assert "Only 20 positives" in said
    assert "fewer than five sources or sites" in said
    assert "labels turned round" in " ".join(report_of(documents(), np.where(labels, 0.1, 0.9))["warnings"])
    apart = documents(source=["good" if label else "bad" for label in labels])
    assert "No source holds both classes" in " ".join(report_of(apart, spread())["warnings"])
    assert re.search(r"Weak on: .*first", " ".join(report_of(documents(), spread())["warnings"]))


def test_a_sound_evaluation_has_no_warnings() -> None:
    count = 2000
    labels = np.arange(count) % 2 == 0
    random = np.random.default_rng(0)
    scores = np.abs(
        np.where(labels, 0.0, 1.0) - np.abs(np.where(labels, 0.95, 0.95) + random.uniform(-0.04, 0.04, count))
    )
    table = documents(count, source=[f"s{i}" for i in random.integers(0, 12, count)],
                      content=["x" * n for n in random.integers(10, 99, count)])  # fmt: skip
    assert report_of(table, scores)["warnings"] == []


def test_equal_scores_that_defeat_a_keep_share_are_said() -> None:
    report = {"figures": None, "nothing_left": 0, "documents": 500, "keep_shares": [{"wanted": 0.1, "keep_share": 0.6}]}
    assert "keep share of 0.1 keeps 0.6" in warnings_of(report)[0]


@pytest.mark.parametrize("count", [1, 2, 90])
def test_plots_hold_for_few_and_for_many_sources_with_odd_names(count: int, tmp_path: Path) -> None:
    names = [f"来源 {i} $\\frac{{ & <b> {HOSTILE}" for i in range(count)]
    table = documents(180, source=[names[i // 2 % count] for i in range(180)])
    scores = spread(180)
    page = write(report_of(table, scores), [scores], tmp_path)
    assert "来源 0" in page.read_text()
    assert "来源 0" in (tmp_path / "histograms.svg").read_text()
    for plot in tmp_path.glob("*.svg"):
        ET.parse(plot)


def test_a_model_of_one_score_for_all_still_has_a_page() -> None:
    report = report_of(documents(), np.full(40, 0.5), np.full(40, 0.2))
    assert report["agreement"]["spearman"] is None
    assert "Spearman) –" in render(report, {})


def test_the_interval_of_a_share_holds_at_its_ends() -> None:
    """Wilson's interval of 0 of 10 ends at 0.278 (Brown, Cai and DasGupta 2001)."""
    low, high = wilson(np.array([0.0, 1.0]), np.array([10.0, 10.0]))
    assert (low[0], high[1]) == pytest.approx((0, 1), abs=1e-12)
    np.testing.assert_allclose((high[0], low[1]), (0.2775, 0.7225), atol=1e-3)


def test_words_for_people() -> None:
    assert (percent(0.1), percent(0.0123), percent(None), percent(0)) == ("10.0%", "1.23%", "–", "0.0%")
    assert excerpt("a\n\n b") == "a b"
    assert excerpt("x" * 100) == "x" * 90 + "…"
    assert printable("a\tb\n\x00\u202e\u200d") == "a\tb\n\ufffd\ufffd\u200d"
