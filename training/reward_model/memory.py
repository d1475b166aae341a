"""Out of memory: what did not fit, and which key to turn, in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from training.errors import StageRefusal
from training.reward_model.config import RewardModelConfig
from training.reward_model.data import LabelledTree


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on a GPU or in host memory, whose allocator has no error class of its own."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator: can't allocate memory" in str(error)


@contextmanager
def advised(advice: str) -> Iterator[None]:
    """Turns an allocation that fails, on a GPU or in host memory, into a refusal that says what to do.

    Raises:
        StageRefusal: `out of memory` and the advice; every other error passes as it is.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise StageRefusal(f"out of memory {advice}") from error


def forward_advice(trees: Sequence[LabelledTree], config: RewardModelConfig, *, where: str, backward: bool) -> str:
    """What a forward pass over trees held and what makes it smaller.

    Args:
        trees: those of the pass, or all trees of passes within `tokens_per_batch`; not empty.
        config: whose keys to change.
        where: which pass, such as "in validation".
        backward: whether activations are kept for a backward pass.
    """
    longest = max(trees, key=lambda tree: len(tree.packed))
    tokens = sum(len(tree.packed) for tree in trees)
    count = "1 tree" if len(trees) == 1 else f"{len(trees)} trees"
    ways = []
    if len(trees) == 1 or len(longest.packed) > config.tokens_per_batch:
        # A tree is never cut in two: a smaller budget would leave it alone in its pass, as long as it is.
        ways.append(f"that tree alone is too long: lower responses_per_tree from {config.responses_per_tree}")
        ways.append(f"lower max_length from {config.max_length}")
    else:
        ways.append(f"lower tokens_per_batch from {config.tokens_per_batch}")
    if backward and not config.gradient_checkpointing:
        ways.append("set gradient_checkpointing: true")
    held = f"{count}, {tokens:,} tokens, the longest {longest.instruction_id} with {len(longest.packed):,}"
    return f"{where} ({held}); {', or '.join(ways)}"


def update_advice(config: RewardModelConfig) -> str:
    """What makes the optimizer's update smaller."""
    ways = ["set lora"] if config.lora is None else [f"lower lora's rank from {config.lora.rank}"]
    ways += (
        ["lower trained_layers"] if config.trained_layers is None else [f"lower trained_layers from {config.trained_layers}"]
    )
    if not config.freeze_embeddings:
        ways.append("set freeze_embeddings: true")
    return f"in the optimizer's update, whose two moments take 8 bytes a trained weight; {', or '.join(ways)}"
