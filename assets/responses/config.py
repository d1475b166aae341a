"""How many responses are composed, edited or sampled, of which models, and which of them count; free of dagster.

What belongs here: the keys, reading them from `configs/<profile>.yaml` beside this file, and the rule on model families.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from training.config import PROFILES, ConfigError, StrictConfig, parse_config, read_yaml
from training.generation.eligible import EligibleConfig

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
        excerpts_per_answer: at most so many answers made of some of its sentences and of foreign ones; fewer where it is short.
    """

    seed: int = 0
    edits_per_answer: int = Field(default=3, ge=1, le=8)
    excerpts_per_answer: int = Field(default=2, ge=0, le=8)


class GeneratorConfig(StrictConfig):
    """Sampling candidate responses from one endpoint.

    Attributes:
        endpoint: its name in the section `endpoints` of the user's file.
        samples: responses per instruction, 1 to 64.
        max_tokens: longest reply; one that reaches it is recorded as truncated.
        temperature: 0 for the likeliest reply, at most 2.
        top_p: share of probability mass that is sampled from, in (0, 1].
        seed: of the first sample; the next ones count up from it.
        system: a system prompt. The paper prints none; ours is to give none, so that a model answers as it would a user.
    """

    endpoint: str = Field(min_length=1)
    samples: int = Field(default=1, ge=1, le=64)
    max_tokens: int = Field(default=1024, ge=1)
    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int = Field(default=0, ge=0)
    system: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _samples_differ(self) -> GeneratorConfig:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("samples above 1 need a temperature above 0: greedy replies are all the same")
        return self


class CandidatesConfig(EligibleConfig):
    """All that the candidate responses of a profile depend on.

    Attributes:
        compose: see `ComposeConfig`.
        edits: see `EditConfig`.
        generators: the endpoints that are asked, in this order.
        base_model: keys of the stage `candidate_generation` that differ from the profile's, such as max_instructions; which
            instructions are eligible stands here, for both.
        families_at_least: families that generators and base model have to be of, together (Geng et al. 2026: three).
        limit: at most so many instructions are put to the endpoints, drawn spread over clusters; `null` for all.
        keep: outcomes whose samples become responses. All others are recorded in `generated_responses` only.
    """

    compose: ComposeConfig
    edits: EditConfig
    generators: tuple[GeneratorConfig, ...]
    base_model: dict[str, Any]
    families_at_least: int = Field(ge=0)
    limit: int | None = Field(ge=1)
    keep: tuple[Literal["answered", "refusal", "truncated"], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_generator_twice(self) -> CandidatesConfig:
        # An equal seed would only replay the same replies.
        asked = [(g.endpoint, g.system, g.temperature, g.top_p) for g in self.generators]
        for generator, one in zip(self.generators, asked, strict=True):
            if asked.count(one) > 1:
                raise ValueError(f"generators: {generator.endpoint} stands there twice with the same prompt; raise its samples")
        return self


def candidates_config(profile: str, overrides: Mapping[str, Any] | None = None) -> CandidatesConfig:
    """The keys of a profile, and in place of some of them those of the user's section `responses`.

    Args:
        profile: smoke, local or paper.
        overrides: top-level keys with their whole values.

    Raises:
        ConfigError: unknown profile, unreadable file, unknown key, value out of range.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}; allowed: {', '.join(PROFILES)}")
    values = read_yaml(CONFIG_DIR / f"{profile}.yaml")
    where = "responses" if overrides else f"responses/configs/{profile}.yaml"
    return parse_config(CandidatesConfig, values | dict(overrides or {}), where=where)


def family_stem(family: str) -> str:
    """What makes two families the same: the letters they begin with, so that versions of one do not count as two.

    >>> [family_stem(name) for name in ("Qwen2.5", "qwen3", "gemma3_text", "llama-3", "01-yi")]
    ['qwen', 'qwen', 'gemma', 'llama', '01-yi']
    """
    letters = re.match(r"[a-z]+", family.lower())
    return letters.group() if letters else family.lower()


def check_families(declared: Mapping[str, str | None], *, at_least: int) -> None:
    """Refuses generators of too few model families.

    Args:
        declared: who generates → its family; None where nobody says, which counts as none.
        at_least: how many there have to be.

    Raises:
        ConfigError: names the families there are, how many are missing, and who declares none.
    """
    found = sorted({family_stem(family) for family in declared.values() if family})
    if len(found) >= at_least:
        return
    silent = sorted(name for name, family in declared.items() if not family)
    raise ConfigError(
        f"responses: families_at_least is {at_least}, and candidates come from {len(found)} ({', '.join(found) or 'none'}):"
        f" add generators of {at_least - len(found)} more model families, or lower it"
        + (f"; no family is declared for {', '.join(silent)}: add family to that endpoint" if silent else "")
    )
