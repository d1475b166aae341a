"""What calls may cost, before they are made: upper bounds, and whether one more call fits.

What belongs here: arithmetic. What was spent is the ledger's to say.

A call's bound holds whatever the endpoint answers. Byte-level BPE (GPT, Llama 3, Qwen) and SentencePiece with byte fallback
(Llama 2, Gemma) start from a text's UTF-8 bytes or characters and only ever merge, so that each token stands for at least one
byte; some normalize the text first, which can lengthen it, and the longest form counts. A chat template adds markers per
message and perhaps a system prompt of its own; a schema may be put into the prompt, and counts as text; a reply is cut at
`max_tokens`. What an endpoint then reports is what is counted; one that reported more than the bound would be a surprise.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Literal

from assets.endpoints.calls import Call
from assets.endpoints.config import CallsConfig, EndpointConfig

# Markers of a turn and its role, and once a system prompt that the template brings: Llama 3 adds about ten and a date of
# forty, Qwen 2.5 a sentence of twenty, gpt-oss a preamble of about a hundred.
TOKENS_PER_MESSAGE = 32
TOKENS_PER_CALL = 256
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
    303
    """
    text = sum(_longest_form(message.content) for message in call.messages)
    schema = len(json.dumps(call.schema)) if call.schema is not None else 0
    return text + schema + TOKENS_PER_MESSAGE * len(call.messages) + TOKENS_PER_CALL


def _longest_form(text: str) -> int:
    """Bytes of a text as it is or as a tokenizer may normalize it."""
    if text.isascii():
        return len(text)
    forms: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
    return max(len(form.encode()) for form in (text, *(unicodedata.normalize(form, text) for form in forms)))


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
