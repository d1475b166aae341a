"""Where a language model is: the keys of an OpenAI-compatible endpoint.

What belongs here: the configuration alone, so that reading one needs no HTTP library. Asking is `client.py`'s.
"""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from training.config import StrictConfig

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


class EndpointConfig(StrictConfig):
    """An OpenAI-compatible chat endpoint.

    Attributes:
        base_url: address up to the version, such as http://127.0.0.1:8000/v1; without user, password or query.
        model: name of the model there. A reply is known by it and not by the address, so that a server may move: two endpoints
            of one model at two addresses would share their replies, and are refused unless `deployment` tells them apart.
        deployment: label of what answers there, where the model's name does not say it: other weights, another quantization.
            Replies are known by it too. Two endpoints with one label are one model at two addresses, and share replies.
        family: model family, such as qwen3; the model's name if None.
        structured: how a JSON schema is asked for: json_schema (vLLM, OpenAI), json_object (JSON of any shape) or none.
        length_key: how the longest reply is named in a request; some vendors' newer models know the second name alone.
        price_input: price of a million tokens read, in the currency of the budget; 0 for one's own server.
        price_output: price of a million tokens written.
        key_variable: environment variable that holds the key; None: no key is sent.
        concurrency: requests at once, 1 to 256.
        timeout_seconds: longest silence of the server.
        deadline_seconds: longest that one attempt may take, however steadily bytes drip.
        attempts: tries per prompt, 1 to 10.
        backoff_seconds: wait after the first failed try; doubles each time, at most a minute. A server's Retry-After is
            kept to if it is longer, up to ten minutes; one that asks for more leaves the prompt unanswered.
        give_up_after: calls in a row without a reply after which the endpoint counts as gone; and calls refused, before it
            has answered any, after which it counts as configured wrong.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    base_url: str
    model: str = Field(min_length=1)
    deployment: str | None = Field(default=None, min_length=1)
    family: str | None = Field(default=None, min_length=1)
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    length_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    price_input: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    price_output: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    key_variable: str | None = Field(default=None, min_length=1)
    concurrency: int = Field(default=8, ge=1, le=256)
    timeout_seconds: float = Field(default=120.0, gt=0)
    deadline_seconds: float = Field(default=600.0, gt=0)
    attempts: int = Field(default=5, ge=1, le=10)
    backoff_seconds: float = Field(default=1.0, ge=0)
    give_up_after: int = Field(default=20, ge=1)

    @field_validator("key_variable")
    @classmethod
    def _name_of_a_variable(cls, name: str | None) -> str | None:
        # What is wrong is not repeated: it may be the key itself.
        if name is not None and not _VARIABLE.fullmatch(name):
            raise ValueError(
                "key_variable must name an environment variable (capitals, digits, underscores), and never hold a key"
            )
        return name

    @field_validator("base_url")
    @classmethod
    def _plain_http(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        # What is wrong is not repeated: it may hold a secret.
        if (
            not usable
            or parts.path.rstrip("/").endswith("/chat/completions")
            or parts.username is not None
            or parts.query
            or parts.fragment
        ):
            raise ValueError(
                "base_url must be http(s)://host[:port]/v1, without user, password or query (name a key_variable instead)"
            )
        return url.rstrip("/")

    @property
    def identity(self) -> dict[str, Any]:
        """What a reply depends on: not where the model is, how it is paid, or how fast it is asked."""
        label = {"deployment": self.deployment} if self.deployment is not None else {}
        return {"model": self.model, "structured": self.structured, **label}

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.base_url).netloc


class CallsConfig(StrictConfig):
    """The section `calls` of a user's file: limits over all calls that a project folder's ledger ever paid.

    Attributes:
        tokens: most tokens, read and written together; None: no limit.
        money: most money, in `currency`; None: no limit.
        currency: the currency of all prices.
        failures_allowed: share of one batch of calls (what a step asks of one endpoint at once, at most `CALLS_AT_ONCE`;
            replays count) that may stay without a reply. Above it the step fails, with what was answered kept. Either way a
            new run asks for the failed ones alone.
        retry_refused: asks once more what an endpoint refused before, say because its context was shorter then. While it is
            set, each run does the steps that ask again: they replay everything else.
    """

    tokens: int | None = Field(default=None, ge=0)
    money: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    currency: str = Field(default="USD", min_length=1, max_length=8)
    failures_allowed: float = Field(default=0.0, ge=0, le=1)
    retry_refused: bool = False
