"""Progress of a stage on standard error: done of total, elapsed, estimate.

A log gets a line every few seconds, a terminal one line that is written anew.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO


def format_seconds(seconds: float) -> str:
    """Minutes and seconds.

    >>> format_seconds(125.4)
    '2:05'
    """
    whole = int(seconds + 0.5)
    return f"{whole // 60}:{whole % 60:02d}"


class Progress:
    """Counts the steps of one piece of work and says how long the rest will take.

    Args:
        what: what is being done, such as "train reward model".
        total: number of steps; None if nobody knows, as of a file that is being read: no estimate is given then.
        every_seconds: least time between two lines on a stream that is no terminal.
    """

    def __init__(self, what: str, total: int | None, *, stream: TextIO | None = None, every_seconds: float = 10.0) -> None:
        self._what, self._total = what, total
        self._stream = stream or sys.stderr
        self._every = 0.2 if self._stream.isatty() else every_seconds
        self._start = time.monotonic()
        self._last = float("-inf")

    def update(self, done: int, **figures: float) -> None:
        """Says that `done` of the total are done, with the latest figures (such as loss=0.61)."""
        now = time.monotonic()
        finished = self._total is not None and done >= self._total
        if now - self._last < self._every and not finished:
            return
        self._last = now
        elapsed = now - self._start
        shown = "".join(f"  {name} {value:.3f}" for name, value in figures.items())
        if self._total is None:
            line = f"    {self._what} {done:,}  elapsed {format_seconds(elapsed)}{shown}"
        else:
            rest = elapsed / done * (self._total - done) if done else 0.0
            left = format_seconds(rest)
            line = f"    {self._what} {done}/{self._total}  elapsed {format_seconds(elapsed)}  left ~{left}{shown}"
        if self._stream.isatty():
            print(f"\r{line:<100}", end="\n" if finished else "", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)
