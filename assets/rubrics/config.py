"""Which instructions get a drafted rubric, by which model, of what shape; free of dagster.

What belongs here: the keys, and reading them from `configs/<profile>.yaml` beside this file and a user's section `rubrics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from training.config import PROFILES, ConfigError, StrictConfig, parse_config, read_yaml
from training.records import HELD_OUT_SPLITS, SPLITS, Split, Tier

CONFIG_DIR = Path(__file__).parent / "configs"


class DrafterConfig(StrictConfig):
    """The model that drafts.

    Attributes:
        endpoint: its name in the section `endpoints` of the user's file.
        max_tokens: longest reply; one that is cut there is asked for again once, and told so.
        temperature: 0 for the likeliest draft.
    """

    endpoint: str = Field(min_length=1)
    max_tokens: int = Field(default=2000, ge=64, le=32_768)
    temperature: float = Field(default=0.0, ge=0, le=2)


class Bounds(StrictConfig):
    """How many criteria of a tier a draft may have.

    Attributes:
        least: at least so many.
        most: at most so many, no fewer than `least`.
    """

    least: int = Field(ge=0)
    most: int = Field(ge=0, le=50)

    @model_validator(mode="after")
    def _ordered(self) -> Bounds:
        if self.least > self.most:
            raise ValueError(f"least ({self.least}) must not exceed most ({self.most})")
        return self


class ShapeConfig(StrictConfig):
    """The shape of a draft.

    Main: with one criterion S1 is all or nothing, and beyond eight each weighs an eighth or less while the judge's work grows
    with them; of the 201 rubrics that physicians wrote for K-QA 78 % have two to eight, median 4, and no statement has more
    than 277 characters. Bonus: none may be forced. Veto: one at least, since a response to a rubric without is always "safe".

    Attributes:
        main: bounds; at least 1.
        bonus: bounds.
        veto: bounds.
        longest: characters of a criterion's text; what needs more is seldom one requirement.
    """

    main: Bounds = Bounds(least=2, most=8)
    bonus: Bounds = Bounds(least=0, most=4)
    veto: Bounds = Bounds(least=1, most=5)
    longest: int = Field(default=300, ge=40, le=2000)

    @model_validator(mode="after")
    def _some_main(self) -> ShapeConfig:
        if self.main.least < 1:
            raise ValueError("main.least must be at least 1: a rubric without main criteria scores nothing")
        return self

    def bounds(self, tier: Tier) -> Bounds:
        """The bounds of a tier."""
        return {"main": self.main, "bonus": self.bonus, "veto": self.veto}[tier]


class RubricsConfig(StrictConfig):
    """All that drafted rubrics depend on, and whether they are used.

    Attributes:
        drafter: the model; None drafts nothing.
        exemplars: k reviewed rubrics of similar instructions that a prompt shows; 0 for none.
        limit: at most so many instructions are ever drafted for, the first by a hash of their ids: reviewing some of them
            brings no others in. None for all.
        splits: whose instructions get drafts. One that is held out may be named, for physicians to review and adjudicate;
            its drafts never count unreviewed.
        use_unreviewed: whether drafts that no physician has seen are used, as most of the paper's are.
        shape: what a draft must look like.
    """

    drafter: DrafterConfig | None = None
    exemplars: int = Field(default=3, ge=0, le=20)
    limit: int | None = Field(default=None, ge=1)
    splits: tuple[Split, ...] = Field(default=tuple(split for split in SPLITS if split not in HELD_OUT_SPLITS), min_length=1)
    use_unreviewed: bool = True
    shape: ShapeConfig = ShapeConfig()


def rubrics_config(profile: str, overrides: Mapping[str, Any]) -> RubricsConfig:
    """The keys of a profile, each replaced by the user's where there is one.

    Args:
        profile: smoke, local or paper.
        overrides: the section `rubrics` of the user's file.

    Raises:
        ConfigError: unknown profile, unreadable file, unknown key, value out of range.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}; allowed: {', '.join(PROFILES)}")
    values = {**read_yaml(CONFIG_DIR / f"{profile}.yaml"), **overrides}
    where = "section rubrics" if overrides else f"rubrics/configs/{profile}.yaml"
    return parse_config(RubricsConfig, values, where=where)
