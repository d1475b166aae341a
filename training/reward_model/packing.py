"""Which trees go through the network together, and on which process: groups within a token budget, of trees of like length."""

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
    for index in _longest_first(lengths):
        if groups and lengths[index] <= room:
            groups[-1].append(index)
            room -= lengths[index]
        else:
            groups.append([index])
            room = tokens_per_batch - lengths[index]
    return groups


def share_by_tokens(lengths: Sequence[int], world: int) -> list[list[int]]:
    """Deals indices to `world` processes, longest first, each to the one with the fewest tokens so far.

    No process gets more than the mean and one tree (the longest) on top.

    >>> share_by_tokens([10, 30, 10, 12], 2)
    [[1], [3, 0, 2]]
    """
    shares: list[list[int]] = [[] for _ in range(world)]
    loads = [0] * world
    for index in _longest_first(lengths):
        lightest = loads.index(min(loads))
        shares[lightest].append(index)
        loads[lightest] += lengths[index]
    return shares


def forward_passes(lengths: Sequence[int], tokens_per_batch: int, *, world: int) -> list[list[list[int]]]:
    """For each process the groups of indices that it sends through the network, one after the other.

    The numbers of groups may differ. Every process has its longest trees first, so that the first groups, the second ones, …
    of all are of like size where they wait for each other.

    >>> forward_passes([10, 30, 10, 12], 30, world=2)
    [[[1]], [[3, 0], [2]]]
    """
    shares = share_by_tokens(lengths, world)
    return [
        [[share[i] for i in group] for group in batches_by_tokens([lengths[i] for i in share], tokens_per_batch)]
        for share in shares
    ]


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
