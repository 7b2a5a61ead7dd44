"""The L2 score: each reason, each option, null and empty, both languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from classifiers.score import Classifier
from stages.contract import check_plan
from stages.quality import QualityConfig, load_models, models_identity, quality, quality_stage

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


def drops(content: list, lang: list, cfg: QualityConfig, models: dict[str, Classifier]) -> list[str | None]:
    return quality(table(content, lang), cfg, models)["quality.drop"].to_pylist()


def test_prose_is_kept_and_listings_get_low_score_in_both_languages(models: dict[str, Classifier]) -> None:
    content, lang = [PROSE, LISTING, PROSE_ZH, LISTING_ZH], ["en", "en", "zh", "zh"]
    assert drops(content, lang, QualityConfig(), models) == [None, "low_score", None, "low_score"]


def test_a_language_without_a_classifier_gets_no_model(models: dict[str, Classifier]) -> None:
    out = quality(table([PROSE, PROSE, None], ["de", None, "fr"]), QualityConfig(), models)
    assert out["quality.drop"].to_pylist() == ["no_model"] * 3
    assert out["score"].null_count == 3


def test_null_empty_and_blank_content_is_empty_and_has_no_score(models: dict[str, Classifier]) -> None:
    out = quality(table([None, "", " \n\t "[:1]], ["en", "en", "zh"]), QualityConfig(), models)
    assert out["quality.drop"].to_pylist() == ["empty"] * 3
    assert out["score"].null_count == out["score_bucket"].null_count == 3


def test_an_empty_table_gives_an_empty_table_with_the_same_types(models: dict[str, Classifier]) -> None:
    full = quality(table([PROSE], ["en"]), QualityConfig(), models)
    empty = quality(table([], []), QualityConfig(), models)
    assert empty.num_rows == 0
    assert empty.schema == full.schema
    assert full.schema.field("score").type == pa.float32()
    assert full.schema.field("score_bucket").type == pa.int16()
    assert full.schema.field("quality.drop").type == pa.string()


def test_threshold_changes_who_is_kept_and_not_the_score(models: dict[str, Classifier]) -> None:
    usual = quality(table([LISTING], ["en"]), QualityConfig(), models)
    low = usual["score"][0].as_py()
    # A score equal to the threshold is kept.
    loose = quality(table([LISTING], ["en"]), QualityConfig(threshold=low), models)
    strict = quality(table([LISTING], ["en"]), QualityConfig(threshold=low + 1e-4), models)
    assert usual["score"] == loose["score"] == strict["score"]
    assert loose["quality.drop"].to_pylist() == [None]
    assert strict["quality.drop"].to_pylist() == ["low_score"]


def test_buckets_divide_the_score_evenly_and_the_last_holds_one(models: dict[str, Classifier]) -> None:
    batch = table([PROSE, LISTING, PROSE[:120]], ["en"] * 3)
    for buckets in (1, 5, 20):
        out = quality(batch, QualityConfig(buckets=buckets), models)
        scores = np.array(out["score"].to_pylist(), dtype=np.float32)
        expected = np.minimum(np.floor(scores * np.float32(buckets)), buckets - 1).astype(int)
        assert out["score_bucket"].to_pylist() == expected.tolist()


def test_max_chars_scores_the_beginning_alone(models: dict[str, Classifier]) -> None:
    page = PROSE + "\n" + LISTING * 8
    cut = quality(table([page], ["en"]), QualityConfig(max_chars=len(PROSE)), models)["score"][0].as_py()
    assert cut == quality(table([PROSE], ["en"]), QualityConfig(), models)["score"][0].as_py()
    assert cut > quality(table([page], ["en"]), QualityConfig(), models)["score"][0].as_py()


def test_models_chooses_the_languages_that_are_scored(models: dict[str, Classifier]) -> None:
    cfg = QualityConfig(models={"en": "bundled"})
    assert drops([PROSE, PROSE_ZH], ["en", "zh"], cfg, load_models(cfg)) == [None, "no_model"]


def test_scores_do_not_depend_on_the_batch_or_its_chunks(models: dict[str, Classifier]) -> None:
    content = [PROSE, PROSE_ZH, LISTING, None, LISTING_ZH] * 3
    lang = ["en", "zh", "en", "en", "zh"] * 3
    whole = quality(table(content, lang), QualityConfig(), models)
    parts = [quality(table([c], [g]), QualityConfig(), models) for c, g in zip(content, lang, strict=True)]
    assert whole["score"].to_pylist() == pa.concat_tables(parts)["score"].to_pylist()
    assert whole.equals(quality(pa.concat_tables([table([c], [g]) for c, g in zip(content, lang, strict=True)]),
                                QualityConfig(), models))  # fmt: skip


def test_identity_is_the_sha256_of_each_model_and_changes_with_the_file(tmp_path: Path) -> None:
    bundled = models_identity(QualityConfig())
    assert set(bundled) == {"en", "zh"}
    assert bundled["en"] != bundled["zh"]
    other = tmp_path / "other.ftz"
    other.write_bytes(b"another model")
    assert models_identity(QualityConfig(models={"en": str(other)}))["en"] != bundled["en"]


def test_a_missing_model_is_named_before_any_row_is_read(tmp_path: Path) -> None:
    cfg = QualityConfig(models={"en": str(tmp_path / "none.bin")})
    with pytest.raises(ValueError, match=r"none\.bin does not exist"):
        load_models(cfg)
    with pytest.raises(ValueError, match=r"none\.bin does not exist"):
        models_identity(cfg)


def test_config_refuses_nonsense() -> None:
    for wrong in ({"threshold": 1.5}, {"buckets": 0}, {"models": {}}, {"max_chars": -1}, {"treshold": 0.5}):
        with pytest.raises(ValidationError):
            QualityConfig(**wrong)


def test_the_stage_declares_what_it_reads_and_writes(models: dict[str, Classifier]) -> None:
    stage = quality_stage(QualityConfig())
    check_plan((stage,), ("content", "lang"))
    out = stage.fn(table([PROSE], ["en"]), stage.config, models)
    assert tuple(out.column_names) == ("content", "lang", *stage.adds)
