"""Asking a language model behind an OpenAI-compatible endpoint: many prompts, bounded concurrency, retries, a cache.

What belongs here: HTTP. What is asked, and what an answer means, is the caller's: see `difficulty_endpoint.py` and
`taxonomy_endpoint.py`; what was answered is kept by `endpoint_cache.py`.

A prompt that gets no usable answer has None: nothing is made up for it. An endpoint that is configured wrong (an address, a
key or a model it does not know) or that stops answering altogether is an error; what was answered until then is kept. The key
is read from the environment and stands in no message.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx
from pydantic import ConfigDict, Field, field_validator

from assets.instructions.endpoint_cache import Prompt, ReplyCache
from training.config import StrictConfig

Outcome = Literal["cached", "answered", "malformed", "refused", "unanswered"]
# 408 and 425 ask for a repetition as 429 does; 409 is how some servers say that a model is loading.
_RETRIED = frozenset({408, 409, 425, 429})
# The prompt's own fault (too long, filtered): others may go through.
_REFUSED = frozenset({400, 413, 422})
_LONGEST_WAIT = 60.0
# Prompts in flight per worker, so that no worker waits for the slowest.
_WINDOW = 4


class EndpointError(RuntimeError):
    """The endpoint cannot be used; one line that says what to change."""


class EndpointConfig(StrictConfig):
    """An OpenAI-compatible chat endpoint.

    Attributes:
        base_url: address up to the version, such as http://127.0.0.1:8000/v1; without user or password.
        model: name of the model there.
        key_variable: environment variable that holds the key; None: no key is sent.
        concurrency: requests at once, 1 to 64.
        timeout_seconds: longest silence of the server.
        attempts: tries per prompt, 1 to 10.
        backoff_seconds: wait after the first failed try; doubles each time, at most a minute, and Retry-After is kept to.
        max_tokens: longest answer.
        give_up_after: prompts in a row without an answer after which the endpoint counts as gone.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    base_url: str
    model: str = Field(min_length=1)
    key_variable: str | None = None
    concurrency: int = Field(default=8, ge=1, le=64)
    timeout_seconds: float = Field(default=60.0, gt=0)
    attempts: int = Field(default=5, ge=1, le=10)
    backoff_seconds: float = Field(default=1.0, ge=0)
    max_tokens: int = Field(default=32, ge=1)
    give_up_after: int = Field(default=20, ge=1)

    @field_validator("base_url")
    @classmethod
    def _plain_http(cls, url: str) -> str:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError("base_url is no URL; write http(s)://host[:port]/v1") from error
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
            raise ValueError(
                "base_url must be http(s)://host[:port]/v1, without user or password (name a key_variable instead)"
            )
        return url.rstrip("/")


@dataclass(kw_only=True)
class Replies:
    """One text or None per prompt, and how many came how."""

    texts: list[str | None] = field(default_factory=list)
    outcomes: Counter[Outcome] = field(default_factory=Counter)


def ask(prompts: Sequence[Prompt], *, config: EndpointConfig, cache: Path) -> Replies:
    """Asks every prompt that the cache does not answer.

    Args:
        prompts: in the order of the replies.
        config: the endpoint.
        cache: an SQLite file, made if it does not exist.

    Raises:
        EndpointError: the key is not in the environment, the endpoint refuses address, key or model, or it went silent.
    """
    replies = Replies()
    failed = 0
    with closing(ReplyCache(cache)) as kept, closing(_Asker(config)) as asker:
        for prompt, future in _in_flight(prompts, asker, kept):
            if isinstance(future, str):
                replies.texts.append(future)
                replies.outcomes["cached"] += 1
                continue
            outcome, text = future.result()
            failed = 0 if outcome in ("answered", "malformed") else failed + 1
            if text is not None:
                kept.put(config.model, prompt, text)
            replies.texts.append(text)
            replies.outcomes[outcome] += 1
            if failed >= config.give_up_after:
                raise EndpointError(
                    f"endpoint {_host(config)} left {failed} prompts in a row without an answer, after {len(replies.texts)} of"
                    f" {len(prompts)}; what it did answer is kept: mend it and start again"
                )
    return replies


def _in_flight(
    prompts: Sequence[Prompt], asker: _Asker, cache: ReplyCache
) -> Iterator[tuple[Prompt, str | Future[tuple[Outcome, str | None]]]]:
    """Prompts in their order with the cached answer or the one that is on its way; a window of them at a time."""
    waiting: deque[tuple[Prompt, str | Future[tuple[Outcome, str | None]]]] = deque()
    model, workers = asker.config.model, asker.config.concurrency
    pool = ThreadPoolExecutor(workers)
    try:
        for prompt in prompts:
            known = cache.get(model, prompt)
            waiting.append((prompt, pool.submit(asker.ask, prompt) if known is None else known))
            if len(waiting) >= _WINDOW * workers:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


class _Asker:
    """One HTTP client for all workers."""

    def __init__(self, config: EndpointConfig) -> None:
        headers = {}
        if config.key_variable is not None:
            key = os.environ.get(config.key_variable, "")
            if not key:
                raise EndpointError(f"the key of endpoint {_host(config)} is missing: set the variable {config.key_variable}")
            headers["Authorization"] = f"Bearer {key}"
        self.config = config
        self._client = httpx.Client(
            headers=headers,
            timeout=config.timeout_seconds,
            limits=httpx.Limits(max_connections=config.concurrency, max_keepalive_connections=config.concurrency),
        )

    def close(self) -> None:
        self._client.close()

    def ask(self, prompt: Prompt) -> tuple[Outcome, str | None]:
        """One prompt, tried until it is answered or refused, or tries run out."""
        for attempt in range(self.config.attempts):
            retry_after = 0.0
            try:
                response = self._client.post(f"{self.config.base_url}/chat/completions", json=self._body(prompt))
            except (httpx.TransportError, httpx.DecodingError):
                # Nothing came, or it broke off: the next try is for it.
                response = None
            if response is not None:
                if response.status_code == httpx.codes.OK:
                    text = _content(response)
                    return ("malformed", None) if text is None else ("answered", text)
                if response.status_code in _REFUSED:
                    return "refused", None
                if response.status_code not in _RETRIED and response.status_code < 500:
                    raise EndpointError(
                        f"endpoint {_host(self.config)} answers HTTP {response.status_code} for model"
                        f" {self.config.model!r}: check base_url, model and key_variable"
                    )
                retry_after = _seconds(response.headers.get("Retry-After", ""))
            if attempt + 1 < self.config.attempts:
                # Half to one and a half times as long, so that the workers don't come back all at once.
                backoff = self.config.backoff_seconds * 2**attempt * random.uniform(0.5, 1.5)
                time.sleep(min(max(backoff, retry_after), _LONGEST_WAIT))
        return "unanswered", None

    def _body(self, prompt: Prompt) -> dict[str, object]:
        return {
            "model": self.config.model,
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
            "temperature": 0,
            "max_tokens": self.config.max_tokens,
        }


def _content(response: httpx.Response) -> str | None:
    """The text of a chat completion; None if the body is not one."""
    try:
        content = response.json()["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return content if isinstance(content, str) else None


def _seconds(header: str) -> float:
    return float(header) if header.isdigit() else 0.0


def _host(config: EndpointConfig) -> str:
    return httpx.URL(config.base_url).host
