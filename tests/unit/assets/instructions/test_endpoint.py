from __future__ import annotations

import socket
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from chat_server import Answer, chat_server
from pydantic import ValidationError

from assets.instructions.endpoint import EndpointError, ask
from assets.instructions.endpoint_cache import Prompt, ReplyCache, prompt_hash
from assets.endpoints.config import EndpointConfig

PROMPTS = [Prompt("rate", f"question {number}") for number in range(6)]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def config(base_url: str, **values: Any) -> EndpointConfig:
    fields: dict[str, Any] = {"model": "m", "backoff_seconds": 0.001, "timeout_seconds": 5.0, "attempts": 3} | values
    return EndpointConfig(base_url=base_url, **fields)


def user(body: dict[str, Any]) -> str:
    return str(body["messages"][1]["content"])


def test_replies_stand_in_the_order_of_the_prompts(tmp_path: Path) -> None:
    with chat_server(lambda body, tries: Answer(user(body)[-1], after=0.03 if user(body).endswith("0") else 0)) as seen:
        replies = ask(PROMPTS, config=config(seen.base_url, concurrency=4), cache=tmp_path / "cache")
    assert replies.texts == ["0", "1", "2", "3", "4", "5"]
    assert replies.outcomes == {"answered": 6}
    assert {key for key in seen.keys} == {None}
    first = next(body for body in seen.bodies if user(body) == "question 0")
    assert first["model"] == "m" and first["temperature"] == 0
    assert first["messages"][0] == {"role": "system", "content": "rate"}


def test_at_most_so_many_requests_at_once(tmp_path: Path) -> None:
    prompts = [Prompt("s", str(number)) for number in range(20)]
    with chat_server(lambda body, tries: Answer("1", after=0.01)) as seen:
        ask(prompts, config=config(seen.base_url, concurrency=2), cache=tmp_path / "cache")
    assert seen.most_at_once == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_or_broken_server_is_asked_again(tmp_path: Path, status: int) -> None:
    with chat_server(lambda body, tries: Answer("7") if tries == 2 else Answer(status=status, raw=b"no")) as seen:
        replies = ask(PROMPTS[:1], config=config(seen.base_url), cache=tmp_path / "cache")
    assert replies.texts == ["7"]
    assert len(seen.bodies) == 3


def test_retry_after_is_kept_to(tmp_path: Path) -> None:
    def script(body: dict[str, Any], tries: int) -> Answer:
        return Answer("7") if tries else Answer(status=429, raw=b"", headers=(("Retry-After", "1"),))

    with chat_server(script) as seen:
        start = time.monotonic()
        ask(PROMPTS[:1], config=config(seen.base_url), cache=tmp_path / "cache")
    assert time.monotonic() - start >= 1.0


def test_a_retry_after_that_is_a_date_is_kept_to(tmp_path: Path) -> None:
    def script(body: dict[str, Any], tries: int) -> Answer:
        # Whole seconds: two ahead is at least one.
        return (
            Answer("7")
            if tries
            else Answer(status=503, raw=b"", headers=(("Retry-After", formatdate(time.time() + 2, usegmt=True)),))
        )

    with chat_server(script) as seen:
        start = time.monotonic()
        assert ask(PROMPTS[:1], config=config(seen.base_url), cache=tmp_path / "cache").texts == ["7"]
    assert time.monotonic() - start >= 0.9


@pytest.mark.parametrize("header", ["soon", "-5", "\u00b2", "Mon, 99 Foo 2026"])
def test_a_retry_after_that_says_nothing_is_no_reason_to_stop(tmp_path: Path, header: str) -> None:
    def script(body: dict[str, Any], tries: int) -> Answer:
        return Answer("7") if tries else Answer(status=429, raw=b"", headers=(("Retry-After", header),))

    with chat_server(script) as seen:
        assert ask(PROMPTS[:1], config=config(seen.base_url), cache=tmp_path / "cache").texts == ["7"]


def test_a_server_that_asks_for_hours_leaves_the_prompt_unanswered(tmp_path: Path) -> None:
    with chat_server(lambda body, tries: Answer(status=429, raw=b"", headers=(("Retry-After", "7200"),))) as seen:
        replies = ask(PROMPTS[:1], config=config(seen.base_url), cache=tmp_path / "cache")
    assert (replies.texts, len(seen.bodies)) == ([None], 1)


def test_giving_up_does_not_wait_for_the_workers(tmp_path: Path) -> None:
    """One prompt is told to come back in a minute while another meets a wrong key: the error does not wait for it."""

    def script(body: dict[str, Any], tries: int) -> Answer:
        if user(body) == "question 0":
            return Answer(status=401, raw=b"", after=0.2)
        return Answer(status=429, raw=b"", headers=(("Retry-After", "60"),))

    with chat_server(script) as seen:
        start = time.monotonic()
        with pytest.raises(EndpointError, match="HTTP 401"):
            ask(PROMPTS, config=config(seen.base_url, concurrency=4), cache=tmp_path / "cache")
        assert time.monotonic() - start < 10
        sent = len(seen.bodies)
        time.sleep(0.2)
        assert len(seen.bodies) == sent


def test_a_server_that_is_no_chat_server_is_an_error_and_not_a_column_of_unknowns(tmp_path: Path) -> None:
    message = r"3 prompts in a row without a usable reply \(malformed\)"
    with chat_server(lambda body, tries: Answer(raw=b"{}")) as seen, pytest.raises(EndpointError, match=message):
        ask(PROMPTS, config=config(seen.base_url, give_up_after=3), cache=tmp_path / "cache")


