"""What a review round holds, and how it is kept: a partition of `review_rounds`.

What belongs here: the record and its files. Filling it is `review_import.py`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assets.instructions.tables import write_table

TABLES = ("review_decisions", "reviewed_criteria", "criterion_versions")


@dataclass(frozen=True, kw_only=True)
class RoundTables:
    """All that a round holds: rows of the three tables, and how many drafts were drawn."""

    round: str
    digest: str
    drafts: int
    review_decisions: Sequence[Mapping[str, Any]] = ()
    reviewed_criteria: Sequence[Mapping[str, Any]] = ()
    criterion_versions: Sequence[Mapping[str, Any]] = ()


def write_round(tables: RoundTables, folder: Path) -> None:
    """Writes a round: one Parquet file per table, and `round.json`."""
    for name in TABLES:
        write_table(name, getattr(tables, name), folder)
    facts = {"round": tables.round, "digest": tables.digest, "drafts": tables.drafts}
    (folder / "round.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def read_round(folder: Path) -> RoundTables:
    """A round as `write_round` left it."""
    facts = json.loads((folder / "round.json").read_text(encoding="utf-8"))
    return RoundTables(**facts, **{name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in TABLES})
