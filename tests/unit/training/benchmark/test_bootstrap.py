"""The cluster bootstrap against explicit resampling, scikit-learn and theory; Holm by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from training.benchmark.bootstrap import (
    auc_statistic,
    cluster_weights,
    difference_statistic,
    holm,
    interval,
    mean_statistic,
    p_value,
    ratio_statistic,
)
from training.benchmark.figures import Resampler


def test_weights_are_whole_resamples_and_seeded() -> None:
    weights = cluster_weights(7, samples=50, seed=3)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert (weights == cluster_weights(7, samples=50, seed=3)).all()
    assert (weights != cluster_weights(7, samples=50, seed=4)).any()
    with pytest.raises(ValueError, match="at least one cluster"):
        cluster_weights(0, samples=5, seed=0)


def test_statistics_equal_copying_the_drawn_clusters() -> None:
    rng = np.random.default_rng(5)
    clusters = rng.integers(0, 6, 80)
    labels, scores = rng.random(80) < 0.4, rng.integers(0, 9, 80).astype(float)
    weights = cluster_weights(6, samples=20, seed=0)
    found_auc = auc_statistic(clusters, labels, scores, 6)(weights)
    found_mean = ratio_statistic(clusters, scores, np.ones(80), 6)(weights)
    for row in range(20):
        copies = np.concatenate([np.flatnonzero(clusters == c) for c in range(6) for _ in range(int(weights[row, c]))])
        assert found_auc[row] == pytest.approx(roc_auc_score(labels[copies], scores[copies]), abs=1e-12)
        assert found_mean[row] == pytest.approx(scores[copies].mean())


def test_interval_of_independent_examples_is_near_the_normal_one() -> None:
    values = (np.arange(400) % 4 == 0).astype(float)
    found = interval(ratio_statistic(np.arange(400), values, np.ones(400), 400), cluster_weights(400, samples=4000, seed=0))
    assert found is not None
    half = stats.norm.ppf(0.975) * np.sqrt(0.25 * 0.75 / 400)
    assert found == pytest.approx((0.25 - half, 0.25 + half), abs=0.005)


def test_clusters_of_equal_answers_widen_the_interval() -> None:
    values = np.repeat((np.arange(40) % 2).astype(float), 10)
    alone = interval(ratio_statistic(np.arange(400), values, np.ones(400), 400), cluster_weights(400, samples=2000, seed=0))
    grouped = interval(
        ratio_statistic(np.repeat(np.arange(40), 10), values, np.ones(400), 40), cluster_weights(40, samples=2000, seed=0)
    )
    assert alone is not None and grouped is not None
    # Ten copies of each answer: the standard error grows by sqrt(10).
    assert (grouped[1] - grouped[0]) / (alone[1] - alone[0]) == pytest.approx(np.sqrt(10), rel=0.15)


def test_difference_is_paired() -> None:
    rng = np.random.default_rng(0)
    hard = (rng.random(200) < 0.5).astype(float)
    better = hard.copy()
    better[np.flatnonzero(hard == 0)[:8]] = 1.0
    weights = cluster_weights(200, samples=2000, seed=0)
    ids, one = np.arange(200), np.ones(200)
    first, second = ratio_statistic(ids, better, one, 200), ratio_statistic(ids, hard, one, 200)
    found = interval(difference_statistic(first, second), weights)
    assert found is not None
    assert 0 < found[0] < 0.04 < found[1] < 0.08
    assert p_value(difference_statistic(first, second), weights) == pytest.approx(2 / 2001, rel=1.5)
    assert p_value(difference_statistic(first, first), weights) == 1.0


def test_no_interval_from_one_cluster_or_a_figure_seldom_defined() -> None:
    one = ratio_statistic(np.zeros(5, dtype=np.int64), np.ones(5), np.ones(5), 1)
    assert interval(one, cluster_weights(1, samples=100, seed=0)) is None
    # Only cluster 0 of ten holds an example: absent from a third of the resamples.
    rare = ratio_statistic(np.zeros(5, dtype=np.int64), np.ones(5), np.ones(5), 10)
    assert interval(rare, cluster_weights(10, samples=500, seed=0)) is None
    assert p_value(rare, cluster_weights(10, samples=500, seed=0)) is None


def test_macro_is_undefined_where_a_tier_is() -> None:
    weights = np.array([[1.0, 1.0], [2.0, 0.0]])
    a = ratio_statistic(np.array([0]), np.array([1.0]), np.ones(1), 2)
    b = ratio_statistic(np.array([1]), np.array([0.0]), np.ones(1), 2)
    found = mean_statistic([a, b])(weights)
    assert found[0] == 0.5
    assert np.isnan(found[1])


def test_holm_by_hand() -> None:
    # 0.01 * 3, max(0.03, 0.02 * 2), max(0.04, 0.03 * 1)
    assert holm([0.03, None, 0.01, 0.02]) == [0.04, None, 0.03, 0.04]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_estimates_of_the_whole_sample_equal_their_statistic_at_unit_weights() -> None:
    rng = np.random.default_rng(2)
    names = [f"c{i}" for i in rng.integers(0, 9, 120)]
    resampler = Resampler(names, samples=100, seed=0)
    clusters, met = resampler.numbers(names), rng.random(120) < 0.7
    predicted = np.where(rng.random(120) < 0.1, np.nan, (rng.random(120) < 0.6).astype(float))
    unit = np.ones((1, resampler.n_clusters))
    found = [
        resampler.mean(clusters, predicted),
        resampler.auc(clusters, met, predicted),
        *resampler.detection(clusters, met, predicted).values(),
    ]
    for estimate in found:
        assert estimate.statistic is not None
        assert estimate.value == pytest.approx(float(estimate.statistic(unit)[0]), abs=1e-12)
        assert estimate.n <= 120
