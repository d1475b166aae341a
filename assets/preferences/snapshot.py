"""Cutting snapshots: the rows of a role's splits, out of marts whose contracts passed, into one frozen folder.

What belongs here: which rows a role sees. Refusing a snapshot when training starts is `training/contracts.py`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from training.contracts import ROLE_SPLITS
from training.snapshot import TABLES

# A policy sees questions and rubrics only: no answer of anyone's, so none can leak into it.
PROMPT_TABLES = ("instructions", "criteria")

_ROWS: dict[str, str] = {
    "instructions": "select i.* from instructions i where i.instruction_id in (from chosen) order by instruction_id",
    "criteria": "select c.* from criteria c where c.instruction_id in (from chosen) order by criterion_id",
    "responses": "select r.* from responses r where r.instruction_id in (from chosen) order by response_id",
    "resolved_verdicts": """
        select v.* from resolved_verdicts v join responses r using (response_id)
        where r.instruction_id in (from chosen) order by response_id, criterion_id""",
    "response_scores": """
        select s.* from response_scores s join responses r using (response_id)
        where r.instruction_id in (from chosen) order by response_id""",
    "preference_pairs": "select p.* from preference_pairs p where p.instruction_id in (from chosen) order by pair_id",
    "criterion_preferences": """
        select p.* from criterion_preferences p
        where p.instruction_id in (from chosen) order by criterion_id, better_id, worse_id""",
}


def cut_snapshot(marts: Mapping[str, Path], *, role: str, folder: Path) -> dict[str, int]:
    """Writes every table of a snapshot, restricted to kept instructions of the role's splits that have a rubric.

    Args:
        marts: table → its Parquet file.
        role: a key of ROLE_SPLITS.
        folder: where the tables go.

    Returns:
        Rows per table.
    """
    connection = duckdb.connect()
    counts = {}
    try:
        for table in TABLES:
            connection.read_parquet(str(marts[table])).create_view(table)
        splits = ", ".join(f"'{split}'" for split in ROLE_SPLITS[role])
        connection.execute(
            f"create table chosen as select instruction_id from instructions where kept and split in ({splits}) "
            "and instruction_id in (select instruction_id from criteria)"
        )
        for table in TABLES:
            query = _ROWS[table]
            if role == "policy" and table not in PROMPT_TABLES:
                query = f"select * from ({query}) limit 0"
            rows = connection.sql(query).to_arrow_table().replace_schema_metadata(None)
            pq.write_table(rows, folder / f"{table}.parquet", compression="zstd")
            counts[table] = int(rows.num_rows)
    finally:
        connection.close()
    return counts
