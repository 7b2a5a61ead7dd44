"""Tokens are counted by the model's own tokenizer where it lies here, else by length, and it is said which."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.models import DEFAULT_MODEL, MARKER
from synth.token_counts import CHARS_PER_TOKEN, find_tokenizer, open_counter


def words_tokenizer(file: Path) -> None:
    """A tokenizer whose tokens are words."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    file.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(file))


def test_a_model_folder_is_counted_by_its_own_tokenizer(tmp_path: Path) -> None:
    words_tokenizer(tmp_path / "tokenizer.json")
    counter = open_counter(str(tmp_path))
    assert counter.is_exact and str(tmp_path) in counter.source
    assert counter.count(["one two three", "", "四五"], "en") == [3, 0, 1]
    chat = [{"role": "system", "content": "one"}, {"role": "user", "content": "two three"}]
    alone = counter.of_chats([[{"role": "user", "content": ""}]], "en")[0]
    assert counter.of_chats([chat, chat[:1]], "en") == [3 + 2 * alone, 1 + alone]


def test_a_hub_model_is_counted_by_the_tokenizer_in_the_local_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert find_tokenizer("org/model") is None
    cached = tmp_path / "hub" / "models--org--model"
    words_tokenizer(cached / "snapshots" / "abc" / "tokenizer.json")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("abc\n")
    assert find_tokenizer("org/model") == find_tokenizer("org/model", "abc") == cached / "snapshots/abc/tokenizer.json"
    assert find_tokenizer("org/model", "other") is None


def test_a_half_converted_bundled_model_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNANCE_CACHE", str(tmp_path))
    words_tokenizer(tmp_path / DEFAULT_MODEL / "tokenizer.json")
    assert find_tokenizer(DEFAULT_MODEL) is None
    (tmp_path / DEFAULT_MODEL / MARKER).write_text("{}")
    assert find_tokenizer(DEFAULT_MODEL) is not None


def test_without_a_tokenizer_length_decides_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    counter = open_counter("served-name")
    assert not counter.is_exact and "served-name" in counter.source and "by length" in counter.source
    for language, chars in CHARS_PER_TOKEN.items():
        assert counter.count(["x" * 900, ""], language) == [round(900 / chars), 0]
    assert counter.count(["x" * 900], "fr") == counter.count(["x" * 900], "zh")
