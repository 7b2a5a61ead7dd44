"""Training: the model file, its bytes, and what its cards say."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from classifiers.card import gaps, publish, write_cards
from classifiers.normalize import tokenizer_sha256
from classifiers.score import load_model, model_sha256, score
from classifiers.split import Sets, SplitConfig, prepare
from classifiers.train import TrainConfig, labelled_lines, train
from tests.classifiers.documents import SMALL, menus, rows, sentences, table

SOURCES = [
    {"name": "good", "version": "1", "licence": "MIT"},
    {"name": "bad", "version": "", "licence": ""},
    {"name": "new good", "version": "2", "licence": "CC0-1.0"},
    {"name": "new bad", "version": "", "licence": ""},
]


def sets_of(backwards: bool = False) -> Sets:
    documents = [
        *rows(sentences(150, 1), True, "good"),
        *rows(menus(150, 2), False, "bad"),
        *rows(sentences(20, 8), True, "new good", test=True),
        *rows(menus(20, 9), False, "new bad", test=True),
    ]
    return prepare(table(documents[::-1] if backwards else documents), SplitConfig())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("model") / "small.bin"
    return out, train(sets_of(), TrainConfig(**SMALL), out)


def test_a_trained_model_tells_its_classes_apart(trained: tuple[Path, dict]) -> None:
    path, report = trained
    assert {name: found["auc"] > 0.99 for name, found in report["metrics"].items()} == {
        "held_out": True,
        "other_sources": True,
    }
    assert report["counts"]["lines"] == {"positives": 135, "negatives": 135}
    assert (report["sha256"], report["bytes"]) == (model_sha256(path), path.stat().st_size)
    assert report["tokenizer_sha256"] == tokenizer_sha256()
    classifier = load_model(path)
    assert (score(classifier, sentences(5, 77)) > 0.5).all()
    assert (score(classifier, menus(5, 77)) < 0.5).all()


def test_training_again_gives_the_same_bytes_whatever_the_order(trained: tuple[Path, dict], tmp_path: Path) -> None:
    path, report = trained
    again = tmp_path / "small.bin"
    assert train(sets_of(backwards=True), TrainConfig(**SMALL), again) == report
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("option", [{"dim": 20}, {"lr": 0.5}, {"word_ngrams": 2}, {"min_count": 50}, {"epochs": 2}])
def test_every_setting_makes_another_model(option: dict, trained: tuple[Path, dict], tmp_path: Path) -> None:
    report = train(sets_of(), TrainConfig(**SMALL | option), tmp_path / "other.bin")
    assert report["sha256"] != trained[1]["sha256"]


def test_quantising_makes_the_file_small_and_keeps_the_answers(trained: tuple[Path, dict], tmp_path: Path) -> None:
    report = train(sets_of(), TrainConfig(**SMALL, quantise=True, cutoff=5000), tmp_path / "small.ftz")
    assert report["bytes"] < trained[1]["bytes"] / 10
    assert report["metrics"]["held_out"]["accuracy"] > 0.95


def test_the_steps_are_told_as_they_begin(tmp_path: Path) -> None:
    told: list[str] = []
    train(sets_of(), TrainConfig(**SMALL), tmp_path / "m.bin", told.append)
    assert told == ["normalising", "training fastText", "measuring"]


def test_lines_of_both_classes_are_mixed_and_nothing_is_left_out_but_what_is_empty() -> None:
    lines = labelled_lines(table(rows([*sentences(50, 1), "\u0301"], True, "a"), rows(menus(50, 2), False, "b")))
    labels = [line.split()[0] for line in lines]
    assert len(lines) == 100
    assert 20 < sum(a != b for a, b in pairwise(labels)) < 80
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)


def test_a_class_of_which_normalisation_leaves_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing of the documents with __label__neg"):
        labelled_lines(table(rows(sentences(5, 1), True, "a"), rows(["\u0301", "\u0300"], False, "b")))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dim": 16, "bucket": 1000}, "bucket 1000 is too small for dim 16: give at least 540672"),
        ({"kind": "static"}, r"\[model.static\] with embeddings go together"),
        ({"static": {"embeddings": "x"}}, r"\[model.static\] with embeddings go together"),
        ({"epochs": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainConfig(**wrong)


def test_a_learning_rate_that_breaks_fasttext_is_told_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Encountered NaN"):
        train(sets_of(), TrainConfig(**SMALL | {"lr": 1e30}), tmp_path / "m.bin")
    assert not (tmp_path / "m.bin").exists()


def test_cards_say_what_the_report_says(trained: tuple[Path, dict], tmp_path: Path) -> None:
    report: dict = trained[1] | {"sources": SOURCES, "language": "en"}
    write_cards(tmp_path / "small.bin", report, "A small model", "Good for tests.\n")
    assert json.loads((tmp_path / "small.json").read_text(encoding="utf-8")) == json.loads(json.dumps(report))
    card = (tmp_path / "small.md").read_text(encoding="utf-8")
    assert card.startswith("# A small model\n\nGood for tests.\n")
    assert "| good | 1 | MIT | positive | 150 | 135 | 15 | 0 | none |" in card
    assert "| new bad | - | not stated | negative | 20 | 0 | 0 | 20 | none |" in card
    assert report["sha256"] in card
    held_out = report["metrics"]["held_out"]
    low, high = held_out["auc_interval"]
    assert f"{held_out['auc']:.3f} [{low:.3f}, {high:.3f}]" in card


def test_the_card_tells_what_the_seeds_cannot_teach(trained: tuple[Path, dict]) -> None:
    report: dict = trained[1] | {"language": "en"}
    told = " ".join(gaps(report))
    assert "Languages other than `en`" in told
    assert "Much beyond `good`, which gave 100% of the positives" in told
    assert "without sites they were split by document" in told
    assert "How much of its figures on `held_out` is more than length" in told  # sentences are longer than menus
    assert "none was marked `test = true`" not in told
    alone: dict = report | {"metrics": {"held_out": report["metrics"]["held_out"] | {"auc_of_length": 0.5}}}
    told = " ".join(gaps(alone))
    assert "none was marked `test = true`" in told
    assert "more than length" not in told


def test_publishing_replaces_a_file_or_a_folder_with_everything_beside_it(tmp_path: Path) -> None:
    staging, out = tmp_path / ".m", tmp_path / "m"
    staging.mkdir()
    out.mkdir()
    (out / "head.json").write_text("old")
    (staging / "m").write_text("new")
    (staging / "m.json").write_text("card")
    publish(staging / "m", out)
    assert (out.read_text(), (tmp_path / "m.json").read_text()) == ("new", "card")
    assert list(staging.iterdir()) == []


def test_figures_are_numbers_that_json_knows(trained: tuple[Path, dict]) -> None:
    json.dumps(trained[1], allow_nan=False)
    assert math.isfinite(trained[1]["metrics"]["other_sources"]["auc_of_length"])
