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
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.instructions.config import SplitConfig
from training.records import HELD_OUT_SPLITS, Split

# Held out first: whatever a cluster has been evaluated on stays out of training.
PRECEDENCE: tuple[Split, ...] = ("external", "benchmark", "validation", "policy_train", "panel_train", "rm_train")
_NONE = len(PRECEDENCE)
_RANK: dict[str | None, int] = {split: rank for rank, split in enumerate(PRECEDENCE)}


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
    *,
    instruction_ids: Sequence[str],
    cluster_ids: Sequence[str],
    pinned: Sequence[str | None],
    config: SplitConfig,
    previous: Mapping[str, str] | None = None,
) -> list[Split]:
    """The split of every instruction, in the order given.

    Args:
        instruction_ids: all instructions.
        cluster_ids: the cluster of each.
        pinned: the split that its source pins each to, or None.
        config: seed and fractions for what is drawn.
        previous: split by instruction id as it was before, over any earlier clustering.

    Raises:
        ValueError: columns of different length, or a split that is none.
    """
    before = previous or {}
    codes: dict[str, int] = {}
    cluster = np.fromiter((codes.setdefault(c, len(codes)) for c in cluster_ids), dtype=np.int64, count=len(instruction_ids))
    by_source = _least(cluster, _ranks(pinned), len(codes))
    kept = _least(cluster, _ranks([before.get(key) for key in instruction_ids]), len(codes))
    held_out = np.minimum(by_source, kept)
    chosen = np.where(by_source < _NONE, by_source, kept)
    chosen = np.where(held_out < len(HELD_OUT_SPLITS), held_out, chosen)
    of_cluster: list[Split] = [
        PRECEDENCE[rank] if rank < _NONE else drawn_split(draw(config.seed, name), config)
        for name, rank in zip(codes, chosen.tolist(), strict=True)
    ]
    return [of_cluster[code] for code in cluster.tolist()]


def split_table(
    *, clusters: pa.Table, pins: pa.Table, config: SplitConfig, previous: Mapping[str, str] | None = None
) -> pa.Table:
    """Rows of `instruction_splits` (instruction_id, cluster_id, split), by id.

    Args:
        clusters: instruction_id, cluster_id.
        pins: instruction_id, split; of the same instructions.
        config: see `assign_splits`.
        previous: see `assign_splits`.

    Raises:
        ValueError: as `assign_splits`.
        KeyError: an instruction without a pin.
    """
    ids, cluster_ids = (clusters.column(name).to_pylist() for name in ("instruction_id", "cluster_id"))
    pin_of = dict(zip(pins.column("instruction_id").to_pylist(), pins.column("split").to_pylist(), strict=True))
    splits = assign_splits(
        instruction_ids=ids, cluster_ids=cluster_ids, pinned=[pin_of[key] for key in ids], config=config, previous=previous
    )
    columns = {"instruction_id": ids, "cluster_id": cluster_ids, "split": splits}
    return pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()}).sort_by("instruction_id")


def _ranks(splits: Sequence[str | None]) -> npt.NDArray[np.int8]:
    unknown = set(splits) - {*PRECEDENCE, None}
    if unknown:
        raise ValueError(f"unknown split {sorted(map(str, unknown))[0]!r}; allowed: {', '.join(PRECEDENCE)}")
    return np.fromiter((_RANK.get(split, _NONE) for split in splits), dtype=np.int8, count=len(splits))


def _least(cluster: npt.NDArray[np.int64], ranks: npt.NDArray[np.int8], clusters: int) -> npt.NDArray[np.int8]:
    found = np.full(clusters, _NONE, dtype=np.int8)
    np.minimum.at(found, cluster, ranks)
    return found
