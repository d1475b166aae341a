"""One attempt at one call, through the `openai` SDK: HTTP in, and what it means for the call.

What belongs here: the request and the reading of what comes back. Trying again, and what is kept, are `batch.py`'s. The SDK's
own retries are off, so that every request is written into the ledger before it goes out.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from assets.endpoints.calls import Call
from assets.endpoints.config import EndpointConfig
from assets.endpoints.errors import EndpointError

# 408 and 425 ask for a repetition as 429 does; 409 is how some servers say that a model is loading.
_RETRIED = frozenset({408, 409, 425, 429})
# The prompt's own fault (too long, filtered): others may go through.
_REFUSED = frozenset({400, 413, 422})
_HEADER_TEXT = re.compile(r"[!-~]+")
_LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply; tokens are None where the endpoint does not count them."""

    text: str
    finish: str | None
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The endpoint will not answer this prompt, now or later."""

    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Nothing usable came.

    Attributes:
        kind: timeout, dropped, malformed or HTTP <status>.
        billed: whether the endpoint may have done the work.
        retry_after: seconds that the endpoint asks to wait.
    """

    kind: str
    billed: bool
    retry_after: float = 0.0


class EndpointClient:
    """An open connection pool to one endpoint; use as an async context.

    Raises:
        EndpointError: the key is not in the environment, or cannot stand in a header.
    """

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        self._key = _read_key(config)

    async def __aenter__(self) -> EndpointClient:
        import httpx2
        import openai

        most = self._config.concurrency
        self._http = httpx2.AsyncClient(
            # No proxy and no certificate of the environment's: the request goes where the config says.
            trust_env=False,
            timeout=self._config.timeout_seconds,
            limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most),
        )
        self._openai = openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self._config.base_url,
            max_retries=0,
            timeout=self._config.timeout_seconds,
            http_client=self._http,
        )
        # The SDK takes these from the environment, where they are meant for another address.
        self._openai.organization = None
        self._openai.project = None
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    async def attempt(self, call: Call) -> Answer | Refusal | Failure:
        """Sends a call once.

        Raises:
            EndpointError: the endpoint refuses address, key or model.
        """
        import openai

        try:
            async with asyncio.timeout(self._config.deadline_seconds):
                response = await self._openai.chat.completions.with_raw_response.create(
                    **self._request(call),
                    # Without a key of ours, none goes out, not even a placeholder.
                    extra_headers=None if self._key else {"Authorization": openai.Omit()},
                )
            return read_completion(response.http_response.content)
        except (TimeoutError, openai.APITimeoutError):
            return Failure(kind="timeout", billed=True)
        except openai.APIStatusError as error:
            return self._read_status(error.status_code, error.response.headers, _said(error.body))
        except openai.APIConnectionError as error:
            # Nobody listens: nothing was done that could be paid for.
            refused = "ConnectError" in type(error.__cause__).__name__
            return Failure(kind="not reached" if refused else "dropped", billed=not refused)

    def _request(self, call: Call) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._config.model,
            "messages": [message._asdict() for message in call.messages],
            "temperature": call.temperature,
            "top_p": call.top_p,
            "max_tokens": call.max_tokens,
        }
        if call.seed is not None:
            request["seed"] = call.seed
        if call.schema is not None and self._config.structured == "json_schema":
            schema = {"name": "reply", "schema": dict(call.schema), "strict": True}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif call.schema is not None and self._config.structured == "json_object":
            request["response_format"] = {"type": "json_object"}
        return request

    def _read_status(self, status: int, headers: Mapping[str, str], said: str) -> Refusal | Failure:
        if status in _REFUSED:
            return Refusal(error=self._without_key(f"HTTP {status}: {said}"))
        if status in _RETRIED or status >= 500:
            return Failure(kind=f"HTTP {status}", billed=False, retry_after=retry_after(headers.get("Retry-After", "")))
        raise EndpointError(
            f"endpoint {self._config.host} answers HTTP {status} for model {self._config.model!r}: check base_url, model and"
            " key_variable"
        ) from None

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def read_completion(body: bytes) -> Answer | Refusal | Failure:
    """What the body of a chat completion says.

    >>> read_completion(b'{"choices": [{"message": {"content": "No."}, "finish_reason": "stop"}]}')
    Answer(text='No.', finish='stop', prompt_tokens=None, completion_tokens=None)
    """
    malformed = Failure(kind="malformed", billed=True)
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        message = choice["message"]
        text, finish, refused = message.get("content"), choice.get("finish_reason"), message.get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return malformed
    if isinstance(refused, str) and refused:
        return Refusal(error=f"refused: {refused[:_LONGEST_ERROR]}")
    if text is None and finish == "content_filter":
        return Refusal(error="filtered")
    if not isinstance(text, str):
        return malformed
    usage = completion.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Answer(
        text=text,
        finish=finish if isinstance(finish, str) else None,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def retry_after(header: str) -> float:
    """What a Retry-After asks for: seconds, or a date; 0 if it is neither.

    >>> retry_after("20"), retry_after("soon")
    (20.0, 0.0)
    """
    if header.isascii() and header.isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    # A date without a zone is meant in UTC.
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _read_key(config: EndpointConfig) -> str | None:
    if config.key_variable is None:
        return None
    key = os.environ.get(config.key_variable, "")
    if not key:
        raise EndpointError(f"the key of endpoint {config.host} is missing: set the variable {config.key_variable}")
    if not _HEADER_TEXT.fullmatch(key):
        raise EndpointError(f"the key in the variable {config.key_variable} holds a character that no header may hold")
    return key


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _said(body: object) -> str:
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        body = body["message"]
    return " ".join(str(body or "no reason given").split())[:_LONGEST_ERROR]
