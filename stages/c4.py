"""C4's rules (Raffel et al. 2020, JMLR 21/140, section 2.2), English and Chinese.

English decides as datatrove 0.10.1's C4QualityFilter (without the bad-word list, as there). That filter also rewrites
the page to the lines it kept; here the page stays as it is and only the decision is taken, because later tiers trace
and quote whole passages. ``c4.kept_lines`` and ``c4.kept_chars`` tell what the rewriting would have left.
Sentences are cut as spaCy's sentencizer cuts them.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pydantic import field_validator

from stages.codepoints import TextView, view_text
from stages.contract import Config, Stage
from stages.rules import CHINESE, ENGLISH, append_columns, first_broken, language_codes

_FIGURES = ("lines", "kept_lines", "sentences", "kept_chars", "lorem_ipsum_lines", "curly_bracket_lines")
_CITATIONS = ("[edit]", "[citation needed]")
_POLICY_EN = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
_POLICY_ZH = ("隐私政策", "隱私政策", "隐私权", "隱私權", "使用条款", "使用條款", "服务条款", "服務條款", "cookie")


class C4Rules(Config):
    """Limits of one language. A line that breaks a line rule is set aside; the rest must hold enough sentences.

    Words of a line are cut at white space; in Chinese a Han character or a run of other letters is one.
    """

    remove_citations: bool = True  # "[12]", "[edit]", "[citation needed]" are taken out before a line is judged
    require_terminal_punctuation: bool = True  # lines must end in . ? ! " ' but not in "..."
    min_words_per_line: int = 3
    max_word_length: int = 1000  # characters; -1 is off
    drop_lorem_ipsum: bool = True  # the page
    drop_javascript: bool = True  # the line
    drop_curly_bracket: bool = True  # the page
    drop_policy: bool = True  # the line
    policy_phrases: tuple[str, ...] = _POLICY_EN  # lower case
    min_sentences: int = 5

    @field_validator("policy_phrases")
    @classmethod
    def _phrases_are_lower_case(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        for phrase in phrases:
            if not phrase or phrase != phrase.lower():
                raise ValueError(f"policy_phrases are compared in lower case and may not be empty, got {phrase!r}")
        return phrases


class C4(Config):
    """C4 rules of both languages."""

    en: C4Rules = C4Rules()
    zh: C4Rules = C4Rules(
        # FineWeb2 dropped the C4 rules outside English: headings and items stand without a full stop, and a curly
        # bracket rejects documentation with code. What is left asks for a few sentences and drops policy lines.
        require_terminal_punctuation=False,
        drop_curly_bracket=False,
        min_words_per_line=5,
        min_sentences=3,
        policy_phrases=_POLICY_ZH,
    )


def _pack(phrases: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Phrases as one array of code points and their bounds."""
    points = np.array([ord(c) for phrase in phrases for c in phrase], np.uint32)
    return points, np.cumsum([0, *map(len, phrases)], dtype=np.int64)


def _figures(text: TextView, codes: np.ndarray, code: int, rules: C4Rules) -> np.ndarray:
    """The figures of one language's rows, float64 (n, 6)."""
    from stages.c4_kernels import c4_figures
    from stages.word_kernels import load_tables

    options = (
        rules.max_word_length,
        int(rules.require_terminal_punctuation),
        rules.min_words_per_line,
        int(rules.drop_lorem_ipsum),
        int(rules.drop_javascript),
        int(rules.drop_curly_bracket),
        int(rules.drop_policy),
    )
    citations = _CITATIONS if rules.remove_citations else ()
    phrases = (_pack(p) for p in (citations, ("javascript",), ("lorem ipsum",), rules.policy_phrases))
    return c4_figures(text.data, text.offsets, codes, load_tables(), code, options, *phrases, text.max_bytes)


def _rules(figures: dict[str, np.ndarray], rules: C4Rules) -> list[tuple[str, np.ndarray]]:
    """datatrove's rules on pages."""
    return [
        ("lorem_ipsum", figures["lorem_ipsum_lines"] > 0),
        ("curly_bracket", figures["curly_bracket_lines"] > 0),
        ("too_few_sentences", figures["sentences"] < rules.min_sentences),
    ]


def c4(batch: pa.Table, cfg: C4) -> pa.Table:
    """Mark pages with placeholder text, code, or too few sentences in proper lines.

    In:  content string, lang string.
    Out: "c4.<figure>" float64 (counts), "c4.drop" string: the first broken rule in datatrove's order.
    """
    codes, text = language_codes(batch), view_text(batch["content"])
    english = _figures(text, codes, ENGLISH, cfg.en)
    chinese = _figures(text, codes, CHINESE, cfg.zh)
    values = np.where((codes == CHINESE)[:, None], chinese, english)
    figures = dict(zip(_FIGURES, values.T, strict=True))
    reasons = first_broken(_rules(figures, cfg.en), codes == ENGLISH)
    reasons += first_broken(_rules(figures, cfg.zh), codes == CHINESE)
    return append_columns(batch, "c4", figures, reasons, codes)


def c4_stage(cfg: C4) -> Stage:
    """The stage ``c4``."""
    return Stage(
        name="c4",
        fn=c4,
        config=cfg,
        needs=("content", "lang"),
        adds=tuple(f"c4.{name}" for name in (*_FIGURES, "drop")),
        reject_on="c4.drop",
    )
