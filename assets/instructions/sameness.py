"""Do two texts ask the same? The one rule that de-duplication and the contamination check share.

What belongs here: reading a text into what is compared, and the rule. Two texts ask the same if
1. their guard signatures are equal (`terms.signature`: drugs, doses, ages, sex, negations, what is asked …), and
2. they say the same words beyond phrasing (`terms.said_of`); of long texts, 20 such words or more each, one in twenty may
   differ, and
3. the cosine of their static embeddings reaches a threshold, a higher one where words differ.

Why words, where the paper compares embeddings alone: tried on 47,441 MedQuAD questions, pairs with a cosine above 0.95 and an
equal signature were mostly other questions ("esophagitis" and "infectious esophagitis", "type II" and "type III"): a mean of
word vectors hardly moves when one word of ten is another disease. A paraphrase in other words than `phrasing.py` knows is
therefore missed: what this loses is recall, and a missed pair costs little beside two questions that are taken for one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assets.instructions.terms import said_of, signature_of, words_of

Keys = npt.NDArray[np.uint64]
FloatArray = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
# From this many words of content on a text is long, and this share of both texts' words may differ.
LONG, TOLERATED = 20, 0.05
# Least cosine of texts whose words differ: with one word in twenty changed it stays well above.
LONG_COSINE = 0.9


@dataclass(frozen=True, slots=True)
class Readings:
    """What is compared of n texts.

    Attributes:
        signatures: (n,) 64-bit hash of the guard signature.
        contents: (n,) 64-bit hash of signature and content words together.
        said: content words of long texts, None for a short one.
    """

    signatures: Keys
    contents: Keys
    said: list[frozenset[str] | None]

    @property
    def long(self) -> npt.NDArray[np.bool_]:
        """Which texts are long."""
        return np.fromiter((said is not None for said in self.said), dtype=np.bool_, count=len(self.said))

    def same(self, first: Places, second: Places, cosine: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.bool_]:
        """Whether the texts at first[k] and second[k], whose embeddings have this cosine, ask the same.

        Args:
            first: places of texts.
            second: places of texts, as many.
            cosine: of each pair, in double precision.
            threshold: least cosine where all words are equal.
        """
        equal = self.contents[first] == self.contents[second]
        found: npt.NDArray[np.bool_] = equal & (cosine >= threshold)
        for k in np.flatnonzero(~equal & (cosine >= max(threshold, LONG_COSINE))):
            found[k] = self._nearly_same_words(int(first[k]), int(second[k]))
        return found

    def _nearly_same_words(self, i: int, j: int) -> bool:
        first, second = self.said[i], self.said[j]
        if first is None or second is None or self.signatures[i] != self.signatures[j]:
            return False
        return len(first ^ second) <= TOLERATED * (len(first) + len(second))


def read_texts(texts: Sequence[str]) -> Readings:
    """Reads every text once."""
    signatures = np.empty(len(texts), dtype=np.uint64)
    contents = np.empty(len(texts), dtype=np.uint64)
    said: list[frozenset[str] | None] = []
    for place, text in enumerate(texts):
        words = words_of(text)
        guard = "|".join(signature_of(words))
        says = said_of(words)
        signatures[place] = _hash(guard)
        contents[place] = _hash(f"{guard}||{'|'.join(sorted(says))}")
        said.append(says if len(says) >= LONG else None)
    return Readings(signatures, contents, said)


def cosines(vectors: FloatArray, first: Places, second: Places) -> npt.NDArray[np.float64]:
    """Cosine of the unit rows first[k] and second[k], one product at a time.

    A matrix product adds up in an order that depends on its shape and on the threads: a pair just at the threshold would be
    in or out by chance. Here every pair is added up alone, in double precision.
    """
    found = np.empty(len(first), dtype=np.float64)
    for start in range(0, len(first), 65_536):
        part = slice(start, start + 65_536)
        found[part] = (vectors[first[part]].astype(np.float64) * vectors[second[part]]).sum(axis=1)
    return found


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
