"""Where a language model is: the keys of an OpenAI-compatible endpoint.

What belongs here: the configuration alone, so that reading one needs no HTTP library. Asking is `endpoint.py`'s.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator

from training.config import StrictConfig


class EndpointConfig(StrictConfig):
    """An OpenAI-compatible chat endpoint.

    Attributes:
        base_url: address up to the version, such as http://127.0.0.1:8000/v1; without user, password or query.
        model: name of the model there.
        key_variable: environment variable that holds the key; None: no key is sent.
        concurrency: requests at once, 1 to 64.
        timeout_seconds: longest silence of the server.
        attempts: tries per prompt, 1 to 10.
        backoff_seconds: wait after the first failed try; doubles each time, at most a minute. A server's Retry-After is
            kept to if it is longer, up to ten minutes; one that asks for more leaves the prompt unanswered.
        max_tokens: longest answer.
        give_up_after: prompts in a row without a usable reply after which the endpoint counts as gone.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    base_url: str
    model: str = Field(min_length=1)
    key_variable: str | None = Field(default=None, min_length=1)
    concurrency: int = Field(default=8, ge=1, le=64)
    timeout_seconds: float = Field(default=60.0, gt=0)
    attempts: int = Field(default=5, ge=1, le=10)
    backoff_seconds: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=128, ge=1)
    give_up_after: int = Field(default=20, ge=1)

    @field_validator("base_url")
    @classmethod
    def _plain_http(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        # What is wrong is not repeated: it may hold a secret.
        if not usable or parts.username is not None or parts.query or parts.fragment:
            raise ValueError(
                "base_url must be http(s)://host[:port]/v1, without user, password or query (name a key_variable instead)"
            )
        return url.rstrip("/")

    @property
    def host(self) -> str:
        """The host, for messages."""
        return urlsplit(self.base_url).hostname or ""
