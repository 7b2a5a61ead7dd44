"""Intervals and verdicts: how often an equal pair is called different, and whether a true difference is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance import statistics
from governance.statistics import Interval, Items, of_difference, of_figure, word

COUNT = 60  # items of a simulated figure


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "DRAWS", 200)


def items(found: np.ndarray, size: np.ndarray | None = None, keys: tuple[str, ...] | None = None) -> Items:
    size = np.ones(len(found)) if size is None else size
    return Items(keys or tuple(map(str, range(len(found)))), np.asarray(found, float), np.asarray(size, float))


def simulated(random: np.random.Generator, seeds: int, gap: float) -> tuple[list[list[Items]], list[list[Items]]]:
    """Two ways to train, ``gap`` bits per byte apart: hard and easy documents, seeds that differ by 0.02."""
    size = random.integers(200, 4000, COUNT)
    hard = random.normal(1.2, 0.3, COUNT)

    def figures(level: float) -> list[list[Items]]:
        by_seed = (level + random.normal(0, 0.02) + random.normal(0, 0.05, COUNT) for _ in range(seeds))
        return [[items((hard + moved) * size, size)] for moved in by_seed]

    return figures(0.0), figures(gap)


def called_different(seeds: int, gap: float, cases: int) -> float:
    random = np.random.default_rng(7)
    pairs = (simulated(random, seeds, gap) for _ in range(cases))
    return sum(word(of_difference(*pair), True) != "no difference shown" for pair in pairs) / cases


@pytest.mark.parametrize("seeds", [2, 3])
def test_an_equal_pair_is_seldom_called_different(seeds: int) -> None:
    assert called_different(seeds, 0.0, 200) <= 0.10


@pytest.mark.parametrize("seeds", [2, 3])
def test_a_difference_well_above_the_noise_is_found(seeds: int) -> None:
    assert called_different(seeds, 1.0, 50) >= 0.95


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(11)
    found = [of_difference(*simulated(random, 3, 0.1)) for _ in range(200)]
    assert np.mean([one.low <= -0.1 <= one.high for one in found]) >= 0.9


def test_the_interval_of_a_figure_holds_the_true_one_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    found = [of_figure([items(random.random(COUNT) < 0.3)]) for _ in range(200)]
    assert 0.88 <= np.mean([one.low <= 0.3 <= one.high for one in found]) <= 0.99


def test_one_seed_gives_no_verdict_however_large_the_difference() -> None:
    found = of_difference(*simulated(np.random.default_rng(0), 1, 5.0))
    assert found.excludes_zero and found.seeds_error is None and word(found, True) == "no difference shown"


def test_which_side_is_better_depends_on_the_metric() -> None:
    lower = Interval(-0.5, -0.6, -0.4, (-0.5, -0.5), 0.1, 0.1)
    assert (word(lower, True), word(lower, False)) == ("better", "worse")
    assert word(Interval(0.5, -0.1, 1.1, (0.4, 0.6), 0.1, 0.1), True) == "no difference shown"


def test_seeds_that_disagree_widen_the_interval() -> None:
    base = items(np.linspace(0, 1, COUNT))

    def width(*moves: float) -> float:
        ones = [[items(base.found + move)] for move in moves]
        found = of_difference(ones, [[base]] * len(moves))
        return found.high - found.low

    assert width(0.1, 0.3) > 10 * width(0.19, 0.21) > 0
    assert width(0.2, 0.2) == pytest.approx(0, abs=1e-9)  # every item moves alike, in both seeds


def test_models_measured_on_different_items_are_refused() -> None:
    one = items(np.ones(3))
    with pytest.raises(ValueError, match="different items"):
        of_difference([[one]], [[items(np.ones(3), keys=("0", "1", "3"))]])
    with pytest.raises(ValueError):
        of_difference([[one], [one]], [[one]])  # another number of seeds


def test_items_of_one_key_are_drawn_together() -> None:
    found = np.arange(40) % 2
    apart, pairs = items(found), items(found, keys=tuple(str(number // 20 * 2 + number % 2) for number in range(40)))
    assert of_figure([pairs]).items_error > 2 * of_figure([apart]).items_error


def test_several_figures_are_averaged_and_each_has_its_own_items() -> None:
    ones, others = [items(np.ones(30)), items(np.zeros(50))], [items(np.zeros(30)), items(np.zeros(50))]
    assert of_figure(ones).value == 0.5
    assert of_difference([ones], [others]).value == 0.5


def test_draws_in_pieces_are_those_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [items(np.random.default_rng(1).random(COUNT))]
    whole = statistics._draws(some, np.random.default_rng(0))
    monkeypatch.setattr(statistics, "_BLOCK", 7 * COUNT)
    assert np.allclose(whole, statistics._draws(some, np.random.default_rng(0)), rtol=1e-12)


measures = st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 10)), min_size=2, max_size=20)


@settings(max_examples=30)
@given(measures)
def test_an_interval_contains_its_value(rows: list[tuple[float, float]]) -> None:
    found, size = np.array(rows).T
    one = of_figure([items(found, size)])
    assert one.low <= one.value <= one.high and one.value == pytest.approx(found.sum() / size.sum())
    gap = of_difference([[items(found, size)]] * 2, [[items(size, size)]] * 2)
    assert gap.low <= gap.value <= gap.high and gap.value == pytest.approx(np.mean(gap.by_seed))


@settings(max_examples=30)
@given(measures, st.floats(0.01, 100))
def test_a_figure_in_another_unit_has_the_same_interval_in_that_unit(
    rows: list[tuple[float, float]], factor: float
) -> None:
    found, size = np.array(rows).T

    def bounds(scale: float) -> list[float]:
        one, other = items(found * scale, size), items(found[::-1] * scale, size)
        both = (of_figure([one]), of_difference([[one], [other]], [[other], [other]]))
        return [value for interval in both for value in (interval.value, interval.low, interval.high)]

    assert np.allclose(np.array(bounds(1.0)) * factor, bounds(factor), rtol=1e-6, atol=1e-9 * factor)


def test_the_two_sides_of_a_difference_mirror_each_other() -> None:
    ones, others = simulated(np.random.default_rng(5), 3, 0.05)
    there, back = of_difference(ones, others), of_difference(others, ones)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
