"""Keys of the two benchmark stages. Free of torch, so that the orchestrator can validate them.

Both stages draw the same paired cluster bootstrap; its size and seed are part of what a figure means, so they stand here.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.benchmark.outside import PairwiseSet, Rival, check_names
from training.config import StrictConfig
from training.rubric_score import RewardWeights, RubricError


class RewardModelBenchmarkConfig(StrictConfig):
    """Keys of the stage reward_model_benchmark.

    Attributes:
        max_responses: labelled responses to measure, of instructions spread over sources and clusters; all if null.
        device: where the reward models run.
        batch_size: instructions whose responses are scored at once.
        bootstrap_samples: resamples of the clusters.
        seed: of the bootstrap.
        max_pairs: pairs of each pairwise set to measure, drawn by a hash of their content; all if null.
        rivals: other reward models, measured beside ours; a user's file names them (its section `benchmark`).
        pairwise_sets: files of preferences, measured apart from the snapshot; likewise.
    """

    max_responses: int | None = Field(default=None, ge=1)
    device: Literal["cpu", "cuda"] = "cpu"
    batch_size: int = Field(default=4, ge=1)
    bootstrap_samples: int = Field(default=2000, ge=100)
    seed: int = Field(default=0, ge=0)
    max_pairs: int | None = Field(default=None, ge=1)
    rivals: tuple[Rival, ...] = ()
    pairwise_sets: tuple[PairwiseSet, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> RewardModelBenchmarkConfig:
        check_names(self.rivals, self.pairwise_sets)
        return self


class PolicyBenchmarkConfig(StrictConfig):
    """Keys of the stage policy_benchmark.

    Attributes:
        device: where the reward models run.
        batch_size: instructions whose answers are scored at once.
        bootstrap_samples: resamples of the clusters.
        seed: of the bootstrap.
        samples: side-by-side samples to keep.
        alpha: weight of the bonus count in the overall score, as in the policy's reward.
        beta: how far the bonus may lift the score above 1.
        lam: penalty of a violation in the policy's reward; checked with the other two, not used by the overall score.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    batch_size: int = Field(default=4, ge=1)
    bootstrap_samples: int = Field(default=2000, ge=100)
    seed: int = Field(default=0, ge=0)
    samples: int = Field(default=12, ge=0)
    alpha: float = 0.1
    beta: float = 0.3
    lam: float = 1.5

    @model_validator(mode="after")
    def _weights_hold(self) -> PolicyBenchmarkConfig:
        try:
            self.reward_weights()
        except RubricError as error:
            raise ValueError(str(error)) from error
        return self

    def reward_weights(self) -> RewardWeights:
        """alpha, beta and lambda as one checked record."""
        return RewardWeights(alpha=self.alpha, beta=self.beta, lam=self.lam)
