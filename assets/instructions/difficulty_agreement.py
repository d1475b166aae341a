"""Whether the local scorer and the sources' own difficulties rank instructions alike.

What belongs here: the rank correlation, for the data card: a formula that stands in for labels has to be shown beside them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.instructions.difficulty_local import NAME, lexical_difficulty

# Below this many labels a correlation says nothing.
LEAST = 10
_Z95 = 1.959963984540054
# Variance of Fisher's z of a rank correlation: 1.06 / (n - 3) (Fieller, Hartley and Pearson 1957, Biometrika 44).
_SPREAD = 1.06


def agreement_with_sources(instructions: pa.Table) -> list[dict[str, Any]]:
    """Spearman's rank correlation of the local scorer with each source's own difficulties, where there are LEAST or more.

    Args:
        instructions: source, text, difficulty (the source's own, or null).

    Returns:
        By source: source, scorer, n, rho with low and high (95 %); rho is None where the source knows one difficulty only.
    """
    from scipy.stats import spearmanr

    found = []
    labelled = instructions.filter(pc.is_valid(instructions.column("difficulty")))
    for source in sorted(set(labelled.column("source").to_pylist())):
        rows = labelled.filter(pc.equal(labelled.column("source"), source))
        if rows.num_rows < LEAST:
            continue
        theirs = np.asarray(rows.column("difficulty"))
        ours = lexical_difficulty(rows.column("text"))
        known = len(np.unique(theirs)) > 1 and len(np.unique(ours)) > 1
        rho = float(spearmanr(ours, theirs).statistic) if known else None
        low, high = (None, None) if rho is None else rank_interval(rho, rows.num_rows)
        found.append({"source": source, "scorer": NAME, "n": rows.num_rows, "rho": rho, "low": low, "high": high})
    return found


def rank_interval(rho: float, n: int) -> tuple[float, float]:
    """A 95 % interval of a rank correlation over n > 3 pairs, by Fisher's z.

    >>> [round(bound, 3) for bound in rank_interval(0.5, 56)]
    [0.266, 0.679]
    """
    if abs(rho) >= 1:
        return rho, rho
    z, reach = math.atanh(rho), _Z95 * math.sqrt(_SPREAD / (n - 3))
    return math.tanh(z - reach), math.tanh(z + reach)
