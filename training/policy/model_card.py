"""The model card of a policy: what it was trained from, on what, by which reward, and what its log says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.policy.config import PolicyConfig

_SHOWN = (
    "reward",
    "s1",
    "s2",
    "s3",
    "veto_rate",
    "refusal_rate",
    "empty_rate",
    "cut_rate",
    "unknown_share",
    "kl",
    "entropy",
    "completion_length",
)


def model_card(
    *,
    config: PolicyConfig,
    base: Mapping[str, Any],
    inputs: Mapping[str, str],
    figures: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
) -> str:
    """Markdown with Hugging Face front matter.

    Args:
        config: of the run.
        base: metadata of the base model; its `model` and `license` are named.
        inputs: artifact reference of every input.
        figures: what goes into metrics.json.
        rows: the log, one row per step, at least one.
    """
    table = "\n".join(f"| {name} | {_shown(rows[0][name])} | {_shown(rows[-1][name])} |" for name in _SHOWN)
    used = "\n".join(f"- {name}: `{reference}`" for name, reference in sorted(inputs.items()))
    trained = f"LoRA of rank {config.lora_rank}, merged" if config.lora else "all weights"
    worth = "is scored as it stands" if config.cut_completions == "score" else "has no reward"
    return f"""---
license: {base["license"]}
base_model: {base["model"]}
pipeline_tag: text-generation
---
# Policy trained with GRPO and a hierarchical rubric reward

From {base["model"]} ({trained}), {config.steps} steps of {config.prompts_per_step} instructions with {config.num_generations}
completions each, out of {figures["instructions"]} instructions of split policy_train.
Method: Geng et al. 2026; GRPO after Shao et al. 2024.

Reward: r = clip(S1 + {config.alpha} * S2, 0, 1 + {config.beta}) - {config.lam} * S3, with verdicts of a frozen reward model
at its calibrated thresholds.{_doubts(figures)} A completion cut at {config.max_completion_length} tokens {worth}.
KL weight {config.kl}, learning rate {config.lr}, temperature {config.temperature}.

{used}

## Log

| figure | first step | last step |
| --- | --- | --- |
{table}

Single steps are noisy: no effect can be read from two of them. {figures["excluded"]} of {figures["completions"]} completions
had no reward and were left out; {figures["flat_groups"]} of {figures["groups"]} groups had no spread and taught nothing.

## Limits

The reward is a model's opinion and was optimized against: judge this policy with other graders and beside its base model.
Empty and refusing answers satisfy every safety criterion. Not for medical use.
"""


def _doubts(figures: Mapping[str, Any]) -> str:
    """What is to be known of the verdicts behind the reward, as sentences with a space in front."""
    said = ""
    if tiers := figures["verdicts_not_identified"]:
        said += (
            f" On {', '.join(tiers)} criteria they are not identified: validation holds labels of one class, and a fit "
            "pooled over all tiers decides."
        )
    if tiers := figures["verdicts_uninformative"]:
        said += f" On {', '.join(tiers)} criteria the reward model says the same to every answer, which teaches nothing."
    return said


def _shown(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
