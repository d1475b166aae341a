"""Several seeds of one variant as one figure: their mean, and an interval in which clusters and seeds are both drawn anew.

What belongs here: nesting seeds into the bootstrap of `benchmark/bootstrap.py` (METHOD section 5). In every resample the same
clusters are drawn for all systems, so that differences stay paired, and each variant's seeds are drawn with replacement, apart
from every other variant's: equal seed numbers make no pair, since another loss or prompt makes another run of them.
Ours (the paper gives no intervals). Drawing three seeds with replacement understates how far seeds spread, by a third of the
variance or so; so the single seeds stand beside every figure.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from training.benchmark.bootstrap import FloatArray, Statistic
from training.benchmark.figures import Estimate

# Two seeds are a range, not an interval.
SEEDS_FOR_AN_INTERVAL = 3
# What stands beside a figure: an interval over clusters and seeds; the range from the lowest to the highest of two seeds; or,
# of one seed, an interval over clusters that says nothing of another seed.
Bounds = Literal["interval", "range", "one seed"]


def bounds_of(n_seeds: int | None) -> Bounds:
    """What can be given of so many seeds; None for a system that has none, a word count say.

    >>> [bounds_of(n) for n in (None, 1, 2, 3)]
    ['interval', 'one seed', 'range', 'interval']
    """
    if n_seeds is None or n_seeds >= SEEDS_FOR_AN_INTERVAL:
        return "interval"
    return "range" if n_seeds > 1 else "one seed"


def seed_weights(variant: str, n_seeds: int, *, samples: int, seed: int) -> FloatArray:
    """How often each seed of a variant is drawn in each resample: [samples, seeds], each row summing to the number of seeds.

    Raises:
        ValueError: no seed.
    """
    if n_seeds < 1:
        raise ValueError(f"{variant}: no seed to draw")
    generator = np.random.default_rng([seed, zlib.crc32(variant.encode())])
    return generator.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=samples).astype(np.float64)


def nested_statistic(parts: Sequence[Statistic], drawn: FloatArray) -> Statistic:
    """The mean over the seeds that a resample draws; undefined where one of these is.

    Args:
        parts: the statistic of each seed.
        drawn: see `seed_weights`, for exactly the resamples whose cluster weights the statistic will get.
    """

    def mean_of_drawn(weights: FloatArray) -> FloatArray:
        values = np.stack([part(weights) for part in parts], axis=1)
        # A seed that is not drawn takes no part, so that its undefined value is none.
        mean: FloatArray = np.where(drawn > 0, drawn * values, 0.0).sum(axis=1) / drawn.sum(axis=1)
        return mean

    return mean_of_drawn


def over_seeds(parts: Sequence[Estimate], drawn: FloatArray) -> Estimate:
    """One figure of several seeds: the mean of their values, undefined if one of them is.

    n is that of the seeds, rounded where they differ (violations that a model claims, say).
    """
    if len(parts) == 1:
        return parts[0]
    values = [part.value for part in parts if part.value is not None]
    statistics = [part.statistic for part in parts if part.statistic is not None]
    whole = len(values) == len(statistics) == len(parts)
    return Estimate(
        value=sum(values) / len(values) if whole else None,
        statistic=nested_statistic(statistics, drawn) if whole else None,
        n=round(sum(part.n for part in parts) / len(parts)),
        clusters=min(part.clusters for part in parts),
    )
