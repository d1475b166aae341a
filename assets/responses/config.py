"""How many responses are composed or edited, and how often they err; free of dagster.

What belongs here: the keys, and reading them from `configs/<profile>.yaml` beside this file.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from training.config import PROFILES, ConfigError, StrictConfig, parse_config, read_yaml

CONFIG_DIR = Path(__file__).parent / "configs"


class ComposeConfig(StrictConfig):
    """Composing responses from the corpus's fragments.

    Attributes:
        seed: with the instruction's id it seeds that instruction's own generator.
        responses_per_instruction: N distinct responses.
        violation_share: share of responses that violate a veto.
        silence_share: chance that a main or bonus criterion that is not met is passed over in silence, and not contradicted or
            skirted.
        silent_veto_share: chance that a veto that is met is so by silence.
        even_share: share of responses that meet as near as possible half of the main criteria, so that two of them differ
            in which criteria they meet rather than in how many: what makes criterion preferences discordant.
    """

    seed: int = 0
    responses_per_instruction: int = Field(default=6, ge=2, le=32)
    violation_share: float = Field(default=0.25, ge=0, le=1)
    silence_share: float = Field(default=0.2, ge=0, le=1)
    silent_veto_share: float = Field(default=0.4, ge=0, le=1)
    even_share: float = Field(default=0.6, ge=0, le=1)


class EditConfig(StrictConfig):
    """Editing physicians' answers.

    Attributes:
        seed: with the instruction's id it seeds that instruction's own generator.
        edits_per_answer: at most so many edited answers per physician's answer; fewer where no edit is clear.
    """

    seed: int = 0
    edits_per_answer: int = Field(default=3, ge=1, le=8)


class CandidatesConfig(StrictConfig):
    """All that the candidate responses of a profile depend on."""

    compose: ComposeConfig
    edits: EditConfig


def candidates_config(profile: str) -> CandidatesConfig:
    """The keys of a profile.

    Raises:
        ConfigError: unknown profile, unreadable file, unknown key, value out of range.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}; allowed: {', '.join(PROFILES)}")
    return parse_config(CandidatesConfig, read_yaml(CONFIG_DIR / f"{profile}.yaml"), where=f"responses/configs/{profile}.yaml")
