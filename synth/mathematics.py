"""Which documents are mathematical: a cheap rule over formulas, symbols and the words of proofs."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field

# Formulas in TeX, as extraction writes them. "$5 and $7" is none: no space stands inside the dollars, no digit after.
TEX = re.compile(r"\$\$[^$\n]{1,300}\$\$|\$(?!\s)[^$\n]{1,300}(?<!\s)\$(?!\d)|\\\(.{1,300}?\\\)|\\\[.{1,300}?\\\]")
# LaTeX commands that stand in formulas, symbols that hardly stand elsewhere, and equations written plainly.
FORMULA = re.compile(
    r"\\(?:frac|sum|int|sqrt|alpha|beta|gamma|delta|theta|lambda|sigma|pi|infty|cdot|times|leq?|geq?|neq?|in|mathbb|mathrm"
    r"|left|right|partial|nabla|lim|begin\{(?:align|equation|matrix|pmatrix|cases))(?![A-Za-z])|\\[([]"
    r"|[\u2200-\u22ff\u2a00-\u2aff\u03b1-\u03c9]|[\u00b2\u00b3\u2070-\u209c]"
    r"|\b[a-zA-Z](?:\([a-z]\))?\s?=\s?[-\d(a-zA-Z][^\s,.;:]{0,20}\s?[-+*/^\u00d7\u00b7]"
    r"|\$(?=[^$\n]{0,40}[\^_=+<>])(?!\s)[^$\n]{1,300}(?<!\s)\$(?!\d)"
)
WORDS = {
    "en": re.compile(
        r"\b(?:theorem|lemma|corollary|proof|proposition|equations?|polynomials?|integers?|derivatives?|integrals?|matri(?:x|ces)"
        r"|vectors?|eigenvalues?|probability|algebra\w*|geometr\w+|triangles?|denominator|numerator|logarithms?|inequalit\w+"
        r"|differentiable|continuous function|prime numbers?|square root|hypotenuse|calculus|variance|congruent"
        r"|divisible|divisors?|binomial|modulo|mathematical induction)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"定理|引理|推论|证明|命题|方程|多项式|整数|导数|积分|矩阵|向量|特征值|概率|代数|几何|三角形|分母|分子|对数|不等式|可导|连续函数"
        r"|质数|素数|平方根|微积分|方差|函数的|整除|因数|归纳法|二项式"
    ),
}


class MathematicsConfig(BaseModel):
    """When a document counts as mathematical. Densities are per 1,000 characters, of Chinese per 300."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_formulas: float = Field(default=2.0, ge=0)
    min_words: float = Field(default=2.0, ge=0)  # different words of mathematics, of the whole document


def is_mathematical(text: str, language: str, cfg: MathematicsConfig) -> bool:
    """Whether a document is mathematical: formulas all over it, and several of the words of mathematics.

    Both are asked for: code and prices hold symbols, and a page about a probability distribution function's API holds
    the words.
    """
    per = len(text) / (300 if language == "zh" else 1000)
    if not text or sum(1 for _ in FORMULA.finditer(text)) < cfg.min_formulas * max(1.0, per):
        return False
    return len({found.lower() for found in WORDS[language].findall(text)}) >= cfg.min_words
