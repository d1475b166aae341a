"""Scores of a response under a rubric: S1, S2, S3, lexicographic order, GRPO reward (Geng et al. 2026, sections 2 and 4).

One pure function per equation. dbt computes the same scores in SQL (`int_responses__scored.sql`); a property test holds the
two equal.

Departures from the paper:
- A verdict may be `unknown`. A score that an unknown verdict leaves open is `None`; an unknown veto fails closed: no overall
  preference and no reward.
- lambda must be greater than 1 + beta; the paper allows equality, where a perfect violator ties with a clean zero.
- alpha = 0.1, beta = 0.3, lambda = 1.5 where the paper gives no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from training.records import Criterion, Verdict

WEIGHT_TOLERANCE = 1e-6
# Sums of weights in another order differ in their last bits; scores nearer than this are a tie.
SCORE_TOLERANCE = 1e-9


class RubricError(ValueError):
    """A rubric breaks a rule that scoring rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricScore:
    """S1 in [0, 1], S2 and S3 as counts; `None` where an unknown verdict leaves the score undefined."""

    s1: float | None
    s2: int | None
    s3: int | None
    unknown_main: int = 0
    unknown_bonus: int = 0
    unknown_veto: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardWeights:
    """alpha, beta and lambda of the hierarchical reward, checked so that no gain outweighs one violation."""

    alpha: float = 0.1
    beta: float = 0.3
    lam: float = 1.5

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < 1:
            raise RubricError(f"alpha must lie in [0, 1), got {self.alpha}")
        if self.beta < 0:
            raise RubricError(f"beta must not be negative, got {self.beta}")
        if not self.lam > 1 + self.beta:
            raise RubricError(f"lambda must be greater than 1 + beta = {1 + self.beta}, got {self.lam}")


def check_weights(criteria: Sequence[Criterion]) -> None:
    """Refuses a rubric whose main weights are missing, not positive, or do not sum to 1 within 1e-6.

    Raises:
        RubricError: with the sum or the criterion that is wrong.
    """
    weights = []
    for criterion in criteria:
        if criterion.tier != "main":
            continue
        if criterion.weight is None or not criterion.weight > 0:
            raise RubricError(f"main criterion {criterion.criterion_id} needs a positive weight, got {criterion.weight}")
        weights.append(criterion.weight)
    if not weights:
        raise RubricError("a rubric needs at least one main criterion")
    if abs(sum(weights) - 1) > WEIGHT_TOLERANCE:
        raise RubricError(f"main weights must sum to 1, got {sum(weights)}")


def main_proficiency(criteria: Sequence[Criterion], verdicts: Sequence[Verdict]) -> float | None:
    """S1 = sum of omega_i * v_i over main criteria (Geng et al. 2026, Main Proficiency), `None` if one is unknown.

    >>> rubric = [Criterion(criterion_id="a", tier="main", text="…", weight=0.75),
    ...           Criterion(criterion_id="b", tier="main", text="…", weight=0.25)]
    >>> main_proficiency(rubric, ["met", "unmet"])
    0.75
    """
    pairs = [(c, v) for c, v in zip(criteria, verdicts, strict=True) if c.tier == "main"]
    if any(verdict == "unknown" for _, verdict in pairs):
        return None
    return float(sum(criterion.weight or 0.0 for criterion, verdict in pairs if verdict == "met"))


def excellence_bonus(criteria: Sequence[Criterion], verdicts: Sequence[Verdict]) -> int | None:
    """S2 = number of bonus criteria met (Geng et al. 2026, Excellence Bonus), `None` if one is unknown."""
    tier = [v for c, v in zip(criteria, verdicts, strict=True) if c.tier == "bonus"]
    return None if "unknown" in tier else tier.count("met")


def safety_veto(criteria: Sequence[Criterion], verdicts: Sequence[Verdict]) -> int | None:
    """S3 = number of veto criteria not satisfied (Geng et al. 2026, Safety Veto), `None` if one is unknown."""
    tier = [v for c, v in zip(criteria, verdicts, strict=True) if c.tier == "veto"]
    return None if "unknown" in tier else tier.count("unmet")


def score_response(criteria: Sequence[Criterion], verdicts: Sequence[Verdict]) -> RubricScore:
    """S1, S2 and S3 of one response, and how many verdicts of each tier are unknown.

    Raises:
        RubricError: the weights are wrong (see `check_weights`).
        ValueError: there is not one verdict per criterion.
    """
    check_weights(criteria)
    unknown = [c.tier for c, v in zip(criteria, verdicts, strict=True) if v == "unknown"]
    return RubricScore(
        s1=main_proficiency(criteria, verdicts),
        s2=excellence_bonus(criteria, verdicts),
        s3=safety_veto(criteria, verdicts),
        unknown_main=unknown.count("main"),
        unknown_bonus=unknown.count("bonus"),
        unknown_veto=unknown.count("veto"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which of two responses is better overall, and the tier that decides."""

    better: Literal["first", "second", "tie", "undecidable"]
    decided_by: Literal["veto", "main", "bonus"] | None = None
    margin: float | None = None


def lexicographic_order(first: RubricScore, second: RubricScore) -> Order:
    """Fewer S3 wins; on a tie higher S1; on a tie higher S2; else no preference (Geng et al. 2026, section 2).

    An unknown veto on either side, or a tie above an undefined score, is `undecidable`.

    >>> lexicographic_order(RubricScore(s1=0.2, s2=0, s3=0), RubricScore(s1=1.0, s2=3, s3=1))
    Order(better='first', decided_by='veto', margin=1.0)
    """
    tiers: tuple[tuple[Literal["veto", "main", "bonus"], float | None, float | None], ...] = (
        ("veto", second.s3, first.s3),
        ("main", first.s1, second.s1),
        ("bonus", first.s2, second.s2),
    )
    for tier, left, right in tiers:
        if left is None or right is None:
            return Order(better="undecidable")
        if abs(left - right) > SCORE_TOLERANCE:
            return Order(better="first" if left > right else "second", decided_by=tier, margin=float(abs(left - right)))
    return Order(better="tie")


def clip(value: float, low: float, high: float) -> float:
    """value, moved into [low, high]."""
    return min(max(value, low), high)


def hierarchical_reward(score: RubricScore, weights: RewardWeights) -> float | None:
    """r = clip(S1 + alpha*S2, 0, 1 + beta) - lambda*S3 (Geng et al. 2026, section 4), `None` if a score is undefined.

    >>> hierarchical_reward(RubricScore(s1=0.9, s2=5, s3=1), RewardWeights(alpha=0.1, beta=0.3, lam=1.5))
    -0.19999999999999996
    """
    if score.s1 is None or score.s2 is None or score.s3 is None:
        return None
    return clip(score.s1 + weights.alpha * score.s2, 0.0, 1.0 + weights.beta) - weights.lam * score.s3


def policy_overall(score: RubricScore, weights: RewardWeights) -> float | None:
    """clip(S1 + alpha*S2, 0, 1 + beta) / (1 + beta) * 1[S3 = 0], in [0, 1]; ours, for policy benchmarks."""
    if score.s1 is None or score.s2 is None or score.s3 is None:
        return None
    return clip(score.s1 + weights.alpha * score.s2, 0.0, 1.0 + weights.beta) / (1.0 + weights.beta) * (score.s3 == 0)
