"""The policy, the rollouts of base and aligned model, and their benchmark as steps."""

from __future__ import annotations

from assets.reward_model.steps import stage_step

POLICY = stage_step(
    "policy",
    "policy",
    inputs={"prompts": "policy_prompts", "base_model": "base_model", "reward_model": "reward_model"},
    group="policy",
    seconds=55,
    description="GRPO under the safety veto (Geng et al. 2026, section 4), trained on policy_train only.",
)
BASE_ROLLOUTS = stage_step(
    "base_rollouts",
    "generation",
    inputs={"snapshot": "benchmark_snapshot", "policy": "base_model"},
    group="policy",
    seconds=18,
    configs="generation",
    overrides={"model_name": "base"},
    description="The base model's answers to benchmark instructions.",
)
POLICY_ROLLOUTS = stage_step(
    "policy_rollouts",
    "generation",
    inputs={"snapshot": "benchmark_snapshot", "policy": "policy"},
    group="policy",
    seconds=18,
    configs="generation",
    overrides={"model_name": "aligned"},
    description="The aligned policy's answers to the same instructions.",
)
POLICY_BENCHMARK = stage_step(
    "policy_benchmark",
    "policy_benchmark",
    inputs={
        "snapshot": "benchmark_snapshot",
        "base_rollouts": "base_rollouts",
        "policy_rollouts": "policy_rollouts",
        "reward_model": "reward_model",
        "panel_reward_model": "panel_reward_model",
        "reward_model_benchmark": "reward_model_benchmark",
    },
    group="policy",
    seconds=20,
    description="Base against aligned policy, scored by the training reward model and by the panel.",
)
