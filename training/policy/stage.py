"""Stage `policy`: GRPO on the instructions of split policy_train, under a frozen reward model.

What belongs here: reading inputs, and what is written beside the weights. Training is `train.py`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from training.benchmark.metrics import mean
from training.contracts import check_snapshot
from training.errors import StageRefusal
from training.generation.model import load_policy
from training.generation.prompt import read_answer
from training.generation.rollouts import end_tokens
from training.policy.config import PolicyConfig
from training.policy.model_card import model_card
from training.policy.reward import HierarchicalReward
from training.policy.train import train_policy
from training.reward_model.scoring import RewardScorer, pointwise_identified, read_calibration
from training.seen import clusters_of, read_seen, write_seen
from training.snapshot import read_snapshot
from training.storage import read_manifest


def run(*, config: PolicyConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Trains a policy from `base_model` on `prompts` against `reward_model`.

    Raises:
        StageRefusal: the snapshot may not be used for a policy, holds no instruction to train on, the reward model has no
            verdicts, or scoring failed too often.
    """
    check_snapshot(inputs["prompts"], role="policy")
    snapshot = read_snapshot(inputs["prompts"])
    instructions = [i for i in snapshot.of_split("policy_train") if i.instruction_id in snapshot.rubrics]
    if not instructions:
        raise StageRefusal("policy: the snapshot has no instruction of split policy_train with a rubric")
    if not pointwise_identified(inputs["reward_model"]):
        raise StageRefusal(
            "policy: reward_model was trained with the pairwise loss alone; its verdicts mean nothing: give one that was "
            "trained with pure_pairwise: false and a conditioning"
        )
    manifests = {name: read_manifest(folder) for name, folder in inputs.items()}
    # float32 whatever the precision: in bfloat16 weights a learning rate of 1e-6 rounds to no change at all.
    model, tokenizer = load_policy(inputs["base_model"], dtype="float32")
    reward = HierarchicalReward(
        RewardScorer.load(inputs["reward_model"], device=model.device.type),
        instructions=snapshot.instructions,
        rubrics=snapshot.rubrics,
        weights=config.weights,
        num_generations=config.num_generations,
        max_unknown_share=config.max_unknown_share,
        read=partial(read_answer, tokenizer),
        end_tokens=end_tokens(model, tokenizer),
        score_cut=config.cut_completions == "score",
    )
    calibration = read_calibration(inputs["reward_model"])
    write_seen(output, clusters_of(snapshot.instructions) | read_seen(inputs["reward_model"]))
    rows, used = train_policy(
        config=config, model=model, tokenizer=tokenizer, instructions=instructions, reward=reward, output=output
    )
    base = {name: manifests["base_model"].metadata[name] for name in ("model", "license")}
    figures = {
        **run_figures(rows),
        "instructions": used,
        "instructions_too_long": len(instructions) - used,
        "cut_completions": config.cut_completions,
        "verdicts_not_identified": list(calibration.not_identified),
        "verdicts_uninformative": list(calibration.uninformative),
    }
    (output / "metrics.json").write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    card = model_card(
        config=config, base=base, inputs={name: str(m.ref) for name, m in manifests.items()}, figures=figures, rows=rows
    )
    (output / "README.md").write_text(card, encoding="utf-8")
    return {**base, **figures}


def run_figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A run's totals, the means of its steps, and its last step's KL."""
    scores = ("reward", "s1", "s2", "s3", "veto_rate", "refusal_rate", "empty_rate", "cut_rate")
    means = (*scores, "unknown_share", "order_disagreement", "entropy")
    completions = sum(row["completions"] for row in rows)
    return {
        "steps": len(rows),
        "completions": completions,
        "excluded": sum(round(row["unknown_share"] * row["completions"]) for row in rows),
        "groups": sum(row["groups"] for row in rows),
        "flat_groups": sum(row["flat_groups"] for row in rows),
        **{f"mean_{name}": mean([row[name] for row in rows if row[name] is not None]) for name in means},
        "last_kl": rows[-1]["kl"],
    }
