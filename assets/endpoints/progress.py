"""What is shown while calls are made: done, failed, replayed, spent, and how long the rest will take."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from typing import TextIO

from assets.endpoints.budget import Cost
from assets.endpoints.calls import Outcome
from training.progress import format_seconds

_EVERY_TERMINAL, _EVERY_LOG = 0.5, 10.0


class CallProgress:
    """Counts the calls of one batch.

    Args:
        what: what they are for.
        currency: of the money; None: no prices, no money shown.
        stream: where lines go; a terminal gets one line that is written anew, a log one every ten seconds.
    """

    def __init__(self, what: str, *, currency: str | None, stream: TextIO | None = None) -> None:
        self._what, self._currency = what, currency
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._done: Counter[Outcome] = Counter()
        # Seconds from one `show` to the next.
        self.every = _EVERY_TERMINAL if self._terminal else _EVERY_LOG

    def begin(self, *, total: int, replayed: int) -> None:
        """So many are to be asked, and so many the ledger knew."""
        self._total, self._replayed, self._start = total, replayed, time.monotonic()
        if not total and replayed:
            print(f"    {self._what}: {replayed:,} replayed at no cost, none to ask", file=self._stream, flush=True)

    def count(self, outcome: Outcome) -> None:
        """One more has ended."""
        self._done[outcome] += 1

    def show(self, *, spent: Cost, in_flight: int, paused: float = 0.0, last: bool = False) -> None:
        """Writes how far it is; paused: seconds that the endpoint still asks to wait."""
        done = self._done.total()
        elapsed = time.monotonic() - self._start
        # Replays took no time and say nothing of the rest.
        left = format_seconds(elapsed / done * (self._total - done)) if done else "?"
        money = f" and {spent.money:.2f} {self._currency}" if self._currency else ""
        parts = [
            f"{done:,}/{self._total:,} asked",
            f"{self._done['failed']:,} failed",
            f"{self._done['refused']:,} refused",
            f"{self._replayed:,} replayed",
            f"spent in all {spent.tokens:,} tokens{money}",
            f"left ~{left}",
            f"elapsed {format_seconds(elapsed)}",
            f"{in_flight} in flight",
            *([f"the endpoint asks to wait {format_seconds(paused)}"] if paused else []),
        ]
        line = f"    {self._what}: {', '.join(parts)}"
        if self._terminal:
            # A line that wraps cannot be written anew.
            width = max(40, shutil.get_terminal_size().columns - 1)
            print(f"\r{line[:width]:<{width}}", end="\n" if last else "", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)
