"""Gopher's quality and repetition rules (Rae et al. 2021, arXiv:2112.11446, appendix A1.1 and table A1).

English decides as datatrove 0.10.1's GopherQualityFilter and GopherRepetitionFilter, with its words: spaCy's blank
English tokens (see ``english_words`` for where ours differ). Chinese has no spaces, so the same rules count characters:
a unit is one Han character, one run of other letters and digits, or one symbol. ``figures`` measures, these rules
compare.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from stages.contract import Config, Stage
from stages.rules import CHINESE, ENGLISH, append_verdict, first_broken, read_figures

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

    In:  lang string, "gopher_quality.<figure>" float64 of the stage ``figures``:
         words                  words that are not symbols alone
         mean_word_length       their characters / words
         hash_ratio             "#" / words, symbols among them
         ellipsis_ratio         "..." and "…" / words, symbols among them
         bullet_lines_ratio     lines that begin with "•" or "-" / lines; Chinese: with any of · ● ■ ◆ ※ and the like
         ellipsis_lines_ratio   lines that end in "..." or "…" / lines
         alpha_words_ratio      words with a letter / words, symbols among them
         stop_words             different stop words on the page
         stop_ratio             stop words / words; not datatrove's
    Out: "gopher_quality.drop" string: the first broken rule in datatrove's order, null = keep.
    Source: arXiv:2112.11446, A1.1; decides as datatrove 0.10.1's GopherQualityFilter.
    """
    figures, codes = read_figures(batch, "gopher_quality", _QUALITY_FIGURES)
    reasons = first_broken(_quality_rules(figures, cfg.en), codes == ENGLISH)
    reasons += first_broken(_quality_rules(figures, cfg.zh), codes == CHINESE)
    return append_verdict(batch, "gopher_quality", reasons)


def gopher_quality_stage(cfg: GopherQuality) -> Stage:
    """The stage ``gopher_quality``."""
    return Stage(
        name="gopher_quality",
        fn=gopher_quality,
        config=cfg,
        needs=("lang", *(f"gopher_quality.{name}" for name in _QUALITY_FIGURES)),
        adds=("gopher_quality.drop",),
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


def gopher_repetition(batch: pa.Table, cfg: GopherRepetition) -> pa.Table:
    """Mark pages that repeat their own lines, paragraphs or phrases.

    In:  lang string, "gopher_repetition.<figure>" float64 of the stage ``figures``:
         chars                    characters of the page
         dup_para_frac            paragraphs that repeat an earlier one / paragraphs; newlines in a row set them apart
         dup_para_char_frac       characters in those / characters of the page
         dup_line_frac, dup_line_char_frac   the same of lines
         top_N_gram               length of the most frequent N-gram times its count / characters of the page
         duplicated_N_n_grams     characters in N-grams seen before / characters of the page
         N counts words, symbols among them; in Chinese, units.
    Out: "gopher_repetition.drop" string: "empty", or the first broken rule in datatrove's order, null = keep.
    Source: arXiv:2112.11446, table A1; decides as datatrove 0.10.1's GopherRepetitionFilter. Deviation: it joins the
         words of a repeated N-gram without spaces, so that "1 11" equals "11 1"; here equal N-grams have equal words.
         Of 2,159 real pages that changes no decision, and on one, a table, which N is the first over its limit.
    """
    by_language = [(ENGLISH, _repetition_limits(cfg.en)), (CHINESE, _repetition_limits(cfg.zh))]
    names = tuple(dict.fromkeys(name for _, limits in by_language for name, _ in limits))
    figures, codes = read_figures(batch, "gopher_repetition", ("chars", *names))
    reasons = np.full(batch.num_rows, "", dtype=object)
    for code, limits in by_language:
        rules = [("empty", figures["chars"] == 0), *((name, figures[name] > limit) for name, limit in limits)]
        reasons += first_broken(rules, codes == code)
    return append_verdict(batch, "gopher_repetition", reasons)


def gopher_repetition_stage(cfg: GopherRepetition) -> Stage:
    """The stage ``gopher_repetition``; the columns it reads follow the n-gram sizes of its configuration."""
    limits = (*_repetition_limits(cfg.en), *_repetition_limits(cfg.zh))
    names = dict.fromkeys(("chars", *(name for name, _ in limits)))
    return Stage(
        name="gopher_repetition",
        fn=gopher_repetition,
        config=cfg,
        needs=("lang", *(f"gopher_repetition.{name}" for name in names)),
        adds=("gopher_repetition.drop",),
        reject_on="gopher_repetition.drop",
    )
