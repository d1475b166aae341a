"""The criterion tree: one packed sequence for an instruction, its responses and each response's criteria.

What belongs here: packing, positions along a branch, and the attention masks. A token sees its ancestors and what precedes it
in its own piece; positions count along the branch, and sliding windows are measured in those positions. The logits then equal
those of one plain sequence per (instruction, response, criterion) for |x| + sum|y| + sum K|c| tokens.

Departure from Geng et al. 2026 (ours, METHOD section 6): the paper scores one sequence per response and criterion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_SHARED = -1
_PADDING = -2


@dataclass(frozen=True)
class PackedTree:
    """One tree as a flat sequence of L tokens.

    Attributes:
        input_ids: L token ids: instruction, response 0, its criteria, response 1, its criteria, …
        positions: L positions, counted along the branch from 0.
        response: for each token the index of the response it belongs to or hangs below; -1 on the instruction.
        leaf: for each token the index of the criterion piece it belongs to, counted over the tree; -1 above the leaves.
        read_at: for each leaf, in order, the index of its last token.
    """

    input_ids: tuple[int, ...]
    positions: tuple[int, ...]
    response: tuple[int, ...]
    leaf: tuple[int, ...]
    read_at: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.input_ids)


def pack_tree(
    instruction: Sequence[int], responses: Sequence[Sequence[int]], criteria: Sequence[Sequence[Sequence[int]]]
) -> PackedTree:
    """Packs an instruction, N responses and, for each response, its criteria; all are token ids.

    >>> tree = pack_tree([1, 2], [[3], [4]], [[[5, 6]], [[5, 6], [7]]])
    >>> tree.input_ids
    (1, 2, 3, 5, 6, 4, 5, 6, 7)
    >>> tree.positions
    (0, 1, 2, 3, 4, 2, 3, 4, 3)
    >>> tree.read_at
    (4, 7, 8)

    Raises:
        ValueError: a piece is empty, or there is not one list of criteria per response.
    """
    if not instruction or not all(responses) or not all(all(leaves) for leaves in criteria):
        raise ValueError("a tree has no empty pieces")
    ids: list[int] = list(instruction)
    positions = list(range(len(instruction)))
    response_of = [_SHARED] * len(instruction)
    leaf_of = [_SHARED] * len(instruction)
    read_at: list[int] = []

    def append(piece: Sequence[int], start: int, response: int, leaf: int) -> None:
        ids.extend(piece)
        positions.extend(range(start, start + len(piece)))
        response_of.extend([response] * len(piece))
        leaf_of.extend([leaf] * len(piece))

    for index, (response, leaves) in enumerate(zip(responses, criteria, strict=True)):
        append(response, len(instruction), index, _SHARED)
        for leaf in leaves:
            append(leaf, len(instruction) + len(response), index, len(read_at))
            read_at.append(len(ids) - 1)
    return PackedTree(tuple(ids), tuple(positions), tuple(response_of), tuple(leaf_of), tuple(read_at))


@dataclass(frozen=True)
class TreeBatch:
    """B trees, padded at the right to L tokens.

    Attributes:
        input_ids: (B, L) token ids.
        positions: (B, L) positions along the branch.
        visible: (B, L, L) bool, True where token q (dim 1) sees token k (dim 2).
        rows: (M,) tree of each leaf; leaves run over the batch in order.
        columns: (M,) token of each leaf.
    """

    input_ids: Tensor
    positions: Tensor
    visible: Tensor
    rows: Tensor
    columns: Tensor

    def within(self, window: int) -> Tensor:
        """`visible` cut to keys less than `window` positions up the branch: (B, L, L) bool."""
        distance = self.positions[:, :, None] - self.positions[:, None, :]
        return self.visible & (distance < window)


def visibility(response: Tensor, leaf: Tensor) -> Tensor:
    """Who sees whom: (B, L) branch indices in, (B, L, L) bool out; padding sees itself only, so that no row is empty."""
    length = response.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=response.device).tril()
    same_response = (response[:, None, :] == _SHARED) | (response[:, None, :] == response[:, :, None])
    same_leaf = (leaf[:, None, :] == _SHARED) | (leaf[:, None, :] == leaf[:, :, None])
    real = response[:, :, None] != _PADDING
    itself = torch.eye(length, dtype=torch.bool, device=response.device)
    return (causal & same_response & same_leaf & real) | itself


def collate_trees(trees: Sequence[PackedTree], *, pad_id: int) -> TreeBatch:
    """Pads trees at the right and builds their masks."""
    length = max(len(tree) for tree in trees)

    def padded(rows: Sequence[tuple[int, ...]], fill: int) -> Tensor:
        return torch.tensor([[*row, *([fill] * (length - len(row)))] for row in rows], dtype=torch.long)

    return TreeBatch(
        input_ids=padded([tree.input_ids for tree in trees], pad_id),
        positions=padded([tree.positions for tree in trees], 0),
        visible=visibility(padded([t.response for t in trees], _PADDING), padded([t.leaf for t in trees], _PADDING)),
        rows=torch.tensor([row for row, tree in enumerate(trees) for _ in tree.read_at], dtype=torch.long),
        columns=torch.tensor([column for tree in trees for column in tree.read_at], dtype=torch.long),
    )
