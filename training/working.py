"""Folders of work under way: what a killed stage goes on from, for one process at a time.

What belongs here: whose turn it is. What lies in such a folder is the stage's business; it goes once the work is published.
Work that is never taken up again (another config, other inputs) leaves its folder behind: it can be removed at any time.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

_LOCK = "lock"


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """A folder that this process alone works in.

    Attributes:
        folder: it is kept when the process ends, however that ends.
        waited: whether another process had its turn first, which may have done the work.
    """

    folder: Path
    waited: bool


@contextmanager
def workplace(folder: Path) -> Iterator[Workplace]:
    """The folder of one piece of work, made if need be; waits until no other process works in it.

    Two processes with the same skip key would train the same twice and write over each other: the second waits, and finds the
    work done. The lock ends with its process, so that nobody waits for a dead one.
    """
    waited = False
    while True:
        with _lock_file(folder) as lock:
            if not _free(lock):
                waited = True
                print(f"    another process does this work in {folder}; waiting for it", file=sys.stderr, flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            # Whose turn it was may have put the folder away, and the lock with it: then it is no one's turn yet.
            if _stands(folder / _LOCK, lock):
                yield Workplace(folder=folder, waited=waited)
                return


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
