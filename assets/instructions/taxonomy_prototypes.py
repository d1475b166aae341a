"""Classification by prototypes: phrases of every class, embedded, and the words that point to it.

What belongs here: the scores. A class scores, on a text,

    nearest + w · min(hits, 2)

with `nearest` the cosine (-1 to 1) of the text to the class's nearest phrase, and `hits` how often its keywords stand in
the text. Categories ask what is wanted (keywords weigh 0.4), specialties what it is about (0.1; what every question has in
common, spanned by the categories' phrases, is taken out of the vectors first). Scores are no probabilities.

Ours: in Geng et al. 2026 a language model classifies; `taxonomy_endpoint.py` does as they do. The form, both weights and the
thresholds were chosen on the even half of labelled rows (see `taxonomy_accuracy.py`), the phrases were written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.instructions.taxonomy_names import Label, Taxonomy

NAME = "prototypes-v1"
CATEGORY_KEYWORD_WEIGHT, SPECIALTY_KEYWORD_WEIGHT = 0.4, 0.1
MOST_HITS = 2
# Share of the embedding's dimensions that is taken as what every question has in common.
_COMMON_SHARE = 0.25
# Texts at once: their similarities to about a thousand phrases stay below 100 MB.
_BLOCK = 16_384
# Rounding leaves about 1e-4 of a row that lies in the directions wholly.
_NOTHING_LEFT = 1e-3
FloatArray = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], FloatArray]


class PrototypeClassifier:
    """Scores texts against the phrases of a taxonomy."""

    def __init__(self, taxonomy: Taxonomy, embed: Embed) -> None:
        self._embed = embed
        self._categories, self._specialties = taxonomy.categories, taxonomy.specialties
        asked = embed([phrase for label in self._categories for phrase in label.prototypes])
        self._common = _directions(asked, max(1, round(_COMMON_SHARE * asked.shape[1])))
        self._asked = asked
        told = embed([phrase for label in self._specialties for phrase in _told(label)])
        self._told = _without(told, self._common)

    def score(self, texts: pa.ChunkedArray | pa.Array) -> tuple[FloatArray, FloatArray]:
        """Scores of every text: (n, 5) for the categories and (n, 26) for the specialties, in the taxonomy's order."""
        lowered = pc.utf8_lower(texts)
        categories = CATEGORY_KEYWORD_WEIGHT * keyword_hits(lowered, self._categories)
        specialties = SPECIALTY_KEYWORD_WEIGHT * keyword_hits(lowered, self._specialties)
        asked = [len(label.prototypes) for label in self._categories]
        told = [len(_told(label)) for label in self._specialties]
        for start in range(0, len(texts), _BLOCK):
            block = slice(start, start + _BLOCK)
            rows = self._embed(texts[block].to_pylist())
            categories[block] += _nearest(rows, self._asked, asked)
            specialties[block] += _nearest(rows, self._told, told) * _stretch(rows, self._common)
        return categories, specialties


def keyword_hits(lowered: pa.ChunkedArray | pa.Array, labels: Sequence[Label]) -> FloatArray:
    """(n, labels): how often keywords of each stand in each lower-cased text, at most MOST_HITS."""
    counts = [pc.count_substring_regex(lowered, keyword_pattern(label.keywords)) for label in labels]
    return np.stack([np.minimum(np.asarray(count), MOST_HITS) for count in counts], axis=1).astype(np.float32)


def keyword_pattern(keywords: Sequence[str]) -> str:
    r"""A pattern (RE2) for any of some keywords as whole words, plural or not; `*` at the end stands for any ending.

    >>> keyword_pattern(["eye", "diagnos*"])
    '\\b(?:diagnos|eye(?:s|es)?\\b)'
    """
    # The longest first, so that "kidney stones" counts once and as itself.
    ordered = sorted((keyword.lower() for keyword in keywords), key=lambda keyword: (-len(keyword), keyword))
    parts = [re.escape(word[:-1]) if word.endswith("*") else rf"{re.escape(word)}(?:s|es)?\b" for word in ordered]
    return rf"\b(?:{'|'.join(parts)})"


def _told(label: Label) -> tuple[str, ...]:
    return (*(keyword.rstrip("*") for keyword in label.keywords), *label.prototypes)


def _nearest(rows: FloatArray, phrases: FloatArray, sizes: Sequence[int]) -> FloatArray:
    """(n, classes): the greatest product of every row with the phrases of each class, which stand one class after another."""
    similar = phrases @ rows.T
    starts = np.cumsum([0, *sizes])
    return np.stack([similar[start:end].max(axis=0) for start, end in pairwise(starts)], axis=1)


def _stretch(rows: FloatArray, directions: FloatArray) -> FloatArray:
    """(n, 1): what makes a unit row of length one again once the directions are out; 0 if nothing is left of it.

    The phrases hold nothing of the directions, so their products with a row are the same with them and without.
    """
    taken = np.square(rows @ directions.T).sum(axis=1, keepdims=True)
    left = np.sqrt(np.maximum(np.square(rows).sum(axis=1, keepdims=True) - taken, 0))
    found: FloatArray = np.divide(1, left, out=np.zeros_like(left), where=left > _NOTHING_LEFT)
    return found


def _directions(rows: FloatArray, number: int) -> FloatArray:
    """The (number, d) orthonormal directions in which some rows lie most."""
    _, _, directions = np.linalg.svd(rows, full_matrices=False)
    found: FloatArray = directions[:number].astype(np.float32)
    return found


def _without(rows: FloatArray, directions: FloatArray) -> FloatArray:
    """Rows with some orthonormal directions taken out, of unit length again."""
    left = (rows - (rows @ directions.T) @ directions) * _stretch(rows, directions)
    return left.astype(np.float32, copy=False)
