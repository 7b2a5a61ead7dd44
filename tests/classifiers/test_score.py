"""The score: the numbers of fastText itself by the published rule, whatever the model's kind, and models refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.normalize import load_normalizer, normalize
from classifiers.score import (
    BUNDLED,
    Classifier,
    FastTextClassifier,
    LibraryClassifier,
    check_classifier,
    load_model,
    model_path,
    model_sha256,
    score,
    score_lines,
    windowed,
)
from tests.classifiers.test_normalize import NASTY, real_pages

ODD = [*NASTY, "", " \n"[:1], "\x85a", "a\u2028", "\u2028", "a </s> b </s>", "__label__pos x", "\x00 x \x0b", "zz qq"]
# Each another branch of the file or the arithmetic: quantised or not, n-grams or none, one label in front or the other.
KINDS: dict[str, dict[str, Any]] = {
    "dense": {"dim": 24, "wordNgrams": 3, "bucket": 400_000},
    "fast rows": {"dim": 256, "wordNgrams": 2, "bucket": 40_000},
    "words only": {"dim": 200, "wordNgrams": 1, "bucket": 50_000},
    "quantised": {"dim": 24, "wordNgrams": 2, "bucket": 400_000, "cutoff": 3_000},
    "subwords": {"dim": 24, "wordNgrams": 2, "bucket": 400_000, "minn": 2, "maxn": 3},
    "tree": {"dim": 24, "wordNgrams": 2, "bucket": 400_000, "loss": "hs"},
}
FIT = """
import fasttext, json, sys
path, out, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
cutoff = options.pop("cutoff", None)
model = fasttext.train_supervised(path, minCount=1, epoch=3, lr=0.5, thread=1, verbose=0, **options)
if cutoff:
    model.quantize(input=path, cutoff=cutoff, qnorm=True, thread=1)
model.save_model(out)
"""


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [*real_pages("en", 25), *real_pages("zh", 25), *ODD]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> dict[str, Path]:
    """A model of every kind, trained on real pages."""
    import json

    folder = tmp_path_factory.mktemp("models")
    lines = [line for line in normalize(load_normalizer(), texts) if line]
    labelled = [f"__label__{'pos' if i % 3 else 'neg'} {line[:3000]}\n" for i, line in enumerate(lines)]
    (folder / "train.txt").write_text("".join(labelled), encoding="utf-8", newline="\n")
    paths = {name: folder / f"{name}.bin" for name in KINDS}
    for name, options in KINDS.items():
        arguments = [str(folder / "train.txt"), str(paths[name]), json.dumps(options)]
        subprocess.run([sys.executable, "-c", FIT, *arguments], check=True)
    return paths


def as_published(path: Path, texts: list[str]) -> np.ndarray:
    """The scores of the published script: fastText's own predict on the published lines."""
    import fasttext

    return score_lines(fasttext.load_model(str(path)), normalize(load_normalizer(), texts))


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_published_script(kind: str, models: dict[str, Path], texts: list[str]) -> None:
    classifier = load_model(models[kind])
    assert isinstance(classifier, LibraryClassifier if kind in ("subwords", "tree") else FastTextClassifier)
    found = score(classifier, texts)
    np.testing.assert_allclose(found, as_published(models[kind], texts), rtol=0, atol=1e-6)
    scored = found[~np.isnan(found)]
    assert ((scored >= 0) & (scored <= 1)).all()
    assert len(scored) > 60


@pytest.mark.parametrize("language", ["en", "zh"])
def test_scores_of_the_bundled_models_are_those_of_the_published_script(language: str, texts: list[str]) -> None:
    found = score(load_model(model_path(language)), texts)
    np.testing.assert_allclose(found, as_published(model_path(language), texts), rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def both(models: dict[str, Path]) -> tuple[Classifier, Any]:
    import fasttext

    return load_model(models["dense"]), fasttext.load_model(str(models["dense"]))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=4))
def test_any_text_gets_the_published_score(both: tuple[Classifier, Any], texts: list[str]) -> None:
    lines = normalize(load_normalizer(), texts)
    np.testing.assert_allclose(score(both[0], texts), score_lines(both[1], lines), rtol=0, atol=1e-6)


