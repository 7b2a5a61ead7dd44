"""Intervals of figures and of differences between models, and the verdict that an interval supports.

A difference between two ways to train varies for two reasons: other questions or documents might have been asked, and
other seeds might have been drawn. The first is measured by a paired bootstrap over the items, the second by the spread
between seeds; with few seeds the second is itself little known, and Student's t says how little. A bootstrap over two
seeds alone would call two of five equal pairs different.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

DRAWS = 1000
LEVEL = 0.95
_BLOCK = 4_000_000  # weights held at once


@dataclass(frozen=True)
class Items:
    """What one figure was measured on: the figure is the sum of ``found`` over the sum of ``size``."""

    keys: tuple[str, ...]  # items of one key are drawn together
    found: np.ndarray  # float64 (items,)
    size: np.ndarray  # float64 (items,)


@dataclass(frozen=True)
class Interval:
    """A figure, or a difference, with the bounds that hold it at 95 %."""

    value: float
    low: float
    high: float
    by_seed: tuple[float, ...] = ()
    items_error: float = 0.0  # standard error for the items
    seeds_error: float | None = None  # and for the seeds; None with one seed, where nothing is known of it

    @property
    def excludes_zero(self) -> bool:
        """Whether chance alone would seldom give such a difference."""
        return self.low > 0 or self.high < 0


def of_figure(groups: Sequence[Items], seed: int = 0) -> Interval:
    """The mean of some figures of one model, with a bootstrap interval (percentiles) over their items."""
    draws = sum(_draws([group], np.random.default_rng([seed, number])) for number, group in enumerate(groups))
    drawn = np.asarray(draws)[0] / len(groups)
    value = float(np.mean([group.found.sum() / group.size.sum() for group in groups]))
    low, high = np.percentile(drawn, (100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2))
    return Interval(value, min(float(low), value), max(float(high), value), items_error=float(drawn.std()))


def of_difference(ones: Sequence[Sequence[Items]], others: Sequence[Sequence[Items]], level: float = LEVEL) -> Interval:
    """The mean of some figures of one way to train less that of another.

    Args: ones[seed][figure], others[seed][figure], measured on the same items; seeds of equal place had the same order
    of data, so that they are a pair. level of the interval.
    Out: positive where ``ones`` is higher.
    """
    by_seed = np.array([_mean(one) - _mean(other) for one, other in zip(ones, others, strict=True)])
    items = _items_error(ones, others)
    count = len(by_seed)
    seeds = float(by_seed.std(ddof=1) / np.sqrt(count)) if count > 1 else None
    half = _half_width(items, seeds, count, _size(ones[0]), level)
    value = float(by_seed.mean())
    return Interval(value, value - half, value + half, tuple(map(float, by_seed)), items, seeds)


def _mean(figures: Sequence[Items]) -> float:
    return float(np.mean([figure.found.sum() / figure.size.sum() for figure in figures]))


def _size(figures: Sequence[Items]) -> int:
    return min(len(set(figure.keys)) for figure in figures)


def _items_error(ones: Sequence[Sequence[Items]], others: Sequence[Sequence[Items]]) -> float:
    """Standard deviation of the difference over draws of the items, the same draw for both ways and all seeds."""
    total = np.zeros(DRAWS)
    for number in range(len(ones[0])):
        pairs = [(one[number], other[number]) for one, other in zip(ones, others, strict=True)]
        for one, other in pairs:
            if one.keys != other.keys:
                raise ValueError("two models were measured on different items")
        drawn = _draws([each for pair in pairs for each in pair], np.random.default_rng(number))
        total += (drawn[0::2] - drawn[1::2]).mean(0)
    return float(total.std() / len(ones[0]))


def _draws(figures: Sequence[Items], random: np.random.Generator) -> np.ndarray:
    """The figures (figures, DRAWS) under the same draws of their common items, with replacement."""
    keys, owner = np.unique(np.array(figures[0].keys), return_inverse=True)
    sums = [np.bincount(owner, part, len(keys)) for figure in figures for part in (figure.found, figure.size)]
    table = np.stack(sums, 1)
    found = []
    rows = max(1, _BLOCK // len(keys))
    for start in range(0, DRAWS, rows):
        weights = random.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), min(rows, DRAWS - start))
        found.append(weights @ table)
    drawn = np.concatenate(found).T
    return drawn[0::2] / drawn[1::2]


def _half_width(items: float, seeds: float | None, count: int, size: int, level: float) -> float:
    """Half the width of an interval from two errors, each by its own t and then added as squares.

    One t for their sum (Satterthwaite) called 20 of 100 equal pairs of two seeds different; this calls 5 (simulated).
    """
    from scipy.stats import t

    quantile = (1 + level) / 2
    by_items = t.ppf(quantile, max(1, size - 1)) * items
    by_seeds = t.ppf(quantile, count - 1) * seeds if seeds is not None else 0.0
    return float(np.hypot(by_items, by_seeds))


Word = Literal["better", "worse", "no difference shown"]


def word(difference: Interval, lower_is_better: bool) -> Word:
    """What may be said of a difference: nothing where one seed ran alone, or where the interval holds 0."""
    if difference.seeds_error is None or not difference.excludes_zero:
        return "no difference shown"
    return "better" if (difference.value < 0) == lower_is_better else "worse"
