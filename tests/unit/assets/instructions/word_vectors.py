"""A small real embedding for tests: every word is its own direction, so that cosines can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt


def word_embed(*words: str) -> Callable[[Sequence[str]], npt.NDArray[np.float32]]:
    """Embeds over the given words, one dimension each; a text without any of them is a zero row."""
    place = {word: index for index, word in enumerate(words)}

    def embed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = np.zeros((len(texts), len(words)), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().replace("?", "").split():
                if word in place:
                    row[place[word]] += 1
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths, out=rows, where=lengths > 0)

    return embed
