"""Folders of work under way: what a killed stage goes on from, for one process at a time.

What belongs here: whose turn it is. What lies in such a folder is the stage's business; it goes once the work is published.
Work that is never taken up again (another config, other inputs) leaves its folder behind, to be swept once it is old.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TextIO

# How long the work of a killed process can be gone on with: longer than a project rests.
KEPT = timedelta(days=30)
_LOCK = "lock"


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """The folder of one piece of work, made if need be; waits until no other process works in it.

    Two processes with the same skip key would train the same twice and write over each other: the second waits, and finds the
    work done. The lock ends with its process, so that nobody waits for a dead one. The folder stays, however that ends.
    """
    while True:
        with _lock_file(folder) as lock:
            if not _free(lock):
                print(f"    another process does this work in {folder}; waiting for it", file=sys.stderr, flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            # Whose turn it was may have put the folder away, and the lock with it: then it is no one's turn yet.
            if _stands(folder / _LOCK, lock):
                yield folder
                return


@contextmanager
def abandoned(folder: Path, *, kept: timedelta = KEPT) -> Iterator[bool]:
    """Whether nobody works in a folder and nothing in it was written for so long; nobody begins there while this is open.

    Args:
        folder: of a piece of work, or gone; one without a lock is none of ours, or about to be.
        kept: how long.
    """
    with ExitStack() as stack:
        try:
            lock = stack.enter_context((folder / _LOCK).open())
        except (FileNotFoundError, NotADirectoryError):
            yield False
            return
        yield _free(lock) and _stands(folder / _LOCK, lock) and _last_written(folder) < time.time() - kept.total_seconds()


def _last_written(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


def _lock_file(folder: Path) -> TextIO:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        # Between the two lines another process may put the folder away.
        with suppress(FileNotFoundError):
            return (folder / _LOCK).open("w")


def _free(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stands(path: Path, lock: TextIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(lock.fileno()))
    except FileNotFoundError:
        return False
