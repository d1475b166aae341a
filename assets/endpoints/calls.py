"""What is asked of an endpoint and what comes back: plain records, and the key that names a call.

What belongs here: the records. HTTP is `client.py`'s, what has been answered `ledger.py`'s.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from assets.endpoints.config import EndpointConfig

# answered: a text came, whatever it says. refused: the endpoint will not answer this prompt (too long, filtered).
# failed: no reply after every try.
Outcome = Literal["answered", "refused", "failed"]


class Message(NamedTuple):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request for one reply.

    Attributes:
        messages: the chat so far.
        max_tokens: longest reply.
        temperature: 0 for the likeliest reply.
        top_p: share of probability that is sampled from.
        seed: sent along; tells samples of one prompt apart.
        schema: JSON schema that the reply has to follow; None for free text.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What became of a call.

    Attributes:
        key: the call's key.
        outcome: see `Outcome`.
        text: the reply; None unless answered.
        finish: the endpoint's finish reason, `length` for a reply that was cut; None unless answered.
        prompt_tokens: tokens read, as the endpoint counts them; an upper bound where it does not.
        completion_tokens: tokens written, likewise.
        replayed: whether the ledger had it; a replay costs nothing.
        error: why there is no text, without secrets; None if there is one.
    """

    key: str
    outcome: Outcome
    text: str | None
    finish: str | None
    prompt_tokens: int
    completion_tokens: int
    replayed: bool
    error: str | None = None


# Replies in the order of the calls, one for each.
Ask = Callable[[Sequence[Call], EndpointConfig], Sequence[Reply]]


# Calls asked at once: enough that an endpoint is never idle for long, few enough that their prompts fit in memory.
CALLS_AT_ONCE = 2000


def call_key(model: str, call: Call, *, structured: str = "json_schema", deployment: str | None = None) -> str:
    """sha256 over model, deployment, prompt, parameters and schema: not over the address, since that changes no reply.

    `structured`, how a schema is asked for, counts where there is a schema: what came of a mere request for JSON is no answer
    to a request that the schema be followed.
    """
    payload = [
        model,
        [list(message) for message in call.messages],
        [call.max_tokens, call.temperature, call.top_p, call.seed],
        call.schema,
    ]
    if call.schema is not None and structured != "json_schema":
        payload.append(structured)
    if deployment is not None:
        payload.append({"deployment": deployment})
    return hashlib.sha256(json.dumps(payload, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
