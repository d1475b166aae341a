"""From r to P(met), as the records that calibration.json holds: a Platt scaling, a threshold and the errors of each tier.

What belongs here: the records, and reading a logit by them. How they are fitted is in `fitting.py`.

Departures from Geng et al. 2026 (ours): the paper says nothing about calibration. A tier with too few validation labels of one
class takes the fit over all tiers, and says so. Two more things a tier says of itself, for its verdicts look like any other's:

- `identified` is false where validation holds labels of one class only. The pooled fit then rests on other tiers' labels (it
  mixes, say, vetoes that are met with main criteria that are not), and its threshold was never tried on this tier. A policy's
  reward needs verdicts and takes these; no accuracy is reported of them. The order of r, hence AUC, stands.
- `informative` is false where the slope is 0: P(met) is one number, so the model says the same to every answer. A calibration
  error would be near 0 then, and is not given.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict

from training.records import TIERS, Tier

ThresholdRule = Literal["half", "balanced_accuracy"]


class TierCalibration(BaseModel):
    """P(met) = sigmoid(slope * r + intercept), `met` if it is at least `threshold`.

    Attributes:
        pooled: the fit is that of all tiers together, since this tier has too few labels of one class.
        identified: the tier has validation labels of both classes.
        informative: the slope is above 0, so that P(met) depends on the answer.
        ece: expected calibration error on the labels it was fitted on (so an optimistic one); None unless the tier is
            identified and informative.
        ece_cross: the same on labels that had no part in the fit (see `fitting.cross_fitted`); None as `ece`, or where a part
            of the instructions leaves too little to fit on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    slope: float
    intercept: float
    threshold: float
    pooled: bool
    identified: bool
    informative: bool
    n_met: int
    n_unmet: int
    ece: float | None
    ece_cross: float | None = None

    def p_met(self, r: float) -> float:
        """P(met) of a logit, in [0, 1]."""
        return sigmoid(self.slope * r + self.intercept)


class Calibration(BaseModel):
    """The calibration of every tier."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tiers: dict[Tier, TierCalibration]
    threshold_rule: ThresholdRule

    @classmethod
    def unidentified(cls, rule: ThresholdRule) -> Calibration:
        """That of a model whose P(met) means nothing: sigmoid(r) as it stands, fitted on no label, identified in no tier."""
        fit = TierCalibration(
            slope=1.0,
            intercept=0.0,
            threshold=0.5,
            pooled=True,
            identified=False,
            informative=True,
            n_met=0,
            n_unmet=0,
            ece=None,
        )
        return cls(tiers=dict.fromkeys(TIERS, fit), threshold_rule=rule)

    @property
    def fitted(self) -> bool:
        """Whether it rests on any label; without one there is no verdict."""
        return any(fit.n_met + fit.n_unmet for fit in self.tiers.values())

    @property
    def not_identified(self) -> tuple[Tier, ...]:
        """The tiers whose verdicts rest on labels of one class."""
        return tuple(tier for tier in TIERS if not self.tiers[tier].identified)

    @property
    def uninformative(self) -> tuple[Tier, ...]:
        """The tiers in which the model says the same to every answer."""
        return tuple(tier for tier in TIERS if not self.tiers[tier].informative)


def sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), without overflow.

    >>> sigmoid(0.0)
    0.5
    """
    return 1.0 / (1.0 + math.exp(-value)) if value >= 0 else math.exp(value) / (1.0 + math.exp(value))
