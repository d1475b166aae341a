"""Which models judge which responses, and what counts as evidence; free of dagster.

What belongs here: the keys of the section `verdicts` of a user's file, and reading them over `configs/<profile>.yaml` beside
this file.

Ours: Geng et al. 2026 name one judge and no rule for its evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from training.config import PROFILES, ConfigError, StrictConfig, parse_config, read_yaml
from training.records import HELD_OUT_SPLITS, SPLITS, Split

CONFIG_DIR = Path(__file__).parent / "configs"
SECTION = "verdicts"
# Who else gives verdicts: K-QA's physicians and labels, and responses whose verdicts are known by construction.
_TAKEN = frozenset({"physician", "published_majority", "composer", "editor", "adjudicated", "assumed", "human", "model"})
Mode = Literal["together", "single"]


class JudgeConfig(StrictConfig):
    """One model that judges.

    Attributes:
        name: the `judge` of its verdicts: small letters, digits and underscores; unique.
        endpoint: name of an endpoint that the user's file declares.
        mode: together: one call for all criteria of a response; single: one call for each, so that no criterion sees another.
        max_tokens: longest reply; a longer one is cut, and all its verdicts are unknown.
        temperature: 0 for the likeliest reply.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    endpoint: str = Field(min_length=1)
    mode: Mode = "together"
    max_tokens: int = Field(default=4096, ge=16)
    temperature: float = Field(default=0.0, ge=0, le=2)


class VerdictsConfig(StrictConfig):
    """The section `verdicts`.

    Attributes:
        judges: who judges; none: no model is asked.
        splits: splits whose open criteria (those nobody else settled) are judged. A verdict in a held-out split is measured
            against where no person gave one, so none of these is among them unless a user says so.
        limit: most responses with open criteria; whole instructions come first to last in an order that no content decides.
            None: all.
        check_on_labelled: whether criteria that people labelled are judged too, in any split, for the figures of agreement.
        labelled_limit: most of those responses; None: all.
        least_evidence_words: shortest quote that is evidence, in words; of a shorter response all of it.
    """

    judges: tuple[JudgeConfig, ...] = ()
    splits: tuple[Split, ...] = tuple(split for split in SPLITS if split not in HELD_OUT_SPLITS)
    limit: int | None = Field(default=None, ge=0)
    check_on_labelled: bool = True
    labelled_limit: int | None = Field(default=None, ge=0)
    least_evidence_words: int = Field(default=3, ge=1)

    @field_validator("judges")
    @classmethod
    def _names_differ(cls, judges: tuple[JudgeConfig, ...]) -> tuple[JudgeConfig, ...]:
        names = [judge.name for judge in judges]
        twice = sorted({name for name in names if names.count(name) > 1})
        taken = sorted(name for name in names if name in _TAKEN or name.startswith("annotator"))
        if taken:
            raise ValueError(f"a judge may not be named {taken[0]}: verdicts that came with a source bear that name")
        if twice:
            raise ValueError(f"two judges are named {twice[0]}; give each a name of its own")
        return judges


def verdicts_config(profile: str, overrides: Mapping[str, Any]) -> VerdictsConfig:
    """The keys of a profile, with those of a user's section in their place.

    Raises:
        ConfigError: unknown profile, unreadable file, unknown key, value out of range.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}; allowed: {', '.join(PROFILES)}")
    values = {**read_yaml(CONFIG_DIR / f"{profile}.yaml"), **overrides}
    return parse_config(VerdictsConfig, values, where=f"{SECTION} ({profile})")
