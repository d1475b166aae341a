"""Which instructions get candidate responses: one rule for endpoints and the base model, so that they answer the same ones.

What belongs here: the rule over the raw tables. Which of the eligible are drawn, `drawing.py` decides.

An instruction is eligible if curation keeps it, it has a rubric (without one no response can be judged), it is of a split
whose responses are of use, and its sources bring fewer than `enough` responses. Ours: by default no split `policy_train`, whose
responses the policy samples itself, and no `external`, whose test sets are measured as they were published.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from training.config import StrictConfig
from training.records import Instruction, Split

# The tables that the rule reads; the roles under which a step or stage gets them are the same names.
TABLES = ("raw_instructions", "curated_instructions", "instruction_splits", "raw_criteria", "published_responses")


class EligibleConfig(StrictConfig):
    """Keys of the rule.

    Attributes:
        splits: splits whose instructions are answered.
        enough: an instruction whose sources bring so many responses gets none; 0 would leave out all.
        draw_seed: of the draw where not all are answered. The same seed and a higher limit keep what was drawn before.
    """

    splits: Annotated[tuple[Split, ...], Field(min_length=1)]
    enough: Annotated[int, Field(ge=1)]
    draw_seed: Annotated[int, Field(ge=0)]


def eligible_instructions(folders: Mapping[str, Path], *, splits: Collection[str], enough: int) -> list[Instruction]:
    """The eligible instructions, in id order.

    Args:
        folders: table → folder with its `<table>.parquet`, for each of TABLES. Of each only the columns are read that count.
        splits: see `EligibleConfig`.
        enough: see `EligibleConfig`.
    """
    curated = _read(folders, "curated_instructions", "instruction_id", "kept")
    kept = curated.filter(curated["kept"])["instruction_id"]
    rubrics = pc.unique(_read(folders, "raw_criteria", "instruction_id")["instruction_id"])
    published = pc.value_counts(_read(folders, "published_responses", "instruction_id")["instruction_id"])
    served = published.field("values").filter(pc.greater_equal(published.field("counts"), enough))
    rows = _read(folders, "instruction_splits", "instruction_id", "cluster_id", "split")
    wanted = pc.and_(
        pc.and_(_among(rows["split"], sorted(splits)), _among(rows["instruction_id"], kept)),
        pc.and_(_among(rows["instruction_id"], rubrics), pc.invert(_among(rows["instruction_id"], served))),
    )
    chosen = {row["instruction_id"]: row for row in rows.filter(wanted).to_pylist()}
    return [
        Instruction(
            **row,
            category=None,
            specialty=None,
            cluster_id=chosen[row["instruction_id"]]["cluster_id"],
            split=chosen[row["instruction_id"]]["split"],
        )
        for row in _texts(folders["raw_instructions"], chosen)
    ]


def _read(folders: Mapping[str, Path], table: str, *columns: str) -> pa.Table:
    return pq.read_table(folders[table] / f"{table}.parquet", columns=list(columns))


def _among(column: pa.ChunkedArray, values: object) -> pa.ChunkedArray:
    members = pa.array(values, pa.string()) if isinstance(values, list) else values
    return pc.is_in(column, value_set=members)


def _texts(folder: Path, chosen: Collection[str]) -> list[dict[str, str]]:
    """Id, text and source of the chosen; the texts of all others are passed over batch by batch."""
    members = pa.array(sorted(chosen), pa.string())
    rows: list[dict[str, str]] = []
    with pq.ParquetFile(folder / "raw_instructions.parquet") as file:
        for batch in file.iter_batches(columns=["instruction_id", "text", "source"]):
            rows += batch.filter(pc.is_in(batch["instruction_id"], value_set=members)).to_pylist()
    return sorted(rows, key=lambda row: row["instruction_id"])
