"""L2: the score of a page by the quality classifier of its language, and the threshold it must reach."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from classifiers.normalize import load_normalizer
from classifiers.score import Classifier, load_model, model_path, model_sha256, score
from stages.contract import Config, Resources, Stage

# Rows normalised at once: enough to keep fastText busy, few enough that the token lines stay small beside the batch.
ROWS_AT_ONCE = 256


class QualityConfig(Config):
    """Score every page with the classifier of its language and keep P(pos) >= threshold.

    Threshold 0.5 is the published, deliberately untuned one of Ultra-FineWeb.
    """

    threshold: float = Field(0.5, ge=0, le=1)
    buckets: int = Field(20, ge=1, le=1000)  # score_bucket is 0 (worst) to buckets - 1, equal widths of score
    models: dict[str, str] = {"en": "bundled", "zh": "bundled"}  # language -> fastText .bin or .ftz, or "bundled"
    max_chars: int = Field(0, ge=0)  # score only the first characters of a page; 0 = all of it, as published

    @field_validator("models")
    @classmethod
    def models_are_named(cls, models: dict[str, str]) -> dict[str, str]:
        if not models:
            raise ValueError('models is empty: name one, such as {"en": "bundled"}')
        return models


def quality(batch: pa.Table, cfg: QualityConfig, models: dict[str, Classifier]) -> pa.Table:
    """Score pages and mark those below the threshold.

    In:     content string (n,), lang string (n,)
    Out:    same n rows, same order, plus
            score float32 (n,)          P(pos), null where nothing could be scored
            score_bucket int16 (n,)     0 to buckets - 1, null with the score
            quality.drop string (n,)    no_model: the language has no classifier (or is null)
                                        empty: null content, or nothing left of it after normalisation
                                        low_score: score below the threshold
    Source: arXiv:2505.05427; P(pos) is that of the published script, compared after rounding to float32.
    Errors: none from content; a missing column is a KeyError.
    """
    scores = column_of_scores(batch["content"], batch["lang"], cfg, models)
    scored = pc.is_valid(scores)
    known = pc.is_in(batch["lang"], value_set=pa.array(sorted(models), pa.string()))
    bucket = pc.min_element_wise(pc.floor(pc.multiply(scores, np.float32(cfg.buckets))), np.float32(cfg.buckets - 1))
    reason = pc.case_when(
        pc.make_struct(pc.invert(known), pc.invert(scored), pc.less(scores, np.float32(cfg.threshold))),
        "no_model", "empty", "low_score",
    )  # fmt: skip
    batch = batch.append_column("score", scores)
    batch = batch.append_column("score_bucket", pc.if_else(scored, bucket, None).cast(pa.int16()))
    return batch.append_column("quality.drop", reason.cast(pa.string()))


def column_of_scores(
    content: pa.ChunkedArray, lang: pa.ChunkedArray, cfg: QualityConfig, models: dict[str, Classifier]
) -> pa.Array:
    """float32 (n,): P(pos) by the model of each row's language, null where there is no model or no text."""
    text = pc.utf8_slice_codeunits(content, 0, cfg.max_chars) if cfg.max_chars else content
    scores = np.full(len(content), np.nan)
    for language, classifier in models.items():
        rows = np.flatnonzero(pc.fill_null(pc.and_(pc.equal(lang, language), pc.is_valid(text)), False))
        for chunk in np.array_split(rows, max(1, -(-len(rows) // ROWS_AT_ONCE))):
            scores[chunk] = score(classifier, text.take(pa.array(chunk)).to_pylist())
    return pa.array(scores, pa.float32(), from_pandas=True)


def load_models(cfg: QualityConfig) -> dict[str, Classifier]:
    """The classifier of every language, with one tokenizer between them. Errors: ValueError naming the file."""
    normalizer = load_normalizer()
    return {language: load_model(model_path(language, path), normalizer) for language, path in cfg.models.items()}


def models_identity(cfg: QualityConfig) -> dict[str, str]:
    """Language -> sha256 of its model file. Errors: ValueError naming the file that is not there."""
    return {language: model_sha256(model_path(language, path)) for language, path in sorted(cfg.models.items())}


def quality_stage(cfg: QualityConfig) -> Stage:
    """The L2 stage: the score, then the verdict of the threshold; only for rows that passed what stands before."""
    return Stage(
        name="quality",
        fn=quality,
        config=cfg,
        needs=("content", "lang"),
        adds=("score", "score_bucket", "quality.drop"),
        reject_on="quality.drop",
        load=load_models,
        identity=models_identity,
        resources=Resources(cpus=1, memory_gib=1),
        costly=True,
    )
