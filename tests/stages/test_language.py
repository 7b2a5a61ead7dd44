"""Language, a second language and Chinese script by windows over the text, with the real lid.176."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.language_id import LanguageModel, load_language_model, model_path, model_sha256
from stages.chinese import script_marks
from stages.contract import check_plan
from stages.language import LanguageConfig, language, language_stage
from stages.language_kernels import SIMPLIFIED, TRADITIONAL
from tests.corpora import pages_of, texts_of

ENGLISH = "The harbour was quiet in the early morning, and the boats lay side by side along the old stone quay.\n"
CHINESE = "清晨的港口十分安静，渔船沿着古老的石砌码头并排停靠，等待出海的渔民们还没有到来。\n"
TAIWAN = "清晨的港口十分安靜，漁船沿著古老的石砌碼頭並排停靠，等待出海的漁民們還沒有到來。\n"
GERMAN = "Der Hafen war früh am Morgen ruhig, und die Boote lagen Seite an Seite am alten Kai aus Stein.\n"
CODE = """template< class CharT, class Traits = std::char_traits<CharT>, class Alloc = std::allocator<CharT> >
std::basic_ostream<CharT, Traits>& operator<<(basic_ostream<CharT, Traits>& out, thread::id id);
size_type erase(const key_type& k); iterator find(const key_type& k) const noexcept; // (1)
#include <unordered_map>  #include <iomanip>  int main() { std::istringstream s("10 0x10 010"); }
"""


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_language_model()


def batch(*texts: str | None) -> pa.Table:
    return pa.table({"content": pa.array(texts, pa.string())})


def rows(model: LanguageModel, *texts: str | None, **options: Any) -> list[dict[str, Any]]:
    return language(batch(*texts), LanguageConfig(**options), model).to_pylist()


def verdicts(model: LanguageModel, *texts: str | None, **options: Any) -> list[tuple[str | None, str | None]]:
    return [(row["lang"], row["language.drop"]) for row in rows(model, *texts, **options)]


def test_wanted_languages_pass_and_others_are_named(model: LanguageModel) -> None:
    assert verdicts(model, ENGLISH, CHINESE, GERMAN) == [("en", None), ("zh", None), ("de", "unwanted_language")]
    assert verdicts(model, ENGLISH, GERMAN, languages=("de",)) == [("en", "unwanted_language"), ("de", None)]


def test_text_that_says_nothing_is_uncertain(model: LanguageModel) -> None:
    assert verdicts(model, None, "", " \n\t ", "\x00") == [(None, "uncertain")] * 4
    digests = [hashlib.sha256(bytes([number])).digest() for number in range(60)]
    noise = [
        "12 34 56 == 78",
        "\n".join(base64.b64encode(digest).decode() for digest in digests),
        " ".join(digest[:3].hex() for digest in digests),
        " ".join(str(int.from_bytes(digest[:3])) for digest in digests),
    ]
    assert {drop for _, drop in verdicts(model, *noise)} == {"uncertain"}
    assert {row["lang_score"] for row in rows(model, None, "")} == {0.0}


def test_code_among_english_leaves_the_page_certain_by_its_lead(model: LanguageModel) -> None:
    page = (ENGLISH + CODE) * 10
    row = rows(model, page)[0]
    assert row["lang"] == "en" and row["lang_score"] < 0.65 and row["language.drop"] is None
    assert verdicts(model, page, min_lead=1e9) == [("en", "uncertain")]


def test_min_score_decides_where_nothing_else_does(model: LanguageModel) -> None:
    short = "Alle Boote: port side"
    score = rows(model, short)[0]["lang_score"]
    strict = {"languages": ("en", "de"), "min_lead": 1e9}
    assert verdicts(model, short, min_score=score + 0.01, **strict)[0][1] == "uncertain"
    assert verdicts(model, short, min_score=score - 0.01, **strict)[0][1] is None


def test_windows_look_past_a_foreign_head(model: LanguageModel) -> None:
    text = GERMAN * 10 + ENGLISH * 100
    assert verdicts(model, text, num_windows=1, window_bytes=500)[0][0] == "de"
    assert verdicts(model, text, num_windows=3, window_bytes=500)[0][0] == "en"
    assert verdicts(model, text, num_windows=1, window_bytes=20_000)[0][0] == "en"


def test_windows_reach_the_end_of_a_long_text(model: LanguageModel) -> None:
    text = ENGLISH * 400 + GERMAN * 100
    row = rows(model, text)[0]
    assert row["lang_second"] == "de" and row["lang_second_share"] == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("pattern", ["halves", "paragraphs in turn"])
@pytest.mark.parametrize("pair", [(ENGLISH, CHINESE), (GERMAN, ENGLISH), (CHINESE, GERMAN)])
def test_a_page_in_two_languages_names_both(model: LanguageModel, pair: tuple[str, str], pattern: str) -> None:
    first, second = (text * 3 for text in pair)
    text = first * 8 + second * 8 if pattern == "halves" else (first + second) * 8
    row = rows(model, text, languages=("en", "zh", "de"))[0]
    names = {ENGLISH: "en", CHINESE: "zh", GERMAN: "de"}
    assert {row["lang"], row["lang_second"]} == {names[part] for part in pair}
    assert 0.25 < row["lang_second_share"] < 0.6
    assert row["language.drop"] is None  # the second language is why the score is low


def test_a_page_in_one_language_has_no_second(model: LanguageModel) -> None:
    for row in rows(model, ENGLISH * 50, CHINESE * 50, ENGLISH * 50 + CHINESE):
        assert row["lang_second"] is None and row["lang_second_share"] == 0.0


def test_options_of_mixed_pages_decide(model: LanguageModel) -> None:
    text = ENGLISH * 40 + GERMAN * 10
    assert rows(model, text)[0]["lang_second"] == "de"
    assert rows(model, text, min_second_share=0.5)[0]["lang_second"] is None
    assert verdicts(model, text, max_second_share=0.1) == [("en", "mixed_language")]
    assert verdicts(model, text, max_second_share=0.5) == [("en", None)]


def test_passages_are_as_long_as_asked(model: LanguageModel) -> None:
    text = (ENGLISH + GERMAN) * 20
    assert rows(model, text, passage_bytes=50)[0]["lang_second"] == "de"
    whole = rows(model, text, passage_bytes=100_000)[0]
    assert whole["lang_second"] is None


def test_text_without_line_ends_has_passages_too(model: LanguageModel) -> None:
    text = " ".join([ENGLISH.strip()] * 40 + [GERMAN.strip()] * 40)
    assert {rows(model, text)[0][name] for name in ("lang", "lang_second")} == {"en", "de"}


def test_simplified_and_traditional_chinese_are_told_apart(model: LanguageModel) -> None:
    found = rows(model, CHINESE, TAIWAN, CHINESE + TAIWAN, ENGLISH, "日本語の文章はここにあります。これは漢字です。")
    assert [row["lang_script"] for row in found] == ["hans", "hant", "mixed", None, None]
    assert rows(model, "山川大地日月星辰人心中文")[0]["lang_script"] is None  # written the same in both


def test_scripts_say_which_chinese_is_kept(model: LanguageModel) -> None:
    texts = (CHINESE, TAIWAN, CHINESE + TAIWAN, ENGLISH)
    reasons = [drop for _, drop in verdicts(model, *texts, scripts=("hans",))]
    assert reasons == [None, "unwanted_script", "unwanted_script", None]
    assert [drop for _, drop in verdicts(model, *texts, scripts=("hant", "mixed"))] == ["unwanted_script", *[None] * 3]
    assert [drop for _, drop in verdicts(model, *texts)] == [None] * 4


def test_a_quotation_in_the_other_script_is_put_up_with(model: LanguageModel) -> None:
    text = CHINESE * 20 + TAIWAN
    assert rows(model, text)[0]["lang_script"] == "hans"
    assert rows(model, text, max_other_script_ratio=0.01)[0]["lang_script"] == "mixed"


def test_characters_that_both_scripts_write_tell_nothing() -> None:
    marks = script_marks()
    assert not marks[[ord(char) for char in "后里台面干乾著云群山的"]].any()
    assert (marks[[ord(char) for char in "国发汉们这"]] == SIMPLIFIED).all()
    assert (marks[[ord(char) for char in "國發漢們這裡裏"]] == TRADITIONAL).all()


def test_real_chinese_manuals_are_in_one_script(model: LanguageModel, crawl: dict[str, Path]) -> None:
    out = language(texts_of(pages_of(crawl["zh"], 60)), LanguageConfig(), model)
    scripts = [row["lang_script"] for row in out.to_pylist() if row["lang"] == "zh"]
    assert len(scripts) > 10 and set(scripts) <= {"hans", "hant"}


def test_line_breaks_do_not_change_the_language(model: LanguageModel) -> None:
    broken = ENGLISH.strip().replace(" ", "\r\n\u2028")
    assert verdicts(model, broken) == verdicts(model, ENGLISH)


def test_score_is_a_probability_and_rows_do_not_mix(model: LanguageModel) -> None:
    texts = [ENGLISH * 300, "", CHINESE * 30, None, GERMAN]
    together = rows(model, *texts)
    assert together == [rows(model, text)[0] for text in texts]
    assert all(0 <= row["lang_score"] <= 1 for row in together)


def test_a_slice_of_a_table_reads_its_own_rows(model: LanguageModel) -> None:
    table = pa.concat_tables([batch(GERMAN, ENGLISH), batch(CHINESE)]).slice(1)
    assert language(table, LanguageConfig(), model)["lang"].to_pylist() == ["en", "zh"]


def test_model_is_named_by_its_hash_and_can_be_replaced(model: LanguageModel, tmp_path: Path) -> None:
    stage = language_stage(LanguageConfig())
    assert stage.identity is not None and stage.load is not None
    assert stage.identity(stage.config) == {"model_sha256": model_sha256(model_path())}
    copy = tmp_path / "lid.ftz"
    copy.write_bytes(model_path().read_bytes())
    assert stage.load(LanguageConfig(model=str(copy))).languages == model.languages


def test_empty_table_has_the_same_columns(model: LanguageModel) -> None:
    stage = language_stage(LanguageConfig())
    check_plan([stage], ["content"])
    empty = language(batch(), LanguageConfig(), model)
    assert empty.schema == language(batch(ENGLISH), LanguageConfig(), model).schema
    assert tuple(empty.column_names) == ("content", *stage.adds)


@settings(max_examples=60)
@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), max_size=5), st.integers(64, 80), st.integers(1, 4))
def test_any_text_gets_a_language_or_a_reason(texts: list[str | None], size: int, count: int) -> None:
    cfg = LanguageConfig(window_bytes=size, num_windows=count, passage_bytes=1)
    out = language(batch(*texts), cfg, load_language_model())
    assert out["content"].to_pylist() == texts
    for row in out.to_pylist():
        assert row["language.drop"] is not None or row["lang"] in ("en", "zh")
        assert 0 <= row["lang_second_share"] <= 1 and np.isfinite(row["lang_score"])
        assert row["lang_second"] != row["lang"] or row["lang"] is None


def test_hostile_text_does_no_harm(model: LanguageModel) -> None:
    texts = [
        "a" * 1_000_000,
        "\U0001f600" * 10_000,
        "\n" * 100_000,
        "\x00\x01" * 1000,
        "__label__en " * 50,
        "港" * 50_000,
    ]
    assert len(rows(model, *texts)) == len(texts)
