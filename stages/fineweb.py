"""FineWeb's quality rules (Penedo et al. 2024, arXiv:2406.17557, section 3.6), English and Chinese.

English decides as datatrove 0.10.1's FineWebQualityFilter. Chinese counts characters: a unit is one Han character, one
run of other letters and digits, or one symbol.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stages.contract import Config, Stage
from stages.rules import CHINESE, ENGLISH, append_verdict, first_broken, read_figures

_FIGURES = ("lines", "line_punct_ratio", "short_line_ratio", "char_dup_ratio", "list_ratio")


class FineWebRules(Config):
    """Limits of one language. Lines are those between newlines that hold more than white space."""

    min_line_punct_ratio: float = 0.12  # lines that end in terminal punctuation / lines
    short_line_length: int = 30  # characters
    max_short_line_ratio: float = 0.67  # lines of at most that length / lines
    max_char_dup_ratio: float = 0.01  # characters in lines seen before / characters without newlines
    max_list_ratio: float = 0.3  # newlines (Chinese: filled lines) / words, punctuation counted as words


class FineWeb(Config):
    """FineWeb rules of both languages."""

    en: FineWebRules = FineWebRules()
    zh: FineWebRules = FineWebRules(
        # FineWeb2 (configs/cmn_Hani.yml): 0.106.
        min_line_punct_ratio=0.106,
        # A Chinese sentence has about a third of the characters of an English one.
        short_line_length=10,
        # FineWeb2 raises 0.01 to 0.1 for every language but English.
        max_char_dup_ratio=0.1,
        # Lines with text per unit. FineWeb2 has 0.178 newlines per segmented word, about 0.11 per unit at 1.6 units a
        # word; documentation with a heading over every sentence reaches that, menus of two to five characters 0.2.
        max_list_ratio=0.13,
    )


def _rules(figures: dict[str, np.ndarray], rules: FineWebRules) -> list[tuple[str, np.ndarray]]:
    """datatrove's rules in datatrove's order."""
    return [
        ("empty", figures["lines"] == 0),
        ("line_punct_ratio", figures["line_punct_ratio"] < rules.min_line_punct_ratio),
        ("short_line_ratio", figures["short_line_ratio"] > rules.max_short_line_ratio),
        ("char_dup_ratio", figures["char_dup_ratio"] > rules.max_char_dup_ratio),
        ("list_ratio", figures["list_ratio"] > rules.max_list_ratio),
    ]


def fineweb(batch: pa.Table, cfg: FineWeb) -> pa.Table:
    """Mark pages that read as lists, menus or repeated lines.

    In:  lang string, "fineweb.<figure>" float64 of the stage ``figures``:
         lines               lines between newlines that hold more than white space
         line_punct_ratio    those that end in terminal punctuation / lines; Chinese: in 。！？…；： or their ASCII
                             forms, closing quotes and brackets behind them left out
         short_line_ratio    those of at most short_line_length characters / lines
         char_dup_ratio      characters in lines seen before / characters without newlines
         list_ratio          newlines (Chinese: lines) / words, symbols among them
    Out: "fineweb.drop" string: "empty", or the first broken rule in datatrove's order, null = keep.
    Source: arXiv:2406.17557, section 3.6; decides as datatrove 0.10.1's FineWebQualityFilter.
    """
    figures, codes = read_figures(batch, "fineweb", _FIGURES)
    reasons = first_broken(_rules(figures, cfg.en), codes == ENGLISH)
    reasons += first_broken(_rules(figures, cfg.zh), codes == CHINESE)
    return append_verdict(batch, "fineweb", reasons)


def fineweb_stage(cfg: FineWeb) -> Stage:
    """The stage ``fineweb``."""
    return Stage(
        name="fineweb",
        fn=fineweb,
        config=cfg,
        needs=("lang", *(f"fineweb.{name}" for name in _FIGURES)),
        adds=("fineweb.drop",),
        reject_on="fineweb.drop",
    )
