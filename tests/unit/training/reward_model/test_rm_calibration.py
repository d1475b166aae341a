import math
import random

import pytest
from scipy.optimize import minimize

from training.benchmark.metrics import calibration_error, reliability
from training.reward_model.calibration import Calibration, sigmoid
from training.reward_model.fitting import balanced_threshold, calibrate, cross_fitted, fit_platt, folds_of


def planted(n, slope, intercept, seed=0):
    rng = random.Random(seed)
    logits = [rng.gauss(0, 2) for _ in range(n)]
    return logits, [rng.random() < sigmoid(slope * r + intercept) for r in logits]


def test_platt_equals_an_independent_optimizer():
    logits, met = planted(300, 0.7, -0.4)
    n_met = sum(met)
    targets = [(n_met + 1) / (n_met + 2) if label else 1 / (len(met) - n_met + 2) for label in met]

    def objective(parameters):
        z = [parameters[0] * r + parameters[1] for r in logits]
        return sum(math.log1p(math.exp(-abs(v))) + max(v, 0) - v * t for v, t in zip(z, targets, strict=True))

    assert fit_platt(logits, met) == pytest.approx(minimize(objective, [0.0, 0.0], tol=1e-10).x, abs=1e-3)


def test_platt_stays_finite_on_separable_labels():
    slope, intercept = fit_platt([-2.0, -1.0, 1.0, 2.0], [False, False, True, True])
    assert 0 < slope < 20 and abs(intercept) < 1e-6


def test_platt_on_logits_far_from_zero():
    """Newton starts far from the optimum here; the fit still puts the boundary between the classes."""
    logits = [100.0 + x for x in (-3, -2, -1, 1, 2, 3)]
    slope, intercept = fit_platt(logits, [False, False, True, False, True, True])
    assert sigmoid(slope * 97 + intercept) < 0.5 < sigmoid(slope * 103 + intercept)


def test_platt_needs_both_classes():
    with pytest.raises(ValueError, match="both classes"):
        fit_platt([0.1, 0.2], [True, True])


def test_threshold_equals_brute_force():
    rng = random.Random(1)
    p = [rng.randrange(100) / 100 for _ in range(60)]
    met = [rng.random() < x for x in p]

    def quality(t):
        right = [x >= t for x in p]
        return sum(a and b for a, b in zip(right, met, strict=True)) / sum(met) + sum(
            not a and not b for a, b in zip(right, met, strict=True)
        ) / (len(met) - sum(met))

    assert quality(balanced_threshold(p, met)) == pytest.approx(max(quality(t / 200) for t in range(1, 200)))


def test_a_tier_with_few_labels_takes_the_pooled_fit():
    logits, met = planted(200, 1.0, 0.0)
    tiers = ["main"] * 190 + ["veto"] * 10
    met[190:] = [True] * 10
    found = calibrate(logits, met, tiers, rule="balanced_accuracy")
    assert found.tiers["veto"].pooled and not found.tiers["main"].pooled
    assert (found.tiers["veto"].slope, found.tiers["veto"].intercept) == fit_platt(logits, met)
    assert found.tiers["veto"].threshold == 0.5
    assert found.tiers["bonus"].ece is None and found.tiers["bonus"].pooled


def test_a_calibration_never_turns_the_models_order_round() -> None:
    slope, intercept = fit_platt([3.0, 2.0, 1.0, -1.0], [False, False, False, True])
    # Platt's targets: 2/3 for the one met, 1/5 for the three unmet; their mean is 19/60, its log odds ln(19/41).
    assert slope == 0.0
    assert intercept == pytest.approx(math.log(19 / 41))


def test_a_tier_of_one_class_is_not_identified_and_keeps_the_pooled_fit():
    """K-QA alone: no main criterion is met by anything but an assumption, and vetoes are met nearly always."""
    logits = [0.0, 1.0, 2.0, 3.0, 4.0]
    met = [False, False, True, True, False]
    found = calibrate(logits, met, ["main", "main", "veto", "veto", "veto"], rule="half")
    assert (found.not_identified, found.uninformative) == (("main", "bonus"), ())
    assert (found.tiers["main"].slope, found.tiers["main"].intercept) == fit_platt(logits, met)
    assert found.tiers["main"].ece is None
    # Few labels of a class, but both classes: pooled and identified.
    assert found.tiers["veto"].pooled and found.tiers["veto"].identified
    assert found.tiers["veto"].ece is not None


