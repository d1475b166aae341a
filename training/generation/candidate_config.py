"""Config of the stage `candidate_generation`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.generation.config import GenerationConfig
from training.generation.eligible import TABLES, EligibleConfig

# Batches of one attempt have the seeds after the attempt's own; more than a million would run into the next one's.
_SEEDS_PER_ATTEMPT = 1 << 20


class CandidateGenerationConfig(EligibleConfig):
    """How the base model's candidate responses are sampled.

    Attributes:
        model_name: goes into the column `model` of the responses, and so into their ids.
        family: the base model's family, such as qwen3; a model of another type is refused.
        max_instructions: at most so many eligible instructions are answered; 0 for none at all, `null` for all.
        samples: answers per instruction, each with a seed of its own.
        max_new_tokens: an answer that reaches it is cut there and recorded as truncated.
        temperature: 0 decodes greedily.
        top_p: share of probability mass that is sampled from, in (0, 1].
        batch_size: prompts decoded at once.
        dtype: precision of the weights.
        seed: of sampling; the draw has its own.
    """

    model_name: Annotated[str, Field(min_length=1)]
    family: Annotated[str, Field(min_length=1)]
    max_instructions: Annotated[int, Field(ge=0)] | None
    samples: Annotated[int, Field(ge=1, le=64)]
    max_new_tokens: Annotated[int, Field(ge=1)]
    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    batch_size: Annotated[int, Field(ge=1)]
    dtype: Literal["float32", "bfloat16"]
    seed: Annotated[int, Field(ge=0, lt=1 << 31)]

    @model_validator(mode="after")
    def _samples_differ(self) -> CandidateGenerationConfig:
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("samples above 1 need a temperature above 0: greedy answers are all the same")
        return self

    @property
    def on(self) -> bool:
        """Whether the base model answers anything."""
        return self.max_instructions != 0

    @property
    def uses_inputs(self) -> tuple[str, ...]:
        """The stage inputs that are read."""
        return ("base_model", *TABLES) if self.on else ()

    def sampling(self, attempt: int) -> GenerationConfig:
        """The config of one attempt's rollouts: its seeds are no other attempt's."""
        return GenerationConfig(
            model_name=self.model_name,
            max_instructions=None,
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            batch_size=self.batch_size,
            dtype=self.dtype,
            seed=self.seed + attempt * _SEEDS_PER_ATTEMPT,
        )
