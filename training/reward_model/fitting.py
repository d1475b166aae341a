"""Fitting a calibration: Platt scaling for each tier, a decision threshold and the calibration error, by functions of logits.

What belongs here: from labelled logits to the records of `calibration.py`, where it stands what they mean.
The calibration error stands twice: on the labels that were fitted, which flatters, and cross-fitted, each fifth of the
instructions under the fit of the other four.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.benchmark.metrics import calibration_error, reliability
from training.records import TIERS, Tier
from training.reward_model.calibration import Calibration, ThresholdRule, TierCalibration, sigmoid

MIN_LABELS_OF_A_CLASS = 8
FOLDS = 5


def fit_platt(logits: Sequence[float], met: Sequence[bool], *, steps: int = 100) -> tuple[float, float]:
    """Slope >= 0 and intercept that minimize BCE(sigmoid(slope * r + intercept), t), by Newton's method with step halving.

    A negative slope would turn the model's order round. Where the best slope is negative, the best one that is not is 0
    (the loss is convex), and P(met) is then the mean target whatever r is.

    t is Platt's smoothed target, (n_met + 1)/(n_met + 2) for met and 1/(n_unmet + 2) for unmet, which keeps the fit finite on
    separable labels (Platt 1999, "Probabilistic outputs for support vector machines").

    Raises:
        ValueError: one class is missing.
    """
    n_met = sum(met)
    n_unmet = len(met) - n_met
    if not n_met or not n_unmet:
        raise ValueError("Platt scaling needs labels of both classes")
    targets = [(n_met + 1) / (n_met + 2) if label else 1 / (n_unmet + 2) for label in met]
    slope, intercept = 0.0, math.log((n_met + 1) / (n_unmet + 1))
    best = _cross_entropy(logits, targets, slope, intercept)
    for _ in range(steps):
        g_slope = g_intercept = h_ss = h_si = h_ii = 0.0
        for r, target in zip(logits, targets, strict=True):
            p = sigmoid(slope * r + intercept)
            g_slope += (p - target) * r
            g_intercept += p - target
            curvature = p * (1 - p)
            h_ss += curvature * r * r
            h_si += curvature * r
            h_ii += curvature
        # A trace of ridge keeps the system solvable where every logit is the same.
        h_ss, h_ii = h_ss + 1e-9, h_ii + 1e-9
        determinant = h_ss * h_ii - h_si * h_si
        d_slope = (h_ii * g_slope - h_si * g_intercept) / determinant
        d_intercept = (h_ss * g_intercept - h_si * g_slope) / determinant
        size = 1.0
        while size > 1e-8:
            loss = _cross_entropy(logits, targets, slope - size * d_slope, intercept - size * d_intercept)
            if loss < best:
                break
            size /= 2
        else:
            break
        slope, intercept = slope - size * d_slope, intercept - size * d_intercept
        converged = best - loss < 1e-12
        best = loss
        if converged:
            break
    if slope < 0:
        base_rate = sum(targets) / len(targets)
        return 0.0, math.log(base_rate / (1 - base_rate))
    return slope, intercept


def _cross_entropy(logits: Sequence[float], targets: Sequence[float], slope: float, intercept: float) -> float:
    total = 0.0
    for r, target in zip(logits, targets, strict=True):
        z = slope * r + intercept
        total += max(z, 0.0) - z * target + math.log1p(math.exp(-abs(z)))
    return total


def balanced_threshold(probabilities: Sequence[float], met: Sequence[bool]) -> float:
    """The threshold with the highest balanced accuracy (mean of the shares of met and of unmet that are decided right).

    Halfway between two neighbouring probabilities; of equally good ones the one nearest to 0.5.

    >>> balanced_threshold([0.9, 0.8, 0.75, 0.25], [True, True, False, False])
    0.775
    """
    n_met = sum(met)
    n_unmet = len(met) - n_met
    rows = sorted(zip(probabilities, met, strict=True))
    met_below = unmet_below = 0
    best, chosen = 0.0, 0.5
    for (low, label), (high, _) in itertools.pairwise(rows):
        met_below += label
        unmet_below += not label
        threshold = (low + high) / 2
        quality = (n_met - met_below) / n_met + unmet_below / n_unmet
        if low < high and (quality, -abs(threshold - 0.5)) > (best, -abs(chosen - 0.5)):
            best, chosen = quality, threshold
    return chosen


@dataclass(frozen=True, slots=True)
class _Label:
    r: float
    met: bool
    tier: Tier


@dataclass(frozen=True, slots=True)
class _Fit:
    slope: float
    intercept: float
    pooled: bool

    def p_met(self, r: float) -> float:
        return sigmoid(self.slope * r + self.intercept)


def _fit_tiers(labels: Sequence[_Label]) -> dict[Tier, _Fit]:
    """A fit for each tier: its own where it has enough labels of both classes, else that of all tiers together."""
    pooled = _Fit(*fit_platt([one.r for one in labels], [one.met for one in labels]), pooled=True)
    fits = {}
    for tier in TIERS:
        rows = [one for one in labels if one.tier == tier]
        n_met = sum(one.met for one in rows)
        enough = min(n_met, len(rows) - n_met) >= MIN_LABELS_OF_A_CLASS
        fits[tier] = _Fit(*fit_platt([one.r for one in rows], [one.met for one in rows]), pooled=False) if enough else pooled
    return fits


def folds_of(instructions: Sequence[str], *, folds: int = FOLDS) -> list[int]:
    """The part, 0 … folds-1, of each label: instructions in name order are dealt out, so that one's labels stay together.

    >>> folds_of(["b", "a", "b", "c"], folds=2)
    [1, 0, 1, 0]
    """
    place = {name: index % folds for index, name in enumerate(sorted(set(instructions)))}
    return [place[name] for name in instructions]


def cross_fitted(
    logits: Sequence[float], met: Sequence[bool], tiers: Sequence[Tier], instructions: Sequence[str]
) -> list[float] | None:
    """P(met) of each label by a fit on the other parts of the instructions; None if what is left for one has one class."""
    labels = [_Label(*row) for row in zip(logits, met, tiers, strict=True)]
    parts = folds_of(instructions)
    found = [0.0] * len(labels)
    for part in sorted(set(parts)):
        rest = [one for one, own in zip(labels, parts, strict=True) if own != part]
        if len({one.met for one in rest}) < 2:
            return None
        fits = _fit_tiers(rest)
        for index, (one, own) in enumerate(zip(labels, parts, strict=True)):
            if own == part:
                found[index] = fits[one.tier].p_met(one.r)
    return found


def calibrate(
    logits: Sequence[float],
    met: Sequence[bool],
    tiers: Sequence[Tier],
    *,
    rule: ThresholdRule,
    instructions: Sequence[str] | None = None,
) -> Calibration:
    """Fits every tier on validation logits; a tier with fewer than 8 labels of a class takes the fit over all tiers.

    Args:
        logits: r of each label.
        met: the labels.
        tiers: of each label.
        rule: how thresholds are chosen.
        instructions: of each label, for the cross-fitted error; without them there is none.

    Raises:
        ValueError: there is no label, or all together have one class only.
    """
    labels = [_Label(*row) for row in zip(logits, met, tiers, strict=True)]
    fits = _fit_tiers(labels)
    held_out = None if instructions is None else cross_fitted(logits, met, tiers, instructions)
    fitted: dict[Tier, TierCalibration] = {}
    for tier in TIERS:
        rows = [index for index, one in enumerate(labels) if one.tier == tier]
        truth = [labels[index].met for index in rows]
        fit = fits[tier]
        probabilities = [fit.p_met(labels[index].r) for index in rows]
        identified, informative = len(set(truth)) == 2, fit.slope > 0
        measured = identified and informative
        fitted[tier] = TierCalibration(
            slope=fit.slope,
            intercept=fit.intercept,
            threshold=balanced_threshold(probabilities, truth) if rule == "balanced_accuracy" and not fit.pooled else 0.5,
            pooled=fit.pooled,
            identified=identified,
            informative=informative,
            n_met=sum(truth),
            n_unmet=len(truth) - sum(truth),
            ece=_error(probabilities, truth) if measured else None,
            ece_cross=_error([held_out[index] for index in rows], truth) if measured and held_out else None,
        )
    return Calibration(tiers=fitted, threshold_rule=rule)


def _error(probabilities: Sequence[float], met: Sequence[bool]) -> float | None:
    return calibration_error(reliability(probabilities, met))
