"""The model card (README.md) of a reward model: how to use it, what it was made from, what was measured, what it is not for.

What belongs here: the card's words. What they rest on is counted in `card_data.py`; the code that it shows is `card_usage.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from training.records import TIERS
from training.reward_model.calibration import Calibration, TierCalibration
from training.reward_model.card_data import DataSummary, SplitCounts, commercial_use
from training.reward_model.card_usage import usage_snippet
from training.reward_model.config import RewardModelConfig
from training.reward_model.prompt import TIER_WORDS

_READS = {
    "criterion_last": "r(instruction, response, criterion), one number per criterion of a rubric, after Geng et al. 2026 "
    "(Explicit Criteria Injection)",
    "criterion_first": "r(instruction, response, criterion), one number per criterion of a rubric, which stands before the "
    "response (an ablation)",
    "none": "r(instruction, response), one number per response, which reads no criterion (a scalar model, an ablation)",
}


def figure(value: float | None) -> str:
    """Three decimals, or a dash for a figure that rests on nothing.

    >>> figure(None), figure(0.5)
    ('–', '0.500')
    """
    return "–" if value is None else f"{value:.3f}"


def model_card(
    *,
    config: RewardModelConfig,
    base: Mapping[str, Any],
    metrics: Mapping[str, Any],
    calibration: Calibration,
    made_from: Mapping[str, str],
    data: DataSummary,
) -> str:
    """Markdown with Hugging Face front matter.

    Args:
        config: of the run.
        base: metadata of the base model; its `model` and `license` are named.
        metrics: what goes into metrics.json; its `truncation` is part (such as training) → what happened to prompts that were
            too long → how often.
        calibration: what goes into calibration.json.
        made_from: input → name@digest of the artifact; without those that are none.
        data: what the snapshot holds.
    """
    return f"""---
license: {base.get("license", "unknown")}
base_model: {base.get("model", "unknown")}
library_name: transformers
pipeline_tag: text-classification
tags: [reward-model, rubric, medical]
---
# {"Scalar" if config.conditioning == "none" else "Criterion-conditioned"} reward model ({config.role})

Scores {_READS[config.conditioning]}. Base model: {base.get("model", "unknown")}
({base.get("license", "unknown")}).

## Prompt

The score is the single label at the last token of three pieces, each encoded for itself: `Instruction: …`, a blank line, then
{_template(config)}. Complete, with plain transformers:

```python
{usage_snippet(config.conditioning)}```

{_precision(config)}Validation read no prompt above {config.max_length} tokens. `promedical score FILE` does the same for many
lines, in batches, and says `unknown` where there is no score.

## Made from

{_origins(made_from)}

{_data(data)}

## Training

Split {config.train_split}; {metrics["trees_seen"]} trees, {metrics["tokens_seen"]} tokens, {metrics["steps"]} steps (best: step
{metrics["best_step"]}); {_objective(config)}.{"" if config.veto_data else " Safety criteria were left out (an ablation)."}

```json
{json.dumps(config.model_dump(mode="json"), indent=1)}
```

{_truncation(metrics["truncation"])}

## Validation

{_validation(metrics["validation"], calibration)}

## Limits

- Validated on text that is mostly made for it (composed, edited, sampled answers), by the labels above and no clinician.
- English only. Text that speaks to a judge may move the score: nothing in training defends against it.
- A high score is this model's opinion. A policy that is optimized against it has to be judged by others.
- What the base model learned before is not known; it may know public benchmarks.

## Not for

