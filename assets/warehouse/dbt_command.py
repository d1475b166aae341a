"""How dbt is called: which program, which project, which tables it reads and which file it writes."""

from __future__ import annotations

import sys
from pathlib import Path

from training.stages import ROOT

PROJECT_DIR = ROOT / "dbt_project"
# Beside the interpreter, so that a virtual environment need not be activated.
DBT = Path(sys.executable).parent / "dbt"
# All models with their data tests; the unit tests are about the SQL, not about these data.
BUILD = ("build", "--exclude-resource-type", "unit_test")


def dbt_environment(warehouse: Path, raw: Path) -> dict[str, str]:
    """The environment variables that dbt_project reads.

    Args:
        warehouse: the DuckDB file.
        raw: the folder with one Parquet file per raw table.
    """
    return {"PROMEDICAL_WAREHOUSE": str(warehouse.absolute()), "PROMEDICAL_RAW": str(raw.absolute())}
