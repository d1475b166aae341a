"""Samples as rows: one shape for what endpoints and the base model answer, and what makes two samples one response.

What belongs here: the columns, the row of a sample, and merging equal ones. The assets' table `generated_responses` has the
same columns; a contract test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from training.generation.outcomes import Outcome
from training.records import content_id

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("response_id", "instruction_id", "model", "text", "sampling")),
        ("attempt", pa.int64()),
        *((name, pa.string()) for name in ("family", "outcome", "finish")),
        ("tokens", pa.int64()),
    ]
)


def sample_row(
    *,
    instruction_id: str,
    model: str,
    family: str,
    text: str,
    sampling: str,
    attempt: int,
    outcome: Outcome,
    finish: str | None,
    tokens: int | None,
) -> dict[str, Any]:
    """The row of one sample.

    Its id is the content hash of (instruction, model, text), as for every response. A sample without text is no response: its
    outcome and attempt are in its id, so that five empty answers are five rows.

    Args:
        instruction_id: what was asked.
        model: who answered.
        family: the model's family.
        text: the answer, without white space around it; empty if there is none.
        sampling: how it was drawn, as JSON.
        attempt: counts the samples of one model for one instruction, from 0.
        outcome: how it ended.
        finish: why the model stopped; None if it never began.
        tokens: tokens written; None if nobody counted.
    """
    content: tuple[object, ...] = (text,) if text else (text, outcome, attempt)
    return {
        "response_id": content_id("response", instruction_id, model, *content),
        "instruction_id": instruction_id,
        "model": model,
        "text": text,
        "sampling": sampling,
        "attempt": attempt,
        "family": family,
        "outcome": outcome,
        "finish": finish,
        "tokens": tokens,
    }


def first_of_each(rows: Iterable[dict[str, Any]], *, seen: set[str]) -> list[dict[str, Any]]:
    """The rows whose id was not there before, in their order: of equal samples the first attempt.

    Args:
        rows: rows of samples.
        seen: ids that were there before; those of the rows are added.
    """
    kept = []
    for row in rows:
        if row["response_id"] not in seen:
            seen.add(row["response_id"])
            kept.append(row)
    return kept
