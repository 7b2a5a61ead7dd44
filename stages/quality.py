"""L2: the score of a page by the quality classifier of its language; then, from scores alone, who is selected.

Scoring costs hours and selecting seconds, so they are two stages with settings of their own: another threshold, share
or bucket selects again among the scores that are there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, ValidationInfo, field_validator, model_validator

from classifiers.normalize import load_normalizer, tokenizer_sha256
from classifiers.score import Classifier, load_model, model_path, model_sha256, score
from stages.contract import Config, Resources, Stage

# Rows normalised at once: enough to keep the model busy, few enough that the token lines stay small beside the batch.
ROWS_AT_ONCE = 256
# Bump where normalisation or a model of the same bytes gives another score.
SCORES_VERSION = 2
# Columns that carry what was found for a row earlier: its score, or why it has none.
FOUND, FAILED = "scores.found", "scores.error"


class Selection(Config):
    """Which scored pages are kept: those that reach the threshold of their language.

    Threshold 0.5 is the published, deliberately untuned one of Ultra-FineWeb. Buckets by rank are those of Nemotron-CC
    (arXiv:2412.02595).
    """

    # A page is kept from this score on: one number, or one a language, {en = 0.5, zh = 0.7}.
    threshold: float | dict[str, float] = 0.5
    # In place of a threshold: the share of a dump's scored pages to keep, and all that tie; by language as well.
    keep_share: float | dict[str, float] | None = None
    buckets: int = Field(20, ge=1, le=1000)  # score_bucket is 0 (worst) to buckets - 1
    # score: equal widths of score; rank: equal numbers of pages of the dump and language.
    bucket_by: Literal["score", "rank"] = "score"

    @field_validator("threshold", "keep_share", mode="before")
    @classmethod
    def is_between_0_and_1(cls, value: Any, info: ValidationInfo) -> Any:
        numbers = list(value.values()) if isinstance(value, dict) else [] if value is None else [value]
        least = "greater than" if info.field_name == "keep_share" else "greater than or equal to"
        for number in numbers:
            # One message for the number and the table, where pydantic would tell of both kinds.
            if not _is_number(number) or not 0 <= number <= 1 or (number == 0 and least == "greater than"):
                raise ValueError(f"should be a number {least} 0 and less than or equal to 1, or such by language")
        return value

    def share_of(self, language: str) -> float | None:
        """The share of a language to keep; None: its threshold decides."""
        return self.keep_share.get(language) if isinstance(self.keep_share, dict) else self.keep_share

    def threshold_of(self, language: str) -> float | None:
        """The threshold of a language, None where none is set."""
        return self.threshold.get(language) if isinstance(self.threshold, dict) else self.threshold

    def needs_ranks(self, language: str) -> bool:
        """Whether the scores of the language must be counted before any page of it is selected."""
        return self.bucket_by == "rank" or self.share_of(language) is not None


class QualityConfig(Selection):
    """Score every page with the classifier of its language, then keep those that reach its threshold."""

    # language -> fastText .bin or .ftz, folder of a static model, or "bundled"
    models: dict[str, str] = {"en": "bundled", "zh": "bundled"}
    # A tokenizer.json, or "bundled": DeepSeek-V3's. The released classifiers were trained with that of DeepSeek-V2.
    tokenizer: str = "bundled"
    # Characters of a page that are looked at, in pieces spread over it; 0 = all of it, as published.
    window: int = Field(0, ge=0)

    @field_validator("models")
    @classmethod
    def models_are_named(cls, models: dict[str, str]) -> dict[str, str]:
        if not models:
            raise ValueError('models is empty: name one, such as {"en": "bundled"}')
        return models

    @model_validator(mode="after")
    def every_language_is_decided(self) -> QualityConfig:
        for name, value in (("threshold", self.threshold), ("keep_share", self.keep_share)):
            extra = sorted(set(value) - set(self.models)) if isinstance(value, dict) else []
            if extra:
                raise ValueError(f"{name} names {extra[0]!r}, for which there is no classifier in models")
        for language in sorted(self.models):
            if self.share_of(language) is None and self.threshold_of(language) is None:
                raise ValueError(f"threshold has no number for {language!r}: add one, or give one for all languages")
        return self

    @property
    def tokenizer_path(self) -> Path | None:
        """The tokenizer.json, None for the bundled one."""
        return None if self.tokenizer == "bundled" else Path(self.tokenizer)

    @property
    def selection(self) -> Selection:
        """The part that scores do not depend on."""
        return Selection(**{name: getattr(self, name) for name in Selection.model_fields})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class ScoreConfig(Config):
    """What of the settings decides a score, beside the bytes of models and tokenizer."""

    window: int = 0


@dataclass(frozen=True)
class Cut:
    """Where the scores of a language are cut: from ``threshold`` on a page is kept; ``edges`` are the least scores of
    buckets 1 and up, None: buckets of equal width."""

    threshold: float
    edges: tuple[float, ...] | None = None


def scores(batch: pa.Table, cfg: ScoreConfig, models: Mapping[str, Classifier]) -> pa.Table:
    """Score pages by the classifier of their language.

    In:     content string (n,), lang string (n,)
    Out:    same n rows, same order, plus
            score float32 (n,)  P(pos); null where the language has no classifier or nothing is left of the text
    Source: arXiv:2505.05427; P(pos) is that of the published script, compared after rounding to float32.
    Errors: none from content; a missing column is a KeyError.
    """
    content, lang = batch["content"], batch["lang"]
    found = np.full(len(content), np.nan)
    for language, classifier in models.items():
        rows = np.flatnonzero(pc.fill_null(pc.and_(pc.equal(lang, language), pc.is_valid(content)), False))
        for chunk in np.array_split(rows, max(1, -(-len(rows) // ROWS_AT_ONCE))):
            found[chunk] = score(classifier, content.take(pa.array(chunk)).to_pylist(), window=cfg.window)
    return batch.append_column("score", pa.array(found, pa.float32(), from_pandas=True))


def quality(batch: pa.Table, cfg: Selection, cuts: Mapping[str, Cut]) -> pa.Table:
    """Mark the pages below the threshold of their language, and put all that have a score into buckets.

    In:     score float32 (n,), lang string (n,); ``cuts`` by language that has a classifier
    Out:    same n rows, same order, plus
            score_bucket int16 (n,)     0 to buckets - 1, null with the score
            quality.drop string (n,)    no_model: the language has no classifier (or is null)
                                        empty: null content, or nothing left of it after normalisation
                                        low_score: score below the threshold
    Errors: none from content; a missing column is a KeyError.
    """
    scored = pc.is_valid(batch["score"])
    known = pc.is_in(batch["lang"], value_set=pa.array(sorted(cuts), pa.string()))
    values = pc.fill_null(batch["score"], 0).to_numpy()
    bucket, low = np.zeros(len(values), np.int16), np.zeros(len(values), bool)
    for language, cut in cuts.items():
        rows = pc.fill_null(pc.equal(batch["lang"], language), False).to_numpy()
        bucket[rows] = bucket_of(values[rows], cfg.buckets, cut)
        low[rows] = values[rows] < np.float32(cut.threshold)
    reason = pc.case_when(
        pc.make_struct(pc.invert(known), pc.invert(scored), pa.array(low)), "no_model", "empty", "low_score"
    )
    batch = batch.append_column("score_bucket", pc.if_else(scored, pa.array(bucket), pa.scalar(None, pa.int16())))
    return batch.append_column("quality.drop", reason.cast(pa.string()))


def bucket_of(values: np.ndarray, buckets: int, cut: Cut) -> np.ndarray:
    """The bucket of each score, int16 (n,); equal scores are in one bucket, whatever their number."""
    if cut.edges is not None:
        return np.searchsorted(np.array(cut.edges, np.float32), values, side="right").astype(np.int16)
    return np.minimum(np.floor(values * np.float32(buckets)), buckets - 1).astype(np.int16)


def fixed_cuts(cfg: QualityConfig) -> dict[str, Cut]:
    """The cuts that are known from the settings alone. Errors: ValueError where ranks must be counted first."""
    counted = [language for language in cfg.models if cfg.needs_ranks(language)]
    if counted:
        raise ValueError(f"the cut of {counted[0]!r} depends on all scores of the dump")
    return {language: Cut(cfg.threshold_of(language) or 0.0) for language in sorted(cfg.models)}


def ranks_of(cfg: Selection, language: str, count: int) -> tuple[int | None, list[int]]:
    """Ranks, counted from the lowest score, of the scores at which ``count`` scores are cut: that of the worst page
    kept (None: the threshold is set), and those of the lowest of buckets 1 and up (none: equal widths)."""
    share = cfg.share_of(language)
    # The share as it is written, so that no rounding makes 0.07 of 100 pages 8.
    worst = None if share is None else count - math.ceil(Fraction(str(share)) * count)
    ranked = range(1, cfg.buckets) if cfg.bucket_by == "rank" else ()
    return worst, [bucket * count // cfg.buckets for bucket in ranked]


def load_models(cfg: QualityConfig) -> dict[str, Classifier]:
    """The classifier of every language, with one tokenizer between them. Errors: ValueError naming the file."""
    normalizer = load_normalizer(cfg.tokenizer_path)
    return {language: load_model(model_path(language, path), normalizer) for language, path in cfg.models.items()}


def models_identity(cfg: QualityConfig) -> dict[str, str]:
    """Sha256 of the model of each language and of the tokenizer. Errors: ValueError naming what is not there."""
    found = {language: model_sha256(model_path(language, path)) for language, path in sorted(cfg.models.items())}
    return {**found, "tokenizer": tokenizer_sha256(cfg.tokenizer_path)}


def scores_stage(cfg: QualityConfig) -> Stage:
    """The first stage of L2: the score."""
    return Stage(
        version=SCORES_VERSION,
        name="scores",
        fn=scores,
        config=ScoreConfig(window=cfg.window),
        needs=("content", "lang"),
        adds=("score",),
        load=lambda _: load_models(cfg),
        identity=lambda _: models_identity(cfg),
        resources=Resources(cpus=1, memory_gib=1),
        costly=True,
    )


class NotScoredError(ValueError):
    """A row that the classifier broke on; it is quarantined wherever its score is asked for."""


def found_scores(batch: pa.Table, cfg: ScoreConfig) -> pa.Table:
    """The score that was found earlier, as ``scores`` gives it. Errors: NotScoredError for a row that it broke on."""
    failed = batch[FAILED].drop_null()
    if len(failed):
        raise NotScoredError(failed[0].as_py().removeprefix("scores: "))
    return batch.append_column("score", batch[FOUND])


def found_scores_stage(cfg: QualityConfig) -> Stage:
    """In the place of ``scores_stage`` where its scores are there."""
    config = ScoreConfig(window=cfg.window)
    return Stage(name="scores", fn=found_scores, config=config, needs=(FOUND, FAILED), adds=("score",))


def quality_stage(cfg: QualityConfig, cuts: Mapping[str, Cut] | None = None) -> Stage:
    """The second stage of L2: the verdict on a score; ``cuts`` where they were counted."""

    def select(batch: pa.Table, config: Selection) -> pa.Table:
        return quality(batch, config, fixed_cuts(cfg) if cuts is None else cuts)

    return Stage(
        version=2,
        name="quality",
        fn=select,
        config=cfg.selection,
        needs=("score", "lang"),
        adds=("score_bucket", "quality.drop"),
        reject_on="quality.drop",
    )
