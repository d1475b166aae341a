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
        begun: share of the work, from 0 to below 1, that an earlier process did: it took none of the time from now on.
        every_seconds: least time between two lines on a stream that is no terminal.
    """

    def __init__(
        self,
        what: str,
        total: int | None,
        *,
        begun: float = 0.0,
        stream: TextIO | None = None,
        every_seconds: float = 10.0,
    ) -> None:
        self._what, self._total, self._begun = what, total, begun
        self._stream = stream or sys.stderr
        self._every = 0.2 if self._stream.isatty() else every_seconds
        self._start = time.monotonic()
        self._last = float("-inf")

    def update(self, done: int, *, share: float | None = None, **figures: float) -> None:
        """Says that `done` of the total are done, with the latest figures (such as loss=0.61).

        Args:
            done: steps done.
            share: share of the work that is done, from 0 to 1, where steps are not equally long; done/total by default.
            figures: what else to show.
        """
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
            left = format_seconds(self._rest(elapsed, done / max(1, self._total) if share is None else share))
            line = f"    {self._what} {done}/{self._total}  elapsed {format_seconds(elapsed)}  left ~{left}{shown}"
        if self._stream.isatty():
            print(f"\r{line:<100}", end="\n" if finished else "", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)

    def _rest(self, elapsed: float, share: float) -> float:
        """Seconds that the rest takes at the pace so far."""
        return elapsed / (share - self._begun) * max(0.0, 1 - share) if share > self._begun else 0.0
