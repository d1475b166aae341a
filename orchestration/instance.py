"""The Dagster instance of a project folder: its home and its settings.

What belongs here: everything about DAGSTER_HOME. No asset is known here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

# Names the project folder to the runs that the UI starts.
HOME_VARIABLE = "PROMEDICAL_HOME"
# Profile, sources and file of the runs that the UI starts, as JSON.
CHOICES_VARIABLE = "PROMEDICAL_CHOICES"
# Names the folder or prefix where reviewers' files come back.
INBOX_VARIABLE = "PROMEDICAL_INBOX"
_DAGSTER_YAML = """\
# Written by promedical; pools keep one writer on the DuckDB file.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 60
"""


def prepare_dagster_home(home: Path) -> Path:
    """Makes `<home>/dagster`, its settings file included, and names it to Dagster through the environment."""
    folder = (home / "dagster").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_DAGSTER_YAML, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance whose history is kept in `<home>/dagster`."""
    prepare_dagster_home(home)
    with dg.DagsterInstance.get() as instance:
        yield instance