@pytest.mark.parametrize("key", ["s3cret\n", "s3cr\u00e9t", "s3 cret"])
def test_a_key_that_no_header_can_hold_is_named_and_not_shown(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", key)
    with pytest.raises(EndpointError, match="TEST_KEY holds a character") as raised:
        ask(PROMPTS, config=config("http://127.0.0.1:9/v1", key_variable="TEST_KEY"), cache=tmp_path / "cache")
    assert "s3" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(raw=b"<html>busy</html>"), "malformed"),
        (Answer(raw=b'{"choices": []}'), "malformed"),
        (Answer(raw=b'{"choices": [{"message": {"content": null}}]}'), "malformed"),
        (Answer(raw=b"[1]"), "malformed"),
        (Answer(raw=b"\xff\xfe"), "malformed"),
        (Answer(status=400, raw=b"too long"), "refused"),
        (Answer(status=500, raw=b"no"), "unanswered"),
        (Answer("7", after=0.4), "unanswered"),
        (Answer("7", declared_length=10_000), "unanswered"),
    ],
)
def test_what_is_no_answer_is_none_and_counted(tmp_path: Path, answer: Answer, outcome: str) -> None:
    with chat_server(lambda body, tries: answer if user(body) == "question 1" else Answer("3")) as seen:
        replies = ask(PROMPTS[:3], config=config(seen.base_url, timeout_seconds=0.15, attempts=2), cache=tmp_path / "cache")
    assert replies.texts == ["3", None, "3"]
    assert replies.outcomes == {"answered": 2, outcome: 1}
    with chat_server(lambda body, tries: Answer("4")) as seen:
        again = ask(PROMPTS[:3], config=config(seen.base_url), cache=tmp_path / "cache")
    assert again.texts == ["3", "4", "3"]
    assert [user(body) for body in seen.bodies] == ["question 1"]


def test_a_run_cut_short_goes_on_from_its_cache(tmp_path: Path) -> None:
    def dies(body: dict[str, Any], tries: int) -> Answer:
        return Answer("5") if int(user(body)[-1]) < 3 else Answer(status=503, raw=b"")

    with (
        chat_server(dies) as seen,
        pytest.raises(EndpointError, match=r"2 prompts in a row without a usable reply \(unanswered\), after 5 of 6"),
    ):
        ask(PROMPTS, config=config(seen.base_url, give_up_after=2, concurrency=1), cache=tmp_path / "cache")
    with chat_server(lambda body, tries: Answer("6")) as seen:
        replies = ask(PROMPTS, config=config(seen.base_url), cache=tmp_path / "cache")
    assert replies.texts == ["5", "5", "5", "6", "6", "6"]
    assert replies.outcomes == {"cached": 3, "answered": 3}


def test_another_model_or_prompt_is_asked_anew(tmp_path: Path) -> None:
    with chat_server(lambda body, tries: Answer(body["model"])) as seen:
        for model in ("a", "b", "a"):
            assert ask(PROMPTS[:1], config=config(seen.base_url, model=model), cache=tmp_path / "cache").texts == [model]
    assert [body["model"] for body in seen.bodies] == ["a", "b"]
    assert prompt_hash(Prompt("a", "b")) != prompt_hash(Prompt("ab", ""))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_configuration_is_an_error_at_once_and_never_shows_the_key(
    tmp_path: Path, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "s3cret")
    with chat_server(lambda body, tries: Answer(status=status, raw=b"s3cret")) as seen:
        settings = config(seen.base_url, key_variable="TEST_KEY", concurrency=1)
        with pytest.raises(EndpointError, match=f"HTTP {status} for model 'm'") as raised:
            ask(PROMPTS[:1], config=settings, cache=tmp_path / "cache")
    assert seen.keys == ["Bearer s3cret"]
    assert "s3cret" not in str(raised.value)


def test_a_missing_key_is_named_before_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    with pytest.raises(EndpointError, match="set the variable TEST_KEY"):
        ask(PROMPTS, config=config("http://127.0.0.1:9/v1", key_variable="TEST_KEY"), cache=tmp_path / "cache")


def test_a_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        with pytest.raises(EndpointError, match="without a usable reply"):
            ask(PROMPTS, config=config(url, give_up_after=2, attempts=1), cache=tmp_path / "cache")


@pytest.mark.parametrize(
    "url",
    ["ftp://host/v1", "host/v1", "http://user:hidden@host/v1", "http://", "http://host:port/v1", "http://host/v1?key=hidden"],
)
def test_addresses_that_will_not_do_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as raised:
        EndpointConfig(base_url=url, model="m")
    assert "hidden" not in str(raised.value)


def test_the_cache_is_on_disk_when_put_returns(tmp_path: Path) -> None:
    first, second = ReplyCache(tmp_path / "cache"), ReplyCache(tmp_path / "cache")
    asked = config("http://127.0.0.1:9/v1")
    first.put(asked, PROMPTS[0], "8")
    assert second.get(asked, PROMPTS[0]) == "8"
    assert second.get(asked, PROMPTS[1]) is None
    # An answer that was cut off at fewer tokens is not the answer of a longer limit.
    assert second.get(config("http://127.0.0.1:9/v1", max_tokens=64), PROMPTS[0]) is None
    first.close()
    second.close()
