"""The criterion tree: one packed sequence for an instruction, its responses and each response's criteria.

What belongs here: packing trees and joining them into a batch. A token sees its ancestors and what precedes it in its own
piece (`attention.py`); positions count along the branch. The logits then equal those of one plain sequence per (instruction,
response, criterion) for |x| + sum|y| + sum K|c| tokens.

Departure from Geng et al. 2026 (ours, METHOD section 6): the paper scores one sequence per response and criterion.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

_SHARED = -1


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
    """Trees joined end to end into one row of T tokens, without padding.

    Attributes:
        input_ids: (T,) token ids.
        positions: (T,) positions along the branch.
        tree: (T,) index of the tree that each token belongs to.
        response: (T,) index of its response, counted over the batch; -1 on instructions.
        leaf: (T,) index of its criterion piece, counted over the batch; -1 above the leaves.
        stretches: for each tree the lengths of its instruction and of each response with all that hangs below it.
        read_at: (M,) the last token of each leaf.
    """

    input_ids: Tensor
    positions: Tensor
    tree: Tensor
    response: Tensor
    leaf: Tensor
    stretches: tuple[tuple[int, ...], ...]
    read_at: Tensor

    def to(self, device: torch.device) -> TreeBatch:
        """The batch on a device."""
        moved = {name: getattr(self, name).to(device) for name in ("input_ids", "positions", "tree", "response", "leaf")}
        return replace(self, **moved, read_at=self.read_at.to(device))


def collate_trees(trees: Sequence[PackedTree], *, pad_id: int = 0) -> TreeBatch:
    """Joins trees end to end.

    >>> batch = collate_trees([pack_tree([1], [[2], [3]], [[[4]], [[5], [6]]]), pack_tree([7], [[8]], [[[9]]])])
    >>> batch.stretches, batch.read_at.tolist()
    (((1, 2, 3), (1, 2)), [2, 4, 5, 8])
    """

    def joined(rows: Sequence[Sequence[int]]) -> Tensor:
        return torch.tensor([value for row in rows for value in row], dtype=torch.long)

    def numbered(rows: Sequence[Sequence[int]]) -> Tensor:
        found, first = [], 0
        for row in rows:
            found.append([value if value == _SHARED else value + first for value in row])
            first += max(row) + 1
        return joined(found)

    starts = [0, *itertools.accumulate(len(tree) for tree in trees)]
    return TreeBatch(
        input_ids=joined([tree.input_ids for tree in trees]),
        positions=joined([tree.positions for tree in trees]),
        tree=joined([[number] * len(tree) for number, tree in enumerate(trees)]),
        response=numbered([tree.response for tree in trees]),
        leaf=numbered([tree.leaf for tree in trees]),
        stretches=tuple(tuple(len(list(run)) for _, run in itertools.groupby(tree.response)) for tree in trees),
        read_at=joined([[start + at for at in tree.read_at] for start, tree in zip(starts, trees, strict=False)]),
    )
