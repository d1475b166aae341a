"""What calls may cost, before they are made: upper bounds, and whether one more call fits.

What belongs here: arithmetic. What was spent is the ledger's to say.

A call's bound holds whatever the endpoint answers: a byte-level tokenizer gives each token at least one byte of the text, so
that a prompt has no more tokens than UTF-8 bytes; a chat template adds a few per message; a reply is cut at `max_tokens`.
A tokenizer whose vocabulary lacks bytes altogether could break the rule, and none that serves chat models does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from assets.endpoints.calls import Call
from assets.endpoints.config import CallsConfig, EndpointConfig

# Markers of a turn and its role; the longest template seen (Llama 3) adds about ten, and a date of forty once.
TOKENS_PER_MESSAGE = 32
TOKENS_PER_CALL = 64
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens, and money in the currency of the budget."""

    tokens: int = 0
    money: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.tokens + other.tokens, self.money + other.money)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.tokens - other.tokens, self.money - other.money)


def cost_of(endpoint: EndpointConfig, *, prompt_tokens: int, completion_tokens: int) -> Cost:
    """What an endpoint takes for so many tokens.

    >>> endpoint = EndpointConfig(base_url="http://127.0.0.1/v1", model="m", price_input=2.0, price_output=10.0)
    >>> cost_of(endpoint, prompt_tokens=500_000, completion_tokens=100_000)
    Cost(tokens=600000, money=2.0)
    """
    money = (prompt_tokens * endpoint.price_input + completion_tokens * endpoint.price_output) / _MILLION
    return Cost(prompt_tokens + completion_tokens, money)


def prompt_bound(call: Call) -> int:
    """No prompt of this call has more tokens.

    >>> from assets.endpoints.calls import Message
    >>> prompt_bound(Call(messages=(Message("user", "Is it catching?"),), max_tokens=5))
    111
    """
    text = sum(len(message.content.encode()) for message in call.messages)
    schema = len(json.dumps(call.schema).encode()) if call.schema is not None else 0
    return text + schema + TOKENS_PER_MESSAGE * len(call.messages) + TOKENS_PER_CALL


def bound_of(endpoint: EndpointConfig, call: Call) -> Cost:
    """The most that one attempt of a call can cost."""
    return cost_of(endpoint, prompt_tokens=prompt_bound(call), completion_tokens=call.max_tokens)


def over_budget(limits: CallsConfig, *, spent: Cost, reserved: Cost, bound: Cost) -> str | None:
    """The key of the limit that one more call might break, None if it fits.

    Args:
        limits: the section `calls`.
        spent: what was paid, or may have been.
        reserved: the bounds of calls in flight.
        bound: the bound of the call that is to be made.

    >>> over_budget(CallsConfig(tokens=100), spent=Cost(60), reserved=Cost(30), bound=Cost(10)) is None
    True
    >>> over_budget(CallsConfig(tokens=100), spent=Cost(60), reserved=Cost(30), bound=Cost(11))
    'tokens'
    """
    total = spent + reserved + bound
    if limits.tokens is not None and total.tokens > limits.tokens:
        return "tokens"
    # Sums of prices are inexact in their last bits: a millionth of a currency unit is no breach.
    if limits.money is not None and total.money > limits.money + 1e-6:
        return "money"
    return None
