"""L1: the language of a text, from windows over it rather than its head, which is often a menu in another language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from classifiers.language_id import (
    LanguageModel,
    identify,
    load_language_model,
    model_path,
    model_sha256,
)
from stages.contract import Config, Stage


class LanguageConfig(Config):
    """Which languages the corpus is made of."""

    languages: tuple[str, ...] = ("en", "zh")  # ISO 639-1
    min_score: float = 0.65  # mean probability over the windows, as FineWeb asks
    window_chars: int = 600
    num_windows: int = 3  # start, middle, end
    model: str | None = None  # a fastText file; null is lid.176


def language_stage(cfg: LanguageConfig) -> Stage:
    """Name the language, and refuse other languages and doubtful texts."""
    return Stage(
        name="language",
        fn=language,
        config=cfg,
        needs=("content",),
        adds=("lang", "lang_score", "language.drop"),
        reject_on="language.drop",
        load=_load,
        identity=_identity,
    )


def language(batch: pa.Table, cfg: LanguageConfig, model: LanguageModel) -> pa.Table:
    """Identify each row's language.

    In:     content string (n,)
    Out:    the same rows with lang string (ISO 639-1 where the language has one; null without text), lang_score
            float32 in [0, 1], language.drop: uncertain (no text, or below cfg.min_score), unwanted_language.
    Source: lid.176, arXiv:1607.01759; the threshold is FineWeb's, arXiv:2406.17557.
    Errors: none from content.
    """
    texts = [text or "" for text in batch["content"].to_pylist()]
    guess = identify(model, texts, cfg.window_chars, cfg.num_windows)
    languages = pa.array(guess.languages, pa.string())
    wanted = pc.is_in(languages, pa.array(cfg.languages, pa.string()))
    certain = pa.array(guess.scores >= cfg.min_score)
    reasons = pc.if_else(certain, pc.if_else(wanted, None, "unwanted_language"), "uncertain")
    batch = batch.append_column("lang", languages)
    batch = batch.append_column("lang_score", pa.array(guess.scores, pa.float32()))
    return batch.append_column("language.drop", reasons.cast(pa.string()))


def _load(cfg: LanguageConfig) -> LanguageModel:
    return load_language_model(_path(cfg))


def _identity(cfg: LanguageConfig) -> dict[str, Any]:
    return {"model_sha256": model_sha256(_path(cfg))}


def _path(cfg: LanguageConfig) -> Path:
    return Path(cfg.model) if cfg.model else model_path()
