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
import re
import threading
from collections import Counter, deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import httpx

from assets.endpoints.config import EndpointConfig
from assets.instructions.endpoint_cache import Prompt, ReplyCache

Outcome = Literal["cached", "answered", "malformed", "refused", "unanswered"]
# 408 and 425 ask for a repetition as 429 does; 409 is how some servers say that a model is loading.
_RETRIED = frozenset({408, 409, 425, 429})
# The prompt's own fault (too long, filtered): others may go through.
_REFUSED = frozenset({400, 413, 422})
_LONGEST_BACKOFF, _LONGEST_RETRY_AFTER = 60.0, 600.0
_HEADER_TEXT = re.compile(r"[!-~]+")
# Prompts in flight per worker, so that no worker waits for the slowest.
_WINDOW = 4


class EndpointError(RuntimeError):
    """The endpoint cannot be used; one line that says what to change."""


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
    # Closed in this order: no new prompt goes out, the workers stop waiting, the client and the cache follow.
    with (
        closing(ReplyCache(cache)) as kept,
        closing(_Asker(config)) as asker,
        closing(_in_flight(prompts, asker, kept)) as flow,
    ):
        for prompt, future in flow:
            if isinstance(future, str):
                replies.texts.append(future)
                replies.outcomes["cached"] += 1
                continue
            outcome, text = future.result()
            failed = 0 if outcome == "answered" else failed + 1
            if text is not None:
                kept.put(config, prompt, text)
            replies.texts.append(text)
            replies.outcomes[outcome] += 1
            if failed >= config.give_up_after:
                raise EndpointError(
                    f"endpoint {config.host} left {failed} prompts in a row without a usable reply ({outcome}), after"
                    f" {len(replies.texts)} of {len(prompts)}; what it did answer is kept: mend it and start again"
                )
    return replies


def _in_flight(
    prompts: Sequence[Prompt], asker: _Asker, cache: ReplyCache
) -> Generator[tuple[Prompt, str | Future[tuple[Outcome, str | None]]]]:
    """Prompts in their order with the cached answer or the one that is on its way; a window of them at a time."""
    waiting: deque[tuple[Prompt, str | Future[tuple[Outcome, str | None]]]] = deque()
    workers = asker.config.concurrency
    pool = ThreadPoolExecutor(workers)
    try:
        for prompt in prompts:
            known = cache.get(asker.config, prompt)
            waiting.append((prompt, pool.submit(asker.ask, prompt) if known is None else known))
            if len(waiting) >= _WINDOW * workers:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        asker.stop.set()
        pool.shutdown(cancel_futures=True)


class _Asker:
    """One HTTP client for all workers."""

    def __init__(self, config: EndpointConfig) -> None:
        headers = {}
        if config.key_variable is not None:
            key = os.environ.get(config.key_variable, "")
            if not key:
                raise EndpointError(f"the key of endpoint {config.host} is missing: set the variable {config.key_variable}")
            if not _HEADER_TEXT.fullmatch(key):
                raise EndpointError(f"the key in the variable {config.key_variable} holds a character that no header may hold")
            headers["Authorization"] = f"Bearer {key}"
        self.config = config
        self.stop = threading.Event()
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
            if self.stop.is_set():
                break
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
                        f"endpoint {self.config.host} answers HTTP {response.status_code} for model"
                        f" {self.config.model!r}: check base_url, model and key_variable"
                    )
                retry_after = _seconds(response.headers.get("Retry-After", ""))
            if retry_after > _LONGEST_RETRY_AFTER:
                break
            if attempt + 1 < self.config.attempts:
                # Half to one and a half times as long, so that the workers don't come back all at once.
                backoff = self.config.backoff_seconds * 2**attempt * random.uniform(0.5, 1.5)
                self.stop.wait(max(min(backoff, _LONGEST_BACKOFF), retry_after))
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
    """What a Retry-After asks for: seconds, or a date; 0 if it is neither."""
    if header.isascii() and header.isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    # A date without a zone is meant in UTC.
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
