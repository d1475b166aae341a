"""Splits by near-duplicate cluster: pinned, else kept from before, else drawn by hash.

What belongs here: which split a cluster goes to. A cluster is never divided. In order:
1. any member held out, by its source or by an earlier split, takes the whole cluster along: external, then benchmark. A
   new near-twin of a benchmark item so leaves training, not the other way round;
2. a split that a source pins (of several: the one that trains least, validation first);
3. the split that a member had before (sticky over refreshes; of several as above);
4. sha256(seed, cluster id), a point in [0, 1) that the configured fractions divide.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assets.instructions.config import SplitConfig
from training.records import HELD_OUT_SPLITS, Split

# Held out first: whatever a cluster has been evaluated on stays out of training.
PRECEDENCE: tuple[Split, ...] = ("external", "benchmark", "validation", "policy_train", "panel_train", "rm_train")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterMember:
    """An instruction, its cluster, and the split its source pins it to, if any."""

    instruction_id: str
    cluster_id: str
    split: Split | None


def draw(seed: int, cluster_id: str) -> float:
    """A point in [0, 1) that depends on seed and cluster alone.

    >>> 0 <= draw(0, "cluster_a") < 1 and draw(0, "cluster_a") == draw(0, "cluster_a")
    True
    """
    digest = hashlib.sha256(f"{seed}:{cluster_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def drawn_split(point: float, config: SplitConfig) -> Split:
    """The split whose share of the unit interval holds the point."""
    edge = 0.0
    chosen: Split | None = None
    for split, fraction in config.fractions:
        edge += fraction
        if fraction > 0:
            chosen = split
        if point < edge and chosen is not None:
            return chosen
    # Fractions that sum to 0.9999999999 leave a sliver at the end: it belongs to the last split that has any share.
    if chosen is None:
        raise ValueError("no split has a share")
    return chosen


def assign_splits(
    members: Sequence[ClusterMember], *, config: SplitConfig, previous: Mapping[str, str] | None = None
) -> dict[str, Split]:
    """The split of every instruction.

    Args:
        members: all instructions with their clusters.
        config: seed and fractions for what is drawn.
        previous: split by instruction id as it was before, over any earlier clustering.
    """
    before = previous or {}
    clusters: dict[str, list[ClusterMember]] = defaultdict(list)
    for member in members:
        clusters[member.cluster_id].append(member)
    splits: dict[str, Split] = {}
    for cluster_id, cluster in clusters.items():
        pinned = _first(member.split for member in cluster)
        kept = _first(before.get(member.instruction_id) for member in cluster)
        held_out = _first(split for split in (pinned, kept) if split in HELD_OUT_SPLITS)
        split = held_out or pinned or kept or drawn_split(draw(config.seed, cluster_id), config)
        splits |= {member.instruction_id: split for member in cluster}
    return splits


def _first(candidates: Iterable[str | None]) -> Split | None:
    found = set(candidates)
    return next((split for split in PRECEDENCE if split in found), None)
