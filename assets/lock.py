"""One run at a time in a project folder, whoever starts it: the command line, the UI or a schedule.

What belongs here: the lock. Imports no dagster.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_SECONDS = 0.5
# The folders that this process holds: a run inside a run is the same run.
_HELD: set[Path] = set()


class ProjectBusy(RuntimeError):
    """Another run works on the same project folder."""


@contextmanager
def only_run(home: Path, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Holds the project folder; the lock goes with the process, however it ends. A process that holds it may enter again.

    Args:
        home: the folder.
        wait_seconds: how long to wait for another process to end.

    Raises:
        ProjectBusy: another process holds it, still after so long.
    """
    home = home.absolute()
    if home in _HELD:
        yield
        return
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("w") as handle:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise ProjectBusy(f"another run is working in {home}; wait for it, or choose another --home") from error
                time.sleep(_LOOK_SECONDS)
        _HELD.add(home)
        try:
            yield
        finally:
            _HELD.discard(home)
