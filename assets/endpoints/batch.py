"""Many calls to one endpoint: those that the ledger knows are replayed, the others asked with bounded concurrency.

What belongs here: order, retries, budget and when to give up. One attempt is `client.py`'s.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from assets.endpoints.budget import Cost, bound_of, cost_of
from assets.endpoints.calls import Call, Outcome, Reply, call_key
from assets.endpoints.client import Answer, EndpointClient, Failure, Refusal
from assets.endpoints.config import CallsConfig, EndpointConfig
from assets.endpoints.errors import CallsError, CallsFailed, EndpointError
from assets.endpoints.ledger import Ledger, Sent, unanswered
from assets.endpoints.progress import CallProgress
from assets.endpoints.purse import Purse

_LONGEST_BACKOFF, _LONGEST_RETRY_AFTER = 60.0, 600.0


async def ask_all(
    calls: Sequence[Call], *, endpoint: EndpointConfig, ledger: Ledger, limits: CallsConfig, progress: CallProgress
) -> list[Reply]:
    """One reply per call, in their order; equal calls are asked once.

    Raises:
        EndpointError: the endpoint cannot be used.
        BudgetExceeded: the next call might break a limit.
        CallsFailed: more of these calls than allowed got no reply. What did come is in the ledger in every case.
    """
    keys = [call_key(endpoint.model, call, structured=endpoint.structured, deployment=endpoint.deployment) for call in calls]
    replies = ledger.known(keys, refused=not limits.retry_refused)
    asked = {key: call for key, call in zip(keys, calls, strict=True) if key not in replies}
    ledger.replay(key for key in keys if key in replies)
    progress.begin(total=len(asked), replayed=sum(key in replies for key in keys))
    if asked:
        async with EndpointClient(endpoint) as client:
            batch = _Batch(endpoint=endpoint, client=client, ledger=ledger, limits=limits, progress=progress)
            replies |= await batch.run(asked)
        _check_failures(list(replies.values()), endpoint, limits)
    return list(_in_order(keys, replies))


def _in_order(keys: Sequence[str], replies: dict[str, Reply]) -> Iterator[Reply]:
    """A second equal call cost nothing: it reads as replayed, unless there is nothing to replay."""
    seen: set[str] = set()
    for key in keys:
        reply = replies[key]
        yield replace(reply, replayed=True) if key in seen and reply.outcome != "failed" else reply
        seen.add(key)


def _check_failures(replies: Sequence[Reply], endpoint: EndpointConfig, limits: CallsConfig) -> None:
    """Holds the share of this batch that failed, replays among it, against what is allowed."""
    failed = [reply for reply in replies if reply.outcome == "failed"]
    if len(failed) > limits.failures_allowed * len(replies):
        kinds = ", ".join(f"{kind} {n}" for kind, n in Counter(reply.error for reply in failed).most_common())
        raise CallsFailed(
            f"{len(failed)} of a batch of {len(replies)} calls to {endpoint.host} got no reply ({kinds}); all others are"
            " kept: run again to ask for these alone"
        )


class _Batch:
    """The workers of one batch and what they share. Between two `await`s nobody else touches it."""

    def __init__(
        self,
        *,
        endpoint: EndpointConfig,
        client: EndpointClient,
        ledger: Ledger,
        limits: CallsConfig,
        progress: CallProgress,
    ) -> None:
        self._endpoint, self._client, self._ledger, self._progress = endpoint, client, ledger, progress
        self._purse = Purse(limits, ledger.spent())
        self._replies: dict[str, Reply] = {}
        self._outcomes: Counter[Outcome] = Counter()
        self._failed_in_a_row = 0
        self._not_before = 0.0
        self._error: CallsError | None = None
        self._stopped = asyncio.Event()

    async def run(self, asked: dict[str, Call]) -> dict[str, Reply]:
        """Asks all; no more tasks than calls at once, however many calls there are."""
        todo = iter(asked.items())
        showing = asyncio.create_task(self._show())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._endpoint.concurrency, len(asked))):
                    group.create_task(self._work(todo))
        except BaseExceptionGroup as group_of_errors:
            # A defect: whoever reads of it needs the error itself.
            raise _first(group_of_errors) from None
        finally:
            showing.cancel()
        self._progress.show(spent=self._purse.spent, in_flight=0, last=True)
        error = self._error or self._purse.exceeded(len(asked) - len(self._replies))
        if error is not None:
            raise error
        return self._replies

    async def _show(self) -> None:
        """Also while nothing ends: an endpoint may have asked for ten minutes."""
        while True:
            await asyncio.sleep(self._progress.every)
            paused = max(0.0, self._not_before - time.monotonic())
            self._progress.show(spent=self._purse.spent, in_flight=self._purse.in_flight, paused=paused)

    async def _work(self, todo: Iterator[tuple[str, Call]]) -> None:
        # Whatever stops one worker stops all: calls in flight end and are kept, no new one goes out.
        for key, call in todo:
            try:
                reply = await self._ask(key, call)
            except CallsError as error:
                self._stop(error)
                return
            if reply is None:
                self._stop(None)
                return
            self._replies[key] = reply
            self._progress.count(reply.outcome)
            self._watch(reply)
            if self._stopped.is_set():
                return

    def _stop(self, error: CallsError | None) -> None:
        self._error = self._error or error
        self._purse.close()
        self._stopped.set()

    def _watch(self, reply: Reply) -> None:
        """Stops if the endpoint seems gone, or refuses everybody."""
        self._outcomes[reply.outcome] += 1
        self._failed_in_a_row = self._failed_in_a_row + 1 if reply.outcome == "failed" else 0
        host, most = self._endpoint.host, self._endpoint.give_up_after
        if self._failed_in_a_row >= most:
            self._stop(
                EndpointError(
                    f"endpoint {host} left {self._failed_in_a_row} calls in a row without a reply ({reply.error}); what it did"
                    " answer is kept: mend it and run again"
                )
            )
        elif self._outcomes["refused"] >= most and not self._outcomes["answered"]:
            self._stop(
                EndpointError(
                    f"endpoint {host} refused the first {self._outcomes['refused']} calls ({reply.error}): mend what is wrong,"
                    " set calls.retry_refused to true and run again"
                )
            )

    async def _ask(self, key: str, call: Call) -> Reply | None:
        """One call, tried until it is answered or refused, or tries run out; None if the batch stopped first."""
        kind = ""
        bound = bound_of(self._endpoint, call)
        for attempt in range(self._endpoint.attempts):
            await self._wait_as_told()
            if not await self._purse.reserve(bound):
                return None
            result = await self._attempt(key, call, bound)
            if isinstance(result, Reply):
                return result
            kind = result.kind
            if result.retry_after > _LONGEST_RETRY_AFTER:
                break
            # The endpoint asks all to wait, not this call alone.
            self._not_before = max(self._not_before, time.monotonic() + result.retry_after)
            if attempt + 1 < self._endpoint.attempts:
                # Half to one and a half times as long, so that the workers don't come back all at once.
                backoff = self._endpoint.backoff_seconds * 2**attempt * random.uniform(0.5, 1.5)
                await self._sleep(min(backoff, _LONGEST_BACKOFF))
        return unanswered(key, "failed", kind)

    async def _sleep(self, seconds: float) -> None:
        """Waits, but not longer than the batch goes on."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def _wait_as_told(self) -> None:
        while (left := self._not_before - time.monotonic()) > 0 and not self._stopped.is_set():
            await self._sleep(left + random.uniform(0, min(left, self._endpoint.backoff_seconds)))

    async def _attempt(self, key: str, call: Call, bound: Cost) -> Reply | Failure:
        sent = self._ledger.send(key, call, self._endpoint, bound)
        start = time.monotonic()
        try:
            result = await self._client.attempt(call)
        except EndpointError:
            self._ledger.fail(sent, "not usable", Cost())
            self._purse.settle(bound, Cost())
            raise
        seconds = time.monotonic() - start
        cost = self._cost(call, result, bound)
        try:
            if isinstance(result, Failure):
                self._ledger.fail(sent, result.kind, cost)
                return result
            if isinstance(result, Refusal):
                self._ledger.refuse(sent, result.error, cost)
                return unanswered(key, "refused", result.error)
            return self._keep(sent, call, result, money=cost.money, seconds=seconds)
        finally:
            self._purse.settle(bound, cost)

    def _cost(self, call: Call, result: Answer | Refusal | Failure, bound: Cost) -> Cost:
        if isinstance(result, Failure):
            return bound if result.billed else Cost()
        if isinstance(result, Refusal) and not result.billed:
            return Cost()
        prompt, completion = _tokens(call, result, bound)
        return cost_of(self._endpoint, prompt_tokens=prompt, completion_tokens=completion)

    def _keep(self, sent: Sent, call: Call, result: Answer, *, money: float, seconds: float) -> Reply:
        prompt, completion = _tokens(call, result, sent.bound)
        reply = Reply(
            key=sent.key,
            outcome="answered",
            text=result.text,
            finish=result.finish,
            prompt_tokens=prompt,
            completion_tokens=completion,
            replayed=False,
        )
        counted = result.prompt_tokens is not None and result.completion_tokens is not None
        self._ledger.answer(sent, reply, counted=counted, money=money, seconds=seconds)
        return reply


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _tokens(call: Call, result: Answer | Refusal, bound: Cost) -> tuple[int, int]:
    """Tokens read and written; an endpoint that does not count is taken to have used all it may."""
    prompt = bound.tokens - call.max_tokens if result.prompt_tokens is None else result.prompt_tokens
    return prompt, call.max_tokens if result.completion_tokens is None else result.completion_tokens
