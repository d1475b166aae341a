"""How a process ends that was started for one piece of work: when it is told to, or when nobody is left who wants its result.

What belongs here: signals, on either side of them, and the pipe to who started it. Windows is not supported, as nowhere in this
project.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any, NoReturn


def unwind_on_sigterm() -> None:
    """Makes SIGTERM an exception, so that temporary folders are removed on the way out."""
    signal.signal(signal.SIGTERM, _unwind)


def end_with_stdin(grace_seconds: float = 10.0) -> None:
    """Ends this process and its group once standard input is at its end.

    The orchestrator holds the other end and never writes: the end comes when it dies, however it dies. A pipe, and not the
    kernel's signal on a parent's death: that one comes when the *thread* that started the child ends, and on Linux only.

    Args:
        grace_seconds: time to unwind after SIGTERM before the whole group is killed.
    """
    threading.Thread(target=_watch, args=(sys.stdin.fileno(), grace_seconds), daemon=True).start()


def end_group(process: subprocess.Popen[Any], *, grace_seconds: float) -> None:
    """Ends a process that leads a group of its own, and all that it started; nothing of it is left afterwards.

    Args:
        process: started with `start_new_session`; it may have ended.
        grace_seconds: time to unwind after SIGTERM before the whole group is killed.
    """
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace_seconds)
    finally:
        # Also when the leader itself has gone, and after a second Ctrl-C: its own children may still be there.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _unwind(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


def _watch(descriptor: int, grace_seconds: float) -> None:
    while os.read(descriptor, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_seconds)
    os.killpg(os.getpgrp(), signal.SIGKILL)
