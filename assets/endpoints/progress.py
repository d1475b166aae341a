"""What is shown while calls are made: done, failed, replayed, spent, and how long the rest will take."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import TextIO

from assets.endpoints.budget import Cost
from assets.endpoints.calls import Outcome
from training.progress import format_seconds

_EVERY_TERMINAL, _EVERY_LOG = 0.2, 10.0


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
        self._done: Counter[Outcome] = Counter()
        self._last = float("-inf")
        self.total = 0

    def begin(self, *, total: int, replayed: int) -> None:
        """So many are to be asked, and so many the ledger knew."""
        self.total, self._replayed, self._start = total, replayed, time.monotonic()
        if not total and replayed:
            self._show(f"    {self._what}: {replayed:,} replayed at no cost, none to ask", last=True)

    def update(self, outcome: Outcome, *, spent: Cost, in_flight: int) -> None:
        """One more has ended."""
        self._done[outcome] += 1
        done = self._done.total()
        now = time.monotonic()
        last = done == self.total
        if now - self._last < (_EVERY_TERMINAL if self._stream.isatty() else _EVERY_LOG) and not last:
            return
        self._last = now
        elapsed = now - self._start
        rest = elapsed / done * (self.total - done)
        money = f" {spent.money:.2f} {self._currency}" if self._currency else ""
        self._show(
            f"    {self._what}: {done:,}/{self.total:,} asked, {self._done['failed']} failed, {self._done['refused']} refused,"
            f" {self._replayed:,} replayed, {in_flight} in flight, spent in all {spent.tokens:,} tokens{money},"
            f" elapsed {format_seconds(elapsed)}, left ~{format_seconds(rest)}",
            last=last,
        )

    def _show(self, line: str, *, last: bool) -> None:
        if self._stream.isatty():
            print(f"\r{line:<120}", end="\n" if last else "", file=self._stream, flush=True)
        else:
            print(line, file=self._stream, flush=True)
