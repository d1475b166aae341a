"""Alpha and kappa against published and independent figures."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from training.benchmark.agreement import agreement_figures, krippendorff_alpha, weighted_kappa

# Krippendorff's own example (2011, "Computing Krippendorff's Alpha-Reliability", section C): ordinal alpha = 0.815.
N = None
PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]


def test_alpha_of_the_published_example() -> None:
    assert krippendorff_alpha(PUBLISHED) == pytest.approx(0.815, abs=5e-4)


def test_kappa_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 5, 200)
    second = np.clip(first + rng.integers(-1, 2, 200), 0, 4)
    expected = cohen_kappa_score(first, second, weights="quadratic")
    assert weighted_kappa(first.tolist(), second.tolist()) == pytest.approx(expected, abs=1e-12)


def test_nothing_to_agree_on_is_none() -> None:
    assert krippendorff_alpha([[1, None], [None, 2]]) is None
    assert krippendorff_alpha([[1, 1], [1, 1]]) is None
    assert krippendorff_alpha([[1, 2]]) is None
    assert weighted_kappa([], []) is None
    assert weighted_kappa([1, 1], [1, 1]) is None


def test_kappa_refuses_unequal_lengths() -> None:
    with pytest.raises(ValueError, match="2 labels but 1"):
        weighted_kappa([1, 2], [1])


def test_figures_of_three_annotators_use_the_units_each_pair_shares() -> None:
    found = agreement_figures({"b": [0, 1, 2, None], "a": [0, 1, 2, 1], "c": [2, None, 0, 1]})
    assert found["units"] == 4
    assert [(k["first"], k["second"], k["n"]) for k in found["kappa"]] == [("a", "b", 3), ("a", "c", 3), ("b", "c", 2)]
    assert found["kappa"][0]["value"] == 1.0
    assert found["alpha"] is not None and found["alpha"] < 1
