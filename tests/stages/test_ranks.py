"""Ranks of scores, found from counts of digits: as sorting would find them, whatever the shards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import ranks
from stages.ranks import Target

SCORES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60)


def found(shards: list[np.ndarray], wanted: list[int]) -> list[float]:
    """The scores of ranks among those of all shards, in passes over each."""
    targets = [Target(0, rank) for rank in wanted]
    for level in range(ranks.PASSES):
        prefixes = sorted({target.prefix for target in targets})
        counts = [ranks.count_digits(shard, prefixes, level) for shard in shards]
        targets = ranks.narrow(targets, {prefix: sum(each[prefix] for each in counts) for prefix in prefixes})
    return [ranks.score_of(target) for target in targets]


@given(SCORES, st.data())
def test_the_score_of_every_rank_is_that_of_the_sorted_scores(values: list[float], data: st.DataObject) -> None:
    scores = np.array(values, np.float32)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    wanted = data.draw(st.lists(st.integers(0, len(values) - 1), min_size=1, max_size=5))
    expected = np.sort(scores)[wanted]
    assert np.array_equal(np.array(found(np.split(scores, cuts), wanted), np.float32), expected)


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 1e-45, float(np.nextafter(np.float32(1), 0))])
def test_the_ends_of_the_scale_and_the_smallest_float_are_found_exactly(value: float) -> None:
    scores = np.array([value] * 3 + [0.5], np.float32)
    rank = 0 if value < 0.5 else 3
    assert found([scores], [rank]) == [float(np.float32(value))]


def test_scores_without_any_value_count_nothing() -> None:
    (counts,) = ranks.count_digits(np.zeros(0, np.float32), [0], 0).values()
    assert counts.shape == (ranks.DIGITS,) and not counts.any()
