"""Stage `candidate_generation`: the base model's candidate responses to instructions that have a rubric.

What belongs here: drawing, sampling every instruction several times, and one row per sample. Endpoints' candidates are
`assets/responses/generate.py`'s; both write the same columns.

Departures from the paper, which samples from three families and says no more: the base model's own answers may stand beside
them, since the reward model will have to judge such; a sample that cannot be used is recorded and never drawn again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import StageRefusal
from training.generation.candidate_config import CandidateGenerationConfig
from training.generation.drawing import draw_instructions
from training.generation.eligible import eligible_instructions
from training.generation.outcomes import outcome_of
from training.generation.samples import SCHEMA, first_of_each, sample_row
from training.records import Instruction

FILE = "base_responses.parquet"


def run(*, config: CandidateGenerationConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Writes `base_responses.parquet`: without a row, and without loading a model library, if the config switches it off.

    Raises:
        StageRefusal: the base model is of another family than the config says.
    """
    available, drawn, asked = 0, [], []
    if config.on:
        eligible = eligible_instructions(inputs, splits=config.splits, enough=config.enough)
        drawn = draw_instructions(eligible, limit=config.max_instructions, seed=config.draw_seed)
        available = len(eligible)
        asked = list(_samples(drawn, config=config, base_model=inputs["base_model"])) if drawn else []
    rows = sorted(first_of_each(asked, seen=set()), key=lambda row: str(row["response_id"]))
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), output / FILE, compression="zstd")
    outcomes = Counter(row["outcome"] for row in asked)
    return {
        "model": config.model_name,
        "instructions_available": available,
        "instructions": len(drawn),
        "asked": len(asked),
        "repeated": len(asked) - len(rows),
        **{f"outcome {name}": number for name, number in sorted(outcomes.items())},
    }


def _samples(drawn: Sequence[Instruction], *, config: CandidateGenerationConfig, base_model: Path) -> Iterator[dict[str, Any]]:
    """One row per sample, attempt by attempt."""
    # Heavy, and not needed by a stage that is switched off.
    from training.generation.model import load_policy
    from training.generation.prompt import render_prompt, tokenize_prompts
    from training.generation.rollouts import Rollout, generate_rollouts

    model, tokenizer = load_policy(base_model, dtype=config.dtype)
    found = model.config.model_type
    if not found.startswith(config.family.lower()):
        raise StageRefusal(f"candidate_generation: the base model is a {found}, not a {config.family}; set family to it")
    prompts = tokenize_prompts(tokenizer, [render_prompt(tokenizer, i.text) for i in drawn])
    room = model.config.max_position_embeddings - config.max_new_tokens
    fitting = [i for i, ids in zip(drawn, prompts, strict=True) if len(ids) <= room]
    for attempt in range(config.samples):
        sampling = config.sampling(attempt)
        answers: dict[str, Rollout] = {}
        if fitting:
            rollouts = generate_rollouts(model, tokenizer, [i.text for i in fitting], config=sampling)
            answers = {i.instruction_id: rollout for i, rollout in zip(fitting, rollouts, strict=True)}
        said = json.dumps(
            {
                "max_tokens": config.max_new_tokens,
                "temperature": config.temperature,
                "top_p": config.top_p,
                "seed": sampling.seed,
            },
            sort_keys=True,
        )
        for instruction in drawn:
            rollout = answers.get(instruction.instruction_id)
            yield sample_row(
                instruction_id=instruction.instruction_id,
                model=config.model_name,
                family=config.family,
                text=rollout.text if rollout else "",
                sampling=said,
                attempt=attempt,
                outcome=outcome_of(rollout.text, rollout.finish) if rollout else "too_long",
                finish=rollout.finish if rollout else None,
                tokens=rollout.n_tokens if rollout else None,
            )
