"""What the processes of a group do in the tests of ranks: steps of tiny models whose outcome one process can make alone."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from rm_tiny import settings, tiny_classifier

from training.errors import StageRefusal
from training.reward_model.config import LoraKeys
from training.reward_model.loss import criteria_loss
from training.reward_model.model import prepare_training, trainable_parameters, tree_logits
from training.reward_model.optimizer import MasterAdamW
from training.reward_model.ranks import Ranks, join
from training.reward_model.tree import PackedTree, collate_trees, pack_tree

# Two processes hold two rows and one of three, and one and none of one.
LORA = LoraKeys(rank=3, alpha=4.0, targets=("q_proj", "v_proj"))
NARROW_LORA = LoraKeys(rank=1, alpha=4.0, targets=("q_proj", "v_proj"))
# Three trees of 16, 41 and 46 tokens are dealt as 46 | 41 + 16: one forward pass against two.
BUDGET = 50
CASES: dict[str, dict[str, Any]] = {
    "qwen3": {"family": "qwen3"},
    "llama": {"family": "llama", "trained_layers": 1},
    "gemma3_text": {"family": "gemma3_text", "gradient_checkpointing": True},
    "embeddings": {"family": "qwen3", "freeze_embeddings": False},
    "adapters": {"family": "llama", "lora": LORA},
}
TREES = (1, 3)
TRAININGS: dict[str, dict[str, Any]] = {
    "full": CASES["gemma3_text"],
    "adapters": CASES["adapters"],
    "bfloat16": {"family": "qwen3", "bfloat16": True, "lora": NARROW_LORA},
    "bfloat16 full": {"family": "llama", "bfloat16": True},
}


def some_trees(n: int, *, seed: int = 0) -> list[PackedTree]:
    """Trees of two responses and two criteria, of very different lengths."""
    rng = random.Random(seed)

    def piece(length: int) -> list[int]:
        return [rng.randrange(3, 128) for _ in range(length)]

    return [pack_tree(piece(4 + 15 * i), [piece(3 + 10 * (i % 2)), piece(3)], [[piece(1), piece(2)]] * 2) for i in range(n)]


def prepared(ranks: Ranks, *, family: str, bfloat16: bool = False, **changes: Any) -> Any:
    """A model as a training would have it; each process draws other random weights, of which the main one's must win."""
    model = tiny_classifier(family, layers=2, seed=ranks.rank)
    if bfloat16:
        for parameter in model.model.parameters():
            parameter.data = parameter.data.to(torch.bfloat16)
    # What is loaded, not drawn, is the same everywhere.
    shared = tiny_classifier(family, layers=2).model.state_dict()
    model.model.load_state_dict(shared)
    config = settings(**changes)
    model = ranks.prepare(prepare_training(model, config))
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
    return model


def add_gradients(ranks: Ranks, model: Any, trees: list[PackedTree]) -> None:
    """The gradients of a step over these trees."""
    n_leaves = sum(len(tree.read_at) for tree in trees)
    for group in ranks.micro_batches([len(tree) for tree in trees], BUDGET):
        logits = tree_logits(model, collate_trees([trees[i] for i in group])).split([4] * len(group))
        losses = [
            criteria_loss(
                part,
                torch.tensor([1.0, 0.0, 1.0, 1.0]),
                [SimpleNamespace(better=2, worse=1)],
                pointwise_weight=1.0,
                n_pairs=len(trees),
                n_leaves=n_leaves,
            )
            for part in logits
        ]
        ranks.backward(sum(losses))
    ranks.finish_gradients(model)


def gradients(ranks: Ranks, n_trees: int, **case: Any) -> dict[str, torch.Tensor]:
    """Whole gradients by name."""
    model = prepared(ranks, **case)
    add_gradients(ranks, model, some_trees(n_trees))
    named = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    return {name: g.full_tensor() if hasattr(g, "full_tensor") else g for name, g in named.items()}


