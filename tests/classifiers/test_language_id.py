"""The language model's file read without fastText: the same numbers as fastText, for every kind of model it makes."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers import fit
from classifiers.fasttext_file import fnv
from classifiers.language_id import LanguageModel, load_language_model, model_path
from stages.language import LanguageConfig, language

LINES = {
    "en": "the boats lay side by side along the old stone quay and nobody had come down to the harbour yet",
    "de": "die boote lagen seite an seite am alten kai aus stein und niemand war schon zum hafen gekommen",
    "zh": "清晨 的 港口 十分 安静 渔船 沿着 古老 的 石砌 码头 并排 停靠 等待 出海 渔民 没有 到来",
}


def guesses(model: LanguageModel, texts: list[str]) -> tuple[list[str | None], np.ndarray]:
    table = pa.table({"content": pa.array(texts, pa.string())})
    out = language(table, LanguageConfig(num_windows=1, window_bytes=1 << 16), model)
    return out["lang"].to_pylist(), out["lang_score"].to_numpy()


def peer(model: Any, texts: list[str]) -> tuple[list[str | None], np.ndarray]:
    labels, scores = model.predict([text.replace("\n", " ") for text in texts], k=1)
    names = [label[0].removeprefix("__label__").replace("als", "gsw") for label in labels]
    return names, np.minimum([score[0] for score in scores], 1.0)


@pytest.fixture(scope="module")
def both() -> tuple[LanguageModel, Any]:
    import fasttext

    return load_language_model(), fasttext.load_model(str(model_path()))


@settings(max_examples=100)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80), min_size=1, max_size=5))
def test_any_text_gets_the_probability_fasttext_gives(both: tuple[LanguageModel, Any], texts: list[str]) -> None:
    ours, theirs = guesses(both[0], texts), peer(both[1], texts)
    for lang, score, expected, value in zip(*ours, *theirs, strict=True):
        assert lang is None or abs(score - value) < 1e-3
        assert lang in (None, expected) or abs(score - value) < 1e-5  # two languages may stand equal


def test_real_pages_get_the_language_fasttext_gives(both: tuple[LanguageModel, Any], crawl: dict[str, Path]) -> None:
    texts = [path.read_bytes()[:4000].decode("latin-1") for path in crawl.values()]
    texts += [f"{line}\n" * 50 for line in LINES.values()]
    ours, theirs = guesses(both[0], texts), peer(both[1], texts)
    assert ours[0] == theirs[0]
    assert np.allclose(ours[1], theirs[1], atol=1e-3)


@pytest.mark.parametrize("loss", ["hs", "softmax"])
@pytest.mark.parametrize("quantised", [False, True])
def test_models_of_other_kinds_are_read(loss: str, quantised: bool, tmp_path: Path) -> None:
    import fasttext

    lines = tmp_path / "lines.txt"
    lines.write_text("".join(f"__label__{code} {text}\n" for code, text in LINES.items()) * 100)
    options = {"dim": 10, "minn": 1, "maxn": 3, "bucket": 200_000, "epoch": 5, "loss": loss, "thread": 1}
    quantise = {"dsub": 4} if quantised else None
    job = {"input": str(lines), "output": str(tmp_path / "model"), "train": options, "quantise": quantise}
    # Training has a process of its own: see classifiers/fit.py.
    subprocess.run([sys.executable, fit.__file__, json.dumps(job)], check=True, capture_output=True)
    theirs = fasttext.load_model(str(tmp_path / "model"))
    ours = load_language_model(tmp_path / "model")
    assert set(ours.languages) == set(LINES)
    texts = [*LINES.values(), "the boote 港口"]
    found, expected = guesses(ours, texts), peer(theirs, texts)
    assert found[0] == expected[0]
    assert np.allclose(found[1], expected[1], atol=1e-3)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    for content in (b"", b"no model", model_path().read_bytes()[:1000]):
        (tmp_path / "broken.bin").write_bytes(content)
        with pytest.raises(ValueError, match=r"broken\.bin"):
            load_language_model(tmp_path / "broken.bin")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_language_model(tmp_path / "nowhere.bin")


def test_a_model_of_word_pairs_is_refused(tmp_path: Path) -> None:
    data = bytearray(model_path().read_bytes())
    data[28:32] = struct.pack("<i", 2)  # the argument wordNgrams
    (tmp_path / "pairs.bin").write_bytes(data)
    with pytest.raises(ValueError, match="length 1"):
        load_language_model(tmp_path / "pairs.bin")


def test_the_hash_is_fnv_of_signed_bytes() -> None:
    assert fnv(b"") == 2166136261
    assert fnv(b"a") == 0xE40C292C  # FNV-1a
    assert fnv("é".encode()) != (fnv(b"") ^ 0xC3) * 16777619 & 0xFFFFFFFF
