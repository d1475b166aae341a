"""Training a reward model on trees: AdamW, cosine schedule with warm-up, early stopping on validation loss.

What belongs here: the loop, and what it takes to go on with it after a kill. Equal seed and thread count give equal weights,
bit for bit, in one go or in several.

Departures from Geng et al. 2026: a step is counted in trees (instructions with all their pairs) instead of single pairs; the
head has a learning rate of its own.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from training.errors import StageRefusal
from training.progress import Progress
from training.reward_model.config import RewardModelConfig
from training.reward_model.curves import Write, open_curves, validation_curves
from training.reward_model.data import LabelledTree, TreeCounts, build_trees
from training.reward_model.examples import InstructionExamples
from training.reward_model.gradients import batch_gradients, counted_trees
from training.reward_model.memory import advised, forward_advice, update_advice
from training.reward_model.model import trainable_parameters
from training.reward_model.optimizer import MasterAdamW
from training.reward_model.prompt import PromptEncoder
from training.reward_model.ranks import Ranks
from training.reward_model.state import STATE, Saved, TrainingRun
from training.reward_model.validation import ValidationFigures, measure


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
    ranks: Ranks,
    saved: Saved | None = None,
    curves: Path | None = None,
) -> TrainingRun:
    """Trains a classifier from `prepare_training`, which has the last step's weights in the end; the best are in the result.

    Args:
        model: the classifier.
        train_set: what is learned from.
        validation: trees whose loss decides which weights are best.
        encoder: of the base model's tokenizer.
        config: the keys.
        ranks: the processes that train together; all of them call this with the same arguments.
        saved: where the state is kept, and gone on from; None to keep nothing.
        curves: folder of the event files; None for none.

    Raises:
        StageRefusal: nothing to train on, a loss or a gradient that is no number (named by its batch), or too little memory.
    """
    model = ranks.prepare(model)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    optimizer = _optimizer(model, config)
    run = _resumed(optimizer, saved, ranks) or TrainingRun()
    trees, counts = _epoch(train_set, encoder, config, run.epoch)
    # Every epoch cuts the same prompts, however it deals them: one epoch's counts stand for all.
    if not run.total:
        _plan(run, trees, config)
        run.too_long = asdict(counts)
    progress = Progress(f"train {config.role}", run.total, begun=run.tokens_seen / run.planned_tokens)

    with open_curves(curves if ranks.is_main else None, first_step=run.steps + 1) as write:
        while run.steps < run.total and not run.stopped_early:
            if run.taken >= len(trees):
                run.epoch, run.taken = run.epoch + 1, 0
                trees, _ = _epoch(train_set, encoder, config, run.epoch)
            batch = trees[run.taken : run.taken + config.trees_per_step]
            row = _step(model, optimizer, batch, run, config=config, ranks=ranks, write=write)
            if run.steps % config.validation_every == 0 or run.steps == run.total:
                row |= _validation(model, validation, run, config=config, ranks=ranks, write=write)
            run.curve.append(row)
            if ranks.is_main:
                progress.update(run.steps, share=run.tokens_seen / run.planned_tokens, loss=row["train_loss"] or 0.0)
            if saved is not None and run.steps % config.save_every == 0 and run.steps < run.total:
                _save(optimizer, run, saved, ranks)
    return run


def _optimizer(model: Any, config: RewardModelConfig) -> MasterAdamW:
    head = list(model.score.parameters())
    body = [p for p in trainable_parameters(model) if all(p is not h for h in head)]
    return MasterAdamW(
        [(body, config.learning_rate), (head, config.head_learning_rate)],
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
    )


def _epoch(
    train_set: Sequence[InstructionExamples], encoder: PromptEncoder, config: RewardModelConfig, epoch: int
) -> tuple[list[LabelledTree], TreeCounts]:
    """The trees of an epoch, in an order that depends on seed and epoch alone, so that a resumed one deals the same."""
    return build_trees(
        train_set,
        encoder,
        responses_per_tree=config.responses_per_tree,
        max_length=config.max_length,
        rng=random.Random(f"{config.seed}/{epoch}"),
        conditioning=config.conditioning,
        truncate=True,
    )


def _plan(run: TrainingRun, first_epoch: Sequence[LabelledTree], config: RewardModelConfig) -> None:
    if not first_epoch:
        known = "overall preference" if config.conditioning == "none" else "known verdict"
        raise StageRefusal(f"no tree to train on: no {known} fits into max_length")
    steps = math.ceil(len(first_epoch) / config.trees_per_step)
    run.total = min(steps * config.epochs, config.max_steps or steps * config.epochs)
    tokens = sum(len(tree.packed) for tree in counted_trees(first_epoch, config))
    run.planned_tokens = max(1, round(tokens * run.total / steps))


def _step(
    model: Any,
    optimizer: MasterAdamW,
    batch: Sequence[LabelledTree],
    run: TrainingRun,
    *,
    config: RewardModelConfig,
    ranks: Ranks,
    write: Write,
) -> dict[str, float | int | None]:
    """One update on a batch; returns its row of the curve."""
    began = time.monotonic()
    loss = batch_gradients(model, batch, config=config, ranks=ranks)
    share = cosine_rate(run.steps, total=run.total, warmup=math.ceil(run.total * config.warmup_share))
    with advised(update_advice(config)):
        norm = optimizer.step(share)
    if not math.isfinite(norm):
        names = ", ".join(tree.instruction_id for tree in batch)
        raise StageRefusal(f"the gradient norm is {norm} in step {run.steps + 1} on the trees [{names}]")
    counted = counted_trees(batch, config)
    tokens = sum(len(tree.packed) for tree in counted)
    run.steps += 1
    run.taken += len(batch)
    run.trees_seen += len(counted)
    run.tokens_seen += tokens
    figures = {
        "train/loss": loss.loss,
        "train/pairwise_loss": loss.pairwise,
        "train/pointwise_loss": loss.pointwise,
        "train/learning_rate": config.learning_rate * share,
        "train/gradient_norm": norm,
        "train/tokens_per_second": tokens / max(1e-9, time.monotonic() - began),
    }
    write(run.steps, figures)
    return {
        "step": run.steps,
        "train_loss": loss.loss,
        "train_pairwise_loss": loss.pairwise,
        "train_pointwise_loss": loss.pointwise,
        "learning_rate": figures["train/learning_rate"],
        "gradient_norm": norm,
    }


def _validation(
    model: Any,
    trees: Sequence[LabelledTree],
    run: TrainingRun,
    *,
    config: RewardModelConfig,
    ranks: Ranks,
    write: Write,
) -> dict[str, float | int | None]:
    """Looks whether the present weights are the best so far, and keeps them if so; returns columns of the curve."""
    figures = validate(model, trees, config=config, ranks=ranks)
    if not math.isfinite(figures.loss):
        raise StageRefusal(f"the validation loss is {figures.loss} after step {run.steps}")
    if run.best_loss is None or figures.loss < run.best_loss:
        run.best, run.best_loss, run.best_step, run.without_gain = ranks.weights(model), figures.loss, run.steps, 0
    else:
        run.without_gain += 1
        run.stopped_early = run.without_gain >= config.patience and run.steps < run.total
    write(run.steps, validation_curves(figures))
    return figures.as_row()


def validate(model: Any, trees: Sequence[LabelledTree], *, config: RewardModelConfig, ranks: Ranks) -> ValidationFigures:
    """Validation figures of the present weights, in every process the same.

    Raises:
        StageRefusal: the memory does not suffice.
    """
    with advised(forward_advice(trees, config, where="in validation", backward=False)):
        logits = ranks.logits(model, [tree.packed for tree in trees], tokens_per_batch=config.tokens_per_batch)
    return measure(logits, trees, pointwise_weight=config.pointwise_weight)


def _state_name(ranks: Ranks) -> str:
    return f"state-{ranks.rank}-of-{ranks.world}.pt" if ranks.sharded else STATE


def _save(optimizer: MasterAdamW, run: TrainingRun, saved: Saved, ranks: Ranks) -> None:
    if not (ranks.is_main or ranks.sharded):
        return
    # Of parts only those of one step are of use: none takes its name before all are on the disk.
    together = (lambda: ranks.agree(run.steps)) if ranks.sharded else None
    saved.save(_state_name(ranks), {"run": run.content(), "optimizer": optimizer.state_dict()}, before_it_counts=together)


def _resumed(optimizer: MasterAdamW, saved: Saved | None, ranks: Ranks) -> TrainingRun | None:
    """Puts weights and optimizer where an earlier process left them; None if there is nothing to go on from."""
    content = saved.load(_state_name(ranks), warn=ranks.is_main or ranks.sharded) if saved is not None else None
    steps = content["run"]["steps"] if content is not None else 0
    if not ranks.agree(steps):
        if ranks.is_main:
            print("    the parts of the saved state are of different steps; starting anew", file=sys.stderr, flush=True)
        return None
    if content is None:
        return None
    optimizer.load_state_dict(content["optimizer"])
    run = TrainingRun(**content["run"])
    if ranks.is_main:
        print(f"    training goes on from step {run.steps} of {run.total}", file=sys.stderr, flush=True)
    return run
