"""Figures of the benchmark: each metric of each system with its interval and count, as rows of one long table.

What belongs here: applying metrics to examples, by tier and source. A row is {section, system, source, tier, metric, value,
low, high, n, clusters}; `value` is `None` where n = 0 or the figure is undefined. Tiers: main, bonus, veto, macro (mean
over the tiers that have examples), micro (all examples alike; AUC has none). Accuracies are over the examples a system has an
opinion on; its coverage stands beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.benchmark.bootstrap import (
    BoolArray,
    FloatArray,
    IntArray,
    Statistic,
    auc_statistic,
    cluster_weights,
    difference_statistic,
    interval,
    mean_statistic,
    p_value,
    ratio_statistic,
)
from training.benchmark.metrics import auc, detect_violations, macro_mean, mean
from training.records import TIERS


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure of the whole sample, and the statistic that recomputes it on resampled clusters."""

    value: float | None
    statistic: Statistic | None
    n: int
    clusters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table of figures; `low` and `high` bound the 95 % interval."""

    section: str
    system: str
    source: str
    tier: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int

    def row(self) -> dict[str, Any]:
        """The figure as plain data."""
        return asdict(self)


class Resampler:
    """One draw of cluster weights, shared by all figures so that differences are paired."""

    def __init__(self, cluster_ids: Sequence[str], *, samples: int, seed: int) -> None:
        """Draws the weights of these clusters (repeated ids count once)."""
        self._number = {cluster: i for i, cluster in enumerate(sorted(set(cluster_ids)))}
        self.n_clusters = len(self._number)
        self.weights: FloatArray = cluster_weights(self.n_clusters, samples=samples, seed=seed)

    def numbers(self, cluster_ids: Sequence[str]) -> IntArray:
        """Cluster number of each example."""
        return np.array([self._number[c] for c in cluster_ids], dtype=np.int64)

    def bounds(self, estimate: Estimate) -> tuple[float | None, float | None]:
        """The interval of an estimate, (None, None) where none can be given."""
        if estimate.value is None or estimate.statistic is None or estimate.clusters < 2:
            return None, None
        return interval(estimate.statistic, self.weights) or (None, None)

    def figure(self, estimate: Estimate, *, section: str, system: str, source: str, tier: str, metric: str) -> Figure:
        """An estimate as a row with its interval."""
        low, high = self.bounds(estimate)
        return Figure(
            section=section,
            system=system,
            source=source,
            tier=tier,
            metric=metric,
            value=estimate.value,
            low=low,
            high=high,
            n=estimate.n,
            clusters=estimate.clusters,
        )

    def mean(self, clusters: IntArray, values: FloatArray) -> Estimate:
        """Mean of the values that are not NaN."""
        known = ~np.isnan(values)
        return Estimate(
            value=mean(values[known].tolist()),
            statistic=ratio_statistic(clusters[known], values[known], np.ones(int(known.sum())), self.n_clusters),
            n=int(known.sum()),
            clusters=len(np.unique(clusters[known])),
        )

    def auc(self, clusters: IntArray, labels: BoolArray, scores: FloatArray) -> Estimate:
        """AUC over the examples whose score is not NaN; undefined without both classes."""
        known = ~np.isnan(scores)
        clusters, labels, scores = clusters[known], labels[known], scores[known]
        if labels.all() or not labels.any():
            return Estimate(value=None, statistic=None, n=len(labels), clusters=len(np.unique(clusters)))
        return Estimate(
            value=auc(labels.tolist(), scores.tolist()),
            statistic=auc_statistic(clusters, labels, scores, self.n_clusters),
            n=len(labels),
            clusters=len(np.unique(clusters)),
        )

    def detection(self, clusters: IntArray, met: BoolArray, predicted_met: FloatArray) -> dict[str, Estimate]:
        """Precision, recall and F1 of violations; n is the number of real violations (for precision, of those found)."""
        known = ~np.isnan(predicted_met)
        clusters, violated, found = clusters[known], ~met[known], predicted_met[known] == 0
        result = detect_violations(violated.tolist(), found.tolist())
        hit = (violated & found).astype(np.float64)
        real, claimed = violated.astype(np.float64), found.astype(np.float64)
        terms = {
            "precision": (result.precision, hit, claimed, int(found.sum())),
            "recall": (result.recall, hit, real, result.violations),
            "f1": (result.f1, 2 * hit, real + claimed, result.violations),
        }
        return {
            name: Estimate(
                value=value,
                statistic=ratio_statistic(clusters, above, below, self.n_clusters),
                n=n,
                clusters=len(np.unique(clusters[below > 0])),
            )
            for name, (value, above, below, n) in terms.items()
        }

    def difference(self, first: Estimate, second: Estimate) -> tuple[Estimate, float | None]:
        """The difference first - second on the same resamples, with its p against 0."""
        n, clusters = min(first.n, second.n), min(first.clusters, second.clusters)
        if first.value is None or second.value is None or first.statistic is None or second.statistic is None:
            return Estimate(value=None, statistic=None, n=n, clusters=clusters), None
        statistic = difference_statistic(first.statistic, second.statistic)
        found = Estimate(value=first.value - second.value, statistic=statistic, n=n, clusters=clusters)
        return found, p_value(statistic, self.weights) if clusters >= 2 else None


def by_tier(tiers: Sequence[str], measure: Callable[[BoolArray], Estimate]) -> dict[str, Estimate]:
    """A measure on each tier, its macro mean over the tiers that have examples, and over all examples alike (micro).

    Args:
        tiers: tier of each example.
        measure: takes a mask over the examples.
    """
    column = np.array(tiers, dtype=object)
    found: dict[str, Estimate] = {tier: measure(column == tier) for tier in TIERS}
    counted = [tier for tier in TIERS if (column == tier).any()]
    return {**found, "macro": macro([found[tier] for tier in counted]), "micro": measure(np.ones(len(column), dtype=np.bool_))}


def macro(parts: Sequence[Estimate]) -> Estimate:
    """Mean of several estimates with the same say; undefined if one of them is."""
    statistics = [part.statistic for part in parts if part.statistic is not None]
    value = macro_mean(part.value for part in parts)
    return Estimate(
        value=value,
        statistic=mean_statistic(statistics) if value is not None and len(statistics) == len(parts) else None,
        n=sum(part.n for part in parts),
        clusters=min((part.clusters for part in parts), default=0),
    )
