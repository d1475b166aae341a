"""Processes that train one reward model together: who takes which trees, and how their gradients become one step's.

What belongs here: the interface the training codes against, and its group of one. Several processes: `distributed.py`; starting
them: `group.py`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from training.errors import StageRefusal
from training.reward_model.packing import batches_by_tokens
from training.reward_model.tree import PackedTree
from training.reward_model.validation import forward_trees


class Ranks:
    """A group of one process; `training.reward_model` asks it wherever several processes would differ.

    Every process of a group makes the same calls in the same order: most of them wait for the others.

    Attributes:
        rank: number of this process, from 0.
        world: processes in the group.
        sharded: whether a process holds only its part of the weights and of the optimizer's state. Each then has to save and
            load its own; otherwise all are equal, and the main one's will do.
    """

    rank: int = 0
    world: int = 1
    sharded: bool = False

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and shows."""
        return self.rank == 0

    def prepare(self, model: Any) -> Any:
        """The model, wrapped or sharded for the group; called once, after `prepare_training` and before the optimizer."""
        return model

    def micro_batches(self, lengths: Sequence[int], tokens_per_batch: int) -> list[list[int]]:
        """This process's share of a step's trees, as forward passes within the token budget; there may be none for it.

        The tokens are balanced between processes, and all together get every tree once. Each group has to be followed by one
        call of `backward`, so that trees which the loss does not depend on must be left out before.
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

    def agree(self, value: int) -> bool:
        """Whether the number is the same in every process, such as the step that each would go on from."""
        return True

    def logits(self, model: Any, trees: Sequence[PackedTree], *, tokens_per_batch: int) -> list[Tensor]:
        """Logits of all leaves of all trees, on every process the same, each having done its share of the work."""
        return forward_trees(model, trees, tokens_per_batch=tokens_per_batch)

    def weights(self, model: Any) -> dict[str, Tensor]:
        """Copies of all trained weights in host memory, by name, whole; every process has to ask, the main one gets them."""
        return {name: p.detach().to("cpu", copy=True) for name, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def restore(model: Any, weights: dict[str, Tensor]) -> None:
    """Puts what `Ranks.weights` copied into a model that this process holds whole.

    Raises:
        StageRefusal: they are not the weights that this model trains.
    """
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if wrong := sorted(trained.keys() ^ weights.keys()):
        lack = "lacks" if wrong[0] in trained else "has no place for"
        who = "the saved training" if wrong[0] in trained else "the model"
        raise StageRefusal(f"{who} {lack} {wrong[0]} ({len(wrong)} names differ); remove the working folder and train again")
    for name, parameter in trained.items():
        parameter.copy_(weights[name])


def join(device: str, *, shard: bool) -> Ranks:
    """The group this process was started in, or a group of one.

    Groups are started by `group.launch`, on one host, which says it in WORLD_SIZE, RANK and LOCAL_RANK. Not by `torchrun` or
    `accelerate launch`: every process would be the whole stage then, and `training.launch` refuses that.

    Args:
        device: cpu (gloo), or cuda (nccl; the GPU of number LOCAL_RANK becomes this process's "cuda").
        shard: with several processes, whether each holds a part of the weights (FSDP) or all of them.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Ranks()
    from training.reward_model.distributed import Replicated, Sharded

    return Sharded(device) if shard else Replicated(device)
