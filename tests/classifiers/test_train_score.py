"""Training, the model file, and the published rule of the score."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from classifiers.card import write_cards
from classifiers.evaluate import auc, metrics
from classifiers.score import load_model, model_sha256, score
from classifiers.train import TrainConfig, held_out, train

SMALL = {"dim": 16, "bucket": 600_000, "min_count": 1, "epochs": 5}
WORDS = re.findall(r"\S+", "the water moves because heat rises and the cold air sinks below it 因为 热空气 上升")
MENU = re.findall(r"\S+", "home menu login cart price buy now click next page 登录 购物车 首页")


def sentences(number: int, seed: int) -> list[str]:
    source = random.Random(seed)
    return [" ".join(source.choices(WORDS, k=40)) + "." for _ in range(number)]


def menus(number: int, seed: int) -> list[str]:
    source = random.Random(seed)
    return [" | ".join(source.choices(MENU, k=25)) for _ in range(number)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("model") / "small.bin"
    tests = {"other": (sentences(20, 8), menus(20, 9))}
    return out, train(sentences(150, 1), menus(150, 2), TrainConfig(**SMALL), out, tests)


def test_a_trained_model_tells_its_classes_apart(trained: tuple[Path, dict]) -> None:
    path, report = trained
    assert report["metrics"]["held_out"]["auc"] > 0.99
    assert report["metrics"]["other"]["accuracy"] > 0.95
    assert report["training"] == {"positives": 135, "negatives": 135}
    assert report["sha256"] == model_sha256(path)
    assert report["bytes"] == path.stat().st_size
    classifier = load_model(path)
    assert (score(classifier, sentences(5, 77)) > 0.5).all()
    assert (score(classifier, menus(5, 77)) < 0.5).all()


def test_training_again_gives_the_same_bytes_whatever_the_order(trained: tuple[Path, dict], tmp_path: Path) -> None:
    path, _ = trained
    again = tmp_path / "again.bin"
    train(sentences(150, 1)[::-1], menus(150, 2)[::-1], TrainConfig(**SMALL), again)
    assert again.read_bytes() == path.read_bytes()


def test_quantising_makes_the_file_small_and_keeps_the_answers(trained: tuple[Path, dict], tmp_path: Path) -> None:
    small = tmp_path / "small.ftz"
    cfg = TrainConfig(**SMALL, quantise=True, cutoff=5000)
    report = train(sentences(150, 1), menus(150, 2), cfg, small)
    assert report["bytes"] < trained[1]["bytes"] / 10
    assert report["metrics"]["held_out"]["accuracy"] > 0.95


def test_one_class_or_a_text_in_both_is_refused_before_training(tmp_path: Path) -> None:
    cfg = TrainConfig(**SMALL)
    with pytest.raises(ValueError, match="__label__neg has 0 texts"):
        train(sentences(10, 1), [], cfg, tmp_path / "m.bin")
    with pytest.raises(ValueError, match="1 texts are in both classes"):
        train(sentences(10, 1), [*menus(10, 1), sentences(10, 1)[0]], cfg, tmp_path / "m.bin")
    assert not (tmp_path / "m.bin").exists()


def test_a_matrix_too_small_to_be_repeatable_is_refused() -> None:
    with pytest.raises(ValidationError, match="bucket 1000 is too small for dim 16: give at least 540672"):
        TrainConfig(dim=16, bucket=1000)


def test_held_out_lines_are_never_trained_on() -> None:
    lines = [str(i) for i in range(50)]
    kept, test = held_out(lines, 0.1)
    assert (len(kept), len(test)) == (45, 5)
    assert sorted(kept + test) == sorted(lines)
    assert [len(part) for part in held_out(["a", "b"], 0.9)] == [1, 1]


def test_auc_counts_pairs_and_ties_half() -> None:
    labels = np.array([True, True, False, False])
    assert auc(labels, np.array([0.9, 0.8, 0.2, 0.1])) == 1
    assert auc(labels, np.array([0.1, 0.2, 0.8, 0.9])) == 0
    assert auc(labels, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    with pytest.raises(ValueError, match="4 positives and 0 negatives"):
        auc(np.array([True] * 4), np.zeros(4))


def test_metrics_name_the_length_baseline() -> None:
    figures = metrics(np.array([True, False]), np.array([0.9, 0.6]), ["a long text", "short"])
    assert figures["auc_of_length"] == 1
    assert (figures["precision"], figures["recall"], figures["accuracy"]) == (0.5, 1, 0.5)


def test_cards_say_what_the_report_says(trained: tuple[Path, dict], tmp_path: Path) -> None:
    report = trained[1] | {
        "sources": [
            {"name": "a-doc", "version": "1", "licence": "MIT", "role": "prose", "test": True, "positives": 3,
             "negatives": 4}
        ]
    }  # fmt: skip
    write_cards(tmp_path / "small.bin", report, "A small model", "Good for tests.\n")
    assert json.loads((tmp_path / "small.json").read_text(encoding="utf-8")) == json.loads(json.dumps(report))
    card = (tmp_path / "small.md").read_text(encoding="utf-8")
    assert card.startswith("# A small model\n\nGood for tests.\n")
    assert "| a-doc | 1 | MIT | prose, test | 3 | 4 |" in card
    assert report["sha256"] in card
