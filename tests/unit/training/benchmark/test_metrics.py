"""Metrics against hand-computed figures and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.benchmark.baselines import best_threshold, lexical_overlap, majority_met
from training.benchmark.metrics import (
    Detection,
    auc,
    calibration_error,
    detect_violations,
    macro_mean,
    mean,
    pairwise_credit,
    pointwise_credit,
    reliability,
)


def test_auc_equals_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(300) < 0.3
    scores = rng.integers(0, 8, 300) + labels
    assert auc(labels.tolist(), scores.tolist()) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize("labels", [[True, True], [False], []])
def test_auc_refuses_a_single_class(labels: list[bool]) -> None:
    with pytest.raises(ValueError, match="each class"):
        auc(labels, [0.0] * len(labels))


def test_credits() -> None:
    assert [pointwise_credit("met", met=True), pointwise_credit("met", met=False)] == [1.0, 0.0]
    assert pointwise_credit("unknown", met=True) is None
    assert [pairwise_credit(2.0, 1.0), pairwise_credit(1.0, 2.0), pairwise_credit(1.0, 1.0)] == [1.0, 0.0, 0.5]
    assert pairwise_credit(None, 1.0) is None
    assert pairwise_credit(1.0, None) is None


def test_nothing_to_measure_is_none_and_never_zero() -> None:
    assert mean([]) is None
    assert macro_mean([]) is None
    assert macro_mean([0.5, None]) is None
    assert detect_violations([], []) == Detection(precision=None, recall=None, f1=None, violations=0)
    assert detect_violations([False], [False]).f1 is None
    assert calibration_error([]) is None


def test_macro_gives_every_tier_the_same_say() -> None:
    main, veto = [1.0] * 9, [0.0]
    assert macro_mean([mean(main), mean(veto)]) == 0.5
    assert mean([*main, *veto]) == 0.9


def test_detection_by_hand() -> None:
    # 4 violations: 3 found; 2 false alarms.
    violated = [True] * 4 + [False] * 6
    predicted = [True, True, True, False, True, True, False, False, False, False]
    found = detect_violations(violated, predicted)
    assert (found.precision, found.recall, found.violations) == (0.6, 0.75, 4)
    assert found.f1 == pytest.approx(2 * 0.6 * 0.75 / (0.6 + 0.75))


def test_violations_missed_altogether_have_recall_zero_but_no_precision() -> None:
    found = detect_violations([True, False], [False, False])
    assert (found.precision, found.recall, found.f1) == (None, 0.0, 0.0)


def test_reliability_by_hand() -> None:
    bins = reliability([0.1, 0.2, 0.9, 1.0], [False, True, True, True], bins=2)
    assert [(b.n, b.met) for b in bins] == [(2, 0.5), (2, 1.0)]
    # |0.15 - 0.5| and |0.95 - 1|, each with half of the examples.
    assert calibration_error(bins) == pytest.approx((0.35 + 0.05) / 2)


def test_best_threshold_against_trying_all() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        scores = (rng.integers(0, 6, 20) / 5).tolist()
        labels = (rng.random(20) < 0.5).tolist()
        tried = {t: np.mean([(s >= t) == y for s, y in zip(scores, labels, strict=True)]) for t in [*scores, float("inf")]}
        threshold = best_threshold(scores, labels)
        assert threshold is not None
        assert tried[threshold] == max(tried.values())
        assert threshold == min(t for t, right in tried.items() if right == max(tried.values()))


def test_best_threshold_says_never_met_where_scores_mislead() -> None:
    assert best_threshold([0.2, 0.9, 0.9], [True, False, False]) == float("inf")


@pytest.mark.parametrize("labels", [[False, False], [True, True], []])
def test_labels_of_one_class_give_no_threshold(labels: list[bool]) -> None:
    assert best_threshold([0.2, 0.9][: len(labels)], labels) is None


def test_lexical_overlap_ignores_function_words_and_keeps_numbers() -> None:
    assert lexical_overlap(response="take 2.5 mg", criterion="is to take 2.5 mg or 5 mg") == 0.75
    assert lexical_overlap(response="anything", criterion="is it the") == 0.0


def test_majority_needs_labels() -> None:
    assert majority_met([True, True, False, True]) == 0.75
    with pytest.raises(ValueError, match="no training verdicts"):
        majority_met([])
