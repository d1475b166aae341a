"""Whether a step's calls all came to an end: an `Ask` that counts those that a new run would ask again.

What belongs here: counting, and what a step says of it. That such a step is not done is for `assets/interfaces` to see to.
"""

from __future__ import annotations

from collections.abc import Sequence

from assets.endpoints.calls import Ask, Call, Reply
from assets.endpoints.config import EndpointConfig
from assets.steps import UNFINISHED, Metadata


class Counted:
    """Asks, and counts the calls that stayed without a reply within what is allowed.

    Args:
        ask: makes the calls.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._failed = 0

    def __call__(self, calls: Sequence[Call], endpoint: EndpointConfig) -> Sequence[Reply]:
        """Asks; raises what the ask does."""
        replies = self._ask(calls, endpoint)
        self._failed += sum(reply.outcome == "failed" for reply in replies)
        return replies

    @property
    def metadata(self) -> Metadata:
        """For one of the step's outputs; nothing if there is nothing to ask again."""
        return {UNFINISHED: self._failed} if self._failed else {}
