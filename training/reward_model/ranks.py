"""Processes that train one reward model together: who takes which trees, and how their gradients become one step's.

What belongs here: dealing, summing, saving once. A training alone is a group of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from training.reward_model.packing import batches_by_tokens


class Ranks:
    """A group of one process; `training.reward_model` asks it wherever several processes would differ.

    Attributes:
        rank: number of this process, from 0.
        world: processes in the group.
    """

    rank: int = 0
    world: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and shows."""
        return self.rank == 0

    def prepare(self, model: Any) -> Any:
        """The model, wrapped or sharded for the group; called once, after `prepare_training` and before the optimizer."""
        return model

    def micro_batches(self, lengths: Sequence[int], tokens_per_batch: int) -> list[list[int]]:
        """This process's share of a step's trees, as forward passes within the token budget.

        Every rank gets the same number of forward passes, with the tokens balanced; all ranks together get every tree once.
        """
        return batches_by_tokens(lengths, tokens_per_batch)

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of a part of a step's loss; the parts of all ranks add up to the step's loss."""
        loss.backward()

    def finish_gradients(self, model: Any) -> None:
        """After the last backward pass of a step: every process holds the gradients of the whole step."""

    def total(self, value: float) -> float:
        """Sum of a number over the group."""
        return value

    def weights(self, model: Any) -> dict[str, Tensor]:
        """Copies of all trained weights in host memory, by name, whole; every process has to ask, the main one gets them."""
        return {name: p.detach().to("cpu", copy=True) for name, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def restore(self, model: Any, weights: dict[str, Tensor]) -> None:
        """Puts back what `weights` copied."""
        for name, parameter in model.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])