def test_nothing_to_score_is_not_a_number_and_no_texts_no_scores(models: dict[str, Path]) -> None:
    for kind in ("dense", "subwords"):
        classifier = load_model(models[kind])
        assert np.isnan(score(classifier, ["", " \n"[:1], "\x0b \x1c"])).all()
        assert score(classifier, []).shape == (0,)


def test_a_score_does_not_depend_on_what_stands_beside_it(models: dict[str, Path], texts: list[str]) -> None:
    classifier = load_model(models["dense"])
    alone = np.concatenate([score(classifier, [text]) for text in texts])
    np.testing.assert_array_equal(score(classifier, texts), alone)


def test_a_window_is_ten_pieces_from_the_start_to_the_end() -> None:
    assert windowed("".join(map(chr, range(65, 65 + 58))), 20).split("\n") == [
        "AB", "GH", "MN", "ST", "YZ", "`a", "fg", "lm", "rs", "yz",
    ]  # fmt: skip
    assert windowed("abcdef", 6) == "abcdef"
    characters = "".join(map(chr, range(0x4E00, 0x4E00 + 200)))
    starts = (0, 22, 44, 66, 88, 110, 132, 154, 176, 199)
    assert windowed(characters, 10) == "\n".join(characters[i] for i in starts) == windowed(characters, 1)


def test_a_window_changes_the_scores_of_longer_texts_only(models: dict[str, Path]) -> None:
    classifier = load_model(models["dense"])
    pages = sorted(real_pages("en", 30), key=len)
    whole, part = score(classifier, pages), score(classifier, pages, window=900)
    long = np.array([len(page) > 900 for page in pages])
    np.testing.assert_array_equal(whole[~long], part[~long])
    assert (whole[long] != part[long]).any()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_model_of_the_other_language_is_refused(language: str) -> None:
    check_classifier(model_path(language), language)
    check_classifier(model_path(language), "de")
    other = {"en": "zh", "zh": "en"}[language]
    with pytest.raises(ValueError, match=f"trained on another language than '{other}'"):
        check_classifier(model_path(language), other)


def test_files_that_are_no_classifier_are_refused_by_name(tmp_path: Path) -> None:
    for check in (load_model, check_classifier, model_sha256):
        with pytest.raises(ValueError, match=r"none\.bin does not exist"):
            check(tmp_path / "none.bin")
    (tmp_path / "empty.bin").touch()
    (tmp_path / "text.bin").write_text("not a model" * 100)
    for name in ("empty", "text"):
        with pytest.raises(ValueError, match=rf"{name}\.bin is not a fastText classifier"):
            load_model(tmp_path / f"{name}.bin")


def test_labels_other_than_the_two_are_refused(tmp_path: Path) -> None:
    import fasttext

    lines = tmp_path / "lines.txt"
    lines.write_text("__label__good some words here\n__label__bad other words there\n" * 20)
    model = fasttext.train_supervised(str(lines), dim=16, bucket=600_000, wordNgrams=2, thread=1, verbose=0, epoch=0)
    model.save_model(str(tmp_path / "other.bin"))
    for check in (load_model, check_classifier):
        with pytest.raises(ValueError, match=r"other\.bin has labels .*__label__bad"):
            check(tmp_path / "other.bin")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_never_ends_the_process(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = (BUNDLED / "zh.ftz").read_bytes()
    head = data.draw(st.binary(min_size=1, max_size=12))
    at = data.draw(st.integers(0, 400) | st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(at, len(whole)) | st.just(len(whole)))
    path = tmp_path_factory.getbasetemp() / "damaged.ftz"
    path.write_bytes((whole[:at] + head + whole[at + len(head) :])[:end])
    try:
        classifier = load_model(path)
    except ValueError as error:
        assert "damaged.ftz" in str(error)
    else:
        assert score(classifier, ["一些文字 and words"]).shape == (1,)


def test_the_hash_of_a_model_is_that_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"a")
    assert model_sha256(tmp_path / "a.bin") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def test_bundled_is_the_model_of_the_language_and_a_path_is_itself() -> None:
    assert model_path("zh").name == "zh.ftz"
    assert model_path("zh", "/models/released.bin") == Path("/models/released.bin")
