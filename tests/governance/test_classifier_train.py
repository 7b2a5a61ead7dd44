"""`governance classifier train`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from classifiers.score import load_model, model_sha256, score
from classifiers.seeds import load_seeds
from governance.cli import app
from governance.errors import UsageError

GOOD = "The {0} of the river moves slowly because the {1} air above it carries heat away from the valley every {2}."
BAD = "Home | Login | Cart | buy {0} now | cheap {1} price | click {2} here | next page | free shipping to you"
CHINESE = "因为热空气上升，所以山谷里的{0}在夜里慢慢地变冷，而{1}把水汽带到了更高的{2}。"
WORDS = ("water", "warm", "night", "stone", "cold", "spring", "light", "wind", "winter", "forest", "dust", "summer")
MODEL = "[model]\ndim = 16\nbucket = 600_000\nmin_count = 1\nepochs = 5\n"


def texts(pattern: str, number: int, first: int = 0) -> list[str]:
    """Different texts of four lines each."""
    n = len(WORDS)
    picks = [[first + i * 4 + k for k in range(4)] for i in range(number)]
    return [
        "\n".join(pattern.format(WORDS[k % n], WORDS[k // n % n], f"{WORDS[k // n**2 % n]} {k}") for k in four)
        for four in picks
    ]


def write(path: Path, found: list[str], host: str) -> None:
    rows = [{"text": text, "url": f"https://{host}{i % 10}.org/{i}"} for i, text in enumerate(found)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def source(name: str, label: str, **more: Any) -> str:
    settings = {"name": name, "label": label, "path": f"{name}.jsonl"} | more
    return "[[source]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, pattern, number, first in (
        ("good", GOOD, 120, 0),
        ("bad", BAD, 150, 0),
        ("new_good", GOOD, 30, 5000),
        ("new_bad", BAD, 30, 5000),
    ):
        write(tmp_path / f"{name}.jsonl", texts(pattern, number, first), name.replace("_", ""))
    return tmp_path


TESTS = source("new_good", "positive", test=True) + source("new_bad", "negative", test=True)


def seed_list(folder: Path, head: str = "", sources: str | None = None, language: str = "en") -> Path:
    known = source("good", "positive", licence="MIT") + source("bad", "negative")
    body = f'language = "{language}"\ntitle = "Rivers"\nabout = "Good for rivers. Not good for anything else."\n'
    # A long shared sentence makes these texts alike, as pages of one template are.
    split = "[split]\nsimilarity = 0.95\n"
    path = folder / "seeds.toml"
    path.write_text(body + split + head + MODEL + (known if sources is None else sources), encoding="utf-8")
    return path


def train(path: Path, *flags: str, output: str = "model.bin") -> Any:
    return CliRunner().invoke(app, ["classifier", "train", str(path), "--output", str(path.parent / output), *flags])


def refusal(path: Path, *flags: str, output: str = "model.bin") -> str:
    """The message and remedy of a refusal, which leaves nothing behind."""
    before = sorted(path.parent.rglob("*"))
    found = train(path, *flags, output=output)
    assert isinstance(found.exception, UsageError), found.output
    assert sorted(path.parent.rglob("*")) == before
    return f"{found.exception}\n{found.exception.remedy}"


def test_one_command_writes_model_cards_and_the_documents_it_was_measured_on(folder: Path) -> None:
    found = train(seed_list(folder, sources=source("good", "positive") + source("bad", "negative") + TESTS))
    assert found.exit_code == 0, found.output
    out = folder / "model.bin"
    assert {path.name for path in folder.glob("*model*")} == {
        "model.bin",
        "model.json",
        "model.md",
        "model.test.parquet",
    }
    assert "held_out: AUC 1.000" in found.stdout and "other_sources: AUC 1.000" in found.stdout
    assert f"governance classifier evaluate {out}\n" in found.stdout
    assert f'l2.quality.models.en = "{out}"' in found.stdout
    scores = score(load_model(out), [*texts(GOOD, 3, 9000), *texts(BAD, 3, 9000)])
    assert (scores[:3] > 0.5).all() and (scores[3:] < 0.5).all()
    tested = pq.read_table(folder / "model.test.parquet")
    assert {"content", "positive", "source", "site", "set"} == set(tested.column_names)
    assert set(tested["set"].to_pylist()) == {"held_out", "other_sources"}


def test_json_is_one_object_and_the_card_for_machines_says_the_same(folder: Path) -> None:
    body = json.loads(train(seed_list(folder), "--json").stdout)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert card == {name: value for name, value in body.items() if name not in ("seconds", "output")}
    assert card["sha256"] == model_sha256(folder / "model.bin")
    assert card["language"] == "en"
    assert card["sources"][0]["licence"] == "MIT"
    assert list(card["sources"][0]["files"]) == ["good.jsonl"]
    assert card["counts"]["sources"]["good"]["in"] == 120


def test_the_same_seeds_give_the_same_files(folder: Path) -> None:
    path = seed_list(folder)
    train(path)
    first = {one.name: one.read_bytes() for one in folder.glob("model.*")}
    assert train(path, "--force").exit_code == 0
    assert {one.name: one.read_bytes() for one in folder.glob("model.*")} == first


def test_a_model_that_is_there_is_not_overwritten_unasked(folder: Path) -> None:
    path = seed_list(folder)
    (folder / "model.json").write_text("mine")
    assert "model.json is there already" in refusal(path)


def test_seeds_that_hold_items_of_a_question_set_are_left_out_and_counted(folder: Path) -> None:
    question = json.dumps({"question": texts(GOOD, 1)[0], "answer": "wind"})
    (folder / "river_quiz.jsonl").write_text(question + "\n")
    body = json.loads(train(seed_list(folder, '[contamination]\nsets = ["river_quiz.jsonl"]\n'), "--json").stdout)
    assert body["counts"]["sources"]["good"]["contaminated"] >= 1
    assert body["counts"]["sources"]["bad"]["contaminated"] == 0
    assert list(body["question_sets"]) == ["river_quiz"]


def test_chinese_seeds_train_by_the_same_path(folder: Path) -> None:
    write(folder / "good.jsonl", texts(CHINESE, 60), "good")
    write(
        folder / "bad.jsonl", texts("首页 | 登录 | 购物车 | 购买{0} | 特价{1} | 点击{2} | 下一页 | 免费送货", 60), "bad"
    )
    body = json.loads(train(seed_list(folder, language="zh"), "--json").stdout)
    assert body["metrics"]["held_out"]["auc"] > 0.95


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: seed_list(f, "[splitt]\nx = 1\n"), "unknown setting splitt; did you mean split?"),
        (lambda f: seed_list(f, sources=source("good", "positive")), "no source with label 'negative'"),
        (lambda f: seed_list(f, language="xx"), "language 'xx' is not known"),
        (lambda f: seed_list(f, language="zh"), "source 'good' is mostly not in 'zh'"),
        (
            lambda f: seed_list(f, sources=source("good", "positive", path="no*.jsonl") + source("bad", "negative")),
            "source 'good': no file at",
        ),
        (
            lambda f: seed_list(f, sources=source("good", "positive", text="body") + source("bad", "negative")),
            "source 'good': .* has no column body",
        ),
        (
            lambda f: seed_list(f, sources=source("good", "positive") + source("bad", "negative", path="good.jsonl")),
            "120 texts are in both classes",
        ),
        (
            lambda f: seed_list(
                f,
                sources=source("good", "positive")
                + source("bad", "negative")
                + source("again", "positive", path="good.jsonl", test=True)
                + source("new_bad", "negative", test=True),
            ),
            r"the test source 'again' \(good.jsonl\) overlaps the training sources: 120 of its 120",
        ),
        (lambda f: seed_list(f, "[contamination]\nsets = ['none.jsonl']\n"), "contamination.sets: no file"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(make: Any, message: str, folder: Path) -> None:
    import re

    assert re.search(message, refusal(make(folder)))


@pytest.mark.parametrize("content", ["", '{"text": ""}\n{"text": null}\n'])
def test_a_source_without_text_is_refused(content: str, folder: Path) -> None:
    (folder / "good.jsonl").write_text(content)
    assert "source 'good' holds no text" in refusal(seed_list(folder))


def test_a_training_that_fails_leaves_no_half_model(folder: Path) -> None:
    path = seed_list(folder)
    path.write_text(path.read_text().replace("epochs = 5", "epochs = 5\nlr = 1e30"))
    before = sorted(folder.rglob("*"))
    found = train(path)
    assert "Encountered NaN" in str(found.exception)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("output", "message"),
    [("model.json", "suffix of a card"), ("seeds.toml/m.bin", "is no folder"), (".", "there already")],
)
def test_an_output_that_cannot_be_written_is_refused(output: str, message: str, folder: Path) -> None:
    assert message in refusal(seed_list(folder), output=output)


def test_a_folder_is_no_output_even_by_force_and_a_store_none_at_all(folder: Path) -> None:
    path = seed_list(folder)
    assert "is a folder" in refusal(path, "--force", output=".")
    found = CliRunner().invoke(app, ["classifier", "train", str(path), "--output", "s3://bucket/m.bin"])
    assert "name a local file" in getattr(found.exception, "remedy", "")


def test_the_example_is_a_seed_list_that_loads_and_is_not_overwritten_unasked(tmp_path: Path) -> None:
    example = ["classifier", "train", "--example", str(tmp_path / "mine")]
    assert CliRunner().invoke(app, example).exit_code == 0
    seeds = load_seeds(tmp_path / "mine" / "seeds.toml")
    assert {item.test for item in seeds.source} == {True, False}
    assert isinstance(CliRunner().invoke(app, example).exception, UsageError)
    assert CliRunner().invoke(app, [*example, "--force"]).exit_code == 0


def test_no_seed_list_is_a_clear_message() -> None:
    found = CliRunner().invoke(app, ["classifier", "train"])
    assert found.exit_code == 2
    assert "--example FOLDER" in found.output
