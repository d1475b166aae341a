"""One run at a time in a project folder, whoever starts it: the command line, the UI or a schedule.

What belongs here: the lock. Imports no dagster.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The folders that this process holds: a run inside a run is the same run.
_HELD: set[Path] = set()


class ProjectBusy(RuntimeError):
    """Another run works on the same project folder."""


@contextmanager
def only_run(home: Path) -> Iterator[None]:
    """Holds the project folder; the lock goes with the process, however it ends. A process that holds it may enter again.

    Raises:
        ProjectBusy: another process holds it.
    """
    home = home.absolute()
    if home in _HELD:
        yield
        return
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ProjectBusy(f"another run is working in {home}; wait for it, or choose another --home") from error
        _HELD.add(home)
        try:
            yield
        finally:
            _HELD.discard(home)
