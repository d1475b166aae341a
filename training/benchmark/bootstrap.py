"""Intervals and tests: the paired bootstrap over instruction clusters, and Holm's correction (METHOD section 5).

Instructions of one cluster are near-twins and the answers to one instruction share it, so whole clusters are resampled,
never single examples. One draw of cluster weights serves every system and metric, so that a difference is paired. A
statistic is a function from weights [samples, clusters] to values [samples], NaN where a resample leaves it undefined.

Departure from the paper, which gives no intervals: all of this is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Statistic = Callable[[FloatArray], FloatArray]

LEVEL = 0.95
SIGNIFICANT = 0.05
# A figure that a tenth of the resamples leave undefined rests on two clusters or so: an interval would only look like one.
MIN_DEFINED = 0.9


def cluster_weights(n_clusters: int, *, samples: int, seed: int) -> FloatArray:
    """How often each cluster is drawn in each resample: [samples, clusters], each row summing to the number of clusters.

    Raises:
        ValueError: no cluster.
    """
    if n_clusters < 1:
        raise ValueError("bootstrap: needs at least one cluster")
    draws = np.random.default_rng(seed).multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=samples)
    return draws.astype(np.float64)


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def ratio_statistic(clusters: IntArray, numerator: FloatArray, denominator: FloatArray, n_clusters: int) -> Statistic:
    """sum(w * numerator) / sum(w * denominator): accuracies, rates, means, precision, recall, F1.

    Args:
        clusters: cluster number of each example, [n].
        numerator: what each example adds above the line, [n].
        denominator: what it adds below, [n], never negative.
        n_clusters: number of clusters in the weights.
    """
    above = np.bincount(clusters, weights=numerator, minlength=n_clusters)
    below = np.bincount(clusters, weights=denominator, minlength=n_clusters)
    return lambda weights: _divide(weights @ above, weights @ below)


def auc_statistic(clusters: IntArray, labels: BoolArray, scores: FloatArray, n_clusters: int) -> Statistic:
    """Weighted area under the ROC curve.

    With U[a, b] = number of (positive of cluster a, negative of cluster b) in the right order, ties half, a resample's AUC is
    w' U w / (w'P · w'N), so that the examples are compared once and not once a resample.
    """
    positive_clusters, positives = clusters[labels], scores[labels]
    right = np.zeros((n_clusters, n_clusters))
    for b in np.unique(clusters[~labels]):
        negatives = np.sort(scores[~labels & (clusters == b)])
        below = (np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")) / 2
        right[:, b] = np.bincount(positive_clusters, weights=below, minlength=n_clusters)
    n_positive = np.bincount(positive_clusters, minlength=n_clusters).astype(np.float64)
    n_negative = np.bincount(clusters[~labels], minlength=n_clusters).astype(np.float64)
    return lambda weights: _divide(((weights @ right) * weights).sum(axis=1), (weights @ n_positive) * (weights @ n_negative))


def mean_statistic(parts: Sequence[Statistic]) -> Statistic:
    """Mean of several statistics on the same resample (macro over tiers); undefined where one of them is."""
    return lambda weights: np.mean([part(weights) for part in parts], axis=0)


def difference_statistic(first: Statistic, second: Statistic) -> Statistic:
    """The difference first - second on the same resample."""
    return lambda weights: first(weights) - second(weights)


def _defined(statistic: Statistic, weights: FloatArray) -> FloatArray | None:
    values = statistic(weights)
    values = values[~np.isnan(values)]
    return values if len(values) >= MIN_DEFINED * len(weights) else None


def interval(statistic: Statistic, weights: FloatArray) -> tuple[float, float] | None:
    """Percentile interval (95 %); `None` if too many resamples leave the statistic undefined, or with one cluster only."""
    values = _defined(statistic, weights)
    if values is None or weights.shape[1] < 2:
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def p_value(statistic: Statistic, weights: FloatArray) -> float | None:
    """Two-sided bootstrap p of a difference against 0: 2 min(P(d <= 0), P(d >= 0)), at least 2 / (samples + 1)."""
    values = _defined(statistic, weights)
    if values is None or weights.shape[1] < 2:
        return None
    tail = min(int((values <= 0).sum()), int((values >= 0).sum())) + 1
    return min(1.0, 2 * tail / (len(values) + 1))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction over the comparisons that have a p; the others stay `None`.

    >>> holm([0.01, 0.04, None])
    [0.02, 0.04, None]
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(known):
        running = max(running, min(1.0, p * (len(known) - rank)))
        corrected[index] = running
    return corrected


def above_zero(low: float | None, p_holm: float | None) -> bool:
    """Whether a difference may be called one: its interval lies above 0, and its corrected p is below 0.05.

    The interval alone is not enough where several differences were looked at.

    >>> above_zero(0.1, 0.01), above_zero(0.1, 0.2), above_zero(0.1, None)
    (True, False, False)
    """
    return low is not None and low > 0 and p_holm is not None and p_holm < SIGNIFICANT
