"""The learning rate, and recipes that say it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annealing import recipe
from annealing.errors import TrainerError
from annealing.schedule import SHAPES, Decay, check, table

TOML = """
start = "1b"
tokenizer = "somewhere"
[[phase]]
name = "stable"
tokens = 200e9
shape = "constant"
lr = 1e-3
warmup_tokens = 1_000_000
[[phase.data]]
path = "L2"
[[phase]]
name = "decay"
tokens = 1_000_000_000
shape = "1-sqrt"
[[phase.data]]
path = "L3"
weight = 0.3
[[phase.data]]
path = "L2"
weight = 0.7
"""


@given(st.sampled_from(SHAPES), st.floats(1e-5, 1e-2), st.floats(0.01, 1.0), st.integers(1, 400), st.integers(0, 20))
def test_a_rate_rises_while_warming_up_and_never_again(
    shape: str, lr: float, part: float, steps: int, warm: int
) -> None:
    decay = Decay(shape, lr, lr * part, steps * 8, 8, min(warm, steps - 1) * 8)
    rates = [decay.at(step) for step in range(decay.steps)]
    warm = min(warm, steps - 1)
    assert rates[:warm] == sorted(rates[:warm])
    assert rates[warm:] == sorted(rates[warm:], reverse=True)
    assert all(0 < rate <= lr * (1 + 1e-9) for rate in rates)
    assert rates[warm] == pytest.approx(lr)


def test_each_shape_is_where_its_formula_says_halfway() -> None:
    at = {shape: Decay(shape, 1.0, 0.25, 100, 1).at(50) for shape in SHAPES}
    assert at == pytest.approx(
        {
            "constant": 1.0,
            "linear": 0.625,
            "1-sqrt": 0.25 + 0.75 * (1 - 0.5**0.5),
            "cosine": 0.625,
            "exponential": 0.5,
            "megatron": 0.25 + 0.75 * (2 * 0.5**0.5 - 1),
        }
    )


def test_the_table_shows_the_first_and_the_last_step() -> None:
    assert table([Decay("linear", 1.0, 0.0, 100, 1)], (0, 1)) == [[1.0, pytest.approx(0.01)]]


@pytest.mark.parametrize(
    ("decay", "says"),
    [
        (Decay("square", 1.0, 0.0, 10, 1), "not known"),
        (Decay("linear", 0.0, 0.0, 10, 1), "above 0"),
        (Decay("linear", 1.0, 2.0, 10, 1), "above lr"),
        (Decay("exponential", 1.0, 0.0, 10, 1), "never gets to 0"),
        (Decay("linear", 1.0, 0.0, 10, 1, 10), "warm-up"),
    ],
)
def test_a_phase_that_makes_no_sense_is_refused(decay: Decay, says: str) -> None:
    with pytest.raises(TrainerError, match=says):
        check(decay, "phase 'x'")


def test_a_phase_without_a_rate_goes_on_from_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(TOML)
    found = recipe.load(str(tmp_path / "r.toml"))
    assert found.phases[0].tokens == 200_000_000_000
    assert [decay.lr for decay in recipe.decays(found, 0.0)] == [1e-3, 1e-3]


@pytest.mark.parametrize(
    ("old", "new", "says", "remedy"),
    [
        ('shape = "1-sqrt"', 'shap = "1-sqrt"', "no setting 'shap'", "did you mean shape?"),
        ("weight = 0.3", 'weight = "much"', "must be float", ""),
        ("tokens = 200e9", "", "tokens is missing", ""),
        ("lr = 1e-3", "", "has no learning rate", "set lr"),
        ("[[phase]]", "[[phase]", "no TOML", "line"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(tmp_path: Path, old: str, new: str, says: str, remedy: str) -> None:
    (tmp_path / "r.toml").write_text(TOML.replace(old, new, 1))
    with pytest.raises(TrainerError, match=says) as caught:
        recipe.decays(recipe.load(str(tmp_path / "r.toml")), 0.0)
    assert remedy in caught.value.remedy


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="cannot be read"):
        recipe.load(str(tmp_path / "none.toml"))


def test_the_fingerprint_is_of_what_decides_the_weights(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(TOML)
    one = recipe.load(str(tmp_path / "r.toml"))
    (tmp_path / "r.toml").write_text(TOML + "[machine]\nthreads = 7\n[safety]\nkeep_last = 9\n")
    other = recipe.load(str(tmp_path / "r.toml"))
    (tmp_path / "r.toml").write_text(TOML + "[optimizer]\nweight_decay = 0.2\n")
    third = recipe.load(str(tmp_path / "r.toml"))
    assert one.fingerprint() == other.fingerprint() != third.fingerprint()
