"""Many calls to one endpoint: those that the ledger knows are replayed, the others asked with bounded concurrency.

What belongs here: order, retries, budget and when to give up. One attempt is `client.py`'s.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from assets.endpoints.budget import Cost, bound_of, cost_of, over_budget
from assets.endpoints.calls import Call, Reply, call_key
from assets.endpoints.client import Answer, EndpointClient, Failure, Refusal
from assets.endpoints.config import CallsConfig, EndpointConfig
from assets.endpoints.errors import BudgetExceeded, CallsError, CallsFailed, EndpointError
from assets.endpoints.ledger import Ledger, Sent, refusal
from assets.endpoints.progress import CallProgress

_LONGEST_BACKOFF, _LONGEST_RETRY_AFTER = 60.0, 600.0


async def ask_all(
    calls: Sequence[Call], *, endpoint: EndpointConfig, ledger: Ledger, limits: CallsConfig, progress: CallProgress
) -> list[Reply]:
    """One reply per call, in their order; equal calls are asked once.

    Raises:
        EndpointError: the endpoint cannot be used.
        BudgetExceeded: the next call might break a limit.
        CallsFailed: more calls than allowed got no reply. What did come is in the ledger in every case.
    """
    keys = [call_key(endpoint.model, call) for call in calls]
    replies = ledger.known(keys)
    known = len(replies)
    asked = {key: call for key, call in zip(keys, calls, strict=True) if key not in replies}
    progress.begin(total=len(asked), replayed=len(calls) - len(asked))
    if asked:
        async with EndpointClient(endpoint) as client:
            batch = _Batch(endpoint=endpoint, client=client, ledger=ledger, limits=limits, progress=progress)
            replies |= await batch.run(asked)
    repeats = len(keys) - len(asked) - known
    if known or repeats:
        ledger.replay(_repeated(keys, asked))
    _check_failures(list(replies.values()), endpoint, limits)
    return list(_in_order(keys, replies))


def _repeated(keys: Sequence[str], asked: dict[str, Call]) -> Iterator[str]:
    """The keys that were not asked for: all that the ledger knew, and repeats of one that was asked."""
    seen: set[str] = set()
    for key in keys:
        if key not in asked or key in seen:
            yield key
        seen.add(key)


def _in_order(keys: Sequence[str], replies: dict[str, Reply]) -> Iterator[Reply]:
    seen: set[str] = set()
    for key in keys:
        reply = replies[key]
        yield replace(reply, replayed=True) if key in seen and reply.outcome != "failed" else reply
        seen.add(key)


def _check_failures(replies: Sequence[Reply], endpoint: EndpointConfig, limits: CallsConfig) -> None:
    failed = [reply for reply in replies if reply.outcome == "failed"]
    if len(failed) > limits.failures_allowed * len(replies):
        kinds = ", ".join(f"{kind} {n}" for kind, n in Counter(reply.error for reply in failed).most_common())
        raise CallsFailed(
            f"{len(failed)} of {len(replies)} calls to {endpoint.host} got no reply ({kinds}); all others are kept: run again"
            " to ask for these alone"
        )


@dataclass(kw_only=True)
class _Batch:
    """The workers of one batch and what they share."""

    endpoint: EndpointConfig
    client: EndpointClient
    ledger: Ledger
    limits: CallsConfig
    progress: CallProgress
    reserved: Cost = Cost()
    in_flight: int = 0
    not_before: float = 0.0
    failed_in_a_row: int = 0
    error: CallsError | None = None
    replies: dict[str, Reply] = field(default_factory=dict)

    async def run(self, asked: dict[str, Call]) -> dict[str, Reply]:
        self.spent = self.ledger.spent()
        self.settled = asyncio.Condition()
        todo = iter(asked.items())
        workers = min(self.endpoint.concurrency, len(asked))
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work(todo))
        if self.error is not None:
            raise self.error
        return self.replies

    async def _work(self, todo: Iterator[tuple[str, Call]]) -> None:
        for key, call in todo:
            try:
                reply = await self._ask(key, call)
            except CallsError as error:
                self.error = self.error or error
            if self.error is not None:
                # Calls in flight end and are kept; no new one goes out.
                return
            self.replies[key] = reply
            self._count(reply)
            self.progress.update(reply.outcome, spent=self.spent, in_flight=self.in_flight)

    def _count(self, reply: Reply) -> None:
        self.failed_in_a_row = self.failed_in_a_row + 1 if reply.outcome == "failed" else 0
        if self.failed_in_a_row >= self.endpoint.give_up_after:
            self.error = EndpointError(
                f"endpoint {self.endpoint.host} left {self.failed_in_a_row} calls in a row without a reply ({reply.error});"
                " what it did answer is kept: mend it and run again"
            )

    async def _ask(self, key: str, call: Call) -> Reply:
        """One call, tried until it is answered or refused, or tries run out."""
        kind = ""
        bound = bound_of(self.endpoint, call)
        for attempt in range(self.endpoint.attempts):
            await asyncio.sleep(max(0.0, self.not_before - time.monotonic()))
            await self._reserve(bound)
            sent = self.ledger.send(key, call, self.endpoint, bound)
            start = time.monotonic()
            try:
                result = await self.client.attempt(call)
            finally:
                await self._release(bound)
            if not isinstance(result, Failure):
                return self._keep(sent, call, result, time.monotonic() - start)
            kind = result.kind
            self.ledger.fail(sent, kind, billed=result.billed)
            self.spent += bound if result.billed else Cost()
            if result.retry_after > _LONGEST_RETRY_AFTER or self.error is not None:
                break
            # The endpoint asks all to wait, not this call alone.
            self.not_before = max(self.not_before, time.monotonic() + result.retry_after)
            if attempt + 1 < self.endpoint.attempts:
                # Half to one and a half times as long, so that the workers don't come back all at once.
                backoff = self.endpoint.backoff_seconds * 2**attempt * random.uniform(0.5, 1.5)
                await asyncio.sleep(min(backoff, _LONGEST_BACKOFF))
        return Reply(
            key=key,
            outcome="failed",
            text=None,
            finish=None,
            prompt_tokens=0,
            completion_tokens=0,
            replayed=False,
            error=kind,
        )

    def _keep(self, sent: Sent, call: Call, result: Answer | Refusal, seconds: float) -> Reply:
        if isinstance(result, Refusal):
            self.ledger.refuse(sent, result.error)
            return refusal(sent.key, result.error, replayed=False)
        # An endpoint that does not count is taken to have used all it may.
        completion = call.max_tokens if result.completion_tokens is None else result.completion_tokens
        prompt = sent.bound.tokens - call.max_tokens if result.prompt_tokens is None else result.prompt_tokens
        cost = cost_of(self.endpoint, prompt_tokens=prompt, completion_tokens=completion)
        reply = Reply(
            key=sent.key,
            outcome="answered",
            text=result.text,
            finish=result.finish,
            prompt_tokens=prompt,
            completion_tokens=completion,
            replayed=False,
        )
        self.ledger.answer(sent, reply, money=cost.money, seconds=seconds)
        self.spent += cost
        return reply

    async def _reserve(self, bound: Cost) -> None:
        """Waits until the call fits beside those in flight.

        Raises:
            BudgetExceeded: it does not even with none in flight; or another call did not.
        """
        async with self.settled:
            while (key := over_budget(self.limits, spent=self.spent, reserved=self.reserved, bound=bound)) is not None:
                if self.error is not None or not self.in_flight:
                    raise self.error or self._exceeded(key, bound)
                await self.settled.wait()
            if self.error is not None:
                raise self.error
            self.reserved += bound
            self.in_flight += 1

    async def _release(self, bound: Cost) -> None:
        async with self.settled:
            self.reserved -= bound
            self.in_flight -= 1
            self.settled.notify_all()

    def _exceeded(self, key: str, bound: Cost) -> BudgetExceeded:
        money = f" and {self.spent.money:.2f} {self.limits.currency}" if self.limits.money is not None else ""
        return BudgetExceeded(
            f"calls.{key} is {getattr(self.limits, key):,}, and {self.spent.tokens:,} tokens{money} are spent: the next call"
            f" may take {bound.tokens:,} tokens; {len(self.replies)} of {self.progress.total} calls of this step are done and"
            f" kept: raise calls.{key} and run again"
        )
