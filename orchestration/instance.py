"""The Dagster instance of a project folder: its home, its settings, and one run at a time.

What belongs here: everything about DAGSTER_HOME. No asset is known here.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

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


class ProjectBusy(RuntimeError):
    """Another run works on the same project folder."""


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


@contextmanager
def only_run(home: Path) -> Iterator[None]:
    """Holds the project folder; the lock goes with the process, however it ends.

    Raises:
        ProjectBusy: another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProjectBusy(f"another run is working in {home}; wait for it, or choose another --home") from error
        yield
