"""Static vectors without a model: fixed random unit vectors that words and their character n-grams are hashed to.

What belongs here: the table. How a word finds its rows is said in `config.json` and done by whoever embeds (Weinberger et al.
2009, feature hashing; Bojanowski et al. 2017, n-grams). It knows spellings, not meanings: good for smoke tests and near copies.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def random_unit_vectors(buckets: int, dimensions: int, *, seed: int) -> npt.NDArray[np.float16]:
    """(buckets, dimensions) seeded random directions of length 1."""
    drawn = np.random.Generator(np.random.PCG64(seed)).standard_normal((buckets, dimensions), dtype=np.float32)
    found: npt.NDArray[np.float16] = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float16)
    return found
