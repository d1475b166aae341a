"""Snapshots: the frozen tables that leave the warehouse for training and benchmarks, read into typed records.

What belongs here: the tables' columns and reading them. Whether a snapshot may be used is `contracts.py`'s to say.
A snapshot folder holds one Parquet file per table and `contracts.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from training.records import Criterion, Instruction, Response, Rubric, Verdict

TABLES = (
    "instructions",
    "criteria",
    "responses",
    "resolved_verdicts",
    "response_scores",
    "preference_pairs",
    "criterion_preferences",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedVerdict:
    """The one verdict on a (response, criterion), and the kind of judge it comes from: None for an `unknown` of nobody."""

    response_id: str
    criterion_id: str
    verdict: Verdict
    judge_kind: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionPreference:
    """On this criterion `better_id` is met and `worse_id` unmet; discordant if the better one loses overall."""

    instruction_id: str
    criterion_id: str
    tier: str
    better_id: str
    worse_id: str
    discordant: bool
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencePair:
    """Overall, `chosen_id` is preferred to `rejected_id`; `decided_by` names the tier that decided."""

    pair_id: str
    instruction_id: str
    rubric_version: str
    chosen_id: str
    rejected_id: str
    decided_by: str
    margin: float
    split: str


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All records of a snapshot, by id where they have one."""

    instructions: dict[str, Instruction]
    rubrics: dict[str, Rubric]
    responses: dict[str, Response]
    verdicts: tuple[ResolvedVerdict, ...]
    pairs: tuple[PreferencePair, ...]
    criterion_preferences: tuple[CriterionPreference, ...]

    @property
    def criteria(self) -> dict[str, Criterion]:
        """Every criterion by its id."""
        return {c.criterion_id: c for rubric in self.rubrics.values() for c in rubric.criteria}

    def of_split(self, *splits: str) -> list[Instruction]:
        """The instructions of these splits, in id order."""
        return [i for _, i in sorted(self.instructions.items()) if i.split in splits]


def read_table(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows of one table of a snapshot."""
    rows: list[dict[str, Any]] = pq.read_table(folder / f"{table}.parquet").to_pylist()
    return rows


def read_snapshot(folder: Path) -> Snapshot:
    """Reads a snapshot folder into records; columns that a record does not have are left in the file."""
    instructions = {
        row["instruction_id"]: Instruction(
            **{k: row[k] for k in ("instruction_id", "text", "source", "category", "specialty", "cluster_id", "split")}
        )
        for row in read_table(folder, "instructions")
    }
    criteria: dict[str, list[Criterion]] = {}
    versions: dict[str, str] = {}
    for row in read_table(folder, "criteria"):
        versions[row["instruction_id"]] = row["rubric_version"]
        criteria.setdefault(row["instruction_id"], []).append(
            Criterion(criterion_id=row["criterion_id"], tier=row["tier"], text=row["text"], weight=row["weight"])
        )
    return Snapshot(
        instructions=instructions,
        rubrics={
            key: Rubric(
                instruction_id=key,
                rubric_version=versions[key],
                criteria=tuple(sorted(rows, key=lambda c: (("main", "bonus", "veto").index(c.tier), c.criterion_id))),
            )
            for key, rows in criteria.items()
        },
        responses={
            row["response_id"]: Response(**{k: row[k] for k in ("response_id", "instruction_id", "model", "text")})
            for row in read_table(folder, "responses")
        },
        verdicts=tuple(
            ResolvedVerdict(**{k: row[k] for k in ("response_id", "criterion_id", "verdict", "judge_kind")})
            for row in read_table(folder, "resolved_verdicts")
        ),
        pairs=tuple(
            PreferencePair(**{k: row[k] for k in PreferencePair.__slots__}) for row in read_table(folder, "preference_pairs")
        ),
        criterion_preferences=tuple(
            CriterionPreference(**{k: row[k] for k in CriterionPreference.__slots__})
            for row in read_table(folder, "criterion_preferences")
        ),
    )
