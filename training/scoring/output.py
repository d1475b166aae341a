"""Where results go: to standard output, or to a file that is whole or not there, and goes on where it was broken off.

What belongs here: OUT.part (whole lines, in order), OUT.part.json (what they were made from), and OUT, which takes their place
in one step at the end. Other input, another model, other code or another device begins anew.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol

from training.errors import StageRefusal
from training.manifests import canonical_json

_BLOCK = 1 << 20


class Output(Protocol):
    """A place for results."""

    @property
    def done(self) -> int:
        """Whole lines that were there before."""

    def keep(self, lines: int) -> None:
        """Forgets all lines that were there but the first ones; called once, before the first write."""

    def write(self, data: bytes) -> None:
        """Adds whole lines; they stand from now on."""

    def finish(self) -> None:
        """All is there."""


class StandardOutput:
    """Results as they come; nothing can be gone on with."""

    done = 0

    def keep(self, lines: int) -> None:
        """Nothing was there."""

    def write(self, data: bytes) -> None:
        """Adds whole lines."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def finish(self) -> None:
        """All is there."""


class PartFile:
    """OUT.part for as long as it grows.

    Args:
        out: where the whole file will stand.
        job: what the results depend on.

    Attributes:
        path: OUT.part.
        done: whole lines that were there before.
        discarded: lines of another job were there, and are gone.

    Raises:
        StageRefusal: another process writes there, a file is there that is not ours, or nothing can be written.
    """

    def __init__(self, out: Path, job: Mapping[str, str]) -> None:
        self._out = out
        self.path, self._record = part_paths(out)
        self._file = _open(self.path)
        try:
            _lock(self._file, out)
            self.discarded = False
            if not self._goes_on(job):
                self._refuse_foreign()
                self.discarded = self.path.stat().st_size > 0
                self._file.truncate(0)
                # Only now: lines of another job must never stand beside this one's record.
                self._record.write_text(canonical_json(job), encoding="utf-8")
            self.done = _whole_lines(self._file)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> PartFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def _goes_on(self, job: Mapping[str, str]) -> bool:
        try:
            return bool(json.loads(self._record.read_text(encoding="utf-8")) == dict(job))
        except (FileNotFoundError, ValueError):
            # No record, or one that was cut short as it was written: of what the lines are made, nothing says.
            return False

    def _refuse_foreign(self) -> None:
        if self.path.stat().st_size and not self._record.exists():
            raise StageRefusal(f"{self.path} is there, and none of this command's; move it away, or choose another --out")

    def keep(self, lines: int) -> None:
        """Cuts the file behind so many lines."""
        self._file.truncate(_end_of_line(self._file, lines))
        self._file.seek(0, os.SEEK_END)

    def write(self, data: bytes) -> None:
        """Adds whole lines."""
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise StageRefusal(f"{self.path} cannot be written: {error.strerror}; run again to go on from there") from error

    def finish(self) -> None:
        """Puts the file where it belongs."""
        os.fsync(self._file.fileno())
        os.replace(self.path, self._out)
        self._record.unlink(missing_ok=True)


def part_paths(out: Path) -> tuple[Path, Path]:
    """Where unfinished results and their record lie.

    >>> [path.name for path in part_paths(Path("scored.jsonl"))]
    ['scored.jsonl.part', 'scored.jsonl.part.json']
    """
    return out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.part.json")


def refuse_output(out: Path, file: Path) -> None:
    """Refuses a place that is no plain file, or where writing would destroy the input.

    Raises:
        StageRefusal: says which.
    """
    for path in (out, *part_paths(out)):
        if path.exists() and not path.is_file():
            raise StageRefusal(f"{path} is no file; choose another --out (- is standard output)")
        if path.exists() and path.samefile(file):
            raise StageRefusal(f"--out {out} would write over the input {path}; choose another")


def _open(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
    except OSError as error:
        raise StageRefusal(f"{path} cannot be written: {error.strerror}; choose another --out") from error


def _lock(file: BinaryIO, out: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StageRefusal(f"another process writes {out}; wait for it, or choose another --out") from error


def _whole_lines(file: BinaryIO) -> int:
    file.seek(0)
    return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b""))


def _end_of_line(file: BinaryIO, number: int) -> int:
    """The offset behind so many lines."""
    file.seek(0)
    for _ in range(number):
        file.readline()
    return file.tell()
