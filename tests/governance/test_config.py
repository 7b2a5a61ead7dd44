"""Settings survive the file that `governance init` writes, one is set by its name, and a wrong one is named."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from governance.config import Settings, commented_toml, load, setting_names
from governance.errors import UsageError


def values(model: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Every setting of a tree by its dotted name."""
    found: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        found |= values(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else {f"{prefix}{name}": value}
    return found


def at(settings: BaseModel, name: str) -> Any:
    return values(settings)[name]


def test_the_written_file_loads_back_to_the_same_settings(tmp_path: Path) -> None:
    file = tmp_path / "governance.toml"
    file.write_text(commented_toml(Settings()), encoding="utf-8")
    assert load(str(file)) == Settings()


def test_settings_that_are_not_the_defaults_survive_the_file_too(tmp_path: Path) -> None:
    changed = load(
        None,
        [
            'l2.quality.models.zh=C:\\models\\"zh".bin',
            "l1.gopher_repetition.en.top_n_grams=[[2, 0.5]]",
            "l3.engine.endpoints=http://host:8000/v1",
            "l3.engine.languages=['en']",
            "l1.clean.extra_boilerplate=['登录', \"it's # a 'quote'\"]",
            "l3.max_documents=7",
        ],
    )
    file = tmp_path / "governance.toml"
    file.write_text(commented_toml(changed), encoding="utf-8")
    assert load(str(file)) == changed != Settings()


def test_every_setting_stands_in_the_file_by_its_name() -> None:
    text = commented_toml(Settings())
    unset = [name for name, value in values(Settings()).items() if value in (None, {})]
    assert unset
    for name in unset:
        assert f"\n# {name.rpartition('.')[2]} =" in text
    written = tomllib.loads(text)
    for name in values(Settings()).keys() - set(unset):
        group: Any = written
        for key in name.split("."):
            group = group[key]


def test_the_comment_beside_or_above_a_setting_in_the_source_stands_in_the_file() -> None:
    lines = commented_toml(Settings()).splitlines()

    def of(name: str) -> str:
        place = next(i for i, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{name} ="))
        return f"{lines[place - 1]} {lines[place]}"

    assert "seconds after which a stuck task is started a second time" in of("straggler_after_s")  # beside
    assert "Share of rows on which a stage may fail" in of("max_error_rate")  # above
    assert "language -> fastText .bin or .ftz" in of("models")
    assert "null takes" in of("text_column")  # of a setting without a value
    assert max(map(len, (line for line in lines if line.startswith("max_")))) <= 130


@pytest.mark.parametrize(
    ("override", "name", "value"),
    [
        ("l2.quality.threshold=0.6", "l2.quality.threshold", 0.6),
        ("l1.gopher_quality.en.min_words=80", "l1.gopher_quality.en.min_words", 80),
        ("l1.clean.repair_mojibake=false", "l1.clean.repair_mojibake", False),
        ("l3.engine.model=Qwen/Qwen3-4B", "l3.engine.model", "Qwen/Qwen3-4B"),
        ('l3.engine.model="a b"', "l3.engine.model", "a b"),
        ("l3.engine.endpoints=http://h:1/v1?a=b", "l3.engine.endpoints", ("http://h:1/v1?a=b",)),
        ('l3.synthesize.tasks=["qa"]', "l3.synthesize.tasks", ("qa",)),
        ("l2.quality.models={en = 'x.bin'}", "l2.quality.models", {"en": "x.bin"}),
        ("l2.quality.models.en=x.bin", "l2.quality.models", {"en": "x.bin", "zh": "bundled"}),
        ("l2.quality.models.fr=x.bin", "l2.quality.models", {"en": "bundled", "zh": "bundled", "fr": "x.bin"}),
    ],
)
def test_one_setting_is_set_by_name(override: str, name: str, value: Any) -> None:
    assert at(load(None, [override]), name) == value


def test_an_entry_that_is_set_changes_the_dictionary_of_the_file_and_the_last_one_counts(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[l2.quality]\nthreshold = 0.1\nmodels = {zh = 'zh.bin'}\n")
    settings = load(str(file), ["l2.quality.models.en=a.bin", "l2.quality.models.en=b.bin"])
    assert settings.l2.quality.models == {"zh": "zh.bin", "en": "b.bin"}
    assert settings.l2.quality.threshold == 0.1


@pytest.mark.parametrize(
    ("override", "message", "remedy"),
    [
        ("l1.clean.min_char=3", "unknown setting l1.clean.min_char", "did you mean l1.clean.min_chars?"),
        ("l1.gopher_qualty.en.min_words=3", "unknown setting l1.gopher_qualty", "did you mean l1.gopher_quality?"),
        ("l2.thresold=0.6", "unknown setting l2.thresold", "did you mean l2.quality.threshold?"),
        ("xyzzy=1", "unknown setting xyzzy", "governance init"),
        ("l2.quality.threshold=high", "setting l2.quality.threshold = 'high'", "governance init"),
        ("l2.quality.threshold=1.5", "setting l2.quality.threshold = 1.5: .*less than or equal to 1", ""),
        ("l3.max_documents=0", "setting l3.max_documents = 0", ""),
        ("l2.quality.models={}", "models is empty", ""),
        ("l1.clean=5", "setting l1.clean = 5", ""),
        ("l1.clean.min_chars.x=5", "setting l1.clean.min_chars = {'x': 5}", ""),
        ("l2.quality.threshold", "is not name=value", "write for example"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(override: str, message: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        load(None, [override])
    assert remedy in error.value.remedy


def test_a_value_set_below_a_value_of_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[l2.quality]\nthreshold = 0.1\n")
    with pytest.raises(UsageError, match="'threshold' is a value, not a group"):
        load(str(file), ["l2.quality.threshold.en=0.6"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[l1\n", "is no TOML.*line 1"),
        (b"\xff\xfe\x00", "is no TOML"),
        (b"[l1.clen]\nmin_chars = 3\n", "unknown setting l1.clen"),
        (b"[l1.clean]\nmin_chars = [" + b"1," * 500 + b"]\n", r"setting l1.clean.min_chars = \[1, .{0,80}\.\.\.:"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "s.toml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load(str(file))


def test_a_settings_file_that_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no settings file .*nowhere\.toml"):
        load(str(tmp_path / "nowhere.toml"))
    with pytest.raises(UsageError, match="cannot read"):
        load(str(tmp_path))


@given(st.sampled_from(sorted(setting_names(Settings))), st.sampled_from("abcdefgh_"), st.integers(0, 3))
def test_one_more_letter_in_the_last_word_of_a_setting_is_answered_with_the_setting(
    name: str, letter: str, place: int
) -> None:
    group, dot, last = name.rpartition(".")
    wrong = f"{group}{dot}{last[:place]}{letter}{last[place:]}"
    if wrong in set(setting_names(Settings)) or len(last) < 4 or group == "l2.quality.models":
        return
    with pytest.raises(UsageError, match="unknown setting") as error:
        load(None, [f"{wrong}=1"])
    assert f"did you mean {name}?" == error.value.remedy


def test_a_setting_of_one_language_leaves_its_others(tmp_path: Path) -> None:
    """The defaults of Chinese are not those of its class, which are English."""
    file = tmp_path / "zh.toml"
    file.write_text("[l1.gopher_quality.zh]\nmin_words = 100\n", encoding="utf-8")
    defaults = Settings().l1.gopher_quality
    for settings in (load(str(file)), load(None, ["l1.gopher_quality.zh.min_words=100"])):
        assert settings.l1.gopher_quality.en == defaults.en
        assert settings.l1.gopher_quality.zh == defaults.zh.model_copy(update={"min_words": 100})
