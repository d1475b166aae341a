"""Keys of the study: its sizes and seeds per profile, one cell's config, and what the table rests on. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from training.config import ConfigError, StrictConfig, load_config, parse_config
from training.reward_model.config import RewardModelConfig
from training.study.variants import CHANGES, Variant, cell_name

# Keys that make a cell what its name says: no size of a study may touch them.
_OF_THE_CELL = frozenset({"role", "seed", "conditioning", "veto_data", "pure_pairwise"})


def _only_sizes(changes: dict[str, Any]) -> dict[str, Any]:
    allowed = set(RewardModelConfig.model_fields) - _OF_THE_CELL
    if wrong := sorted(set(changes) - allowed):
        raise ValueError(f"{wrong[0]} cannot be set here; allowed: {', '.join(sorted(allowed))}")
    return changes


class VariantKeys(StrictConfig):
    """One variant's share of a study.

    Attributes:
        seeds: one cell for each. Three or more give an interval over seeds, two a range, one neither.
        match_tokens: trains for as many steps as it takes to see the tokens that a model with the criterion last sees in the
            steps that are set, so that a variant with shorter trees has the same budget.
        reward_model: changes of the reward model's config for this variant alone.
    """

    seeds: tuple[int, ...] = Field(min_length=1)
    match_tokens: bool = False
    reward_model: dict[str, Any] = Field(default_factory=dict)

    _sizes = field_validator("reward_model")(_only_sizes)

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError("seeds must be distinct and not negative")
        return seeds


class RewardModelStudyConfig(StrictConfig):
    """A study of the reward model under a profile.

    Attributes:
        reward_model: changes of that profile's reward model for all variants.
        variants: those to train, each with its seeds.
        max_responses: labelled benchmark responses that a cell is measured on; all if null.
        device: where a cell's model scores the benchmark.
        batch_size: instructions whose responses are scored at once.
        bootstrap_samples: resamples of clusters and seeds.
        bootstrap_seed: of the bootstrap.
    """

    reward_model: dict[str, Any]
    variants: dict[Variant, VariantKeys] = Field(min_length=1)
    max_responses: int | None = Field(ge=1)
    device: Literal["cpu", "cuda"]
    batch_size: int = Field(ge=1)
    bootstrap_samples: int = Field(ge=100)
    bootstrap_seed: int = Field(ge=0)

    _sizes = field_validator("reward_model")(_only_sizes)

    def cells(self) -> list[tuple[Variant, int]]:
        """Every cell, seed by seed: a study that is stopped early has compared all variants on the seeds that it has."""
        seeds = sorted({seed for keys in self.variants.values() for seed in keys.seeds})
        return [(variant, seed) for seed in seeds for variant, keys in self.variants.items() if seed in keys.seeds]


class RewardModelCellConfig(StrictConfig):
    """One cell: a reward model that is trained, measured and not kept.

    Attributes:
        variant: what it is.
        match_tokens: see `VariantKeys`.
        reward_model: the whole config of its training; `seed` is the cell's.
        max_responses: labelled benchmark responses to measure; all if null.
        device: where it scores.
        batch_size: instructions whose responses are scored at once.
    """

    variant: Variant
    match_tokens: bool
    reward_model: RewardModelConfig
    max_responses: int | None = Field(ge=1)
    device: Literal["cpu", "cuda"]
    batch_size: int = Field(ge=1)

    @property
    def name(self) -> str:
        """The cell's partition."""
        return cell_name(self.variant, self.reward_model.seed)


class RewardModelStudyTableConfig(StrictConfig):
    """What the table rests on: each cell's config by its name, and the bootstrap."""

    cells: dict[str, RewardModelCellConfig] = Field(min_length=1)
    bootstrap_samples: int = Field(ge=100)
    bootstrap_seed: int = Field(ge=0)


def cell_config(study: RewardModelStudyConfig, base: Mapping[str, Any], variant: Variant, seed: int) -> RewardModelCellConfig:
    """The config of one cell.

    Args:
        study: the study's keys.
        base: the profile's reward model.
        variant: one of the study's.
        seed: one of the variant's.

    Raises:
        ConfigError: the study has no such cell, or its values don't go together.
    """
    keys = study.variants.get(variant)
    if keys is None or seed not in keys.seeds:
        known = ", ".join(cell_name(*cell) for cell in study.cells())
        raise ConfigError(f"{cell_name(variant, seed)} is no cell of this profile's study; its cells: {known}")
    changed = {**base, **study.reward_model, **keys.reward_model, **CHANGES[variant], "seed": seed}
    values = {
        "variant": variant,
        "match_tokens": keys.match_tokens,
        "reward_model": changed,
        **{name: getattr(study, name) for name in ("max_responses", "device", "batch_size")},
    }
    return parse_config(RewardModelCellConfig, values, where=f"study cell {cell_name(variant, seed)}")


def load_study(profile: str) -> tuple[RewardModelStudyConfig, dict[str, Any]]:
    """A profile's study, and the reward model that its cells change.

    Raises:
        ConfigError: unknown profile, unknown key, value out of range.
    """
    study = load_config(RewardModelStudyConfig, stage="reward_model_study", profile=profile)
    base = load_config(RewardModelConfig, stage="reward_model", profile=profile)
    return study, base.model_dump(mode="json")
