"""Static embeddings with a linear head: trained, written, read back, and refused where they cannot be right."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.static import (
    StaticClassifier,
    StaticConfig,
    check_static,
    fit_static,
    is_static,
    load_static,
    score_static,
    static_sha256,
)

GOOD = ["water", "reef", "polyp", "tree", "index", "珊瑚", "海洋", "动物"]
BAD = ["buy", "cheap", "click", "login", "cart", "登录", "购物", "优惠"]
BOTH = ["the", "a", "of", "的", "和"]


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A static model of 22 words: those of a side lie near each other."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["[UNK]", *GOOD, *BAD, *BOTH]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    vectors = np.random.default_rng(0).normal(size=(len(words), 16)).astype(np.float32)
    vectors[1 : 1 + len(GOOD), 0] += 3
    vectors[1 + len(GOOD) : 1 + len(GOOD) + len(BAD), 0] -= 3
    folder = tmp_path_factory.mktemp("static") / "tiny"
    StaticModel(vectors, tokenizer, max_length=None).save_pretrained(folder)
    return folder


def documents(number: int = 200, seed: int = 0) -> pa.Table:
    """Texts of ten words, half of them of the side's own."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(number):
        side = GOOD if i % 2 else BAD
        texts.append(" ".join(rng.choice([*side, *BOTH], 10)))
        labels.append(bool(i % 2))
    return pa.table({"content": texts, "positive": labels})


