"""Everything that a server may do wrong, done by a real one, and what becomes of the call."""

from __future__ import annotations

import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from assets.endpoints.calls import Call
from assets.endpoints.errors import CallsFailed, EndpointError
from tests.fixtures.fault_server import fault_server
from tests.unit.assets.endpoints.asking import ask, endpoint, question, questions, rows

# A system prompt of 8 bytes and a question of 2, twice 32 for the messages, 256 for the call, 5 for the reply.
BOUND = 10 + 64 + 256 + 5


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503])
def test_a_busy_or_broken_server_is_asked_again_and_its_failures_cost_nothing(tmp_path: Path, status: int) -> None:
    with fault_server(tmp_path, [{"status": status, "tries": 2}]) as server:
        (reply,) = ask(tmp_path, [question(1)], endpoint(server.base_url))
    assert (reply.outcome, reply.text, reply.finish, reply.replayed) == ("answered", "ok: q1", "stop", False)
    assert server.asked() == {"q1": 3}
    assert rows(tmp_path, "select kind, billed_tokens from failed") == [(f"HTTP {status}", 0)] * 2


@pytest.mark.parametrize(
    ("fault", "kind", "billed"),
    [
        ({"fault": "hang"}, "timeout", BOUND),
        ({"fault": "drip"}, "timeout", BOUND),
        ({"fault": "reset"}, "dropped", BOUND),
        ({"fault": "cut"}, "dropped", BOUND),
        ({"fault": "truncate"}, "malformed", BOUND),
        ({"body": "<html>busy</html>"}, "malformed", BOUND),
        ({"body": "[1]"}, "malformed", BOUND),
        ({"body": '{"error": "overloaded"}'}, "malformed", BOUND),
        ({"body": '{"choices": []}'}, "malformed", BOUND),
        ({"body": '{"choices": [{"message": {"content": null}}]}'}, "malformed", BOUND),
        ({"body": '{"choices": [{"message": {"content": 7}, "finish_reason": "stop"}]}'}, "malformed", BOUND),
        ({"body": "[" * 100_000}, "malformed", BOUND),
        ({"status": 500}, "HTTP 500", 0),
    ],
)
def test_what_is_no_reply_is_failed_counted_and_asked_for_alone_in_the_next_run(
    tmp_path: Path, fault: dict[str, Any], kind: str, billed: int
) -> None:
    with fault_server(tmp_path, [{"when": "q1", **fault}]) as server:
        quick = endpoint(server.base_url, attempts=2, timeout_seconds=0.5, deadline_seconds=0.8)
        replies = ask(tmp_path, questions(3), quick, failures_allowed=0.4)
        assert [(reply.outcome, reply.text, reply.error) for reply in replies] == [
            ("answered", "ok: q0", None),
            ("failed", None, kind),
            ("answered", "ok: q2", None),
        ]
        assert rows(tmp_path, "select kind, billed_tokens from failed") == [(kind, billed)] * 2
        with pytest.raises(CallsFailed) as raised:
            ask(tmp_path, questions(3), quick)
        host = server.base_url.split("/")[2]
        assert str(raised.value) == (
            f"1 of a batch of 3 calls to {host} got no reply ({kind} 1); all others are kept: run again to ask for these alone"
        )
        server.set_rules([])
        again = ask(tmp_path, questions(3), quick)
        assert server.asked() == {"q0": 1, "q1": 5, "q2": 1}
    assert [(reply.text, reply.replayed) for reply in again] == [("ok: q0", True), ("ok: q1", False), ("ok: q2", True)]


def test_a_server_that_drips_for_ever_is_left_at_the_deadline(tmp_path: Path) -> None:
    """Each byte comes within the longest silence: only the deadline can end it."""
    with fault_server(tmp_path, [{"fault": "drip"}]) as server:
        start = time.monotonic()
        slow = endpoint(server.base_url, attempts=1, timeout_seconds=60, deadline_seconds=0.5)
        ask(tmp_path, [question(1)], slow, failures_allowed=1)
    assert 0.4 < time.monotonic() - start < 10


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_stops_the_whole_endpoint_and_not_one_worker(tmp_path: Path, status: int) -> None:
    """The first answer asks for a second; nobody sends anything until then."""
    rules = [{"numbers": [1], "status": status, "headers": {"Retry-After": "1"}}, {"delay": 0.05}]
    with fault_server(tmp_path, rules) as server:
        calls = questions(12)
        start = time.monotonic()
        ask(tmp_path, calls, endpoint(server.base_url, concurrency=2))
        assert time.monotonic() - start >= 1.0
    sent = [at for (at,) in rows(tmp_path, "select at from sent order by id")]
    (refused,) = [at for (at,) in rows(tmp_path, "select at from failed")]
    after = [at - refused for at in sent if at > refused]
    assert len(after) >= 10
    assert min(after) >= 0.99


