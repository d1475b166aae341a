"""Seeds nested into the bootstrap, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.benchmark.bootstrap import FloatArray, interval, ratio_statistic
from training.benchmark.figures import Estimate, Resampler
from training.study.seeds import nested_statistic, over_seeds, seed_weights

# Two clusters with an example each; three seeds, of which the first has both right.
CLUSTERS = np.array([0, 1])
RIGHT = ([1.0, 1.0], [1.0, 0.0], [0.0, 1.0])


def estimate(right: list[float]) -> Estimate:
    statistic = ratio_statistic(CLUSTERS, np.array(right), np.ones(2), 2)
    return Estimate(value=sum(right) / 2, statistic=statistic, n=2, clusters=2)


def test_each_resample_takes_the_mean_of_the_seeds_it_drew_on_the_clusters_it_drew() -> None:
    weights = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0], [1.0, 1.0]])
    drawn = np.array([[0.0, 3.0, 0.0], [1.0, 2.0, 0.0], [1.0, 1.0, 1.0], [3.0, 0.0, 0.0]])
    whole = over_seeds([estimate(right) for right in RIGHT], drawn)
    assert whole.value == pytest.approx(2 / 3)
    assert whole.statistic is not None
    # Cluster 0 by seed 1: right. Cluster 1 by seeds 0, 1, 1: right, wrong, wrong. Both by all: 1, 1/2, 1/2. Both by seed 0.
    assert whole.statistic(weights) == pytest.approx([1.0, 1 / 3, 2 / 3, 1.0])


def test_an_undefined_seed_leaves_only_the_resamples_undefined_that_draw_it() -> None:
    def undefined(weights: FloatArray) -> FloatArray:
        return np.full(len(weights), np.nan)

    statistic = nested_statistic(
        [estimate([1.0, 1.0]).statistic, undefined],  # type: ignore[list-item]
        np.array([[2.0, 0.0], [1.0, 1.0]]),
    )
    found = statistic(np.ones((2, 2)))
    assert found[0] == 1.0 and np.isnan(found[1])


def test_a_seed_without_a_figure_leaves_the_mean_without_one() -> None:
    nothing = Estimate(value=None, statistic=None, n=0, clusters=0)
    whole = over_seeds([estimate([1.0, 1.0]), nothing], np.ones((4, 2)))
    assert (whole.value, whole.statistic, whole.clusters) == (None, None, 0)


def test_one_seed_is_itself() -> None:
    only = estimate([1.0, 0.0])
    assert over_seeds([only], np.ones((4, 1))) is only


def test_every_resample_draws_as_many_seeds_as_there_are_and_variants_draw_apart() -> None:
    full, scalar = (seed_weights(name, 3, samples=500, seed=0) for name in ("full", "scalar"))
    assert (full.sum(axis=1) == 3).all() and (full >= 0).all()
    assert (full != scalar).any()
    assert (full == seed_weights("full", 3, samples=500, seed=0)).all()
    assert (full != seed_weights("full", 3, samples=500, seed=1)).any()
    # Each seed is drawn once on average.
    assert full.mean(axis=0) == pytest.approx(np.ones(3), abs=0.15)


def test_seeds_that_agree_add_nothing_to_the_interval_and_seeds_that_differ_do() -> None:
    resampler = Resampler([f"c{i}" for i in range(20)], samples=1000, seed=0)
    rng = np.random.default_rng(0)
    same = (rng.random(20) < 0.6).astype(float)

    def bounds(columns: list[FloatArray]) -> tuple[float, float]:
        parts = [resampler.mean(np.arange(20), column) for column in columns]
        whole = over_seeds(parts, seed_weights("full", len(columns), samples=1000, seed=0))
        assert whole.statistic is not None
        found = interval(whole.statistic, resampler.weights)
        assert found is not None
        return found

    alone, agreeing = bounds([same]), bounds([same, same, same])
    assert alone == pytest.approx(agreeing)
    apart = bounds([same, np.zeros(20), np.ones(20)])
    assert apart[1] - apart[0] > agreeing[1] - agreeing[0]


@given(values=st.lists(st.floats(min_value=-1, max_value=1), min_size=1, max_size=5), data=st.data())
def test_the_mean_of_what_is_drawn_lies_between_the_seeds(values: list[float], data: st.DataObject) -> None:
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(values), max_size=len(values)).filter(any))
    parts = [lambda weights, value=value: np.full(len(weights), value) for value in values]
    (found,) = nested_statistic(parts, np.array([counts], dtype=float))(np.ones((1, 2)))  # type: ignore[arg-type]
    drawn = [value for value, count in zip(values, counts, strict=True) if count]
    assert min(drawn) - 1e-12 <= found <= max(drawn) + 1e-12


def test_no_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="full: no seed"):
        seed_weights("full", 0, samples=10, seed=0)
