"""A line of the output: what a reward model says of each response on each criterion, and S1, S2, S3 where they follow from it.

What belongs here: from scores to JSON values, failing closed. A verdict that no validation label supports is not passed on:
where P(met) is not identified, of the model or of a tier, or is the same for every answer, a criterion keeps its logit, which
orders answers, and is `unknown`: a model that cannot tell a violation must not say that there is none.
`overall` is that of policy benchmarks (`rubric_score.policy_overall`, METHOD section 5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.records import TIERS, Tier, Verdict
from training.rubric_score import (
    RewardWeights,
    RubricScore,
    excellence_bonus,
    main_proficiency,
    policy_overall,
    safety_veto,
)
from training.scoring.lines import ScoreLine

if TYPE_CHECKING:
    from training.reward_model.scoring import CriterionScore

NOT_IDENTIFIED, FLAT = "not_identified", "flat"
# Reason of an unknown verdict → its meaning.
REASONS = {
    "empty": "the response is blank",
    "too_long": "the prompt is longer than the model's max_length",
    "not_finite": "the model's number is none",
    "no_criterion": "the model reads no criterion (a scalar model)",
    NOT_IDENTIFIED: "no validation label of the other class says where met begins",
    FLAT: "on validation labels the model could not tell the tier's met from its unmet, and says the same to every answer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is to be known of a model's verdicts.

    Attributes:
        name: name@digest.
        judged: tiers for which validation labels say where met begins.
        flat: tiers in which the model says the same to every answer.
        scalar: the model reads no criterion.
    """

    name: str
    judged: frozenset[Tier]
    flat: tuple[Tier, ...]
    scalar: bool

    def doubts(self) -> list[str]:
        """What a user should hear before reading verdicts, as sentences."""
        said = []
        silent = [tier for tier in TIERS if tier not in self.judged]
        if self.scalar:
            said.append("this model reads no criterion: all criteria of a response have one number, and no verdict")
        elif silent:
            said.append(f"{', '.join(silent)}: verdicts are unknown ({REASONS[NOT_IDENTIFIED]}); logits order answers")
        if flat := [tier for tier in self.flat if tier in self.judged]:
            said.append(f"{', '.join(flat)}: verdicts are unknown ({REASONS[FLAT]})")
        return said


@dataclass(frozen=True, slots=True)
class _Reading:
    logit: float | None
    p_met: float | None
    verdict: Verdict
    reason: str


def result_line(
    line: ScoreLine, scores: Sequence[Sequence[CriterionScore]], facts: ModelFacts, unknown: Counter[str]
) -> dict[str, Any]:
    """The output for one line; counts the reasons of unknown verdicts in `unknown`."""
    rows = [
        [_read(score, criterion.tier, facts) for score, criterion in zip(row, line.criteria, strict=True)] for row in scores
    ]
    unknown.update(reading.reason for row in rows for reading in row if reading.reason)
    return {**line.carried, "reward_model": facts.name, "scores": [_response(line, row) for row in rows]}


def _read(score: CriterionScore, tier: Tier, facts: ModelFacts) -> _Reading:
    if score.verdict == "unknown":
        return _Reading(score.logit, None, "unknown", score.reason)
    if tier not in facts.judged:
        return _Reading(score.logit, None, "unknown", NOT_IDENTIFIED)
    if tier in facts.flat:
        return _Reading(score.logit, None, "unknown", FLAT)
    return _Reading(score.logit, score.p_met, score.verdict, "")


def _response(line: ScoreLine, row: Sequence[_Reading]) -> dict[str, Any]:
    verdicts = [reading.verdict for reading in row]
    score = RubricScore(
        s1=main_proficiency(line.criteria, verdicts) if line.weighted else None,
        s2=excellence_bonus(line.criteria, verdicts),
        s3=safety_veto(line.criteria, verdicts),
    )
    criteria = [
        {
            **({"criterion_id": criterion.criterion_id} if line.named else {}),
            "tier": criterion.tier,
            "logit": reading.logit,
            "p_met": reading.p_met,
            "verdict": reading.verdict,
            **({"reason": reading.reason} if reading.reason else {}),
        }
        for criterion, reading in zip(line.criteria, row, strict=True)
    ]
    overall = policy_overall(score, RewardWeights())
    return {"s1": score.s1, "s2": score.s2, "s3": score.s3, "overall": overall, "criteria": criteria}
