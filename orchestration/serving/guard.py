"""Runs a command, and ends it with everything it started once nobody holds this process's standard input any more.

What belongs here: only this, by the standard library alone; it is run as a file. A process between the two, because what is
guarded may be gone before its own workers are: then nobody of them would be left to end the rest.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

_GRACE_SECONDS = 10.0


def main(command: list[str]) -> int:
    """Runs the command in this process group; returns its exit code as a shell would."""
    # A handler and not SIG_IGN, which the command would inherit: the group's signal is meant for the command.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    abandoned = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process, abandoned), daemon=True)
    watcher.start()
    code = process.wait()
    if abandoned.is_set():
        watcher.join()
    return code if code >= 0 else 128 - code


def _watch(process: subprocess.Popen[bytes], abandoned: threading.Event) -> None:
    # The other end is never written to: this returns when whoever holds it has died, however that was.
    while os.read(0, 4096):
        continue
    abandoned.set()
    os.killpg(os.getpgrp(), signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_GRACE_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
