"""Which version of the project a warehouse file was built by, and what is done about another one's.

What belongs here: the version stamp in the file, and the rule. Every table of the warehouse comes from raw tables that lie in
the store, so an older file is not altered table by table: it is removed, and the build that follows makes all of it. That can
leave no column behind and no row of an older formula, whatever lies between the two versions.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from training.config import ConfigError

# Raise it when a file of the version before cannot be read by what stands here; the code's hash tells all other changes.
VERSION = 2
_STAMP = "warehouse_version"


def prepare_warehouse(warehouse: Path, code: str) -> str | None:
    """Makes sure that the file is one these models may build on: empty, or built by exactly this code.

    Args:
        warehouse: the DuckDB file; may be absent.
        code: hash of the models and whatever else decides what they make.

    Returns:
        Why an older file was removed, in one line; None if it was kept or there was none.

    Raises:
        ConfigError: a newer version of the project built the file, or it cannot be opened.
    """
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    why = _why_not(warehouse, code) if warehouse.exists() else None
    if why is not None:
        warehouse.unlink()
        # A log that was never merged belongs to the old file.
        warehouse.with_name(warehouse.name + ".wal").unlink(missing_ok=True)
    connection = _open(warehouse, read_only=False)
    try:
        connection.execute(f"create or replace table {_STAMP} as select {VERSION} as version, ? as code", [code])
    finally:
        connection.close()
    return why and f"warehouse: {warehouse} was built by {why}; it is built anew from the raw tables"


def _why_not(warehouse: Path, code: str) -> str | None:
    connection = _open(warehouse, read_only=True)
    try:
        tables = {name for (name,) in connection.execute("select table_name from information_schema.tables").fetchall()}
        if not tables:
            return None
        if _STAMP not in tables:
            return "version 1 of the project"
        row = connection.execute(f"select version, code from {_STAMP}").fetchone()
    finally:
        connection.close()
    version, built_by = row or (0, "")
    if version > VERSION:
        raise ConfigError(
            f"warehouse: {warehouse} was built by a newer version of the project (warehouse version {version}, this one knows "
            f"{VERSION}): update the project, or choose another --home"
        )
    if version < VERSION:
        return f"version {version} of the project"
    return None if built_by == code else "other models"


def _open(warehouse: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(warehouse), read_only=read_only)
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise ConfigError(f"warehouse: {warehouse} cannot be opened: {said}; close what uses it, or move it away") from error
