"""Language by windows over the text, with the real lid.176."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.language_id import LanguageModel, identify, load_language_model, model_path, model_sha256, windows
from stages.contract import check_plan
from stages.language import LanguageConfig, language, language_stage

ENGLISH = "The harbour was quiet in the early morning, and the boats lay side by side along the old stone quay. "
CHINESE = "清晨的港口十分安静，渔船沿着古老的石砌码头并排停靠，等待出海的渔民们还没有到来。"
GERMAN = "Der Hafen war früh am Morgen ruhig, und die Boote lagen Seite an Seite am alten Kai aus Stein. "


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_language_model()


def batch(*texts: str | None) -> pa.Table:
    return pa.table({"content": pa.array(texts, pa.string())})


def verdicts(model: LanguageModel, *texts: str | None, **options: object) -> list[tuple[str | None, str | None]]:
    out = language(batch(*texts), LanguageConfig(**options), model)
    return list(zip(out["lang"].to_pylist(), out["language.drop"].to_pylist(), strict=True))


def test_wanted_languages_pass_and_others_are_named(model: LanguageModel) -> None:
    assert verdicts(model, ENGLISH, CHINESE, GERMAN) == [("en", None), ("zh", None), ("de", "unwanted_language")]
    assert verdicts(model, ENGLISH, GERMAN, languages=("de",)) == [("en", "unwanted_language"), ("de", None)]


def test_text_that_says_nothing_is_uncertain(model: LanguageModel) -> None:
    assert verdicts(model, None, "", " \n\t ") == [(None, "uncertain")] * 3
    assert verdicts(model, "12 34 56 == 78")[0][1] == "uncertain"


def test_min_score_decides_what_is_uncertain(model: LanguageModel) -> None:
    mixed = GERMAN * 10 + ENGLISH * 100  # one window of three is German
    assert verdicts(model, mixed, min_score=0.8)[0] == ("en", "uncertain")
    assert verdicts(model, mixed, min_score=0.5)[0] == ("en", None)


def test_windows_look_past_a_foreign_head(model: LanguageModel) -> None:
    text = GERMAN * 10 + ENGLISH * 100
    assert verdicts(model, text, num_windows=1)[0][0] == "de"
    assert verdicts(model, text, num_windows=3)[0][0] == "en"
    assert verdicts(model, text, num_windows=1, window_chars=10_000)[0][0] == "en"


def test_line_breaks_do_not_change_the_language(model: LanguageModel) -> None:
    broken = ENGLISH.replace(" ", "\r\n\u2028")
    assert verdicts(model, broken) == verdicts(model, ENGLISH)


def test_windows_spread_from_start_to_end() -> None:
    text = "".join(chr(ord("a") + n // 100) for n in range(1000))
    assert windows(text, 100, 3) == ["a" * 100, "e" * 50 + "f" * 50, "j" * 100]
    assert windows(text, 100, 1) == ["a" * 100]
    assert windows("short", 100, 3) == ["short"]
    assert windows(" \n ", 100, 3) == []


def test_score_is_a_probability_and_rows_do_not_mix(model: LanguageModel) -> None:
    texts = [ENGLISH * 30, "", CHINESE * 30, GERMAN]
    together = identify(model, texts, 600, 3)
    alone = [identify(model, [text], 600, 3) for text in texts]
    assert together.languages == [guess.languages[0] for guess in alone]
    assert np.array_equal(together.scores, np.concatenate([guess.scores for guess in alone]))
    assert ((together.scores >= 0) & (together.scores <= 1)).all()


def test_model_is_named_by_its_hash_and_can_be_replaced(model: LanguageModel, tmp_path: Path) -> None:
    stage = language_stage(LanguageConfig())
    assert stage.identity is not None and stage.load is not None
    assert stage.identity(stage.config) == {"model_sha256": model_sha256(model_path())}
    copy = tmp_path / "lid.ftz"
    copy.write_bytes(model_path().read_bytes())
    assert stage.load(LanguageConfig(model=str(copy))).languages == model.languages
    with pytest.raises(ValueError, match="nowhere"):
        stage.load(LanguageConfig(model=str(tmp_path / "nowhere.bin")))


def test_empty_table_has_the_same_columns(model: LanguageModel) -> None:
    check_plan([language_stage(LanguageConfig())], ["content"])
    empty = language(batch(), LanguageConfig(), model)
    assert empty.schema == language(batch(ENGLISH), LanguageConfig(), model).schema


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), max_size=5))
def test_any_text_gets_a_language_or_a_reason(texts: list[str | None]) -> None:
    out = language(batch(*texts), LanguageConfig(), load_language_model())
    assert out["content"].to_pylist() == texts
    for lang, reason in zip(out["lang"].to_pylist(), out["language.drop"].to_pylist(), strict=True):
        assert reason is not None or lang in ("en", "zh")