def optimizer_of(model: Any) -> MasterAdamW:
    """With a norm that every step is clipped to."""
    return MasterAdamW([(trainable_parameters(model), 1e-3)], weight_decay=0.01, max_grad_norm=0.1)


def training(ranks: Ranks, **case: Any) -> dict[str, Any]:
    """Weights after four steps, norms of their gradients, logits; the same after going back two steps and on again."""
    model = prepared(ranks, **case)
    optimizer = optimizer_of(model)
    norms = []
    for step in range(2):
        add_gradients(ranks, model, some_trees(1 + 2 * step, seed=step))
        norms.append(optimizer.step(1.0))
        ranks.logits(model, some_trees(3), tokens_per_batch=BUDGET)
    state = clone(optimizer.state_dict())
    early = ranks.weights(model)
    ends = []
    for again in (False, True):
        if again:
            # A new optimizer and spoilt weights: all has to come from the state.
            with torch.no_grad():
                for parameter in trainable_parameters(model):
                    parameter.add_(1.0)
            optimizer = optimizer_of(model)
            optimizer.load_state_dict(state)
        for step in (2, 3):
            add_gradients(ranks, model, some_trees(step, seed=step))
            norms.append(optimizer.step(0.5))
        ends.append(ranks.weights(model))
    logits = ranks.logits(model, some_trees(3), tokens_per_batch=BUDGET)
    return {"norms": norms, "ends": ends, "logits": logits, "early": early}


def clone(state: Any) -> Any:
    """Copies, where `state_dict` gives the live tensors."""
    if isinstance(state, torch.Tensor):
        return state.clone()
    if isinstance(state, dict):
        return {key: clone(value) for key, value in state.items()}
    return [clone(value) for value in state] if isinstance(state, list) else state


def everything() -> dict[str, Any]:
    """All that the tests compare, in one start of the processes, which costs more than the work."""
    torch.use_deterministic_algorithms(True)
    made: dict[str, Any] = {"threads": torch.get_num_threads()}
    for shard in (False, True):
        ranks = join("cpu", shard=shard)
        made[type(ranks).__name__] = {
            "agreed": (ranks.agree(7), ranks.agree(ranks.rank)),
            "total": ranks.total(ranks.rank + 0.25),
            "gradients": {(name, n): gradients(ranks, n, **case) for name, case in CASES.items() for n in TREES},
            "trainings": {name: training(ranks, **case) for name, case in TRAININGS.items()},
            "nothing": without_trees(ranks),
        }
    return made


def without_trees(ranks: Ranks) -> bool:
    """Whether a step whose trees were all left out has no gradients."""
    model = prepared(ranks, family="qwen3")
    add_gradients(ranks, model, some_trees(3))
    for parameter in trainable_parameters(model):
        parameter.grad = None
    ranks.micro_batches([40, 50, 60], BUDGET)
    ranks.finish_gradients(model)
    return all(parameter.grad is None for parameter in trainable_parameters(model))


def refuse_on(rank: int) -> None:
    """One process refuses while the other waits for it."""
    ranks = join("cpu", shard=False)
    if ranks.rank == rank:
        raise StageRefusal("the loss is nan on tree i7")
    ranks.total(1.0)


def raise_an_error() -> None:
    """Fails as code with an error in it does."""
    raise IndexError("no row 7\nof the table")


def wait_or_be_killed(killed: int, folder: str) -> None:
    """One process (or none) is killed once all have left their number in a folder; the others would wait for long."""
    rank = int(os.environ["RANK"])
    (Path(folder) / str(rank)).write_text(str(os.getpid()))
    while len(list(Path(folder).iterdir())) < 2:
        time.sleep(0.05)
    if rank == killed:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)


if __name__ == "__main__":
    from training.reward_model.group import launch

    launch(2, wait_or_be_killed, -1, sys.argv[1])
