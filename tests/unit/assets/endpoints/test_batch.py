"""Many calls at once: order, repeats, concurrency, limits, replays and interruptions, by the server's own books."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from assets.endpoints.calls import Call, Reply
from assets.endpoints.client import Answer, EndpointClient
from assets.endpoints.config import CallsConfig
from assets.endpoints.desk import desk
from assets.endpoints.errors import BudgetExceeded, CallsFailed
from tests.fixtures.fault_server import ROOT, fault_server
from tests.unit.assets.endpoints.asking import ask, endpoint, question, questions, rows

# The most that a call with a number of three digits can take: a system prompt of 8 bytes and a question of 4, twice 32 for the
# messages, 256 for the call, 5 for the reply.
BOUND = 8 + 4 + 2 * 32 + 256 + 5
WHOLE_BOUND = {"usage": {"prompt_tokens": BOUND - 5, "completion_tokens": 5}}


def test_replies_stand_in_the_order_of_the_calls_and_equal_calls_are_sent_once(tmp_path: Path) -> None:
    calls = [question(number) for number in (3, 1, 3, 0, 1, 3)]
    with fault_server(tmp_path, [{"when": "q3", "delay": 0.2}]) as server:
        replies = ask(tmp_path, calls, endpoint(server.base_url))
        assert [reply.text for reply in replies] == ["ok: q3", "ok: q1", "ok: q3", "ok: q0", "ok: q1", "ok: q3"]
        assert [reply.replayed for reply in replies] == [False, False, True, False, True, True]
        assert server.asked() == {"q3": 1, "q1": 1, "q0": 1}
    assert {reply.prompt_tokens for reply in replies} == {3}
    assert {reply.completion_tokens for reply in replies} == {2}


def test_other_parameters_models_and_ways_to_ask_for_json_are_other_calls(tmp_path: Path) -> None:
    schema = {"type": "object"}
    calls = [
        question(1),
        question(1, seed=1),
        question(1, max_tokens=6),
        question(1, temperature=1.0),
        question(1, schema=schema),
    ]
    with fault_server(tmp_path) as server:
        assert not any(reply.replayed for reply in ask(tmp_path, calls, endpoint(server.base_url)))
        assert not any(reply.replayed for reply in ask(tmp_path, calls, endpoint(server.base_url, model="n")))
        loose = ask(tmp_path, calls, endpoint(server.base_url, structured="json_object"))
    assert [reply.replayed for reply in loose] == [True, True, True, True, False]


def test_never_more_calls_at_once_than_configured(tmp_path: Path) -> None:
    with fault_server(tmp_path, [{"delay": 0.05}]) as server:
        ask(tmp_path, questions(40), endpoint(server.base_url, concurrency=5))
        assert server.most_at_once() == 5


def test_a_replay_costs_nothing_asks_nobody_and_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    priced = {"price_input": 1e6, "price_output": 1e6}
    with fault_server(tmp_path) as server:
        first = ask(tmp_path, questions(20), endpoint(server.base_url, **priced), purpose="first")
        capsys.readouterr()
        elsewhere = endpoint("http://127.0.0.1:9/v1", **priced)
        # Five tokens a call: nothing is left of the limit.
        again = ask(tmp_path, questions(20), elsewhere, purpose="again", tokens=100, money=100.0)
        assert len(server.received()) == 20
    assert [reply.text for reply in again] == [reply.text for reply in first]
    assert all(reply.replayed for reply in again)
    assert rows(tmp_path, "select purpose, count(*), count(distinct key) from replayed group by purpose") == [("again", 20, 20)]
    assert rows(tmp_path, "select purpose, count(*) from sent group by purpose") == [("first", 20)]
    assert capsys.readouterr().err == "    again by m: 20 replayed at no cost, none to ask\n"


def test_what_failed_is_asked_for_alone_and_how_it_failed_is_said(tmp_path: Path) -> None:
    rules = [
        *({"when": f"q{number}", "status": 503} for number in (1, 2)),
        *({"when": f"q{number}", "fault": "reset"} for number in (4, 5, 6)),
    ]
    with fault_server(tmp_path, rules) as server:
        once = endpoint(server.base_url, attempts=1)
        with pytest.raises(CallsFailed, match=r"5 of a batch of 9 calls to .* got no reply \(dropped 3, HTTP 503 2\)"):
            ask(tmp_path, questions(9), once, failures_allowed=0.5)
        replies = ask(tmp_path, questions(9), once, failures_allowed=0.56)
        assert [reply.outcome == "failed" for reply in replies] == [n in (1, 2, 4, 5, 6) for n in range(9)]
        server.set_rules([])
        before = len(server.received())
        ask(tmp_path, questions(9), once)
        assert sorted(event["prompt"] for event in server.received()[before:]) == ["q1", "q2", "q4", "q5", "q6"]


@pytest.mark.parametrize("limit", [BOUND - 1, BOUND, 10 * BOUND, 10 * BOUND + 1, 11 * BOUND - 1])
def test_the_budget_is_never_exceeded_and_used_as_far_as_it_goes(tmp_path: Path, limit: int) -> None:
    """Each call takes all it may: so many fit as the limit holds bounds, whatever is in flight."""
    with fault_server(tmp_path, [WHOLE_BOUND | {"delay": 0.01}]) as server:
        with pytest.raises(BudgetExceeded) as raised:
            ask(tmp_path, questions(30, 100), endpoint(server.base_url, concurrency=8), tokens=limit)
        fit = limit // BOUND
        assert server.tokens() == fit * BOUND
        assert str(raised.value) == (
            f"calls.tokens is {limit:,}, and {fit * BOUND:,} tokens are spent: the next call may take 337 tokens;"
            f" {30 - fit} of this batch of calls are left to ask, all others are kept: raise calls.tokens and run again"
        )
        # The ledger remembers: a new run has no budget of its own.
        with pytest.raises(BudgetExceeded):
            ask(tmp_path, questions(30, 100), endpoint(server.base_url), tokens=limit)
        assert server.tokens() == fit * BOUND
        replies = ask(tmp_path, questions(30, 100), endpoint(server.base_url), tokens=30 * BOUND)
        assert [reply.outcome for reply in replies] == ["answered"] * 30
        assert set(server.asked().values()) == {1}


def test_calls_that_take_less_than_their_bound_leave_room_for_others(tmp_path: Path) -> None:
    """Five tokens each, bounds of 337: a limit of two bounds holds more than two calls, and never breaks."""
    with fault_server(tmp_path, [{"delay": 0.005}]) as server:
        with pytest.raises(BudgetExceeded):
            ask(tmp_path, questions(300, 100), endpoint(server.base_url, concurrency=8), tokens=2 * BOUND)
        # After 68 calls of five tokens no bound fits; another may have been in flight.
        assert server.tokens() in (340, 345)
        assert server.most_at_once() <= 2


def test_money_stops_as_tokens_do(tmp_path: Path) -> None:
    # 332 read at 10 and 5 written at 100 a million: 0.00382 a call.
    prices = {"price_input": 10.0, "price_output": 100.0}
    with fault_server(tmp_path, [WHOLE_BOUND]) as server:
        with pytest.raises(BudgetExceeded, match=r"calls.money is 0.02, and 1,685 tokens and 0.02 EUR are spent"):
            ask(tmp_path, questions(9, 100), endpoint(server.base_url, **prices), money=0.02, currency="EUR")
        assert len(server.answered()) == 5
    assert rows(tmp_path, "select sum(money) from answered")[0][0] == pytest.approx(5 * 0.00382)


@pytest.mark.parametrize("rule", [{"usage": None}, {"fault": "hang"}, {"fault": "truncate"}])
def test_what_nobody_counted_counts_as_all_it_may_have_been(tmp_path: Path, rule: dict[str, Any]) -> None:
    with fault_server(tmp_path, [rule]) as server:
        to = endpoint(server.base_url, attempts=1, timeout_seconds=0.5, concurrency=2)
        with pytest.raises(BudgetExceeded, match=f"{4 * BOUND:,} tokens are spent"):
            ask(tmp_path, questions(9, 100), to, tokens=5 * BOUND - 1)
        assert len(server.received()) == 4
    counted = "select count(*) from answered where counted_by = 'bound' and prompt_tokens + completion_tokens = 337"
    assert rows(tmp_path, counted) == [(4 if "usage" in rule else 0,)]


def test_it_asks_also_where_an_event_loop_runs(tmp_path: Path) -> None:
    async def within(base_url: str) -> list[Reply]:
        return list(ask(tmp_path, questions(3), endpoint(base_url)))

    with fault_server(tmp_path) as server:
        assert [reply.text for reply in asyncio.run(within(server.base_url))] == ["ok: q0", "ok: q1", "ok: q2"]


def test_an_interruption_ends_it_at_once_and_what_was_in_flight_counts_as_paid(tmp_path: Path) -> None:
    with fault_server(tmp_path, [{"when": f"q{number}", "fault": "hang"} for number in range(20, 24)]) as server:
        code = "import sys; from tests.unit.assets.endpoints.asking import main; main(sys.argv)"
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), server.base_url, "40", "4"], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        try:
            deadline = time.monotonic() + 60
            while len(server.received()) < 24 and time.monotonic() < deadline:
                time.sleep(0.05)
            child.send_signal(signal.SIGINT)
            start = time.monotonic()
            _, said = child.communicate(timeout=30)
            assert time.monotonic() - start < 10
        finally:
            child.kill()
            child.wait()
        assert child.returncode != 0
        assert "KeyboardInterrupt" in said
        assert rows(tmp_path, "select count(*) from answered") == [(20,)]
        assert rows(tmp_path, "select count(*) from failed") == [(0,)]
        server.set_rules([])
        # Four attempts that nobody saw end, of questions with two digits, and twenty calls of five tokens.
        with pytest.raises(BudgetExceeded, match=f"{4 * (BOUND - 1) + 100:,} tokens are spent"):
            ask(tmp_path, questions(40), endpoint(server.base_url), tokens=4 * BOUND)
        ask(tmp_path, questions(40), endpoint(server.base_url))
        assert server.asked() == {f"q{number}": 2 if 20 <= number < 24 else 1 for number in range(40)}


def test_a_defect_arrives_as_itself_and_not_as_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt(self: EndpointClient, call: Call) -> Answer:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(EndpointClient, "attempt", attempt)
    with pytest.raises(ZeroDivisionError, match="a defect"):
        ask(tmp_path, questions(3), endpoint("http://127.0.0.1:9/v1"))


def test_the_progress_of_a_step_of_several_batches_says_which_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fault_server(tmp_path) as server:
        for batches in (3, 1, None):
            asking = desk(tmp_path / "ledger.sqlite", CallsConfig(), purpose="test", batches=batches)
            for _ in range(2):
                asking(questions(1), endpoint(server.base_url))
    said = [line.strip().partition(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == [
        "test by m, batch 1 of at most 3",
        "test by m, batch 2 of at most 3",
        "test by m",
        "test by m",
        "test by m",
        "test by m, batch 2",
    ]
