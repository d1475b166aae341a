"""Config of the stage `policy`: the reward's weights and GRPO's settings (Geng et al. 2026, METHOD section 4)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.config import StrictConfig
from training.rubric_score import RewardWeights

Positive = Annotated[int, Field(ge=1)]


class PolicyConfig(StrictConfig):
    """Reward and optimization of one GRPO run.

    Attributes:
        alpha: worth of one bonus criterion, in [0, 1).
        beta: the most that bonus criteria add above S1 = 1.
        lam: price of one veto violation; must be greater than 1 + beta.
        max_unknown_share: above this share of a batch without a reward, training stops.
        num_generations: G, completions per instruction (paper: 8).
        prompts_per_step: instructions per optimizer step.
        micro_batch: completions per forward and backward pass; divides num_generations * prompts_per_step.
        steps: optimizer steps.
        lr: learning rate (paper: 1e-6), constant.
        kl: weight of the KL term against the reference policy (paper: 0.04).
        temperature: of sampling.
        max_prompt_length: instructions whose prompt has more tokens are left out and counted.
        max_completion_length: tokens at which a completion is cut.
        cut_completions: what a completion that the limit cuts is worth: "unknown" gives it no reward (METHOD section 4),
            "score" judges it as it stands, for profiles whose limit cuts nearly all.
        precision: "bf16_mixed" keeps float32 weights and computes in bfloat16.
        gradient_checkpointing: trades time for memory.
        lora: trains low-rank adapters and merges them in the end; false trains every weight.
        lora_rank: rank of the adapters, not used when `lora` is false.
        seed: of the data order and of sampling.
    """

    alpha: float
    beta: float
    lam: float
    max_unknown_share: Annotated[float, Field(ge=0, le=1)]
    num_generations: Annotated[int, Field(ge=2)]
    prompts_per_step: Positive
    micro_batch: Positive
    steps: Positive
    lr: Annotated[float, Field(gt=0)]
    kl: Annotated[float, Field(ge=0)]
    temperature: Annotated[float, Field(gt=0)]
    max_prompt_length: Positive
    max_completion_length: Positive
    cut_completions: Literal["score", "unknown"]
    precision: Literal["float32", "bf16_mixed"]
    gradient_checkpointing: bool
    lora: bool
    lora_rank: Positive
    seed: Annotated[int, Field(ge=0)]

    @property
    def weights(self) -> RewardWeights:
        """alpha, beta and lambda as the reward takes them."""
        return RewardWeights(alpha=self.alpha, beta=self.beta, lam=self.lam)

    @property
    def completions_per_step(self) -> int:
        """Completions that one optimizer step learns from."""
        return self.num_generations * self.prompts_per_step

    @model_validator(mode="after")
    def _consistent(self) -> PolicyConfig:
        # RewardWeights refuses, with its own message, values by which a gain could outweigh a violation.
        _ = self.weights
        if self.completions_per_step % self.micro_batch:
            product = f"num_generations * prompts_per_step = {self.completions_per_step}"
            raise ValueError(f"micro_batch must divide {product}, got {self.micro_batch}")
        return self
