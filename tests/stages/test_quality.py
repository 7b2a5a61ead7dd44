"""The L2 score and the verdict on it: each reason, each option, null and empty, both languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from classifiers.score import Classifier, model_path, windowed
from governance.plan import stage_identity
from stages.contract import check_plan
from stages.quality import (
    FAILED,
    FOUND,
    Cut,
    NotScoredError,
    QualityConfig,
    ScoreConfig,
    Selection,
    fixed_cuts,
    found_scores_stage,
    load_models,
    models_identity,
    quality,
    quality_stage,
    ranks_of,
    scores,
    scores_stage,
)

PROSE = (
    "Heat makes the air above a warm road expand, so it becomes lighter than the cooler air around it and rises. "
    "The cooler air then sinks to take its place, which is why a light wind often blows towards a fire. "
    "This movement is called convection, and it carries energy through every gas and liquid that is heated from below."
)
LISTING = (
    "Prev\nUp\nHome\nNext\nIndex\nA | B | C | D | E\nfoo(3) bar(3) baz(3) qux(3)\n--all --help --version --quiet\n"
) * 4
PROSE_ZH = (
    "软件包管理系统会记录每个软件包安装了哪些文件，因此删除软件包时可以准确地清理它们。"
    "如果一个软件包依赖另一个软件包，系统会先安装被依赖的软件包，然后再安装用户所要求的软件包。"
    "这种做法使系统始终保持一致的状态，管理员不必手工检查每一个文件。"
)
LISTING_ZH = (
    "上一页\n下一页\n起始页\n目录\n编辑\n查看\n插入\n格式\n工具\n窗口\n帮助\n打开(O)...\n保存(S)\n另存为...\n"
) * 4


@pytest.fixture(scope="module")
def models() -> dict[str, Classifier]:
    return load_models(QualityConfig())


def table(content: list[str | None], lang: list[str | None]) -> pa.Table:
    return pa.table({"content": pa.array(content, pa.string()), "lang": pa.array(lang, pa.string())})


def judged(batch: pa.Table, cfg: QualityConfig, models: dict[str, Classifier]) -> pa.Table:
    """Scored, then selected, as L2 does it."""
    return quality(scores(batch, ScoreConfig(window=cfg.window), models), cfg, fixed_cuts(cfg))


def selected(values: list[float | None], cut: Cut, **settings: Any) -> pa.Table:
    """The verdict on English pages of these scores."""
    batch = pa.table({"score": pa.array(values, pa.float32()), "lang": pa.array(["en"] * len(values), pa.string())})
    return quality(batch, Selection(**settings), {"en": cut})


def drops(content: list, lang: list, cfg: QualityConfig, models: dict[str, Classifier]) -> list[str | None]:
    return judged(table(content, lang), cfg, models)["quality.drop"].to_pylist()


def test_prose_is_kept_and_listings_get_low_score_in_both_languages(models: dict[str, Classifier]) -> None:
    content, lang = [PROSE, LISTING, PROSE_ZH, LISTING_ZH], ["en", "en", "zh", "zh"]
    assert drops(content, lang, QualityConfig(), models) == [None, "low_score", None, "low_score"]


def test_a_language_without_a_classifier_gets_no_model(models: dict[str, Classifier]) -> None:
    out = judged(table([PROSE, PROSE, None], ["de", None, "fr"]), QualityConfig(), models)
    assert out["quality.drop"].to_pylist() == ["no_model"] * 3
    assert out["score"].null_count == 3


def test_null_empty_and_blank_content_is_empty_and_has_no_score(models: dict[str, Classifier]) -> None:
    out = judged(table([None, "", " \n\t "[:1]], ["en", "en", "zh"]), QualityConfig(), models)
    assert out["quality.drop"].to_pylist() == ["empty"] * 3
    assert out["score"].null_count == out["score_bucket"].null_count == 3


def test_an_empty_table_gives_an_empty_table_with_the_same_types(models: dict[str, Classifier]) -> None:
    full = judged(table([PROSE], ["en"]), QualityConfig(), models)
    empty = judged(table([], []), QualityConfig(), models)
    assert empty.num_rows == 0
    assert empty.schema == full.schema
    assert full.schema.field("score").type == pa.float32()
    assert full.schema.field("score_bucket").type == pa.int16()
    assert full.schema.field("quality.drop").type == pa.string()


def test_threshold_changes_who_is_kept_and_not_the_score(models: dict[str, Classifier]) -> None:
    usual = judged(table([LISTING], ["en"]), QualityConfig(), models)
    low = usual["score"][0].as_py()
    # A score equal to the threshold is kept.
    loose = judged(table([LISTING], ["en"]), QualityConfig(threshold=low), models)
    strict = judged(table([LISTING], ["en"]), QualityConfig(threshold=low + 1e-4), models)
    assert usual["score"] == loose["score"] == strict["score"]
    assert loose["quality.drop"].to_pylist() == [None]
    assert strict["quality.drop"].to_pylist() == ["low_score"]


def test_buckets_divide_the_score_evenly_and_the_last_holds_one(models: dict[str, Classifier]) -> None:
    batch = table([PROSE, LISTING, PROSE[:120]], ["en"] * 3)
    for buckets in (1, 5, 20):
        out = judged(batch, QualityConfig(buckets=buckets), models)
        scores = np.array(out["score"].to_pylist(), dtype=np.float32)
        expected = np.minimum(np.floor(scores * np.float32(buckets)), buckets - 1).astype(int)
        assert out["score_bucket"].to_pylist() == expected.tolist()


def test_the_window_decides_how_much_of_a_page_is_looked_at(models: dict[str, Classifier]) -> None:
    page = "A simple text. " * 5 + "\n" + PROSE[:90]
    seen = windowed(page, 60)
    whole, cut, alone = (
        judged(table([text], ["en"]), QualityConfig(window=window), models)["score"][0].as_py()
        for text, window in ((page, len(page)), (page, 60), (seen, 0))
    )
    assert whole == judged(table([page], ["en"]), QualityConfig(), models)["score"][0].as_py()
    assert cut == alone != whole


def test_a_threshold_or_share_may_be_one_number_or_one_a_language() -> None:
    content, lang = pa.array([0.6, 0.6], pa.float32()), pa.array(["en", "zh"])
    batch = pa.table({"score": content, "lang": lang})
    cfg = QualityConfig(threshold={"en": 0.5, "zh": 0.7})
    assert quality(batch, cfg, fixed_cuts(cfg))["quality.drop"].to_pylist() == [None, "low_score"]
    shared = QualityConfig(keep_share={"en": 0.1}, threshold=0.7)
    assert shared.needs_ranks("en") and not shared.needs_ranks("zh")
    assert QualityConfig(keep_share=0.1).needs_ranks("zh")
    with pytest.raises(ValueError, match="'en' depends on all scores"):
        fixed_cuts(shared)


def test_buckets_by_rank_begin_at_their_edges_and_ties_share_one() -> None:
    cut = Cut(0.0, (0.2, 0.4, 0.4))
    out = selected([0.1, 0.2, 0.3, 0.4, 0.9, None], cut, buckets=4, bucket_by="rank")
    assert out["score_bucket"].to_pylist() == [0, 1, 1, 3, 3, None]


def test_a_page_that_ties_with_the_threshold_is_kept_as_float32() -> None:
    tie = float(np.float32(0.3))  # above 0.3 itself
    assert selected([0.3], Cut(tie))["quality.drop"].to_pylist() == [None]
    assert selected([0.3], Cut(0.3))["quality.drop"].to_pylist() == [None]
    assert selected([0.3], Cut(float(np.nextafter(np.float32(0.3), 1))))["quality.drop"].to_pylist() == ["low_score"]


def test_ranks_are_those_of_the_share_as_it_is_written() -> None:
    assert ranks_of(Selection(keep_share=0.07), "en", 100) == (93, [])  # 0.07 * 100 is 7.000000000000001
    assert ranks_of(Selection(keep_share={"en": 1}), "en", 5) == (0, [])
    assert ranks_of(Selection(keep_share=0.001), "en", 5) == (4, [])  # one page at least
    assert ranks_of(Selection(keep_share={"zh": 0.5}), "en", 5) == (None, [])
    assert ranks_of(Selection(bucket_by="rank", buckets=4), "en", 10) == (None, [2, 5, 7])
    assert ranks_of(Selection(bucket_by="rank", buckets=4), "en", 1) == (None, [0, 0, 0])


def test_a_found_score_is_as_good_as_a_new_one_and_a_row_that_broke_breaks_again() -> None:
    rows = {FOUND: pa.array([0.5, None], pa.float32()), FAILED: pa.array([None, None], pa.string())}
    stage = found_scores_stage(QualityConfig())
    assert stage.fn(pa.table(rows), stage.config)["score"].to_pylist() == [0.5, None]
    with pytest.raises(NotScoredError, match="it broke"):
        stage.fn(pa.table({**rows, FAILED: [None, "it broke"]}), stage.config)


def test_models_chooses_the_languages_that_are_scored(models: dict[str, Classifier]) -> None:
    cfg = QualityConfig(models={"en": "bundled"})
    assert drops([PROSE, PROSE_ZH], ["en", "zh"], cfg, load_models(cfg)) == [None, "no_model"]


def test_scores_do_not_depend_on_the_batch_or_its_chunks(models: dict[str, Classifier]) -> None:
    content = [PROSE, PROSE_ZH, LISTING, None, LISTING_ZH] * 3
    lang = ["en", "zh", "en", "en", "zh"] * 3
    whole = judged(table(content, lang), QualityConfig(), models)
    parts = [judged(table([c], [g]), QualityConfig(), models) for c, g in zip(content, lang, strict=True)]
    assert whole["score"].to_pylist() == pa.concat_tables(parts)["score"].to_pylist()
    assert whole.equals(judged(pa.concat_tables([table([c], [g]) for c, g in zip(content, lang, strict=True)]),
                                QualityConfig(), models))  # fmt: skip


def test_identity_is_the_sha256_of_each_model_and_of_the_tokenizer_and_changes_with_the_files(tmp_path: Path) -> None:
    bundled = models_identity(QualityConfig())
    assert set(bundled) == {"en", "zh", "tokenizer"}
    assert len(set(bundled.values())) == 3
    other = tmp_path / "other.ftz"
    other.write_bytes(b"another model")
    changed = models_identity(QualityConfig(models={"en": str(other)}, tokenizer=str(other)))
    assert changed["en"] == changed["tokenizer"] != bundled["en"]


def test_what_decides_a_score_stands_in_its_stage_and_nothing_else_does(tmp_path: Path) -> None:
    moved = tmp_path / "moved.ftz"
    moved.write_bytes(model_path("en").read_bytes())

    def identity(**settings: Any) -> dict[str, Any]:
        return stage_identity(scores_stage(QualityConfig(**settings)))

    usual = identity()
    assert identity(threshold=0.9, keep_share=0.1, buckets=7, bucket_by="rank") == usual
    assert identity(models={"en": str(moved), "zh": "bundled"}) == usual  # the same bytes elsewhere
    assert identity(window=100) != usual
    assert identity(models={"en": "bundled"}) != usual


def test_a_missing_model_is_named_before_any_row_is_read(tmp_path: Path) -> None:
    cfg = QualityConfig(models={"en": str(tmp_path / "none.bin")})
    with pytest.raises(ValueError, match=r"none\.bin does not exist"):
        load_models(cfg)
    with pytest.raises(ValueError, match=r"none\.bin does not exist"):
        models_identity(cfg)
    with pytest.raises(ValueError, match=r"none\.json does not exist"):
        models_identity(QualityConfig(tokenizer=str(tmp_path / "none.json")))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"threshold": 1.5}, "less than or equal to 1"),
        ({"threshold": {"en": -1, "zh": 0}}, "greater than or equal to 0"),
        ({"threshold": "high"}, "number"),
        ({"threshold": True}, "number"),
        ({"threshold": None}, "valid"),
        ({"threshold": {"en": 0.5}}, "no number for 'zh'"),
        ({"threshold": {"en": 0.5, "zh": 0.5, "fr": 0.5}}, "no classifier"),
        ({"keep_share": 0}, "greater than 0"),
        ({"keep_share": {"fr": 0.5}}, "no classifier"),
        ({"buckets": 0}, "greater than or equal to 1"),
        ({"bucket_by": "size"}, "'score' or 'rank'"),
        ({"models": {}}, "models is empty"),
        ({"window": -1}, "greater than or equal to 0"),
        ({"treshold": 0.5}, "not permitted"),
    ],
)
def test_config_refuses_nonsense(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        QualityConfig(**wrong)


def test_the_stages_declare_what_they_read_and_write(models: dict[str, Classifier]) -> None:
    first, second = scores_stage(QualityConfig()), quality_stage(QualityConfig())
    check_plan((first, second), ("content", "lang"))
    out = second.fn(first.fn(table([PROSE], ["en"]), first.config, models), second.config)
    assert tuple(out.column_names) == ("content", "lang", *first.adds, *second.adds)
