"""Figures of a classifier: by their definitions, in their corners, and what does not change them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.agreement import agreement, difference, disagreements
from classifiers.bootstrap import Clusters, bootstrap, clusters, interval
from classifiers.evaluate import (
    auc,
    average_precision,
    by_source,
    calibration,
    curves,
    figures,
    keep_shares,
    threshold_for_keep_share,
)

Labelled = tuple[np.ndarray, np.ndarray]


@st.composite
def labelled(draw: st.DrawFn) -> Labelled:
    """Both classes, and scores of which many are equal."""
    scores = draw(st.lists(st.integers(0, 12), min_size=2, max_size=40))
    labels = draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    labels[0], labels[-1] = True, False
    return np.array(labels), np.array(scores) / 12


def drawn_set(count: int = 400, sources: int = 12, seed: int = 0, shift: float = 0.2) -> tuple:
    """Labels, scores, sources, lengths, with a mood of each source that its documents share."""
    random = np.random.default_rng(seed)
    number = random.integers(0, sources, count)
    labels = random.random(count) < 0.5
    mood = random.normal(0, 0.1, sources)[number]
    scores = np.clip(random.normal(0.4 + shift * labels + mood, 0.1), 0, 1)
    return labels, scores, [f"s{i}" for i in number], random.integers(1, 5000, count)


@given(labelled())
def test_auc_is_the_share_of_pairs_in_the_right_order(data: Labelled) -> None:
    labels, scores = data
    pairs = [(p > n) + (p == n) / 2 for p in scores[labels] for n in scores[~labels]]
    assert auc(labels, scores) == pytest.approx(np.mean(pairs))


@given(labelled())
def test_auc_does_not_change_under_a_monotone_map(data: Labelled) -> None:
    labels, scores = data
    assert auc(labels, scores) == auc(labels, np.exp(3 * scores) - 7)
    assert auc(labels, scores) == pytest.approx(1 - auc(labels, -scores))


def test_auc_counts_pairs_and_ties_half() -> None:
    labels = np.array([True, True, False, False])
    assert auc(labels, np.array([0.9, 0.8, 0.2, 0.1])) == 1
    assert auc(labels, np.array([0.1, 0.2, 0.8, 0.9])) == 0
    assert auc(labels, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5


@given(labelled())
def test_average_precision_is_the_mean_precision_over_the_positives(data: Labelled) -> None:
    labels, scores = data
    precision = [labels[scores >= score].mean() for score in scores[labels]]
    assert average_precision(labels, scores) == pytest.approx(np.mean(precision))


@given(labelled())
def test_curves_only_rise_and_end_with_everything_kept(data: Labelled) -> None:
    found = curves(*data)
    for name in ("recall", "false_positive_rate", "keep_share"):
        assert found[name] == sorted(found[name])
        assert found[name][-1] == 1
    assert found["threshold"] == sorted(found["threshold"], reverse=True)
    assert all(0 <= value <= 1 for value in found["precision"])


def test_curves_of_many_scores_have_few_points_and_keep_the_corner() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(20_000) < 1000
    scores = np.where(labels, 0.6, 0.1) + random.random(20_000) / 4
    found = curves(labels, scores)
    assert len(found["recall"]) <= 200
    assert max(r - f for r, f in zip(found["recall"], found["false_positive_rate"], strict=True)) > 0.98


@settings(max_examples=15)
@given(st.integers(0, 100), st.sampled_from([1, 3, 30]))
def test_an_interval_contains_its_figure(seed: int, sources: int) -> None:
    found = figures(*drawn_set(40, sources, seed), seed=seed)
    for name in ("auc", "average_precision"):
        low, high = found[f"{name}_interval"]
        assert 0 <= low <= found[name] <= high <= 1


def test_draws_agree_with_drawing_the_documents_themselves() -> None:
    labels, scores, sources, _ = drawn_set(300, 8)
    made = bootstrap(labels, scores, clusters(labels, sources), seed=1)
    random, number = np.random.default_rng(2), np.unique(sources, return_inverse=True)[1]
    slow = []
    for _ in range(600):
        taken = random.integers(0, 8, 8)
        rows = np.concatenate([np.flatnonzero(number == source) for source in taken])
        slow.append((auc(labels[rows], scores[rows]), average_precision(labels[rows], scores[rows])))
    for fast, plain in zip((made.auc, made.average_precision), np.array(slow).T, strict=True):
        np.testing.assert_allclose(
            np.percentile(fast, (2.5, 50, 97.5)), np.percentile(plain, (2.5, 50, 97.5)), atol=0.01
        )


def test_more_scores_than_bins_are_measured_as_well_as_exactly() -> None:
    labels, scores, *_ = drawn_set(5000)
    one = bootstrap(labels, scores, Clusters("sources", np.arange(5000) % 1), seed=0, draws=1)
    assert one.auc[0] == pytest.approx(auc(labels, scores), abs=1e-4)
    assert one.average_precision[0] == pytest.approx(average_precision(labels, scores), abs=2e-3)


def test_sources_that_share_a_mood_make_a_wider_interval_than_single_documents() -> None:
    labels, scores, sources, lengths = drawn_set(2000, 10)
    by_sources = figures(labels, scores, sources, lengths)
    by_documents = figures(labels, scores, ["one"] * 2000, lengths)
    assert by_sources["interval_of"] == {"unit": "sources", "number": 10, "draws": 1000}
    assert by_documents["interval_of"]["unit"] == "documents"
    width = [high - low for low, high in (by_sources["auc_interval"], by_documents["auc_interval"])]
    assert width[0] > 1.5 * width[1]


def test_the_interval_of_single_documents_covers_the_truth_as_often_as_it_says() -> None:
    """Two normal distributions a standard deviation apart have an AUC of Phi(1 / sqrt 2) = 0.760."""
    random, hits = np.random.default_rng(5), 0
    for _ in range(60):
        labels = np.arange(200) < 100
        scores = 1 / (1 + np.exp(-random.normal(labels.astype(float))))
        boot = bootstrap(labels, scores, clusters(labels, ["one"] * 200), seed=0, draws=300)
        low, high = interval(boot.auc, auc(labels, scores))
        hits += low <= 0.7602 <= high
    assert hits >= 52


def test_sources_are_drawn_if_both_classes_have_five_else_sites_else_documents() -> None:
    labels = np.arange(20) < 10
    many = [f"s{i % 5}" for i in range(20)]
    few = [f"s{i % 4}" for i in range(20)]
    assert clusters(labels, many).unit == "sources"
    assert clusters(labels, few, [f"host{i}" for i in range(20)]).unit == "sites"
    assert clusters(labels, few, [None] * 20).unit == "documents"
    assert clusters(labels, few).unit == "documents"


def test_a_page_without_site_is_drawn_with_its_source() -> None:
    labels = np.arange(12) < 6
    sites = [None, None, "a", "b", "c", "d"] * 2
    found = clusters(labels, ["one"] * 12, sites)
    assert found.unit == "sites"
    assert found.number[0] == found.number[1] == found.number[6]
    assert len(set(found.number.tolist())) == 5


@pytest.mark.parametrize(("label", "counts"), [(True, "3 positives and 0 negatives"), (False, "0 positives and 3 neg")])
def test_one_class_is_refused_with_the_counts(label: bool, counts: str) -> None:
    with pytest.raises(ValueError, match=counts):
        figures(np.full(3, label), np.zeros(3), ["a"] * 3, np.ones(3))


def test_a_class_of_which_nothing_could_be_scored_is_no_class() -> None:
    with pytest.raises(ValueError, match=r"1 positives and 0 negatives.*1 texts with nothing left"):
        figures(np.array([True, False]), np.array([0.5, np.nan]), ["a", "b"], np.ones(2))


@pytest.mark.parametrize("wrong", [-0.1, 1.2, np.inf])
def test_scores_outside_0_to_1_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        figures(np.array([True, False]), np.array([0.5, wrong]), ["a", "b"], np.ones(2))


def test_columns_of_unlike_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2, 2, 1, 2 values"):
        figures(np.array([True, False]), np.array([0.5, 0.1]), ["a"], np.ones(2))


def test_texts_with_nothing_left_are_counted_and_in_no_figure() -> None:
    labels, scores, sources, lengths = drawn_set(100)
    found = figures(labels, scores, sources, lengths)
    extra = np.append(labels, [True, False]), np.append(scores, [np.nan] * 2), [*sources, "s0", "new"]
    more = figures(*extra, np.append(lengths, [0, 0]))
    assert (more["nothing_left"], more["documents"]) == (2, 102)
    for name in ("auc", "average_precision", "recall", "calibration", "curves", "thresholds_for_keep_share"):
        assert more[name] == found[name]
    new = more["sources"]["new"]
    assert (new["nothing_left"], new["mean_score"], new["auc"], sum(new["histogram"])) == (1, None, None, 0)


def test_figures_are_json_and_repeat() -> None:
    found = figures(*drawn_set(60))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert figures(*drawn_set(60)) == found
    assert figures(*drawn_set(60), seed=1)["auc_interval"] != found["auc_interval"]


def test_two_documents_are_enough_for_figures() -> None:
    found = figures(np.array([True, False]), np.array([0.9, 0.6]), ["a", "a"], np.array([11, 5]))
    assert (found["auc"], found["auc_interval"], found["auc_of_length"]) == (1, [1, 1], 1)
    assert (found["precision"], found["recall"], found["accuracy"]) == (0.5, 1, 0.5)


def test_the_baseline_of_length_is_turned_above_a_half() -> None:
    labels = np.array([True, True, False, False])
    found = figures(labels, np.full(4, 0.5), ["a"] * 4, np.array([1, 2, 3, 4]))
    assert (found["auc"], found["auc_of_length"]) == (0.5, 1)


def test_calibration_of_scores_that_are_chances_is_near_zero_and_of_boasts_is_not() -> None:
    random = np.random.default_rng(0)
    scores = random.random(50_000)
    labels = random.random(50_000) < scores
    honest, boasting = calibration(labels, scores), calibration(labels, np.round(scores))
    assert honest["ece"] < 0.01
    assert boasting["ece"] == pytest.approx(0.25, abs=0.01)
    assert honest["brier"] < honest["brier_of_share"] == pytest.approx(0.25, abs=0.001)
    assert sum(row["documents"] for row in honest["bins"]) == 50_000
    assert boasting["bins"][4] == {
        "low": 0.4, "high": 0.5, "documents": 0, "mean_score": None, "positive_share": None,
    }  # fmt: skip


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 100))
def test_a_keep_share_keeps_that_share_and_more_only_by_ties(raw: list[int], percent: int) -> None:
    scores, share = np.array([*raw, np.nan]) / 9, percent / 100
    wanted = -(-percent * len(raw) // 100)
    threshold = threshold_for_keep_share(scores, share)
    assert np.sum(scores >= threshold) >= wanted
    assert np.sum(scores > threshold) < wanted


@pytest.mark.parametrize("share", [0, -0.1, 1.01, math.nan])
def test_a_keep_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="keep share"):
        threshold_for_keep_share(np.array([0.5]), share)


def test_no_score_has_no_threshold() -> None:
    with pytest.raises(ValueError, match="no text could be scored"):
        threshold_for_keep_share(np.array([np.nan]), 0.5)


def test_keep_shares_without_labels_tell_only_what_is_kept() -> None:
    rows = keep_shares(None, np.arange(100) / 100)
    assert rows[3] == {"wanted": 0.1, "threshold": 0.9, "keep_share": 0.1}


def test_a_source_is_measured_on_itself_where_it_has_both_classes_else_against_all() -> None:
    labels = np.array([True, False, True, False])
    found = by_source(labels, np.array([0.2, 0.6, 0.9, 0.1]), ["both", "both", "good", "bad"])
    assert (found["both"]["auc"], found["both"]["auc_against"]) == (0, "itself")
    assert (found["good"]["auc"], found["good"]["auc_against"]) == (1, "all")
    assert (found["bad"]["auc"], found["bad"]["positives"], found["bad"]["documents"]) == (1, 0, 1)
    assert "auc" not in by_source(None, np.array([0.2]), ["x"])["x"]


def test_histograms_hold_every_score_with_0_and_1() -> None:
    row = by_source(np.array([True, False]), np.array([1.0, 0.0]), ["x", "x"])["x"]
    assert row["histogram"] == [1, *[0] * 18, 1]
    assert row["histogram_of_positives"] == [*[0] * 19, 1]


def test_agreement_of_a_model_with_itself_is_full() -> None:
    scores = np.array([0.1, 0.4, 0.6, 0.9, np.nan])
    found = agreement(scores, scores, (0.5, 0.5))
    assert (found["spearman"], found["kappa"], found["equal_share"], found["left_out"]) == (1, 1, 1, 1)
    assert found["table"] == {"both": 2, "first": 0, "second": 0, "neither": 2}
    assert [len(side) for side in disagreements(scores, scores, 5)] == [0, 0]


def test_kappa_is_cohens_and_each_model_has_its_own_threshold() -> None:
    """Cohen 1960: 20 both, 5 and 10 one alone, 15 neither of 50: observed 0.7, by chance 0.5, kappa 0.4."""
    first = np.repeat([0.9, 0.9, 0.1, 0.1], [20, 5, 10, 15])
    second = np.repeat([0.09, 0.01, 0.09, 0.01], [20, 5, 10, 15])
    found = agreement(first, second, (0.5, 0.05))
    assert (found["kappa"], found["equal_share"]) == (0.4, 0.7)


def test_agreement_that_is_not_defined_is_null() -> None:
    found = agreement(np.full(3, 0.9), np.array([0.6, 0.7, 0.8]), (0.5, 0.5))
    assert (found["spearman"], found["kappa"], found["equal_share"]) == (None, None, 1)
    with pytest.raises(ValueError, match="nothing to compare"):
        agreement(np.array([np.nan, 0.1]), np.array([0.1, np.nan]), (0.5, 0.5))


def test_models_disagree_most_where_their_ranks_are_farthest_apart_whatever_their_scales() -> None:
    first = np.array([0.90, 0.91, 0.92, 0.93, np.nan])
    second = np.array([0.1, 0.9, 0.5, 0.05, 0.5])
    higher, lower = disagreements(first, second, 1)
    assert (higher.tolist(), lower.tolist()) == ([3], [1])


def test_the_difference_of_two_models_is_surer_than_either_alone() -> None:
    labels, scores, sources, lengths = drawn_set(600, 10)
    worse = np.clip(scores + np.random.default_rng(1).normal(0, 0.05, 600), 0, 1)
    found = difference(labels, scores, worse, sources)
    low, high = found["auc_interval"]
    assert 0 < low <= found["auc"] <= high
    alone = figures(labels, scores, sources, lengths)["auc_interval"]
    assert high - low < alone[1] - alone[0]
    assert difference(labels, scores, scores, sources) == {"auc": 0, "auc_interval": [0, 0]}
