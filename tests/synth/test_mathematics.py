"""Which documents are mathematical: formulas all over them, and the words of mathematics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.mathematics import FORMULA, TEX, MathematicsConfig, is_mathematical

CFG = MathematicsConfig()
EN = "Theorem. Every polynomial $x^2 + bx + c = 0$ has two roots. Proof: complete the square, so $x = -b/2$ is one."
ZH = "定理：方程 $x^2 + bx + c = 0$ 有两个根。证明：配方可得 $x = -b/2$ 是多项式的根。"
PROSE = "The daemon reads its table every minute and starts the jobs that are due. "
ZH_PROSE = "守护进程每分钟读取一次表格，然后启动到期的任务。"


@pytest.mark.parametrize(("text", "language"), [(EN, "en"), (ZH, "zh")])
def test_a_page_of_formulas_and_words_of_mathematics_is_mathematical(text: str, language: str) -> None:
    assert is_mathematical(text, language, CFG)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"),
        ("", "zh"),
        ("\x00\ufffe\n\t", "en"),
        (PROSE, "en"),
        (ZH_PROSE, "zh"),
        ("The lunch is $5 and the dinner $7. A vector of prices, an integer each, and their probability.", "en"),
        ("午饭 $5，晚饭 $7。整数、概率和向量只是随口一说。", "zh"),
        ("$x^2 = 4$ and $y_1 + y_2 = 3$ and $z = 1$", "en"),
        ("$x^2 = 4$，$y_1 + y_2 = 3$，$z = 1$", "zh"),
        ("A theorem has a proof; a lemma helps it; the polynomial is an equation of integers.", "en"),
    ],
)
def test_prose_prices_formulas_alone_and_words_alone_are_not_mathematical(text: str, language: str) -> None:
    assert not is_mathematical(text, language, CFG)


@pytest.mark.parametrize(("text", "language", "filler"), [(EN, "en", PROSE), (ZH, "zh", ZH_PROSE)], ids=["en", "zh"])
def test_a_long_document_needs_formulas_all_over_it(text: str, language: str, filler: str) -> None:
    assert not is_mathematical(text + filler * 100, language, CFG)
    assert is_mathematical((text + filler) * 20, language, CFG)


@pytest.mark.parametrize(("text", "language"), [(EN, "en"), (ZH, "zh")])
def test_each_limit_decides(text: str, language: str) -> None:
    assert not is_mathematical(text, language, MathematicsConfig(min_formulas=50))
    assert not is_mathematical(text, language, MathematicsConfig(min_words=50))
    without_words = "$x^2 = 4$ $y^2 = 9$ $z^2 = 16$"
    assert is_mathematical(without_words, language, MathematicsConfig(min_words=0))
    assert is_mathematical("lemma, proof; 引理，证明", language, MathematicsConfig(min_formulas=0))


@pytest.mark.parametrize("value", [-1, "many", None])
def test_a_limit_that_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="min_words"):
        MathematicsConfig.model_validate({"min_words": value})
    with pytest.raises(ValueError, match="extra"):
        MathematicsConfig.model_validate({"max_words": 1})


def test_a_word_said_again_counts_once() -> None:
    formulas = "$x^2 = 4$ $y^2 = 9$ $z^2 = 16$ "
    assert not is_mathematical(formulas + "theorem Theorem THEOREM", "en", CFG)
    assert is_mathematical(formulas + "theorem proof", "en", CFG)


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac{a}{b}",
        r"\sum a_i",
        r"\(x\)",
        r"\[x\]",
        "∀",
        "≤",
        "∫",
        "λ",
        "x²",
        "f(x) = a + b",
        r"\begin{align}",
        "$a_1$",
    ],
)
def test_formulas_are_found_in_tex_in_symbols_and_in_plain_equations(formula: str) -> None:
    assert FORMULA.search(f"so {formula} holds") or FORMULA.search(f"故 {formula} 成立")


@pytest.mark.parametrize(
    ("text", "found"), [("$$a$$", 1), ("$a$ and $b$", 2), (r"\(a\) \[b\]", 2), ("$5 and $7", 0), ("$ a $", 0)]
)
def test_tex_is_told_from_prices(text: str, found: int) -> None:
    assert sum(1 for _ in TEX.finditer(text)) == found


@pytest.mark.parametrize("text", ["$" * 20_000, "\\(" * 5_000, "$a" * 10_000, "a=" * 10_000, "\\[" + "x" * 50_000])
def test_a_hostile_document_is_judged(text: str) -> None:
    assert isinstance(is_mathematical(text, "en", CFG), bool)
    assert isinstance(is_mathematical(text, "zh", CFG), bool)


@given(st.text(max_size=200), st.sampled_from(("en", "zh")), st.floats(0, 20), st.floats(0, 5))
def test_what_is_mathematical_by_a_strict_rule_is_so_by_a_loose_one(
    text: str, language: str, formulas: float, words: float
) -> None:
    strict = MathematicsConfig(min_formulas=formulas, min_words=words)
    loose = MathematicsConfig(min_formulas=formulas / 2, min_words=words / 2)
    for told in (text, f"{EN}{ZH}{text}"):
        assert is_mathematical(told, language, loose) or not is_mathematical(told, language, strict)


def test_a_command_of_tex_counts_with_an_index_right_behind_it() -> None:
    text = r"The integral \int_0^1 and the sum \sum_{i} of a theorem, with \lim_{x} and \frac{1}{2}."
    assert is_mathematical(text, "en", MathematicsConfig(min_formulas=4, min_words=1))
