"""Our way to train: one tree per step, `tree_logits`, the pairwise loss of `criteria_loss` and `MasterAdamW`.

A step's time runs from token ids to updated weights: packing, collating, forward and backward pass, clipping, update.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.benchmarks.bench_rm_examples import Example, Shape, make_example
from tests.benchmarks.bench_rm_trl import LEARNING_RATE, MAX_GRAD_NORM, in_memory, train_all_but_embeddings
from tests.benchmarks.bench_rm_worker import Talk


def tree_loss(model: Any, example: Example) -> Any:
    """The paper's loss of a step: the mean over its K pairs."""
    from training.reward_model.data import LeafPair
    from training.reward_model.loss import criteria_loss
    from training.reward_model.model import tree_logits
    from training.reward_model.tree import collate_trees, pack_tree

    tree = pack_tree(example.instruction, example.responses, [example.criteria for _ in example.responses])
    logits = tree_logits(model, collate_trees([tree]))
    # Leaves come response by response: response r on criterion k is leaf r K + k.
    count = len(example.criteria)
    pairs = [
        LeafPair(better=better * count + k, worse=(1 - better) * count + k, tier="main", discordant=False)
        for k, better in enumerate(example.better)
    ]
    return criteria_loss(
        logits, logits.new_zeros(len(logits)), pairs, pointwise_weight=0.0, n_pairs=count, n_leaves=len(logits)
    )


def train(spec: dict[str, Any], talk: Talk) -> None:
    """Steps on trees; the first one is compared with the usual way's gradients if `spec["gradients"]` is given."""
    from training.reward_model.model import load_classifier, trainable_parameters
    from training.reward_model.optimizer import MasterAdamW

    shape = Shape(**spec["shape"])
    model = in_memory(load_classifier(Path(spec["folder"]), precision=spec["precision"]))
    talk.loaded()
    model = train_all_but_embeddings(model)
    optimizer = MasterAdamW([(trainable_parameters(model), LEARNING_RATE)], weight_decay=0.0, max_grad_norm=MAX_GRAD_NORM)
    seed = 0
    while talk.next():
        example = make_example(shape, vocabulary=model.config.vocab_size, first=model.config.bos_token_id, seed=seed)
        start = time.perf_counter()
        loss = tree_loss(model, example)
        loss.backward()
        backward = time.perf_counter()
        found = compare_gradients(model, Path(spec["gradients"])) if seed == 0 and spec["gradients"] else {}
        before_update = time.perf_counter()
        optimizer.step(1.0)
        end = time.perf_counter()
        talk.answer(
            seconds=backward - start + end - before_update, update=end - before_update, loss=float(loss.detach()), **found
        )
        seed += 1


def compare_gradients(model: Any, path: Path) -> dict[str, Any]:
    """Relative differences from the usual way's gradients: of all together, and of the parameter where it is largest."""
    from safetensors import safe_open

    ours = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    differences, norms = {}, {}
    with safe_open(path, "pt") as usual:
        if set(usual.keys()) != ours.keys():
            raise RuntimeError("the two sides do not train the same parameters")
        for name, gradient in ours.items():
            # One at a time: the file as a whole would count as memory of training on trees.
            theirs = usual.get_tensor(name)
            differences[name], norms[name] = float((gradient - theirs).norm()), float(theirs.norm())
    worst = max(ours, key=lambda name: differences[name] / norms[name])
    return {
        "parameters": sum(gradient.numel() for gradient in ours.values()),
        "gradient": (sum(d**2 for d in differences.values()) / sum(n**2 for n in norms.values())) ** 0.5,
        "worst": differences[worst] / norms[worst],
        "worst_name": worst,
    }
