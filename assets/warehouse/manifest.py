"""dbt's manifest, from which Dagster knows the models: parsed again only when the dbt project's files have changed."""

from __future__ import annotations

import os
import subprocess
import tempfile
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
    target = PROJECT_DIR / "target"
    # Named by what it was parsed from, so that no other file has to agree with it.
    manifest = target / f"manifest-{source_hash(DBT_SOURCES)[:16]}.json"
    if manifest.exists():
        return manifest
    target.mkdir(exist_ok=True)
    # Apart from what another process may be parsing at the same time.
    with tempfile.TemporaryDirectory(dir=target, prefix="parse-") as folder:
        _parse(Path(folder))
        # dbt parses the rest faster from it.
        os.replace(Path(folder) / "partial_parse.msgpack", target / "partial_parse.msgpack")
        os.replace(Path(folder) / "manifest.json", manifest)
    return manifest


def _parse(target: Path) -> None:
    places = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    command = [str(DBT), "parse", *places, "--target-path", str(target), "--log-path", str(target)]
    # Parsing opens neither; building sets both.
    paths = dbt_environment(Path("unused.duckdb"), Path("unused"))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **paths}, check=False)
    if done.returncode:
        raise ConfigError(f"dbt cannot parse dbt_project:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