@pytest.fixture(scope="module")
def folder(embeddings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "static"
    fit_static(documents(), StaticConfig(embeddings=str(embeddings)), out)
    return out


@pytest.fixture(scope="module")
def classifier(folder: Path) -> StaticClassifier:
    return load_static(folder)


def test_it_tells_texts_it_has_not_seen_in_both_languages(classifier: StaticClassifier) -> None:
    scores = score_static(classifier, ["the reef of a polyp", "buy the cheap cart", "海洋 的 珊瑚", "登录 购物 优惠"])
    assert (scores > 0.5).tolist() == [True, False, True, False]


def test_the_head_is_that_of_the_penalised_likelihood(embeddings: Path, tmp_path: Path) -> None:
    """At the optimum the gradient of the objective, as written in the textbook, is zero."""
    cfg = StaticConfig(embeddings=str(embeddings), l2=0.01)
    table = documents(60, seed=1)
    fit_static(table, cfg, tmp_path / "s")
    model = load_static(tmp_path / "s")
    features = model.model.encode(table["content"].to_pylist()).astype(np.float64)
    labels, scale = np.array(table["positive"].to_pylist(), dtype=float), features.std(axis=0)
    error = score_static(model, table["content"].to_pylist()) - labels
    standard = (features - features.mean(axis=0)) / scale
    gradient = standard.T @ error / len(labels) + cfg.l2 * model.weights * scale
    assert abs(error.mean()) < 1e-4
    assert np.abs(gradient).max() < 1e-4


def test_texts_without_a_known_token_have_no_score(classifier: StaticClassifier) -> None:
    scores = score_static(classifier, ["", "  \n ", "zzz qqq", "\x00\ufffd", "reef"])
    assert np.isnan(scores).tolist() == [True, True, True, True, False]
    assert score_static(classifier, []).shape == (0,)


@settings(max_examples=50)
@given(st.lists(st.text(max_size=200) | st.sampled_from([*GOOD, *BAD, "reef reef 登录"]), max_size=8))
def test_a_score_is_a_probability_and_depends_on_its_own_text_alone(
    classifier: StaticClassifier, texts: list[str]
) -> None:
    scores = score_static(classifier, texts)
    alone = [score_static(classifier, [text])[0] for text in texts]
    np.testing.assert_array_equal(scores, np.array(alone, dtype=float))
    assert ((scores[~np.isnan(scores)] >= 0) & (scores[~np.isnan(scores)] <= 1)).all()


def test_the_same_rows_in_another_order_give_the_same_bytes(embeddings: Path, folder: Path, tmp_path: Path) -> None:
    table = documents()
    turned = pa.concat_tables([table.slice(150), table.slice(0, 150)])
    nothing = pa.table({"content": [None, "", "zzz"], "positive": [True, False, False]})
    fit_static(
        pa.concat_tables([turned, nothing], promote_options="default"),
        StaticConfig(embeddings=str(embeddings)),
        tmp_path / "x",
    )
    assert static_sha256(tmp_path / "x") == static_sha256(folder)


def test_a_row_that_is_there_twice_counts_twice(embeddings: Path, tmp_path: Path) -> None:
    once = pa.table({"content": ["reef", "reef the", "login the"], "positive": [True, True, False]})
    twice = pa.concat_tables([once, once.slice(2)])
    for name, table in (("once", once), ("twice", twice)):
        fit_static(table, StaticConfig(embeddings=str(embeddings)), tmp_path / name)
    one, two = (score_static(load_static(tmp_path / name), ["login the"])[0] for name in ("once", "twice"))
    assert two < one


def test_the_folder_holds_the_static_model_itself(folder: Path) -> None:
    head = check_static(folder)
    assert (head["kind"], head["embeddings"], head["labels"]) == ("static", "tiny", ["neg", "pos"])
    assert {"head.npy", "embeddings/model.safetensors", "embeddings/tokenizer.json"} <= set(head["files"])
    assert is_static(folder)
    assert not is_static(folder / "embeddings")


def test_options_change_the_model(embeddings: Path, folder: Path, tmp_path: Path) -> None:
    fit_static(documents(), StaticConfig(embeddings=str(embeddings), l2=10.0), tmp_path / "l2")
    fit_static(documents(), StaticConfig(embeddings=str(embeddings), max_tokens=2), tmp_path / "short")
    hashes = {static_sha256(path) for path in (folder, tmp_path / "l2", tmp_path / "short")}
    assert len(hashes) == 3
    short = load_static(tmp_path / "short")
    head, tail = score_static(short, ["the a reef reef", "the a login login"])
    assert head == tail, "only the first two tokens count"


def test_the_hash_changes_with_any_file(embeddings: Path, tmp_path: Path) -> None:
    out = tmp_path / "s"
    fit_static(documents(), StaticConfig(embeddings=str(embeddings)), out)
    before = static_sha256(out)
    (out / "embeddings" / "config.json").write_text("{}")
    assert static_sha256(out) != before
    with pytest.raises(ValueError, match=r"embeddings/config\.json is not what training wrote"):
        load_static(out)


@pytest.mark.parametrize("positive", [True, False])
def test_one_class_is_refused(embeddings: Path, tmp_path: Path, positive: bool) -> None:
    table = pa.table({"content": ["reef", "polyp"], "positive": [positive] * 2})
    with pytest.raises(ValueError, match="both classes"):
        fit_static(table, StaticConfig(embeddings=str(embeddings)), tmp_path / "s")
    assert not is_static(tmp_path / "s")


def test_a_class_of_which_nothing_is_known_is_refused(embeddings: Path, tmp_path: Path) -> None:
    table = pa.table({"content": ["reef", "qqq"], "positive": [True, False]})
    with pytest.raises(ValueError, match="1 positives and 0 negatives"):
        fit_static(table, StaticConfig(embeddings=str(embeddings)), tmp_path / "s")


def test_embeddings_that_cannot_be_had_are_named_with_the_remedy(tmp_path: Path) -> None:
    for wanted in (str(tmp_path), str(tmp_path / "none"), "nobody/no-such-static-model"):
        with pytest.raises(ValueError, match=r"cannot be loaded.*model\.safetensors"):
            fit_static(documents(), StaticConfig(embeddings=wanted), tmp_path / "s")


def test_a_missing_package_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(ValueError, match=r"pip install 'governance\[static\]'"):
        fit_static(documents(), StaticConfig(embeddings="x"), tmp_path / "s")


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (None, "has no head.json"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        (json.dumps({"kind": "static", "labels": ["a", "b"], "files": {}}), "labels"),
        (json.dumps({"kind": "other", "labels": ["neg", "pos"], "files": {}}), "kind 'other'"),
        (json.dumps({"kind": "static", "labels": ["neg", "pos"], "files": {"head.npy": ""}}), "lacks head.npy"),
    ],
)
def test_a_folder_that_is_no_classifier_is_refused(tmp_path: Path, head: str | None, problem: str) -> None:
    if head is not None:
        (tmp_path / "head.json").write_text(head)
    with pytest.raises(ValueError, match=problem):
        load_static(tmp_path)
