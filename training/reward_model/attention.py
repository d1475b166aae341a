"""Attention over criterion trees, for the attention layers of transformers' models.

What belongs here: who sees whom, and computing that without the rest. A token sees its ancestors and what precedes it in its
own piece; a sliding window is measured in branch positions. `criterion_tree` runs one SDPA call for each instruction and one
for each response with its criteria, whose keys are the instruction and itself: what other responses and other trees hold is
never looked at, and no mask over the whole row is built. `criterion_tree_flex` gives the same row to FlexAttention, whose
compiled kernel skips blocks that nobody sees; its rows come in few lengths, since it compiles anew for each. It was tried
forward only, on a CPU, where nothing is compiled and all of a row's scores stand in memory.

Both are names in transformers' registry. A model that was set to one of them still reads plain sequences as before.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from training.reward_model.tree import TreeBatch

SDPA, FLEX = "criterion_tree", "criterion_tree_flex"
IMPLEMENTATIONS = {"sdpa": SDPA, "flex": FLEX}
# FlexAttention compiles once for each length of a row: the shortest, and its doubles. Eight of them reach 131,072 tokens.
FLEX_ROW = 1024
# It also compiles for each window of a model's layers (none, sliding), and with and without a backward pass. Beyond torch's own
# limit of 8 it would run uncompiled without an error, with all of a row's scores in memory.
_FLEX_KERNELS = 8 * 2 * 2
_NO_TREE = -1


@dataclass(frozen=True, kw_only=True)
class TreePlan:
    """What every attention layer needs of a batch: built once for a forward pass.

    Attributes:
        stretches: as in `TreeBatch`.
        masks: window (None for full attention) → for each stretch of the row, who sees whom: (queries, keys) bool; None where
            that is plain causality.
        blocks: window → FlexAttention's block mask; empty with SDPA.
        read_at: (M,) the tokens that are read in the end: with SDPA the top layer attends from them alone.
        top: number of that layer.
    """

    stretches: tuple[tuple[int, ...], ...]
    read_at: Tensor
    top: int
    masks: dict[int | None, list[Tensor | None]]
    blocks: dict[int | None, Any]

    def window_of(self, sliding_window: int | None) -> int | None:
        """The window that a layer's is planned as: None where no branch is longer."""
        return sliding_window if sliding_window in self.masks or sliding_window in self.blocks else None


def plan_attention(batch: TreeBatch, *, layers: int, window: int | None, flex: bool) -> TreePlan:
    """Plans attention over a batch whose tensors lie on the device of the model.

    Args:
        batch: trees joined end to end.
        layers: the model's number of layers.
        window: the model's sliding window in tokens, None if it has none.
        flex: for FlexAttention instead of SDPA.
    """
    windows: list[int | None] = [None]
    if window is not None and int(batch.positions.max()) >= window:
        windows.append(window)
    return TreePlan(
        stretches=batch.stretches,
        read_at=batch.read_at,
        top=layers - 1,
        masks={} if flex else {w: _stretch_masks(batch, w) for w in windows},
        blocks={w: _flex_blocks(batch, w) for w in windows} if flex else {},
    )


def _stretch_masks(batch: TreeBatch, window: int | None) -> list[Tensor | None]:
    masks: list[Tensor | None] = []
    start = 0
    for instruction, *responses in batch.stretches:
        above = slice(start, start + instruction)
        positions = batch.positions[above]
        near = None if window is None or instruction <= window else _near(positions, positions, window)
        masks.append(None if near is None else near.tril())
        start += instruction
        for length in responses:
            own = slice(start, start + length)
            leaf = batch.leaf[own]
            seen = ((leaf[None, :] < 0) | (leaf[None, :] == leaf[:, None])).tril()
            mask = torch.cat([seen.new_ones(length, instruction), seen], dim=1)
            if window is not None:
                mask &= _near(batch.positions[own], torch.cat([positions, batch.positions[own]]), window)
            masks.append(mask)
            start += length
    return masks


def _near(queries: Tensor, keys: Tensor, window: int) -> Tensor:
    return queries[:, None] - keys[None, :] < window