def test_a_flat_fit_says_so_and_gives_no_calibration_error():
    # The unmet ones score higher: the best slope that does not turn the order round is 0.
    logits = [1.0] * 8 + [-1.0] * 24
    met = [False] * 8 + [True] * 24
    found = calibrate(logits, met, ["main"] * 32, rule="balanced_accuracy")
    main = found.tiers["main"]
    assert (main.slope, main.informative, main.identified, main.ece) == (0.0, False, True, None)
    assert found.uninformative == ("main", "bonus", "veto")
    # What it would have looked like: P(met) is Platt's mean target, 0.25/10 + 0.75·25/26 …, all but the share met.
    assert sigmoid(main.intercept) == pytest.approx((24 * 25 / 26 + 8 / 10) / 32)


def test_without_any_label_no_tier_is_identified_and_nothing_is_fitted():
    found = Calibration.unidentified("balanced_accuracy")
    assert (found.fitted, found.not_identified, found.uninformative) == (False, ("main", "bonus", "veto"), ())
    assert {(fit.slope, fit.intercept, fit.threshold, fit.ece, fit.ece_cross) for fit in found.tiers.values()} == {
        (1.0, 0.0, 0.5, None, None)
    }
    with pytest.raises(ValueError, match="both classes"):
        calibrate([0.5], [True], ["main"], rule="half")
    with pytest.raises(ValueError, match="both classes"):
        calibrate([], [], [], rule="half")
    assert calibrate([0.5, 1.0], [False, True], ["veto", "main"], rule="half").fitted


def test_an_instruction_lies_in_one_part_and_parts_differ_by_one_instruction_at_most():
    names = [f"i{number:02d}" for number in (7, 3, 3, 0, 5, 7, 1, 2, 4, 6)]
    parts = folds_of(names, folds=3)
    by_name = {name: {p for n, p in zip(names, parts, strict=True) if n == name} for name in names}
    assert all(len(found) == 1 for found in by_name.values())
    sizes = [sum(found == {part} for found in by_name.values()) for part in range(3)]
    assert sorted(sizes) == [2, 3, 3]


def test_a_held_out_probability_is_that_of_a_fit_without_its_instruction():
    logits, met = planted(100, 0.8, 0.2)
    tiers = ["main"] * 100
    names = [f"i{number:02d}" for number in range(50) for _ in range(2)]
    found = cross_fitted(logits, met, tiers, names)
    # Of 50 instructions in name order the fourth, ninth … make part 3, which i13 (labels 26 and 27) belongs to.
    rest = [i for i in range(100) if (i // 2) % 5 != 3]
    slope, intercept = fit_platt([logits[i] for i in rest], [met[i] for i in rest])
    assert found[26:28] == [pytest.approx(sigmoid(slope * logits[i] + intercept)) for i in (26, 27)]
    calibrated = calibrate(logits, met, tiers, rule="half", instructions=names).tiers["main"]
    assert calibrated.ece_cross == pytest.approx(calibration_error(reliability(found, met)))
    assert calibrate(logits, met, tiers, rule="half").tiers["main"].ece_cross is None


def test_the_cross_fitted_error_sees_what_the_other_one_flatters():
    """Labels that have nothing to do with r: the fit leans on chance, which held-out labels do not share."""
    rng = random.Random(4)
    found = []
    for _ in range(20):
        logits, met = [rng.gauss(0, 1) for _ in range(40)], [rng.random() < 0.5 for _ in range(40)]
        tier = calibrate(logits, met, ["main"] * 40, rule="half", instructions=list(map(str, range(40)))).tiers["main"]
        if tier.ece is not None:
            found.append(tier.ece_cross - tier.ece)
    assert sum(found) / len(found) > 0.02


def test_no_cross_fitted_error_where_a_part_leaves_one_class():
    names = ["a"] * 8 + ["b"] * 8
    found = calibrate([1.0] * 8 + [-1.0] * 8, [True] * 8 + [False] * 8, ["main"] * 16, rule="half", instructions=names)
    assert found.tiers["main"].ece is not None and found.tiers["main"].ece_cross is None
