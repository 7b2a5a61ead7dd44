"""Gopher's quality and repetition rules (Rae et al. 2021, arXiv:2112.11446, appendix A1.1 and table A1).

English decides as datatrove 0.10.1's GopherQualityFilter and GopherRepetitionFilter, with its words: spaCy's blank
English tokens (see ``english_words`` for where ours differ). Chinese has no spaces, so the same rules count characters:
a unit is one Han character, one run of other letters and digits, or one symbol.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from stages.codepoints import view_text
from stages.contract import Config, Stage
from stages.rules import CHINESE, ENGLISH, append_columns, first_broken, language_codes

_Grams = tuple[tuple[PositiveInt, float], ...]  # (n, largest share)

_QUALITY_FIGURES = (
    "words",
    "mean_word_length",
    "hash_ratio",
    "ellipsis_ratio",
    "bullet_lines_ratio",
    "ellipsis_lines_ratio",
    "alpha_words_ratio",
    "stop_words",
    "stop_ratio",
)


class GopherQualityRules(Config):
    """Limits of one language. "Words" are spaCy tokens that are not pure punctuation, or Chinese units."""

    min_words: int = 50
    max_words: int = 100_000
    min_mean_word_length: float = 3.0  # characters
    max_mean_word_length: float = 10.0
    max_symbol_ratio: float = 0.1  # "#", and "..." or "…", per word (punctuation counted as words)
    max_bullet_lines_ratio: float = 0.9
    max_ellipsis_lines_ratio: float = 0.3
    min_alpha_words_ratio: float = 0.8  # words with a letter / words (punctuation counted as words)
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")
    min_stop_words: int = 2  # distinct ones
    min_stop_ratio: float = 0.0  # stop words / words; 0 is off, as in datatrove


class GopherQuality(Config):
    """Gopher quality rules of both languages."""

    en: GopherQualityRules = GopherQualityRules()
    zh: GopherQualityRules = GopherQualityRules(
        # 50 words are about 80 characters at 1.6 characters a word.
        min_words=80,
        max_words=200_000,
        # FineWeb2 (configs/cmn_Hani.yml): 1 to 5, there over segmented words.
        min_mean_word_length=1.0,
        max_mean_word_length=5.0,
        # FineWeb2 has 0.735 over segmented words with punctuation; in characters, documentation with tables and
        # commands reaches down to 0.6.
        min_alpha_words_ratio=0.6,
        # The list of FineWeb2 without 年 月 日 人 中, which menus and dates hold, and with the commonest
        # function characters of both scripts.
        stop_words=tuple("的在是和了有不这為为也而与與就以及或可我他於于被由對对後后個个時时"),
        min_stop_words=2,
        # Prose has 0.05 to 0.2, menus and listings below 0.01.
        min_stop_ratio=0.015,
    )


def _quality_rules(figures: dict[str, np.ndarray], rules: GopherQualityRules) -> list[tuple[str, np.ndarray]]:
    """datatrove's rules in datatrove's order; the stop ratio, which it lacks, comes last."""
    return [
        ("gopher_short_doc", figures["words"] < rules.min_words),
        ("gopher_long_doc", figures["words"] > rules.max_words),
        ("gopher_below_avg_threshold", figures["mean_word_length"] < rules.min_mean_word_length),
        ("gopher_above_avg_threshold", figures["mean_word_length"] > rules.max_mean_word_length),
        ("gopher_too_many_hashes", figures["hash_ratio"] > rules.max_symbol_ratio),
        ("gopher_too_many_ellipsis", figures["ellipsis_ratio"] > rules.max_symbol_ratio),
        ("gopher_too_many_bullets", figures["bullet_lines_ratio"] > rules.max_bullet_lines_ratio),
        ("gopher_too_many_end_ellipsis", figures["ellipsis_lines_ratio"] > rules.max_ellipsis_lines_ratio),
        ("gopher_below_alpha_threshold", figures["alpha_words_ratio"] < rules.min_alpha_words_ratio),
        ("gopher_enough_stop_words", figures["stop_words"] < rules.min_stop_words),
        ("gopher_low_stop_ratio", figures["stop_ratio"] < rules.min_stop_ratio),
    ]


def gopher_quality(batch: pa.Table, cfg: GopherQuality) -> pa.Table:
    """Mark pages that Gopher's quality rules reject.

    In:  content string, lang string.
    Out: num_words int64 (white-space words in English, Han characters in Chinese; null without rules),
         "gopher_quality.<figure>" float64, "gopher_quality.drop" string: the first broken rule in datatrove's order.
    """
    from stages.english_specials import word_hashes
    from stages.gopher_kernels import quality_figures
    from stages.word_kernels import load_tables

    codes, text = language_codes(batch), view_text(batch["content"])
    stops = (word_hashes(rules.stop_words) for rules in (cfg.en, cfg.zh))
    longest = max(map(len, ("", *cfg.en.stop_words, *cfg.zh.stop_words)))
    values = quality_figures(text.data, text.offsets, codes, load_tables(), *stops, longest, text.max_bytes)
    figures = dict(zip(_QUALITY_FIGURES, values.T[:-1], strict=True))
    reasons = first_broken(_quality_rules(figures, cfg.en), codes == ENGLISH)
    reasons += first_broken(_quality_rules(figures, cfg.zh), codes == CHINESE)
    num_words = pa.array(np.nan_to_num(values[:, -1]).astype(np.int64), mask=codes == 0)
    return append_columns(batch.append_column("num_words", num_words), "gopher_quality", figures, reasons, codes)


def gopher_quality_stage(cfg: GopherQuality) -> Stage:
    """The stage ``gopher_quality``."""
    return Stage(
        name="gopher_quality",
        fn=gopher_quality,
        config=cfg,
        needs=("content", "lang"),
        adds=("num_words", *(f"gopher_quality.{name}" for name in (*_QUALITY_FIGURES, "drop"))),
        reject_on="gopher_quality.drop",
    )


class GopherRepetitionRules(Config):
    """Limits of one language, shares of elements or of the page's characters.

    Chinese leaves out lines and paragraphs of white space alone, which datatrove counts as repeated lines.
    """

    max_dup_para_frac: float = 0.3
    max_dup_para_char_frac: float = 0.2
    max_dup_line_frac: float = 0.3
    max_dup_line_char_frac: float = 0.2
    top_n_grams: _Grams = ((2, 0.2), (3, 0.18), (4, 0.16))
    dup_n_grams: _Grams = (
        (5, 0.15),
        (6, 0.14),
        (7, 0.13),
        (8, 0.12),
        (9, 0.11),
        (10, 0.10),
    )


class GopherRepetition(Config):
    """Gopher repetition rules of both languages."""

    en: GopherRepetitionRules = GopherRepetitionRules()
    zh: GopherRepetitionRules = GopherRepetitionRules(
        # FineWeb2 (configs/cmn_Hani.yml) for segmented words; n words are about 1.6 n characters.
        max_dup_line_frac=0.287,
        top_n_grams=((3, 0.256), (5, 0.201), (6, 0.171)),
        dup_n_grams=((8, 0.198), (10, 0.182), (11, 0.167), (13, 0.154), (14, 0.14), (16, 0.127)),
    )


def _repetition_limits(rules: GopherRepetitionRules) -> tuple[tuple[str, float], ...]:
    """Each figure with its largest value, in datatrove's order."""
    return (
        ("dup_para_frac", rules.max_dup_para_frac),
        ("dup_para_char_frac", rules.max_dup_para_char_frac),
        ("dup_line_frac", rules.max_dup_line_frac),
        ("dup_line_char_frac", rules.max_dup_line_char_frac),
        *((f"top_{n}_gram", share) for n, share in rules.top_n_grams),
        *((f"duplicated_{n}_n_grams", share) for n, share in rules.dup_n_grams),
    )


