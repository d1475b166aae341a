"""Config of the stage `generation`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from training.config import StrictConfig


class GenerationConfig(StrictConfig):
    """How responses are sampled.

    Attributes:
        model_name: goes into the column `model` of the responses, and so into their ids.
        max_instructions: at most so many instructions are answered, drawn spread over clusters; `null` for all.
        max_new_tokens: an answer that reaches it is cut there and recorded with finish "length".
        temperature: 0 decodes greedily.
        top_p: share of probability mass that is sampled from, in (0, 1].
        batch_size: prompts decoded at once.
        dtype: precision of the weights.
        seed: of the draw and of sampling.
    """

    model_name: Annotated[str, Field(min_length=1)]
    max_instructions: Annotated[int, Field(ge=1)] | None
    max_new_tokens: Annotated[int, Field(ge=1)]
    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    batch_size: Annotated[int, Field(ge=1)]
    dtype: Literal["float32", "bfloat16"]
    seed: Annotated[int, Field(ge=0)]
