"""dbt's manifest, from which Dagster knows the models: parsed again only when the dbt project's files have changed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from assets.warehouse.dbt_command import DBT, PROJECT_DIR, dbt_environment
from assets.warehouse.steps import DBT_SOURCES
from training.config import ConfigError
from training.stages import source_hash


def ensure_manifest() -> Path:
    """The path of a manifest that belongs to the project's present files.

    Raises:
        ConfigError: dbt cannot parse the project; carries the end of what it says.
    """
    manifest = PROJECT_DIR / "target" / "manifest.json"
    stamp = PROJECT_DIR / "target" / "sources.sha256"
    now = source_hash(DBT_SOURCES)
    if manifest.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == now:
        return manifest
    command = [str(DBT), "parse", "--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    # Parsing opens neither; building sets both.
    paths = dbt_environment(Path("unused.duckdb"), Path("unused"))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **paths}, check=False)
    if done.returncode:
        raise ConfigError(f"dbt cannot parse dbt_project:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    stamp.write_text(now, encoding="utf-8")
    return manifest