def _repetition_figures(cfg: GopherRepetition) -> tuple[str, ...]:
    """Names of the figures of both languages, in a fixed order, each once."""
    return tuple(dict.fromkeys(name for rules in (cfg.en, cfg.zh) for name, _ in _repetition_limits(rules)))


def gopher_repetition(batch: pa.Table, cfg: GopherRepetition) -> pa.Table:
    """Mark pages that repeat their own lines, paragraphs or phrases.

    In:  content string, lang string.
    Out: "gopher_repetition.<figure>" float64: dup_para_frac and dup_line_frac (repeated / all), their _char_ forms
         (characters in repeated ones / characters of the page), top_N_gram (length of the most frequent N-gram times
         its count / characters), duplicated_N_n_grams (characters in N-grams seen before / characters); N counts words
         in English, units in Chinese, and is null for a language whose rules do not use it.
         "gopher_repetition.drop" string: "empty", or the first broken rule in datatrove's order.
    """
    from stages.gopher_kernels import repetition_figures
    from stages.word_kernels import load_tables

    codes, text = language_codes(batch), view_text(batch["content"])
    figures = {name: np.full(len(codes), np.nan) for name in _repetition_figures(cfg)}
    reasons = first_broken([("empty", np.diff(text.offsets) == 0)], codes != 0)
    for code, rules in ((ENGLISH, cfg.en), (CHINESE, cfg.zh)):
        rows, limits = codes == code, _repetition_limits(rules)
        tops, dups = (np.array([n for n, _ in grams], np.int64) for grams in (rules.top_n_grams, rules.dup_n_grams))
        values = repetition_figures(text.data, text.offsets, codes, load_tables(), code, tops, dups, text.max_bytes)
        for (name, _), column in zip(limits, values.T, strict=True):
            figures[name][rows] = column[rows]
        broken = [(name, figures[name] > limit) for name, limit in limits]
        reasons += first_broken(broken, rows & (reasons == ""))
    return append_columns(batch, "gopher_repetition", figures, reasons, codes)


def gopher_repetition_stage(cfg: GopherRepetition) -> Stage:
    """The stage ``gopher_repetition``; the columns it adds follow the n-gram sizes of its configuration."""
    return Stage(
        name="gopher_repetition",
        fn=gopher_repetition,
        config=cfg,
        needs=("content", "lang"),
        adds=tuple(f"gopher_repetition.{name}" for name in (*_repetition_figures(cfg), "drop")),
        reject_on="gopher_repetition.drop",
    )
