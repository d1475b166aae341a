"""Bounds of calls by hand, and that what is spent and reserved never exceeds a limit."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.endpoints.budget import Cost, bound_of, prompt_bound
from assets.endpoints.calls import Call, Message
from assets.endpoints.config import CallsConfig
from assets.endpoints.purse import Purse
from tests.unit.assets.endpoints.asking import endpoint, question


def call(text: str) -> Call:
    return Call(messages=(Message("user", text),), max_tokens=7)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("abc", 3),
        # As bytes, as it is.
        ("漢", 3),
        ("\U0001f600", 4),
        # é alone has two bytes, taken apart three.
        ("e\u0301", 3),
        # A ligature of three bytes that NFKC takes apart into eighteen Arabic letters and spaces of 33 bytes.
        ("\ufdfa", 33),
    ],
)
def test_the_bound_of_a_text_by_hand(text: str, tokens: int) -> None:
    assert prompt_bound(call(text)) == tokens + 32 + 256


def test_the_bound_of_a_call_counts_its_schema_and_its_longest_reply() -> None:
    # {"type": "object"} has 18 characters; two messages of 8 and 2.
    asked = question(1, schema={"type": "object"}, max_tokens=100)
    priced = endpoint("http://127.0.0.1:9/v1", price_input=2.0, price_output=20.0)
    assert bound_of(priced, asked) == Cost(18 + 10 + 64 + 256 + 100, pytest.approx((348 * 2 + 100 * 20) / 1e6))


@pytest.mark.parametrize(
    "text", ["What is gout?", "naïve 😀 " * 20, "<|im_start|>system", "e\u0301\ufdfa\u1e9b\u0323", "\x00\t  \n"]
)
def test_a_byte_level_tokenizer_stays_below_the_bound(text: str) -> None:
    """The worst that one can do: no merge at all, after any normalization."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    alphabet = {token: number for number, token in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    for normalizer in (None, normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD()):
        tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        assert len(tokenizer.encode(text).ids) <= prompt_bound(call(text)) - 32 - 256


calls = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50), st.integers(0, 3)), max_size=40)


@settings(deadline=None)
@given(calls=calls, tokens=st.integers(0, 300), spent=st.integers(0, 100), workers=st.integers(1, 6))
def test_what_is_spent_and_reserved_never_exceeds_the_limit(
    calls: list[tuple[int, int, int]], tokens: int, spent: int, workers: int
) -> None:
    """Calls of any bound, that take any part of it in any order; a call is left out only if its bound does not fit."""
    taken: list[int] = []
    in_flight: list[int] = []
    closed: list[bool] = []

    async def work(purse: Purse, todo: list[tuple[int, int, int]]) -> None:
        while todo:
            bound, cost, steps = todo.pop()
            if not await purse.reserve(Cost(bound)):
                # Once one did not fit, the others are sent away unseen.
                assert closed or spent + sum(taken) + bound > tokens
                closed.append(True)
                purse.close()
                return
            in_flight.append(bound)
            assert spent + sum(taken) + sum(in_flight) <= tokens
            for _ in range(steps):
                await asyncio.sleep(0)
            in_flight.remove(bound)
            taken.append(min(cost, bound))
            purse.settle(Cost(bound), Cost(min(cost, bound)))

    async def run() -> None:
        purse = Purse(CallsConfig(tokens=tokens), Cost(spent))
        todo = list(reversed(calls))
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work(purse, todo))
        assert purse.spent == Cost(spent + sum(taken))
        assert (purse.in_flight, len(taken) == len(calls)) == (0, not closed)
        assert (purse.exceeded(1) is not None) == bool(closed)

    asyncio.run(run())