def test_a_retry_after_that_is_a_date_is_kept_to(tmp_path: Path) -> None:
    # Whole seconds: two ahead is at least one.
    date = formatdate(time.time() + 2, usegmt=True)
    with fault_server(tmp_path, [{"status": 503, "tries": 1, "headers": {"Retry-After": date}}]) as server:
        start = time.monotonic()
        ask(tmp_path, [question(1)], endpoint(server.base_url))
        assert time.monotonic() - start >= 0.5


@pytest.mark.parametrize("header", ["soon", "-5", "Mon, 99 Foo 2026"])
def test_a_retry_after_that_says_nothing_is_no_reason_to_stop(tmp_path: Path, header: str) -> None:
    with fault_server(tmp_path, [{"status": 429, "tries": 1, "headers": {"Retry-After": header}}]) as server:
        assert ask(tmp_path, [question(1)], endpoint(server.base_url))[0].text == "ok: q1"


def test_a_server_that_asks_for_hours_leaves_the_call_without_a_reply(tmp_path: Path) -> None:
    with fault_server(tmp_path, [{"status": 429, "headers": {"Retry-After": "7200"}}]) as server:
        (reply,) = ask(tmp_path, [question(1)], endpoint(server.base_url), failures_allowed=1)
    assert (reply.outcome, reply.error, server.asked()) == ("failed", "HTTP 429", {"q1": 1})


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_prompt_that_is_refused_is_not_asked_again_unless_that_is_wanted(tmp_path: Path, status: int) -> None:
    body = '{"error": {"message": "context is 8192 tokens", "type": "BadRequestError"}}'
    with fault_server(tmp_path, [{"when": "q1", "status": status, "body": body}]) as server:
        for replayed in (False, True):
            reply = ask(tmp_path, questions(3), endpoint(server.base_url))[1]
            assert (reply.outcome, reply.text, reply.replayed) == ("refused", None, replayed)
            assert reply.error == f"HTTP {status}: context is 8192 tokens"
        server.set_rules([])
        # Somebody made the context longer.
        assert ask(tmp_path, questions(3), endpoint(server.base_url), retry_refused=True)[1].text == "ok: q1"
        assert ask(tmp_path, questions(3), endpoint(server.base_url))[1].text == "ok: q1"
    assert server.asked() == {"q0": 1, "q1": 2, "q2": 1}
    assert rows(tmp_path, "select tokens from refused") == [(0,)]


@pytest.mark.parametrize(
    ("message", "finish", "error"),
    [
        ({"content": None, "refusal": "I can't help"}, "stop", "refused: I can't help"),
        ({"content": None}, "content_filter", "filtered"),
        ({"content": ""}, "content_filter", "filtered"),
    ],
)
def test_a_model_that_declines_has_refused_and_is_paid(tmp_path: Path, message: Any, finish: str, error: str) -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 4}
    with fault_server(tmp_path, [{"message": message, "finish": finish, "usage": usage}]) as server:
        (reply,) = ask(tmp_path, [question(1)], endpoint(server.base_url))
    assert (reply.outcome, reply.error) == ("refused", error)
    assert rows(tmp_path, "select tokens from refused") == [(24,)]


def test_a_reply_that_was_cut_says_so_and_one_without_words_is_a_reply(tmp_path: Path) -> None:
    rules = [
        {"when": "q0", "reply": "half a", "finish": "length"},
        # A model that thought until its tokens were spent.
        {"when": "q1", "message": {"content": None, "reasoning_content": "hm"}, "finish": "length"},
    ]
    with fault_server(tmp_path, rules) as server:
        replies = ask(tmp_path, questions(2), endpoint(server.base_url))
    assert [(reply.outcome, reply.text, reply.finish) for reply in replies] == [
        ("answered", "half a", "length"),
        ("answered", "", "length"),
    ]


def test_half_a_character_is_kept_as_unreadable(tmp_path: Path) -> None:
    body = '{"choices": [{"message": {"content": "so \\ud83d"}, "finish_reason": "length"}]}'
    with fault_server(tmp_path, [{"body": body}]) as server:
        assert ask(tmp_path, [question(1)], endpoint(server.base_url))[0].text == "so \ufffd"


@pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 405])
def test_a_wrong_key_address_or_model_is_an_error_at_once_and_costs_nothing(tmp_path: Path, status: int) -> None:
    with fault_server(tmp_path, [{"status": status, "headers": {"Location": "http://127.0.0.1:9/"}}]) as server:
        with pytest.raises(EndpointError, match=f"answers HTTP {status} for model 'm': check base_url, model and key_variable"):
            ask(tmp_path, questions(5), endpoint(server.base_url, concurrency=1))
        assert server.asked() == {"q0": 1}
    assert rows(tmp_path, "select kind, billed_tokens from failed") == [("not usable", 0)]


