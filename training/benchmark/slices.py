"""Figures by slice: where a system is right and where it is not, by specialty, by category and by which answer is longer.

What belongs here: cutting the examples and counting each cut. Sources stand in the main table of figures (`comparison.py`).
A row is {dimension, slice, section, system, tier, metric, value, low, high, n, clusters, examples}: `examples` are those of the
slice, `n` those of them on which the system has an opinion, of so many clusters. Accuracies are over all examples of a slice
alike (micro): in a small one, seldom do all tiers have examples.

A slice with fewer than 10 such examples or 5 clusters has no value and no interval (ours): a share of nine examples moves by
11 points with each, and a bootstrap over four clusters has a handful of distinct resamples to draw. Slices describe and are
not tested: of thirty intervals, one or two miss by chance.

Length: a pair's preferred answer (overall, or on the criterion) counts as longer or shorter if the lengths in characters differ
by more than a tenth of the longer one. Who only prefers length is right where the preferred answer is longer, and wrong where
it is shorter.

Departure from the paper, which reports its five categories alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.benchmark.bootstrap import FloatArray
from training.benchmark.comparison import Columns
from training.benchmark.examples import Examples
from training.benchmark.figures import Estimate, Resampler
from training.records import Instruction
from training.snapshot import Snapshot

MIN_EXAMPLES, MIN_CLUSTERS = 10, 5
NEAR = 0.1
LONGER, EQUAL, SHORTER = "preferred longer", "about equal", "preferred shorter"
UNCLASSIFIED = "unclassified"
DIMENSIONS = ("length", "category", "specialty")


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFigure:
    """One row of the table of slices; `value` is `None` where the slice is too small."""

    dimension: str
    slice: str
    section: str
    system: str
    tier: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    examples: int

    def row(self) -> dict[str, Any]:
        """The figure as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A section's examples in one dimension: the slice and cluster of each."""

    dimension: str
    section: str
    tier: str
    slices: list[str]
    clusters: list[str]


def length_slice(preferred: str, other: str) -> str:
    """Which slice a pair belongs to by its lengths.

    >>> [length_slice("x" * n, "x" * 100) for n in (112, 111, 90, 89)]
    ['preferred longer', 'about equal', 'about equal', 'preferred shorter']
    """
    difference = len(preferred) - len(other)
    if abs(difference) <= NEAR * max(len(preferred), len(other)):
        return EQUAL
    return LONGER if difference > 0 else SHORTER


def is_enough(estimate: Estimate) -> bool:
    """Whether an estimate rests on so much that its value may stand there."""
    return estimate.n >= MIN_EXAMPLES and estimate.clusters >= MIN_CLUSTERS


def slice_figures(examples: Examples, found: dict[str, Columns], resampler: Resampler, snapshot: Snapshot) -> list[SliceFigure]:
    """Every system on every slice, by dimension, slice, section and system.

    Args:
        examples: what is measured on.
        found: the systems' columns on them.
        resampler: of the clusters of all examples.
        snapshot: for texts, categories and specialties.
    """
    rows = []
    for cut in _cuts(examples, snapshot):
        for name in sorted(set(cut.slices)):
            mask = np.array([s == name for s in cut.slices], dtype=np.bool_)
            clusters = resampler.numbers([c for c, kept in zip(cut.clusters, mask, strict=True) if kept])
            for system, columns in found.items():
                estimate = resampler.mean(clusters, _credits(columns, cut.section)[mask])
                enough = is_enough(estimate)
                low, high = resampler.bounds(estimate) if enough else (None, None)
                rows.append(
                    SliceFigure(
                        dimension=cut.dimension,
                        slice=name,
                        section=cut.section,
                        system=system,
                        tier=cut.tier,
                        metric="accuracy",
                        value=estimate.value if enough else None,
                        low=low,
                        high=high,
                        n=estimate.n,
                        clusters=estimate.clusters,
                        examples=int(mask.sum()),
                    )
                )
    return rows


def _credits(columns: Columns, section: str) -> FloatArray:
    return {"pointwise": columns.point_hit, "pairwise": columns.pair, "overall": columns.overall}[section]


def _cuts(examples: Examples, snapshot: Snapshot) -> list[_Cut]:
    def of(response_id: str) -> Instruction:
        return snapshot.instructions[snapshot.responses[response_id].instruction_id]

    def lengths(pairs: Sequence[tuple[str, str]]) -> list[str]:
        return [length_slice(snapshot.responses[a].text, snapshot.responses[b].text) for a, b in pairs]

    pairs = {
        ("pairwise", "micro"): [(e.better_id, e.worse_id) for e in examples.pair],
        ("overall", "all"): [(e.chosen_id, e.rejected_id) for e in examples.overall],
    }
    about = {
        ("pointwise", "micro"): [of(e.response_id) for e in examples.point],
        **{key: [of(preferred) for preferred, _ in ends] for key, ends in pairs.items()},
    }
    cuts = [("length", *key, lengths(ends), about[key]) for key, ends in pairs.items()]
    cuts += [("category", *key, [i.category or UNCLASSIFIED for i in of_key], of_key) for key, of_key in about.items()]
    cuts += [("specialty", *key, [i.specialty or UNCLASSIFIED for i in of_key], of_key) for key, of_key in about.items()]
    return [
        _Cut(dimension=dimension, section=section, tier=tier, slices=slices, clusters=[i.cluster_id for i in instructions])
        for dimension, section, tier, slices, instructions in cuts
    ]
