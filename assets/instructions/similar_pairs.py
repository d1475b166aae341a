"""All pairs of texts that ask the same, without comparing all pairs.

What belongs here: finding candidates. What `sameness.py` asks for narrows them before any vector is looked at:
- texts with equal content keys: their blocks are as small as the number of wordings of one question;
- long texts, of which a few words may differ: within equal guard signatures, by a blocked matrix product.
Both are exact: no pair that the rule calls the same is missed, so that the contamination check finds nothing that clustering
overlooked.

@@MEASURED@@
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from assets.instructions.sameness import LONG_COSINE, FloatArray, Keys, Places, Readings, cosines

# What a product in single precision may be off by; candidates are looked at again in double precision.
_SLACK = 1e-4
_BLOCK = 2048


def groups(keys: Keys, places: Places) -> Iterator[Places]:
    """The places that share a key, at least two each, ascending."""
    order = places[np.argsort(keys[places], kind="stable")]
    edges = np.flatnonzero(np.diff(keys[order])) + 1
    starts, ends = np.r_[0, edges], np.r_[edges, len(order)]
    for k in np.flatnonzero(ends - starts > 1):
        yield order[starts[k] : ends[k]]


def similar_pairs(readings: Readings, vectors: FloatArray, threshold: float) -> tuple[Places, Places, npt.NDArray[np.float64]]:
    """(first, second, cosine) of all pairs that ask the same; first < second, in this order.

    Args:
        readings: of n texts.
        vectors: (n, d) unit rows.
        threshold: least cosine, in (0, 1].

    Raises:
        ValueError: a threshold outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie in (0, 1], got {threshold}")
    everywhere = np.arange(len(vectors), dtype=np.int64)
    found = [_all_pairs(group) for group in groups(readings.contents, everywhere)]
    long = np.flatnonzero(readings.long)
    found += [_close_pairs(group, readings, vectors) for group in groups(readings.signatures, long)]
    if not found:
        return everywhere[:0], everywhere[:0], np.empty(0)
    first, second = (np.concatenate(part) for part in zip(*found, strict=True))
    similarity = cosines(vectors, first, second)
    kept = readings.same(first, second, similarity, threshold)
    order = np.lexsort((second[kept], first[kept]))
    return first[kept][order], second[kept][order], similarity[kept][order]


def _all_pairs(group: Places) -> tuple[Places, Places]:
    i, j = np.triu_indices(len(group), 1)
    return group[i], group[j]


def _close_pairs(group: Places, readings: Readings, vectors: FloatArray) -> tuple[Places, Places]:
    own, contents = vectors[group], readings.contents[group]
    first, second = [], []
    for top in range(0, len(group), _BLOCK):
        for left in range(top, len(group), _BLOCK):
            i, j = np.nonzero(own[top : top + _BLOCK] @ own[left : left + _BLOCK].T >= LONG_COSINE - _SLACK)
            i, j = i + top, j + left
            # Equal content keys have been paired already.
            new = (i < j) & (contents[i] != contents[j])
            first.append(group[i[new]])
            second.append(group[j[new]])
    return np.concatenate(first), np.concatenate(second)
