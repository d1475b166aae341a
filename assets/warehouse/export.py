"""Raw tables in, marts out: laying artifacts where dbt reads them, and writing each mart as deterministic Parquet.

What belongs here: moving tables over the warehouse's border, and its state file. SQL belongs to dbt_project.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

# Mart → the columns that order its rows, so that the same content gives the same bytes.
MARTS: dict[str, tuple[str, ...]] = {
    "instructions": ("instruction_id",),
    "criteria": ("criterion_id",),
    "responses": ("response_id",),
    "verdicts": ("response_id", "criterion_id", "judge", "judge_kind"),
    "resolved_verdicts": ("response_id", "criterion_id"),
    "response_scores": ("response_id", "rubric_version"),
    "pair_outcomes": ("ALL",),
    "preference_pairs": ("pair_id",),
    "criterion_preferences": ("criterion_id", "better_id", "worse_id"),
    "quarantine": ("source", "source_row", "reason", "raw"),
}


def lay_out_raw(inputs: Mapping[str, Path], folder: Path) -> None:
    """Puts each raw table's one Parquet file into the folder that dbt reads, under the table's name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, artifact in inputs.items():
        shutil.copyfile(artifact / f"{name}.parquet", folder / f"{name}.parquet")


def export_mart(warehouse: Path, mart: str, folder: Path) -> int:
    """Writes one mart to `<folder>/<mart>.parquet`, ordered by its key; returns its rows."""
    order = ", ".join(MARTS[mart])
    # Which version of which batch a row was made from is the warehouse's own business (dbt_project/macros/batches.sql).
    columns = "columns(lambda name: name <> 'batch_version')"
    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        connection.execute("set enable_progress_bar = false")
        table = connection.sql(f'select {columns} from "{mart}" order by {order}').to_arrow_table()
    finally:
        connection.close()
    folder.mkdir(parents=True, exist_ok=True)
    # No schema metadata, which would put library versions into the bytes, and one chunk, since chunks show in them.
    table = table.replace_schema_metadata(None).combine_chunks()
    pq.write_table(table, folder / f"{mart}.parquet", compression="zstd")
    return int(table.num_rows)


def _state_path(warehouse: Path) -> Path:
    return warehouse.with_suffix(".state.json")


def forget_state(warehouse: Path) -> None:
    """Says that the warehouse's content is in between: whatever was built before may be half overwritten."""
    _state_path(warehouse).unlink(missing_ok=True)


def write_state(warehouse: Path, key: str) -> None:
    """Says which skip key the warehouse's content comes from."""
    temporary = _state_path(warehouse).with_suffix(".tmp")
    temporary.write_text(json.dumps({"skip_key": key}), encoding="utf-8")
    os.replace(temporary, _state_path(warehouse))


def holds_state(warehouse: Path, key: str) -> bool:
    """Whether the warehouse file holds what this skip key made."""
    state = _state_path(warehouse)
    return warehouse.exists() and state.exists() and json.loads(state.read_text(encoding="utf-8"))["skip_key"] == key
