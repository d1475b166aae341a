"""How instructions are split and which difficulties are kept; free of dagster, so that assets and tests configure it alike."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.config import StrictConfig
from training.records import Split


class SplitConfig(StrictConfig):
    """Fractions by which clusters that no source pins are drawn into splits; they sum to 1, and none is held out."""

    seed: int = 0
    rm_train: float = Field(default=0.45, ge=0, le=1)
    panel_train: float = Field(default=0.2, ge=0, le=1)
    policy_train: float = Field(default=0.15, ge=0, le=1)
    validation: float = Field(default=0.2, ge=0, le=1)

    @model_validator(mode="after")
    def _sum_to_one(self) -> SplitConfig:
        total = sum(fraction for _, fraction in self.fractions)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the fractions of the splits must sum to 1, got {total}")
        return self

    @property
    def fractions(self) -> tuple[tuple[Split, float], ...]:
        """(split, fraction) in the order in which the unit interval is divided."""
        return (
            ("rm_train", self.rm_train),
            ("panel_train", self.panel_train),
            ("policy_train", self.policy_train),
            ("validation", self.validation),
        )


class BandConfig(StrictConfig):
    """The band of difficulties that is kept, both ends included (Geng et al. 2026: 5 to 9 of 10).

    Attributes:
        low: least difficulty kept, 0 to 10.
        high: greatest difficulty kept, 0 to 10.
        unknown: what happens to an instruction without a score.
    """

    low: float = Field(default=5.0, ge=0, le=10)
    high: float = Field(default=9.0, ge=0, le=10)
    unknown: Literal["keep", "drop"] = "drop"

    @model_validator(mode="after")
    def _low_below_high(self) -> BandConfig:
        if self.low > self.high:
            raise ValueError(f"low must not be above high, got {self.low} and {self.high}")
        return self


class DedupConfig(StrictConfig):
    """From which cosine of their static embeddings two texts may ask the same (`sameness.py` asks for more).

    Attributes:
        model2vec: for distilled vectors.
        hashed: for hashed ones, which know spellings only.
    """

    model2vec: float = Field(default=0.75, gt=0, le=1)
    hashed: float = Field(default=0.5, gt=0, le=1)

    def threshold(self, kind: str) -> float:
        """The threshold for vectors of a kind.

        Raises:
            ValueError: no such kind.
        """
        found = {"model2vec": self.model2vec, "hashed": self.hashed}.get(kind)
        if found is None:
            raise ValueError(f"no threshold for text embeddings of kind {kind!r}; known: hashed, model2vec")
        return found
