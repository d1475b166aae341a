"""Texts as unit vectors, from the static token vectors that the stage `text_embedding` publishes; no torch, no network.

What belongs here: which rows of the table a text is the sum of. A distilled table is looked up by its own tokenizer; a hashed
one by words and their character n-grams. Equal texts get equal bytes whatever stands beside them in a batch and however many
threads run.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
# Texts at once: enough to keep the tokenizer's threads busy, little enough that memory stays flat.
_BATCH = 8192
_WORD = re.compile(r"[^\W_]+")
# What every question has says little: such words count a tenth in a hashed embedding, which knows no frequencies.
_COMMON_WEIGHT = 0.1


class EmbeddingError(ValueError):
    """A folder holds no usable vectors; names it."""


class TextEmbedder:
    """Embeds texts; made by `load`."""

    def __init__(self, vectors: FloatArray, rows_of: Callable[[Sequence[str]], Any], *, kind: str, name: str) -> None:
        self._vectors = vectors
        self._rows_of = rows_of
        self.kind = kind
        self.name = name

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._vectors.shape[1])

    @classmethod
    def load(cls, folder: Path) -> TextEmbedder:
        """Reads an artifact of the stage `text_embedding`.

        Raises:
            EmbeddingError: the folder is no such artifact.
        """
        from safetensors.numpy import load_file

        try:
            facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            vectors = load_file(folder / "vectors.safetensors")["vectors"].astype(np.float32)
        except (OSError, ValueError, KeyError) as error:
            raise EmbeddingError(f"{folder}: no text embedding: {error}") from error
        if facts["kind"] == "hashed":
            rows_of = _hashed_rows(**{key: facts["hashed"][key] for key in ("buckets", "shortest", "longest", "ngram_weight")})
        else:
            rows_of = _token_rows(folder / "tokenizer.json", size=len(vectors))
        return cls(vectors, rows_of, kind=facts["kind"], name=facts["model"])

    def sums(self, texts: Sequence[str]) -> FloatArray:
        """(n, d) sums of token vectors: their length tells how much a text, or a word, weighs."""
        found = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            part = texts[start : start + _BATCH]
            found[start : start + len(part)] = self._rows_of(part) @ self._vectors
        return found

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """(n, d) unit rows; a text without a known token is a zero row."""
        found = self.sums(texts)
        # In place: a second array of this size is what a large set has no room for.
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return found


def _matrix(rows: Iterable[Sequence[int]], columns: int, weights: Iterable[Sequence[float]] | None = None) -> Any:
    """A sparse matrix with a 1 (or the weight) for every occurrence of a column in a row."""
    from scipy.sparse import csr_array

    kept = list(rows)
    ends = np.zeros(len(kept) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in kept], out=ends[1:])
    indices = np.fromiter(chain.from_iterable(kept), dtype=np.int32, count=int(ends[-1]))
    if weights is None:
        values = np.ones(len(indices), dtype=np.float32)
    else:
        values = np.fromiter(chain.from_iterable(weights), dtype=np.float32, count=int(ends[-1]))
    return csr_array((values, indices, ends), shape=(len(kept), columns))


def _token_rows(tokenizer_file: Path, *, size: int) -> Callable[[Sequence[str]], Any]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))

    def rows_of(texts: Sequence[str]) -> Any:
        return _matrix((found.ids for found in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)), size)

    return rows_of


def _hashed_rows(*, buckets: int, shortest: int, longest: int, ngram_weight: float) -> Callable[[Sequence[str]], Any]:
    from training.benchmark.baselines import STOP_WORDS

    def features(word: str) -> tuple[list[int], list[float]]:
        edged = f"<{word}>"
        pieces = [edged[i : i + n] for n in range(shortest, longest + 1) for i in range(len(edged) - n + 1)]
        weight = _COMMON_WEIGHT if word in STOP_WORDS else 1.0
        # A sum of n independent directions has length √n: divided by it, all n-grams together weigh `ngram_weight`.
        share = weight * ngram_weight / max(len(pieces), 1) ** 0.5
        found = [zlib.crc32(piece.encode()) % buckets for piece in (word, *pieces)]
        return found, [weight] + [share] * len(pieces)

    def rows_of(texts: Sequence[str]) -> Any:
        numbers: dict[str, int] = {}
        rows = [[numbers.setdefault(word, len(numbers)) for word in _WORD.findall(text.casefold())] for text in texts]
        hashed = [features(word) for word in numbers]
        words = _matrix((found for found, _ in hashed), buckets, (weights for _, weights in hashed))
        return _matrix(rows, len(numbers)) @ words

    return rows_of
