"""The model card (README.md) of a reward model: what it is, what it was trained on, what was measured, what it is not for."""

from __future__ import annotations

from typing import Any

from training.records import TIERS
from training.reward_model.calibration import Calibration, TierCalibration
from training.reward_model.config import RewardModelConfig
from training.reward_model.prompt import TIER_WORDS


def figure(value: float | None) -> str:
    """Three decimals, or a dash for a figure that rests on nothing.

    >>> figure(None), figure(0.5)
    ('–', '0.500')
    """
    return "–" if value is None else f"{value:.3f}"


def _fit(fit: TierCalibration) -> str:
    said = ["pooled" if fit.pooled else "own"]
    said += [] if fit.identified else ["not identified"]
    said += [] if fit.informative else ["says the same to every answer"]
    return ", ".join(said)


def model_card(*, config: RewardModelConfig, base: dict[str, Any], metrics: dict[str, Any], calibration: Calibration) -> str:
    """The card as Markdown."""
    validation = metrics["validation"]
    rows = []
    for tier in TIERS:
        fit = calibration.tiers[tier]
        rows.append(
            f"| {tier} | {validation['n_pairs'][tier]} | {figure(validation['pairwise_accuracy'][tier])} "
            f"| {fit.n_met} / {fit.n_unmet} | {figure(fit.ece)} | {fit.threshold:.3f} | {_fit(fit)} |"
        )
    table = "\n".join(rows)
    words = ", ".join(f"{tier} = {word}" for tier, word in TIER_WORDS.items())
    objective = (
        "pairwise loss only: P(met) is **not identified**"
        if config.pure_pairwise
        else f"pairwise loss per criterion + {config.pointwise_weight} × pointwise loss"
    )
    return f"""---
license: {base.get("license", "unknown")}
base_model: {base.get("model", "unknown")}
library_name: transformers
pipeline_tag: text-classification
---
# Criterion-conditioned reward model ({config.role})

Scores r(instruction, response, criterion): one number per criterion of a rubric, after Geng et al. 2026 (Explicit Criteria
Injection). Base model: {base.get("model", "unknown")} ({base.get("license", "unknown")}).

## Prompt
`Instruction: …`, a blank line, `Response: …`, a blank line, `Criterion (tier): …`, a new line, `Met:`; tier words: {words}.
The score is the single label at the last token. `calibration.json` turns it into P(met) and a verdict.

## Training
Split {config.train_split}; {metrics["trees_seen"]} trees, {metrics["tokens_seen"]} tokens, {metrics["steps"]} steps (best: step
{metrics["best_step"]}); {objective}; learning rate {config.learning_rate}; seed {config.seed}.

## Validation
Pairwise accuracy {figure(validation["accuracy"])} (chance 0.500), on discordant preferences
{figure(validation["discordant_accuracy"])} ({validation["n_discordant"]} of them).

| tier | preferences | pairwise accuracy | met / unmet labels | calibration error | threshold | Platt fit |
| --- | --- | --- | --- | --- | --- | --- |
{table}

The calibration error is measured on the labels it was fitted on, so it is optimistic. A tier with too few labels of one class
takes the fit over all tiers (`pooled`). With no label of one class its verdicts are `not identified`: they rest on other tiers'
labels and serve a policy's reward, no accuracy is reported of them. A tier whose fit is flat `says the same to every answer`; a
calibration error would look perfect and is left out. Thresholds: {calibration.threshold_rule}.

## Not for
Medical advice, triage or any decision about a person. Not validated by clinicians.
"""