def _flex_blocks(batch: TreeBatch, window: int | None) -> Any:
    tree, response, leaf, positions = batch.tree, batch.response, batch.leaf, batch.positions

    def sees(_batch: Tensor, _head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        above = (response[k] < 0) | (response[k] == response[q])
        above = above & ((leaf[k] < 0) | (leaf[k] == leaf[q]))
        visible = (k <= q) & (tree[k] == tree[q]) & above
        return visible if window is None else visible & (positions[q] - positions[k] < window)

    length = len(tree)
    return _block_mask(compiled=tree.is_cuda)(sees, None, None, length, length, device=str(tree.device))


@cache
def _block_mask(*, compiled: bool) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    # The plain form asks of every pair of tokens first, in memory for all of them, and then sums up blocks.
    return _compile(create_block_mask) if compiled else create_block_mask


def fill_up(batch: TreeBatch, shortest: int, *, pad_id: int) -> TreeBatch:
    """The batch with tokens of no tree at its end, which nobody reads.

    Args:
        batch: at least one tree.
        shortest: a power of two, the least length; a longer row is filled up to the next power of two.
        pad_id: the tokens at its end.
    """
    length = len(batch.input_ids)
    missing = max(shortest, 1 << (length - 1).bit_length()) - length

    def filled(values: Tensor, fill: int) -> Tensor:
        return F.pad(values, (0, missing), value=fill)

    return TreeBatch(
        input_ids=filled(batch.input_ids, pad_id),
        positions=filled(batch.positions, 0),
        tree=filled(batch.tree, _NO_TREE),
        response=filled(batch.response, -1),
        leaf=filled(batch.leaf, -1),
        stretches=batch.stretches,
        read_at=batch.read_at,
    )


def _attend(
    query: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor], mask: Tensor | None, scale: float | None
) -> Tensor:
    """Attention from (1, heads, Q, D) queries to the keys of several stretches, which may have fewer heads."""
    key, value = torch.cat(tuple(keys), dim=2), torch.cat(tuple(values), dim=2)
    grouped = query.shape[1] != key.shape[1]
    if grouped and query.is_cuda:
        # With a mask no fast kernel of CUDA takes grouped heads.
        key, value = (_repeated(states, query.shape[1] // states.shape[1]) for states in (key, value))
        grouped = False
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=grouped
    )


def _repeated(states: Tensor, times: int) -> Tensor:
    """(1, heads, T, D) → (1, heads * times, T, D): grouped keys or values for each of their queries' heads."""
    return states.repeat_interleave(times, dim=1)


def _sdpa(query: Tensor, key: Tensor, value: Tensor, plan: TreePlan, window: int | None, scale: float | None) -> Tensor:
    """(1, heads, T, D) queries, keys and values of fewer heads → (1, heads, T, D)."""
    lengths = [length for tree in plan.stretches for length in tree]
    # `split` and not slices: its backward pass joins the parts once, where every slice would fill a row of its own.
    queries, keys, values = (states.split(lengths, dim=2) for states in (query, key, value))
    found = []
    at = 0
    for tree in plan.stretches:
        root, at = at, at + len(tree)
        for part in range(root, at):
            mask = plan.masks[window][part]
            joined = [root] if part == root else [root, part]
            found.append(_attend(queries[part], [keys[i] for i in joined], [values[i] for i in joined], mask, scale))
    return torch.cat(found, dim=2)


def _sdpa_at_reads(
    query: Tensor, key: Tensor, value: Tensor, plan: TreePlan, window: int | None, scale: float | None
) -> Tensor:
    """As `_sdpa`, from the tokens that are read alone; zeros at the others."""
    lengths = [length for tree in plan.stretches for length in tree]
    keys, values = (states.split(lengths, dim=2) for states in (key, value))
    starts = [0, *itertools.accumulate(lengths)]
    cuts = torch.searchsorted(plan.read_at.cpu(), torch.tensor(starts)).tolist()
    found = []
    at = 0
    for tree in plan.stretches:
        root, at = at, at + len(tree)
        for part in range(root + 1, at):
            reads = plan.read_at[cuts[part] : cuts[part + 1]]
            mask = plan.masks[window][part]
            assert mask is not None, "a response's stretch always has a mask"
            seen = mask.index_select(0, reads - starts[part])
            found.append(
                _attend(query.index_select(2, reads), [keys[root], keys[part]], [values[root], values[part]], seen, scale)
            )
    return query.new_zeros(query.shape).index_copy(2, plan.read_at, torch.cat(found, dim=2))


@cache
def _compiled_flex() -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return _compile(flex_attention)


def _compile(function: Any) -> Any:
    # Torch's types leave out an argument that it documents.
    return torch.compile(function, dynamic=False, recompile_limit=_FLEX_KERNELS)  # type: ignore[call-overload]


def _flex(query: Tensor, key: Tensor, value: Tensor, plan: TreePlan, window: int | None, scale: float | None) -> Tensor:
    from torch.nn.attention.flex_attention import flex_attention

    # Compiled kernels have a backward pass on GPUs only; on a CPU the plain form serves to test the mask.
    run = _compiled_flex() if query.is_cuda else flex_attention
    groups = query.shape[1] // key.shape[1]
    attended: Tensor = run(query, _repeated(key, groups), _repeated(value, groups), block_mask=plan.blocks[window], scale=scale)
    return attended


def tree_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    tree: TreePlan | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention in the form that transformers calls: (1, heads, T, D) each → ((1, T, heads, D), no weights).

    Without a `tree` the input is a plain sequence, and transformers' own SDPA takes it.
    """
    if tree is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        plain: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, sliding_window=sliding_window, **others
        )
        return plain
    window = tree.window_of(sliding_window)
    if tree.blocks:
        attended = _flex(query, key, value, tree, window, scaling)
    elif module.layer_idx == tree.top:
        attended = _sdpa_at_reads(query, key, value, tree, window, scaling)
    else:
        attended = _sdpa(query, key, value, tree, window, scaling)
    return attended.transpose(1, 2).contiguous(), None


def use_tree_attention(model: Any, attention: str = "sdpa") -> None:
    """Sets a model's attention layers to trees, by `sdpa` or `flex`."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    name = IMPLEMENTATIONS[attention]
    AttentionInterface.register(name, tree_attention)
    AttentionMaskInterface.register(name, sdpa_mask)
    model.set_attn_implementation(name)
