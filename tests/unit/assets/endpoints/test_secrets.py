"""The key goes into one header of one request, and nowhere else; nothing of the environment's goes anywhere."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest

from assets.endpoints.client import EndpointClient
from assets.endpoints.errors import CallsError, CallsFailed, EndpointError
from tests.fixtures.fault_server import fault_server
from tests.unit.assets.endpoints.asking import ask, endpoint, questions

KEY = "s3cret-0123456789-abcdef"
OURS = ["accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"]


def test_the_key_stands_in_no_file_message_log_or_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where the endpoint repeats it in what it answers."""
    monkeypatch.setenv("TEST_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    echo = '{"error": {"message": "' + "x" * 280 + f" key {KEY} is not good enough" + '"}}'
    rules = [
        {"when": "q1", "status": 400, "body": echo},
        {"when": "q2", "status": 500, "body": echo},
        {"when": "q3", "fault": "reset"},
        {"when": "q4", "fault": "hang"},
        {"when": "q5", "status": 401, "body": echo},
    ]
    shown = []
    with fault_server(tmp_path, rules) as server:
        to = endpoint(server.base_url, key_variable="TEST_KEY", attempts=1, concurrency=1, timeout_seconds=0.5)
        for calls, error in ((questions(5), CallsFailed), (questions(6)[5:], EndpointError)):
            with pytest.raises(error) as raised:
                ask(tmp_path, calls, to)
            shown += traceback.format_exception(raised.value)
            links: list[BaseException | None] = [raised.value]
            while links:
                link = links.pop()
                if link is not None:
                    # Nothing of the SDK's hangs on it: a reporter that looks into exceptions would find the request.
                    assert isinstance(link, CallsError)
                    links += [link.__cause__, link.__context__]
        assert all(event["authorized"] for event in server.received())
        assert len(server.received()) == 6
        shown += [repr(to), str(to.model_dump()), repr(EndpointClient(to)), *caplog.messages, *capfd.readouterr()]
    assert not [text for text in shown if KEY in text or KEY[:8] in text]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "rules.json"]
    assert any(b"[key]" in path.read_bytes() or b"HTTP 400" in path.read_bytes() for path in files)
    assert not [path for path in files if KEY[:8].encode() in path.read_bytes()]


def test_nothing_of_the_environment_goes_to_the_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_API_KEY", "meant-for-another")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "meant-for-another")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "another")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "another")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Other: 1\nAuthorization: Bearer meant-for-another")
    with fault_server(tmp_path) as server:
        ask(tmp_path, questions(1), endpoint(server.base_url))
        (event,) = server.received()
    assert not event["authorized"]
    assert set(event["headers"]) - {"x-stainless-raw-response"} == set(OURS)


def test_a_redirection_takes_the_key_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    with fault_server(tmp_path / "other") as other:
        rules = [{"status": 307, "headers": {"Location": f"{other.base_url}/chat/completions"}}]
        with fault_server(tmp_path, rules) as server, pytest.raises(EndpointError, match="HTTP 307"):
            ask(tmp_path, questions(1), endpoint(server.base_url, key_variable="TEST_KEY"))
        assert other.received() == []


def test_a_missing_key_is_named_before_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    with fault_server(tmp_path) as server, pytest.raises(EndpointError, match="set the variable TEST_KEY"):
        ask(tmp_path, questions(1), endpoint(server.base_url, key_variable="TEST_KEY"))
    assert server.received() == []


@pytest.mark.parametrize("key", [f"{KEY}\n", "s3cr\u00e9t", "s3 cret"])
def test_a_key_that_no_header_can_hold_is_named_and_not_shown(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", key)
    with pytest.raises(EndpointError, match="TEST_KEY holds a character") as raised:
        ask(tmp_path, questions(1), endpoint("http://127.0.0.1:9/v1", key_variable="TEST_KEY"))
    assert "s3" not in str(raised.value)


def test_replays_need_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server(tmp_path) as server:
        ask(tmp_path, questions(2), endpoint(server.base_url))
    monkeypatch.delenv("TEST_KEY", raising=False)
    assert all(reply.replayed for reply in ask(tmp_path, questions(2), endpoint(server.base_url, key_variable="TEST_KEY")))
