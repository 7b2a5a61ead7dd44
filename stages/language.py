"""L1: the language of a text by windows over all of it, a second language beside it, and how its Chinese is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from classifiers.language_id import LanguageModel, load_language_model, model_path, model_sha256
from stages.chinese import script_marks
from stages.codepoints import TextView, view_text
from stages.contract import Config, Stage
from stages.language_kernels import Rows, Scratch, count_scripts, identify

_SCRIPTS = ("hans", "hant", "mixed")
_CHINESE = ("zh", "yue", "wuu")  # the labels of lid.176 that are written in Han characters alone
_SURE = 0.65  # probability from which a passage counts for a language; the kernel needs more than a half


class LanguageConfig(Config):
    """Which languages the corpus is made of."""

    languages: tuple[str, ...] = ("en", "zh")  # ISO 639-1
    scripts: tuple[Literal["hans", "hant", "mixed"], ...] = _SCRIPTS  # of Chinese: simplified, traditional, both
    min_score: float = 0.65  # probability over the whole text, as FineWeb asks
    min_lead: float = 10.0  # times the next language's probability, from which a lower score is believed too
    min_second_share: float = 0.1  # of the text in another language, from which that is named
    max_second_share: float = 1.0  # more of it is mixed_language
    max_other_script_ratio: float = 0.1  # characters of the other script among those of one; more is mixed
    window_bytes: int = Field(1024, ge=64)
    num_windows: int = Field(16, ge=1)  # spread evenly; a text no longer than all of them is read whole
    passage_bytes: int = Field(200, ge=1)  # lines are put together up to this length, and judged alone
    model: str | None = None  # a fastText file; null is lid.176


def language_stage(cfg: LanguageConfig) -> Stage:
    """Name the language, and refuse other languages and doubtful texts."""
    return Stage(
        name="language",
        fn=language,
        config=cfg,
        needs=("content",),
        adds=("lang", "lang_score", "lang_second", "lang_second_share", "lang_script", "language.drop"),
        reject_on="language.drop",
        load=_load,
        identity=_identity,
        version=2,
    )


def language(batch: pa.Table, cfg: LanguageConfig, model: LanguageModel) -> pa.Table:
    """Identify each row's language.

    In:     content string (n,)
    Out:    the same rows with
            lang string                ISO 639-1 where the language has one; null without a word the model knows
            lang_score float32         its probability by lid.176, in [0, 1]
            lang_second string         the other language that most of the text is surely in, if that is
                                       cfg.min_second_share of it; else null
            lang_second_share float32  its share of the bytes looked at, 0 where there is none
            lang_script string         hans, hant or mixed for Chinese; null for other languages, and where no
                                       character tells
            language.drop string       uncertain, unwanted_language, mixed_language, unwanted_script
    A language is certain by its score, by its lead over the next one (code and names lower the score of a page in
    plain English, and raise no other), or where a second language is why the score is low: where the passages that
    are surely in one of the two make up cfg.min_score of the text.
    Source: lid.176, arXiv:1607.01759; cfg.min_score is FineWeb's threshold, arXiv:2406.17557, which has no lead.
    Errors: none from content.
    """
    text = view_text(batch["content"])
    rows = find_languages(text, cfg, model)
    names = np.array([*model.languages, None], object)  # -1, no label, is the last
    lang = names[rows.label]
    mixed = rows.second_share >= cfg.min_second_share
    second_share = np.where(mixed, rows.second_share, 0).astype(np.float32)
    script = _scripts(text, np.isin(lang, _CHINESE), cfg.max_other_script_ratio)
    certain = (rows.score >= cfg.min_score) | (rows.score >= cfg.min_lead * rows.runner_up)
    two = mixed & (rows.share >= cfg.min_second_share)
    certain |= two & (rows.share + rows.second_share >= cfg.min_score)
    reasons = (  # the first that holds
        ("uncertain", ~certain | (rows.label < 0)),
        ("unwanted_language", ~np.isin(lang, cfg.languages)),
        ("mixed_language", second_share > cfg.max_second_share),
        ("unwanted_script", np.isin(script, list(set(_SCRIPTS) - set(cfg.scripts)))),
    )
    drop = np.full(batch.num_rows, None, object)
    for reason, broken in reversed(reasons):
        drop[broken] = reason
    columns = {
        "lang": pa.array(lang, pa.string()),
        "lang_score": pa.array(rows.score),
        "lang_second": pa.array(names[np.where(mixed, rows.second, -1)], pa.string()),
        "lang_second_share": pa.array(second_share),
        "lang_script": pa.array(script, pa.string()),
        "language.drop": pa.array(drop, pa.string()),
    }
    for name, values in columns.items():
        batch = batch.append_column(name, values)
    return batch


def find_languages(text: TextView, cfg: LanguageConfig, model: LanguageModel) -> Rows:
    """What the kernels find of each row: label numbers, probabilities and shares."""
    n, dim, labels = len(text.offsets) - 1, model.arrays.vectors.shape[1], len(model.languages)
    rows = Rows(
        label=np.full(n, -1, np.int32),
        score=np.zeros(n, np.float32),
        runner_up=np.zeros(n, np.float32),
        share=np.zeros(n, np.float32),
        second=np.full(n, -1, np.int32),
        second_share=np.zeros(n, np.float32),
    )
    longest = min(text.max_bytes, cfg.window_bytes * cfg.num_windows)
    scratch = Scratch(
        total=np.zeros(dim, np.float32),
        part=np.zeros(dim, np.float32),
        nodes=np.zeros(labels, np.float32),
        chances=np.zeros(labels, np.float32),
        tally=np.zeros(labels, np.int64),
        word=np.zeros(longest + 2, np.uint8),
    )
    sizes = (cfg.window_bytes, cfg.num_windows, cfg.passage_bytes)
    identify(text.data, text.offsets, model.arrays, scratch, rows, *sizes, _SURE)
    return rows


def _scripts(text: TextView, chinese: np.ndarray, max_other_ratio: float) -> np.ndarray:
    """hans, hant or mixed for the chosen rows, object (n,), by the characters that only one script writes."""
    scripts = np.full(len(chinese), None, object)
    if not chinese.any():
        return scripts
    found = np.zeros((len(chinese), 2), np.int64)
    count_scripts(text.data, text.offsets, chinese, script_marks(), found)
    simplified, total = found[:, 0], found.sum(axis=1)
    ratio = simplified / np.maximum(total, 1)
    scripts[total > 0] = "mixed"
    scripts[(total > 0) & (ratio >= 1 - max_other_ratio)] = "hans"
    scripts[(total > 0) & (ratio <= max_other_ratio)] = "hant"
    return scripts


def _load(cfg: LanguageConfig) -> LanguageModel:
    return load_language_model(_path(cfg))


def _identity(cfg: LanguageConfig) -> dict[str, Any]:
    return {"model_sha256": model_sha256(_path(cfg))}


def _path(cfg: LanguageConfig) -> Path:
    return Path(cfg.model) if cfg.model else model_path()