def test_an_error_does_not_wait_for_those_that_were_told_to_come_back_in_a_minute(tmp_path: Path) -> None:
    rules = [{"when": "q0", "status": 401, "delay": 0.4}, {"status": 429, "headers": {"Retry-After": "60"}}]
    with fault_server(tmp_path, rules) as server:
        start = time.monotonic()
        with pytest.raises(EndpointError, match="HTTP 401"):
            ask(tmp_path, questions(6), endpoint(server.base_url, concurrency=4))
        assert time.monotonic() - start < 10


def test_calls_in_flight_when_another_meets_an_error_end_and_are_kept(tmp_path: Path) -> None:
    rules = [{"when": "q0", "status": 401, "delay": 0.1}, {"delay": 0.5}]
    with fault_server(tmp_path, rules) as server:
        with pytest.raises(EndpointError, match="HTTP 401"):
            ask(tmp_path, questions(9), endpoint(server.base_url, concurrency=3))
        assert sorted(server.asked()) == ["q0", "q1", "q2"]
    assert rows(tmp_path, "select text from answered order by text") == [("ok: q1",), ("ok: q2",)]


def test_an_endpoint_that_went_silent_is_given_up_and_what_it_answered_is_kept(tmp_path: Path) -> None:
    with fault_server(tmp_path, [{"when": f"q{n}", "status": 503} for n in range(3, 9)]) as server:
        with pytest.raises(EndpointError, match=r"left 2 calls in a row without a reply \(HTTP 503\)"):
            ask(tmp_path, questions(9), endpoint(server.base_url, give_up_after=2, concurrency=1, attempts=1))
        assert list(server.asked()) == ["q0", "q1", "q2", "q3", "q4"]
    assert rows(tmp_path, "select count(*) from answered") == [(3,)]


def test_an_endpoint_that_refuses_everybody_is_configured_wrong(tmp_path: Path) -> None:
    with fault_server(tmp_path, [{"status": 400, "body": '{"error": {"message": "no such parameter"}}'}]) as server:
        message = r"refused the first 3 calls \(HTTP 400: no such parameter\): mend what is wrong, set calls.retry_refused"
        with pytest.raises(EndpointError, match=message):
            ask(tmp_path, questions(9), endpoint(server.base_url, give_up_after=3, concurrency=1))
        # One that answers others means these prompts.
        server.set_rules([{"when": f"q{number}", "status": 400} for number in range(5, 9)])
        replies = ask(tmp_path, questions(9), endpoint(server.base_url, give_up_after=3), retry_refused=True)
    assert [reply.outcome for reply in replies] == ["answered"] * 5 + ["refused"] * 4


def test_nobody_listening_costs_nothing(tmp_path: Path) -> None:
    with fault_server(tmp_path) as server:
        gone = endpoint(server.base_url, attempts=2)
    with pytest.raises(CallsFailed, match=r"2 of a batch of 2 calls to 127.0.0.1:\d+ got no reply \(not reached 2\)"):
        ask(tmp_path, questions(2), gone)
    assert rows(tmp_path, "select sum(billed_tokens) from failed") == [(0,)]


@pytest.mark.parametrize(
    ("structured", "expected"),
    [("json_schema", "json_schema"), ("json_object", "json_object"), ("none", None)],
)
def test_a_schema_is_asked_for_as_the_endpoint_knows_it(tmp_path: Path, structured: str, expected: str | None) -> None:
    asked = Call(messages=question(1).messages, max_tokens=7, seed=3, schema={"type": "object"})
    with fault_server(tmp_path, script="tests.unit.assets.endpoints.test_faults:mirror") as server:
        to = endpoint(server.base_url, structured=structured, length_key="max_completion_tokens")
        (reply,) = ask(tmp_path, [asked], to)
    request = eval(str(reply.text))
    assert request == {
        "model": "m",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "q1"}],
        "temperature": 0.0,
        "top_p": 1.0,
        "max_completion_tokens": 7,
        "seed": 3,
    } | ({} if expected is None else {"response_format": _format(expected)})


def _format(kind: str) -> dict[str, Any]:
    schema = {"name": "reply", "schema": {"type": "object"}, "strict": True}
    return {"type": kind, "json_schema": schema} if kind == "json_schema" else {"type": kind}


def mirror(request: dict[str, Any], tries: int) -> str:
    """Runs in the server: says what was asked."""
    return repr(request)
