"""The gradients of one optimizer step: its trees in micro-batches, whose parts add up to the step's mean.

What belongs here: forward and backward passes of one step. What a step does with its gradients is in `train.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.errors import StageRefusal
from training.reward_model.config import RewardModelConfig
from training.reward_model.data import LabelledTree
from training.reward_model.loss import criteria_loss, pairwise_terms, pointwise_terms, verdict_targets
from training.reward_model.memory import advised, forward_advice
from training.reward_model.model import tree_logits
from training.reward_model.ranks import Ranks
from training.reward_model.tree import collate_trees


@dataclass(frozen=True, kw_only=True)
class StepLoss:
    """The loss of a step and its two parts: loss = pairwise + pointwise_weight * pointwise, but for rounding.

    `pointwise` is None if no leaf has a verdict.
    """

    loss: float
    pairwise: float
    pointwise: float | None


def counted_trees(trees: Sequence[LabelledTree], config: RewardModelConfig) -> list[LabelledTree]:
    """Those that go through the network: without a pointwise term a tree without pairs has nothing to say."""
    return [tree for tree in trees if tree.pairs] if config.pure_pairwise else list(trees)


def batch_gradients(model: Any, trees: Sequence[LabelledTree], *, config: RewardModelConfig, ranks: Ranks) -> StepLoss:
    """Leaves the gradients of the mean over all pairs and leaves of a step's counted trees in the model; returns that mean.

    Args:
        model: as `ranks` prepared it, without gradients.
        trees: the whole step's, in every process alike; each computes the share that `ranks` deals it.
        config: loss, token budget and checkpointing.
        ranks: the processes that share the step.

    Raises:
        StageRefusal: the loss is no number (names the trees), or the memory does not suffice (says what to lower).
    """
    # transformers checkpoints in training mode only; dropout, which is all else that this mode changes, is 0 in the families.
    model.train(config.gradient_checkpointing)
    counted = counted_trees(trees, config)
    counts = {"n_pairs": sum(len(tree.pairs) for tree in counted), "n_leaves": sum(len(tree.leaves) for tree in counted)}
    parts: list[tuple[float, float, float]] = []
    for group in ranks.micro_batches([len(tree.packed) for tree in counted], config.tokens_per_batch):
        members = [counted[i] for i in group]
        with advised(forward_advice(members, config, where="on a micro-batch", backward=True)):
            logits = tree_logits(model, collate_trees([tree.packed for tree in members]))
            loss = micro_batch_loss(logits, members, pointwise_weight=config.pointwise_weight, **counts)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise StageRefusal(f"the loss is {value} on the micro-batch [{_names(members)}] of the step [{_names(trees)}]")
            ranks.backward(loss)
        parts.append((value, *_terms(logits.detach(), members, **counts)))
    ranks.finish_gradients(model)
    model.eval()
    loss_sum, pairwise, pointwise = (ranks.total(sum(part[i] for part in parts)) for i in range(3))
    judged = any(leaf.met is not None for tree in counted for leaf in tree.leaves)
    return StepLoss(loss=loss_sum, pairwise=pairwise, pointwise=pointwise if judged else None)


def micro_batch_loss(
    logits: Tensor, trees: Sequence[LabelledTree], *, pointwise_weight: float, n_pairs: int, n_leaves: int
) -> Tensor:
    """The part of a step's loss that some of its trees make up.

    Args:
        logits: (M,) of all leaves of these trees, tree after tree.
        trees: the trees.
        pointwise_weight: see `criteria_loss`.
        n_pairs: pairs of the whole step.
        n_leaves: leaves of the whole step.
    """
    loss = logits.new_zeros(())
    for values, tree in zip(logits.split([len(tree.leaves) for tree in trees]), trees, strict=True):
        loss = loss + criteria_loss(
            values, _verdicts(tree, values), tree.pairs, pointwise_weight=pointwise_weight, n_pairs=n_pairs, n_leaves=n_leaves
        )
    return loss


def _terms(logits: Tensor, trees: Sequence[LabelledTree], *, n_pairs: int, n_leaves: int) -> tuple[float, float]:
    pairwise = pointwise = 0.0
    for values, tree in zip(logits.split([len(tree.leaves) for tree in trees]), trees, strict=True):
        # A leaf without a verdict has no term.
        pointwise += float(pointwise_terms(values, _verdicts(tree, values)).nansum()) / n_leaves
        if tree.pairs:
            better, worse = (torch.tensor([getattr(p, end) for p in tree.pairs]) for end in ("better", "worse"))
            host = values.cpu()
            pairwise += float(pairwise_terms(host[better], host[worse]).sum()) / n_pairs
    return pairwise, pointwise


def _verdicts(tree: LabelledTree, like: Tensor) -> Tensor:
    return verdict_targets(tree.leaves).to(like.device)


def _names(trees: Sequence[LabelledTree]) -> str:
    return ", ".join(tree.instruction_id for tree in trees)
