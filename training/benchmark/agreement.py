"""Agreement of annotators: Krippendorff's alpha (ordinal), and pairwise quadratic-weighted Cohen's kappa (METHOD section 5).

Alpha comes first because annotator columns need not be the same persons. The paper reports weighted kappa only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import krippendorff
import numpy as np

Labels = Sequence[float | None]


def krippendorff_alpha(annotators: Sequence[Labels]) -> float | None:
    """Ordinal alpha over annotators x units; `None` marks a missing label.

    Returns:
        At most 1; 0 is chance. `None` if no unit has two labels or only one value was ever given.

    >>> krippendorff_alpha([[0, 1, 2], [0, 1, 2]])
    1.0
    """
    table = np.array([[np.nan if v is None else float(v) for v in row] for row in annotators], dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2:
        return None
    shared = table[:, (~np.isnan(table)).sum(axis=0) >= 2]
    if len(np.unique(shared[~np.isnan(shared)])) < 2:
        return None
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement="ordinal"))


def weighted_kappa(first: Sequence[int], second: Sequence[int]) -> float | None:
    """Quadratic-weighted Cohen's kappa of two annotators: 1 - sum(w o) / sum(w e), with w = (i - j)^2.

    Returns:
        At most 1; 0 is chance. `None` without labels, or if both gave one and the same value throughout.

    >>> weighted_kappa([0, 1, 2], [0, 1, 2])
    1.0
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if len(a) != len(b):
        raise ValueError(f"weighted kappa: {len(a)} labels but {len(b)}")
    if not len(a):
        return None
    expected = float(((a[:, None] - b[None, :]) ** 2).mean())
    return 1 - float(((a - b) ** 2).mean()) / expected if expected else None


def agreement_figures(annotators: Mapping[str, Labels]) -> dict[str, Any]:
    """Alpha over all annotators and kappa of each pair on the units that both labelled.

    Returns:
        {"alpha": …, "units": units with two labels or more, "kappa": [{"first", "second", "value", "n"}, …]}.
    """
    names = sorted(annotators)
    pairs = []
    for left, right in combinations(names, 2):
        both = [(a, b) for a, b in zip(annotators[left], annotators[right], strict=True) if a is not None and b is not None]
        kappa = weighted_kappa([int(a) for a, _ in both], [int(b) for _, b in both])
        pairs.append({"first": left, "second": right, "value": kappa, "n": len(both)})
    units = sum(sum(v is not None for v in unit) >= 2 for unit in zip(*annotators.values(), strict=True))
    return {"alpha": krippendorff_alpha([annotators[n] for n in names]), "units": units, "kappa": pairs}
