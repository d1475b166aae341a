"""How splits are drawn; free of dagster, so that an asset and a test configure it alike."""

from __future__ import annotations

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
