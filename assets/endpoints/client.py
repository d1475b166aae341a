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
from typing import TYPE_CHECKING, Any

from assets.endpoints.calls import Call
from assets.endpoints.config import EndpointConfig
from assets.endpoints.errors import EndpointError

if TYPE_CHECKING:
    import httpx2

# 408 and 425 ask for a repetition as 429 does; 409 is how some servers say that a model is loading.
_RETRIED = frozenset({408, 409, 425, 429})
# The prompt's own fault (too long, filtered): others may go through.
_REFUSED = frozenset({400, 413, 422})
# The last is how the SDK knows, from the request, that its answer is wanted unread.
_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "x-stainless-raw-response"}
)
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
    """The endpoint will not answer this prompt, now or later.

    Attributes:
        error: why, in the endpoint's words.
        billed: whether it read the prompt, and a model had its say: filters may look at the reply.
        prompt_tokens: tokens read, None if it does not say.
        completion_tokens: tokens written, None if it does not say.
    """

    error: str
    billed: bool
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Nothing usable came.

    Attributes:
        kind: timeout, dropped, not reached, malformed or HTTP <status>.
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
        http = httpx2.AsyncClient(
            # No proxy and no certificate of the environment's: the request goes where the config says.
            trust_env=False,
            timeout=self._config.timeout_seconds,
            limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most),
            event_hooks={"request": [self._set_headers]},
        )
        self._openai = openai.AsyncOpenAI(
            # The key is set on the way out: the SDK, and so its errors' texts, never hold it.
            api_key="none",
            base_url=self._config.base_url,
            max_retries=0,
            timeout=self._config.timeout_seconds,
            http_client=http,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._openai.close()

    async def attempt(self, call: Call) -> Answer | Refusal | Failure:
        """Sends a call once.

        Raises:
            EndpointError: the endpoint refuses address, key or model.
        """
        import httpx2
        import openai

        try:
            async with asyncio.timeout(self._config.deadline_seconds):
                response = await self._openai.chat.completions.with_raw_response.create(**self._request(call))
            return read_completion(response.http_response.content)
        except openai.APIStatusError as error:
            status, headers, said = error.status_code, error.response.headers, _said(error.body)
        except (TimeoutError, openai.APIConnectionError) as error:
            if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout):
                # Nobody listens: nothing was done that could be paid for.
                return Failure(kind="not reached", billed=False)
            timeout = isinstance(error, TimeoutError | openai.APITimeoutError)
            return Failure(kind="timeout" if timeout else "dropped", billed=True)
        # Outside the handler, so that nothing raised here drags the SDK's error along, which holds the request.
        return self._read_status(status, headers, said)

    async def _set_headers(self, request: httpx2.Request) -> None:
        """Lets only our own headers out: the SDK adds what OPENAI_* variables hold, and facts about the machine."""
        for name in set(request.headers) - _HEADERS:
            del request.headers[name]
        request.headers["User-Agent"] = "promedical"
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"

    def _request(self, call: Call) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._config.model,
            "messages": [message._asdict() for message in call.messages],
            "temperature": call.temperature,
            "top_p": call.top_p,
            self._config.length_key: call.max_tokens,
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
            # Masked before it is cut: half a key would be left.
            said = said.replace(self._key, "[key]") if self._key else said
            return Refusal(error=f"HTTP {status}: {said[:_LONGEST_ERROR]}", billed=False)
        if status in _RETRIED or status >= 500:
            return Failure(kind=f"HTTP {status}", billed=False, retry_after=retry_after(headers.get("Retry-After", "")))
        raise EndpointError(
            f"endpoint {self._config.host} answers HTTP {status} for model {self._config.model!r}: check base_url, model and"
            " key_variable"
        )


def read_completion(body: bytes) -> Answer | Refusal | Failure:
    """What the body of a chat completion says.

    >>> read_completion(b'{"choices": [{"message": {"content": "No."}, "finish_reason": "stop"}]}')
    Answer(text='No.', finish='stop', prompt_tokens=None, completion_tokens=None)
    """
    malformed = Failure(kind="malformed", billed=True)
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        message, usage = choice["message"], completion.get("usage") or {}
        text, finish, refused = message.get("content"), choice.get("finish_reason"), message.get("refusal")
        tokens = {name: _count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return malformed
    if isinstance(refused, str) and refused:
        return Refusal(error=f"refused: {_storable(refused)[:_LONGEST_ERROR]}", billed=True, **tokens)
    if not text and finish == "content_filter":
        return Refusal(error="filtered", billed=True, **tokens)
    if text is None and finish in ("stop", "length"):
        # A model that thought until its tokens were spent, say: it would do so again.
        text = ""
    if not isinstance(text, str):
        return malformed
    return Answer(text=_storable(text), finish=finish if isinstance(finish, str) else None, **tokens)


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
    return _storable(" ".join(str(body or "no reason given").split()))


def _storable(text: str) -> str:
    r"""A text in which half characters, which JSON can spell and no file can hold, are marked as unreadable.

    >>> _storable("a" + chr(0xD800))
    'a\ufffd'
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
