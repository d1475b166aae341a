"""Which instructions get candidate responses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.candidate_tables import raw_tables
from training.generation.eligible import eligible_instructions
from training.records import Instruction

SPLITS = {"a": "rm_train", "b": "validation", "c": "policy_train", "d": "rm_train", "e": "rm_train", "f": "benchmark"}


def keys(folder: Path, **facts: object) -> list[str]:
    found = eligible_instructions(raw_tables(folder, SPLITS, **facts), splits=("rm_train", "validation"), enough=2)  # type: ignore[arg-type]
    return [instruction.instruction_id for instruction in found]


def test_kept_instructions_with_a_rubric_of_the_splits_are_eligible(tmp_path: Path) -> None:
    assert keys(tmp_path / "1") == ["a", "b", "d", "e"]
    assert keys(tmp_path / "2", excluded=["a"]) == ["b", "d", "e"]
    assert keys(tmp_path / "3", without_rubric=["b", "d"]) == ["a", "e"]
    assert keys(tmp_path / "4", excluded=list(SPLITS)) == []


@pytest.mark.parametrize(("published", "expected"), [(1, ["a", "b", "d", "e"]), (2, ["b", "d", "e"]), (3, ["b", "d", "e"])])
def test_an_instruction_with_enough_responses_of_its_sources_gets_none(
    tmp_path: Path, published: int, expected: list[str]
) -> None:
    assert keys(tmp_path, published=[("a", "m", str(n)) for n in range(published)]) == expected


def test_an_eligible_instruction_carries_its_text_source_cluster_and_split(tmp_path: Path) -> None:
    found = eligible_instructions(raw_tables(tmp_path, SPLITS), splits=("benchmark",), enough=1)
    assert found == [
        Instruction(
            instruction_id="f", text="f?", source="s", category=None, specialty=None, cluster_id="c-f", split="benchmark"
        )
    ]
