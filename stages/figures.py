"""Everything the rules of L1 look at, measured in one pass over the text; the rules themselves only compare.

Annotate, then select: a figure is a column, so a threshold moves without the text being read again.
Chinese pages are read with full-width forms (Ａ, １, ＃, the ideographic space) as the ASCII signs they are forms of.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from stages.c4 import C4, C4Lines, C4Rules
from stages.codepoints import TextView, view_text
from stages.contract import Config, Stage
from stages.fineweb import FineWeb, FineWebRules
from stages.gopher import GopherQuality, GopherQualityRules, GopherRepetition, GopherRepetitionRules
from stages.rules import CHINESE, ENGLISH, language_codes, narrow

# In the order in which the kernel gives them; gram shares follow.
_COLUMNS = (
    "num_words",
    *(
        f"gopher_quality.{figure}"
        for figure in (
            "words",
            "mean_word_length",
            "alpha_words_ratio",
            "stop_words",
            "stop_ratio",
            "hash_ratio",
            "ellipsis_ratio",
            "bullet_lines_ratio",
            "ellipsis_lines_ratio",
        )
    ),
    *(
        f"c4.{figure}"
        for figure in (
            "lines",
            "kept_lines",
            "sentences",
            "kept_chars",
            "lorem_ipsum_lines",
            "curly_bracket_lines",
            "navigation_lines",
            "advert_lines",
        )
    ),
    *(
        f"fineweb.{figure}"
        for figure in ("lines", "line_punct_ratio", "short_line_ratio", "char_dup_ratio", "list_ratio")
    ),
    *(
        f"gopher_repetition.{figure}"
        for figure in ("dup_line_frac", "dup_line_char_frac", "dup_para_frac", "dup_para_char_frac", "chars")
    ),
)


class PageMeasures(Config):
    """What is measured on pages of one language: of the rules' settings those that are no thresholds."""

    stop_words: tuple[str, ...]
    top_n_grams: tuple[PositiveInt, ...]
    dup_n_grams: tuple[PositiveInt, ...]
    short_line_length: int
    lines: C4Lines

    @property
    def gram_columns(self) -> tuple[str, ...]:
        """The columns of n-gram shares."""
        tops = (f"gopher_repetition.top_{n}_gram" for n in self.top_n_grams)
        return (*tops, *(f"gopher_repetition.duplicated_{n}_n_grams" for n in self.dup_n_grams))


class Figures(Config):
    """What is measured in both languages."""

    en: PageMeasures
    zh: PageMeasures

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in a fixed order."""
        return (*_COLUMNS, *dict.fromkeys((*self.en.gram_columns, *self.zh.gram_columns)))


def _measures(
    quality: GopherQualityRules, repetition: GopherRepetitionRules, lines: C4Rules, fineweb: FineWebRules
) -> PageMeasures:
    return PageMeasures(
        stop_words=quality.stop_words,
        top_n_grams=tuple(n for n, _ in repetition.top_n_grams),
        dup_n_grams=tuple(n for n, _ in repetition.dup_n_grams),
        short_line_length=fineweb.short_line_length,
        lines=lines.measures(),
    )


def figures_of(quality: GopherQuality, repetition: GopherRepetition, c4: C4, fineweb: FineWeb) -> Figures:
    """What the four families of rules need."""
    return Figures(
        en=_measures(quality.en, repetition.en, c4.en, fineweb.en),
        zh=_measures(quality.zh, repetition.zh, c4.zh, fineweb.zh),
    )


def _measure(text: TextView, codes: np.ndarray, code: int, measures: PageMeasures) -> np.ndarray:
    """The figures of one language's rows, a column for each name, NaN in other rows."""
    from stages.english_specials import word_hashes
    from stages.figure_kernels import Measures, page_figures
    from stages.word_kernels import load_tables

    read = narrow if code == CHINESE else str
    kernel = Measures(
        word_hashes(tuple(dict.fromkeys(map(read, measures.stop_words)))),
        np.array(measures.top_n_grams, np.int64),
        np.array(measures.dup_n_grams, np.int64),
        measures.short_line_length,
        *measures.lines.packed(read),
    )
    return page_figures(text.data, text.offsets, codes, code, kernel, load_tables(), text.max_bytes)


def figures(batch: pa.Table, cfg: Figures) -> pa.Table:
    """Measure each page once for all rules.

    In:  content string, lang string.
    Out: num_words int64 (white-space words in English, Han characters in Chinese), and "<rules>.<figure>" float64 of
         the four families of rules, whose docstrings say what each is. All are null where no rules apply: another
         language, no text, or an n-gram size that only the other language uses.
    """
    codes, text = language_codes(batch), view_text(batch["content"])
    found = {name: np.full(batch.num_rows, np.nan) for name in cfg.columns}
    for code, measures in ((ENGLISH, cfg.en), (CHINESE, cfg.zh)):
        rows = codes == code
        if rows.any():
            values = _measure(text, codes, code, measures)[rows]
            for name, column in zip((*_COLUMNS, *measures.gram_columns), values.T, strict=True):
                found[name][rows] = column
    for name, values in found.items():
        kind = pa.int64() if name == "num_words" else pa.float64()
        missing = np.isnan(values)
        column = np.where(missing, 0, values).astype(np.int64) if name == "num_words" else values
        batch = batch.append_column(name, pa.array(column, kind, mask=missing))
    return batch


def figures_stage(cfg: Figures) -> Stage:
    """The stage ``figures``; the columns it adds follow the n-gram sizes of its configuration."""
    return Stage(name="figures", fn=figures, config=cfg, needs=("content", "lang"), adds=cfg.columns)
