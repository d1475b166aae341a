"""Which trees go through the network together: groups within a token budget, of trees of like length."""

from __future__ import annotations

from collections.abc import Sequence


def batches_by_tokens(lengths: Sequence[int], tokens_per_batch: int) -> list[list[int]]:
    """Groups indices, longest first, so that the tokens of a group stay within the budget (one tree always fits).

    Trees of a group are joined end to end without padding, so that only their sum counts.

    >>> batches_by_tokens([10, 30, 10, 12], 40)
    [[1], [3, 0, 2]]
    """
    groups: list[list[int]] = []
    room = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if groups and lengths[index] <= room:
            groups[-1].append(index)
            room -= lengths[index]
        else:
            groups.append([index])
            room = tokens_per_batch - lengths[index]
    return groups
