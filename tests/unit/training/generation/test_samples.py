"""Rows of samples: what makes two of them one response."""

from __future__ import annotations

from typing import Any

from training.generation.samples import SCHEMA, first_of_each, sample_row
from training.records import content_id


def row(text: str, attempt: int = 0, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "instruction_id": "i",
        "model": "m",
        "family": "f",
        "text": text,
        "sampling": "{}",
        "attempt": attempt,
        "outcome": "answered" if text else "empty",
        "finish": "stop",
        "tokens": 1,
    }
    return sample_row(**{**values, **changes})


def test_a_response_is_named_by_instruction_model_and_text_alone() -> None:
    assert row("Rest.")["response_id"] == content_id("response", "i", "m", "Rest.")
    assert row("Rest.")["response_id"] == row("Rest.", 5, family="g", sampling="{1}", finish=None)["response_id"]
    assert len({row("Rest.", **change)["response_id"] for change in ({}, {"model": "n"}, {"instruction_id": "j"})}) == 3


def test_samples_without_text_are_told_apart_by_outcome_and_attempt() -> None:
    rows = [row("", 0), row("", 1), row("", 1, outcome="no_reply")]
    assert len({each["response_id"] for each in rows}) == 3


def test_the_first_of_equal_rows_is_kept_over_several_batches() -> None:
    seen: set[str] = set()
    assert first_of_each([row("A.", 0), row("B.", 1), row("A.", 2)], seen=seen) == [row("A.", 0), row("B.", 1)]
    assert first_of_each([row("B.", 3), row("C.", 4)], seen=seen) == [row("C.", 4)]


def test_a_row_has_the_columns_of_the_schema_in_their_order() -> None:
    assert list(row("A.")) == SCHEMA.names
