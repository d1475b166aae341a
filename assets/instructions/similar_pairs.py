"""All pairs of texts that ask the same, without comparing all pairs.

What belongs here: finding candidates. What `sameness.py` asks for narrows them before any vector is looked at:
- texts with equal content keys: their blocks are as small as the number of wordings of one question;
- long texts, of which a few words may differ: within equal guard signatures, by a blocked matrix product.
Both are exact: no pair that the rule calls the same is missed, so that the contamination check finds nothing that clustering
overlooked.

Chosen by measurement (`tests/benchmarks/bench_dedup.py`: 50,000 generated questions with their truth, two cores, distilled
vectors, the same rule behind every index; SemHash with its own rule; one
run each):

| index | seconds | peak MB | precision | recall |
| --- | --- | --- | --- | --- |
| this module | 2.1 | 285 | 1.000 | 0.954 |
| matrix product within guard groups | 2.1 | 283 | 1.000 | 0.954 |
| faiss IVF within guard groups, flat below 4,096 | 10.7 | 288 | 1.000 | 0.954 |
| faiss IVF, 8 lists probed | 10.7 | 467 | 1.000 | 0.953 |
| USearch HNSW, 10 neighbours | 26.9 | 465 | 1.000 | 0.954 |
| SemHash as shipped | 39.9 | 604 | 0.072 | 0.439 |

Generated guards are nearly unique, so that the second line looks as good as the first. On the 51,276 different questions of the
five real sources it is not: the largest guard group (no guard at all) has 9,404, the product brings 3.3 million pairs to the
rule for the same 766 that hold, and takes 6.6 s of a core against 0.02, growing with the square.
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
