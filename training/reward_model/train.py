"""Training a reward model on trees: AdamW, cosine schedule with warm-up, early stopping on validation loss.

What belongs here: the loop. Equal seed and thread count give equal weights, bit for bit.

Departures from Geng et al. 2026: a step is counted in trees (instructions with all their pairs) instead of single pairs; the
head has a learning rate of its own.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from training.errors import StageRefusal
from training.progress import Progress
from training.reward_model.config import RewardModelConfig
from training.reward_model.data import InstructionExamples, LabelledTree, build_trees
from training.reward_model.loss import criteria_loss
from training.reward_model.model import merge_adapters, trainable_parameters, tree_logits
from training.reward_model.optimizer import MasterAdamW
from training.reward_model.prompt import PromptEncoder
from training.reward_model.tree import collate_trees
from training.reward_model.validation import ValidationFigures, forward_trees, measure


@dataclass(kw_only=True)
class TrainingRun:
    """What training leaves behind: the model with its best weights, its curve, and counts of what it saw."""

    model: Any
    curve: list[dict[str, float | int | None]] = field(default_factory=list)
    best_step: int = 0
    steps: int = 0
    stopped_early: bool = False
    trees_seen: int = 0
    tokens_seen: int = 0
    leaves_too_long: int = 0


def cosine_rate(step: int, *, total: int, warmup: int) -> float:
    """Share of the peak learning rate at a step (from 0): linear up over `warmup` steps, then half a cosine down to 0.

    >>> [round(cosine_rate(step, total=4, warmup=2), 3) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def make_deterministic(seed: int, threads: int) -> None:
    """Fixes everything that two equal runs could differ by."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)


def train(
    model: Any,
    *,
    train_set: Sequence[InstructionExamples],
    validation: Sequence[LabelledTree],
    encoder: PromptEncoder,
    config: RewardModelConfig,
) -> TrainingRun:
    """Trains a prepared classifier and returns it with the weights of the best validation, adapters merged.

    Raises:
        StageRefusal: nothing to train on, or a loss that is no number (named by its batch).
    """
    pad_id = model.config.pad_token_id
    head = list(model.score.parameters())
    body = [p for p in trainable_parameters(model) if all(p is not h for h in head)]
    optimizer = MasterAdamW(
        [(body, config.learning_rate), (head, config.head_learning_rate)],
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
    )
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    rng = random.Random(config.seed)
    run = TrainingRun(model=model)

    def epoch_trees() -> list[LabelledTree]:
        trees, too_long = build_trees(
            train_set, encoder, responses_per_tree=config.responses_per_tree, max_length=config.max_length, rng=rng
        )
        run.leaves_too_long += too_long
        return trees

    queue = epoch_trees()
    if not queue:
        raise StageRefusal("no tree to train on: no known verdict fits into max_length")
    total = math.ceil(len(queue) / config.trees_per_step) * config.epochs
    total = min(total, config.max_steps) if config.max_steps is not None else total
    warmup = math.ceil(total * config.warmup_share)
    progress = Progress(f"train {config.role}", total)
    best: tuple[float, dict[str, Tensor]] | None = None
    without_gain = 0

    for step in range(total):
        if not queue:
            queue = epoch_trees()
        batch, queue = queue[: config.trees_per_step], queue[config.trees_per_step :]
        loss = batch_gradients(model, batch, pad_id=pad_id, config=config)
        optimizer.step(cosine_rate(step, total=total, warmup=warmup))
        run.steps = step + 1
        run.trees_seen += len(batch)
        run.tokens_seen += sum(len(tree.packed) for tree in batch)
        progress.update(step + 1, loss=loss)
        row: dict[str, float | int | None] = {"step": step + 1, "train_loss": loss}
        if run.steps % config.validation_every == 0 or run.steps == total:
            figures = validate(model, validation, config=config)
            row |= figures.as_row()
            if best is None or figures.loss < best[0]:
                best = (figures.loss, _copy_trained(model))
                run.best_step, without_gain = run.steps, 0
            else:
                without_gain += 1
        run.curve.append(row)
        if without_gain >= config.patience:
            run.stopped_early = run.steps < total
            break

    if best is not None:
        _restore(model, best[1])
    if config.gradient_checkpointing:
        model.gradient_checkpointing_disable()
    run.model = merge_adapters(model).eval()
    return run


def batch_gradients(model: Any, trees: Sequence[LabelledTree], *, pad_id: int, config: RewardModelConfig) -> float:
    """Gradients of one step, tree by tree, and its loss; the parts add up to the mean over all its pairs and leaves.

    Raises:
        StageRefusal: the loss is no number; names the tree and its batch.
    """
    # transformers checkpoints in training mode only; dropout, which is all else that this mode changes, is 0 in the families.
    model.train(config.gradient_checkpointing)
    n_pairs = sum(len(tree.pairs) for tree in trees)
    n_leaves = sum(len(tree.leaves) for tree in trees)
    total = 0.0
    for tree in trees:
        if not tree.pairs and config.pure_pairwise:
            continue
        logits = tree_logits(model, collate_trees([tree.packed], pad_id=pad_id))
        loss = criteria_loss(
            logits,
            torch.tensor([float(leaf.met) for leaf in tree.leaves], device=logits.device),
            tree.pairs,
            pointwise_weight=config.pointwise_weight,
            n_pairs=n_pairs,
            n_leaves=n_leaves,
        )
        if not torch.isfinite(loss):
            names = ", ".join(t.instruction_id for t in trees)
            raise StageRefusal(f"the loss is {loss.item()} on tree {tree.instruction_id} of the batch [{names}]")
        loss.backward()
        total += float(loss.detach())
    model.eval()
    return total


def validate(model: Any, trees: Sequence[LabelledTree], *, config: RewardModelConfig) -> ValidationFigures:
    """Validation figures of the present weights."""
    logits = forward_trees(
        model, [tree.packed for tree in trees], pad_id=model.config.pad_token_id, tokens_per_batch=config.tokens_per_batch
    )
    return measure(logits, trees, pointwise_weight=config.pointwise_weight)


def _copy_trained(model: Any) -> dict[str, Tensor]:
    # In host memory: a device that just holds the model has no room for it twice.
    return {name: p.detach().to("cpu", copy=True) for name, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def _restore(model: Any, weights: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        if name in weights:
            parameter.copy_(weights[name])
