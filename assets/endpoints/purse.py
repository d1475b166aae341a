"""What a batch of calls may still spend, while calls are in flight.

What belongs here: reserving a call's bound before it goes out, and putting what it took in its place.
"""

from __future__ import annotations

import asyncio

from assets.endpoints.budget import Cost, over_budget
from assets.endpoints.config import CallsConfig
from assets.endpoints.errors import BudgetExceeded


class Purse:
    """Spent and reserved, so that the two never exceed the limits. Used by one event loop: no locks.

    Args:
        limits: the section `calls`.
        spent: all that the ledger ever paid, or may have.
    """

    def __init__(self, limits: CallsConfig, spent: Cost) -> None:
        self._limits = limits
        self.spent = spent
        self.in_flight = 0
        self._reserved = Cost()
        self._over: tuple[str, Cost] | None = None
        self._closed = False
        self._changed = asyncio.Event()

    async def reserve(self, bound: Cost) -> bool:
        """Waits until a call fits beside those in flight; False if it never will, or the purse is closed."""
        while not self._closed:
            if over_budget(self._limits, spent=self.spent, reserved=self._reserved, bound=bound) is None:
                self._reserved += bound
                self.in_flight += 1
                return True
            # Calls in flight mostly take less than their bound; but what is spent only grows.
            key = over_budget(self._limits, spent=self.spent, reserved=Cost(), bound=bound)
            if key is not None:
                self._over = self._over or (key, bound)
                return False
            self._changed.clear()
            await self._changed.wait()
        return False

    def settle(self, bound: Cost, cost: Cost) -> None:
        """A call has ended and took `cost`."""
        self.in_flight -= 1
        # Sums of money are inexact: with nothing in flight, nothing at all is reserved.
        self._reserved = self._reserved - bound if self.in_flight else Cost()
        self.spent += cost
        self._changed.set()

    def close(self) -> None:
        """Lets no further call out."""
        self._closed = True
        self._changed.set()

    def exceeded(self, left: int) -> BudgetExceeded | None:
        """What to say if a call did not fit; `left`: how many calls are not done."""
        if self._over is None:
            return None
        key, bound = self._over
        money = f" and {self.spent.money:.2f} {self._limits.currency}" if self._limits.money is not None else ""
        return BudgetExceeded(
            f"calls.{key} is {getattr(self._limits, key):,}, and {self.spent.tokens:,} tokens{money} are spent: the next call"
            f" may take {bound.tokens:,} tokens; {left:,} of this batch of calls are left to ask, all others are kept: raise"
            f" calls.{key} and run again"
        )
