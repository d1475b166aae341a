"""Difficulty by a language model: what it is asked, and which answers count.

What belongs here: the prompt and the reading of its answer. As in Geng et al. 2026 the scale is 0 to 10; the words of the
prompt are ours. The instruction stands in an enclosure and the model is told that it is material, since some instructions look
like orders.
"""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa

from assets.endpoints.calls import Ask, Call, Message, Outcome
from assets.endpoints.config import EndpointConfig
from assets.endpoints.isolation import NOTICE, enclosed

SYSTEM = (
    "You rate how difficult a medical question is to answer well, on a scale of integers from 0 to 10.\n"
    "0: no medical knowledge needed. 2: a fact any leaflet gives. 4: everyday general practice. 6: several facts must be"
    " weighed, or a risk recognized. 8: specialist knowledge and several steps of reasoning. 10: experts would disagree.\n"
    f"{NOTICE}\n"
    "Reply with the integer alone."
)
LOWEST, HIGHEST = 0, 10


class EndpointScorer:
    """Scores by the model of an endpoint; named after it, since scores of two models are two scales.

    Args:
        endpoint: whom to ask.
        ask: how.
        max_tokens: longest answer.
    """

    def __init__(self, endpoint: EndpointConfig, ask: Ask, *, max_tokens: int) -> None:
        self.name = f"endpoint:{endpoint.model}"
        self._endpoint, self._ask, self._max_tokens = endpoint, ask, max_tokens
        self.outcomes: Counter[Outcome] = Counter()
        self.unreadable = 0

    def score(self, instructions: pa.Table) -> pa.Array:
        """Difficulty of every row's `text`, null where the model gave no readable answer.

        Raises:
            CallsError: as `ask`.
        """
        calls = [difficulty_call(text, max_tokens=self._max_tokens) for text in instructions.column("text").to_pylist()]
        replies = self._ask(calls, self._endpoint)
        scores = [None if reply.text is None else parse_difficulty(reply.text) for reply in replies]
        self.outcomes = Counter(reply.outcome for reply in replies)
        self.unreadable = sum(score is None and reply.text is not None for score, reply in zip(scores, replies, strict=True))
        return pa.array(scores, pa.float64())


def difficulty_call(text: str, *, max_tokens: int) -> Call:
    """The question about one instruction."""
    messages = (Message("system", SYSTEM), Message("user", enclosed("question", text)))
    return Call(messages=messages, max_tokens=max_tokens)


def parse_difficulty(reply: str) -> float | None:
    """The score in a reply that is a JSON integer from 0 to 10 and nothing else; None for any other reply.

    >>> parse_difficulty(" 7 "), parse_difficulty("7/10"), parse_difficulty("11"), parse_difficulty("7.5")
    (7.0, None, None, None)
    """
    try:
        value = json.loads(reply)
    except (ValueError, RecursionError):
        return None
    if type(value) is not int or not LOWEST <= value <= HIGHEST:
        return None
    return float(value)