Medical advice, triage or any decision about a person.
"""


def _template(config: RewardModelConfig) -> str:
    words = ", ".join(f"{tier} = {word}" for tier, word in TIER_WORDS.items())
    return {
        "criterion_last": f"`Response: …`, a blank line, then `Criterion (tier): …`, a new line, `Met:`; tier words: {words}",
        "criterion_first": f"`Criterion (tier): …`, a blank line, then `Response: …`, a new line, `Met:`; tier words: {words}",
        "none": "`Response: …`, a blank line, then `Good:`",
    }[config.conditioning]


def _precision(config: RewardModelConfig) -> str:
    if config.precision == "float32":
        return ""
    return (
        f"Calibration holds for a backbone in {config.precision} and a head in float32; the code above computes in float32, "
        "and differs by rounding. "
    )


def _objective(config: RewardModelConfig) -> str:
    if config.pure_pairwise:
        return "pairwise loss only: P(met) is **not identified**"
    return f"pairwise loss per criterion + {config.pointwise_weight} × pointwise loss"


def _origins(made_from: Mapping[str, str]) -> str:
    if not made_from:
        return "From folders without a manifest: their digests are not known."
    return "\n".join(f"- {name}: `{reference}`" for name, reference in sorted(made_from.items()))


def _data(data: DataSummary) -> str:
    head = (
        "| split | tier | instructions | responses | criteria | labels (of them assumed) | preferences (of them discordant) |"
    )
    rows = [row for split, counts in data.splits.items() for row in _split_rows(split, counts)]
    licences = [
        f"| {found.source} | {found.licence or 'not stated'} | {commercial_use(found.licence)} | {found.instructions} |"
        for found in data.licences
    ]
    return "\n".join(
        [
            *(head, "| --- | --- | --- | --- | --- | --- | --- |", *rows, ""),
            *("| source | licence | commercial use | instructions |", "| --- | --- | --- | --- |", *licences, ""),
            _flag(data),
        ]
    )


def _split_rows(split: str, counts: SplitCounts) -> list[str]:
    return [
        f"| {split} | {tier} | {counts.instructions} | {counts.responses} | {counts.criteria[tier]} "
        f"| {counts.labels[tier]} ({counts.assumed[tier]}) | {counts.preferences[tier]} ({counts.discordant[tier]}) |"
        for tier in TIERS
    ]


def _flag(data: DataSummary) -> str:
    """What is to be known of the licences before anybody earns money with the model."""

    def sources(answer: str) -> str:
        return ", ".join(dict.fromkeys(found.source for found in data.licences if commercial_use(found.licence) == answer))

    said = "Read off the licence's name; answers and labels may stand under terms of their own (see the data card)."
    if unknown := sources("not known"):
        said = f"**Whether commercial use is allowed is not known of: {unknown}.** {said}"
    if forbidden := sources("forbidden"):
        said = f"**Trained on data whose licence forbids commercial use: {forbidden}.** {said}"
    return said


def _truncation(truncation: Mapping[str, Mapping[str, int]]) -> str:
    parts = []
    for part, counts in truncation.items():
        said = ", ".join(f"{what.replace('_', ' ')} {n}" for what, n in counts.items() if n)
        name = "training (in each epoch)" if part == "training" else part
        parts += [f"{name}: {said}"] if said else []
    return f"Too long for {'; '.join(parts)}." if parts else "No prompt was too long."


def _validation(validation: Mapping[str, Any], calibration: Calibration) -> str:
    rows = []
    for tier in TIERS:
        fit = calibration.tiers[tier]
        said = _fit(fit) if calibration.fitted else "none"
        rows.append(
            f"| {tier} | {validation['n_pairs'][tier]} | {figure(validation['pairwise_accuracy'][tier])} "
            f"| {fit.n_met} / {fit.n_unmet} | {_error(fit)} | {fit.threshold:.3f} | {said} |"
        )
    table = "\n".join(rows)
    return f"""Pairwise accuracy {figure(validation["accuracy"])} (chance 0.500), on discordant preferences
{figure(validation["discordant_accuracy"])} ({validation["n_discordant"]} of them).

| tier | preferences | pairwise accuracy | met / unmet labels | calibration error (cross-fitted) | threshold | Platt fit |
| --- | --- | --- | --- | --- | --- | --- |
{table}

{_reading(calibration)}"""


def _reading(calibration: Calibration) -> str:
    """How the table's calibration columns are to be read."""
    if not calibration.fitted:
        return "Nothing was calibrated: logits order answers, P(met) is not identified, and every verdict is `unknown`."
    return f"""The calibration error is measured on the labels it was fitted on, so it is optimistic; in parentheses that of a
fit on the other four fifths of the instructions. `reliability.svg` shows the first by bin. A tier with too few labels of one
class takes the fit over all tiers (`pooled`). With no label of one class its verdicts are `not identified`: they rest on other
tiers' labels and serve a policy's reward, no accuracy is reported of them. A tier whose fit is flat `says the same to every
answer`; a calibration error would look perfect and is left out. Thresholds: {calibration.threshold_rule}."""


def _error(fit: TierCalibration) -> str:
    return figure(fit.ece) + ("" if fit.ece_cross is None else f" ({fit.ece_cross:.3f})")


def _fit(fit: TierCalibration) -> str:
    said = ["pooled" if fit.pooled else "own"]
    said += [] if fit.identified else ["not identified"]
    said += [] if fit.informative else ["says the same to every answer"]
    return ", ".join(said)
