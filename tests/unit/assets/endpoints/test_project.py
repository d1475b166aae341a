"""What the user's file says of endpoints and calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assets.endpoints.calls import call_key
from assets.endpoints.config import CallsConfig, EndpointConfig
from assets.endpoints.desk import asker, ledger_path
from assets.endpoints.project import calls_config, endpoint_named
from assets.steps import Settings
from tests.fixtures.fault_server import fault_server
from tests.unit.assets.endpoints.asking import ask, endpoint, question
from training.config import ConfigError

FILE = """
endpoints:
  judge: {base_url: "http://127.0.0.1:8000/v1/", model: qwen3, key_variable: JUDGE_KEY}
  broken: {base_url: "http://user:hidden@host/v1", model: m}
  loose: [1]
calls: {tokens: 1000, money: 2.5, currency: EUR, failures_allowed: 0.1}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_what_is_declared_is_found(file: Path) -> None:
    judge = endpoint_named(file, "judge")
    assert (judge.base_url, judge.model, judge.host) == ("http://127.0.0.1:8000/v1", "qwen3", "127.0.0.1:8000")
    assert judge.identity == {"model": "qwen3", "structured": "json_schema"}
    assert calls_config(file) == CallsConfig(tokens=1000, money=2.5, currency="EUR", failures_allowed=0.1)
    assert calls_config(None) == CallsConfig()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jugde", "endpoint 'jugde' is not declared (declared are: broken, judge, loose); name its base_url and model under"),
        ("loose", "endpoints.loose: must map keys to values"),
        ("broken", "endpoints.broken: base_url: base_url must be http(s)://host[:port]/v1, without user"),
    ],
)
def test_what_is_wrong_is_one_line_without_a_secret(file: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        endpoint_named(file, name)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value) and "hidden" not in str(raised.value)


def test_without_a_file_the_remedy_is_named() -> None:
    with pytest.raises(
        ConfigError, match="endpoint 'judge' is not declared .none is declared.*in the file that --config gives"
    ):
        endpoint_named(None, "judge")


@pytest.mark.parametrize(
    "url",
    ["ftp://host/v1", "host/v1", "http://user:hidden@host/v1", "http://", "http://host:port/v1", "http://host/v1?key=hidden"],
)
def test_addresses_that_will_not_do_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as raised:
        EndpointConfig(base_url=url, model="m")
    assert "hidden" not in str(raised.value)


def declared(folder: Path, one: dict[str, Any], two: dict[str, Any]) -> Path:
    address = "http://127.0.0.1:{}/v1"
    path = folder / "own.yaml"
    ends = {
        "one": {"base_url": address.format(1), "model": "m"} | one,
        "two": {"base_url": address.format(2), "model": "m"} | two,
    }
    path.write_text(json.dumps({"endpoints": ends}), encoding="utf-8")
    return path


def test_one_model_at_two_addresses_is_refused_unless_a_label_tells_them_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"endpoints.two: one has the model 'm' too, at another base_url.*give one of them a"):
        endpoint_named(declared(tmp_path, {}, {}), "two")
    same = declared(tmp_path, {"base_url": "http://127.0.0.1:2/v1/"}, {"concurrency": 1})
    assert endpoint_named(same, "one").identity == endpoint_named(same, "two").identity
    apart = declared(tmp_path, {}, {"deployment": "awq"})
    assert endpoint_named(apart, "one").identity == {"model": "m", "structured": "json_schema"}
    assert endpoint_named(apart, "two").identity == {"model": "m", "structured": "json_schema", "deployment": "awq"}
    # Behind one label stands one model, wherever it is asked.
    both = declared(tmp_path, {"deployment": "awq"}, {"deployment": "awq"})
    assert endpoint_named(both, "one").identity == endpoint_named(both, "two").identity


def test_two_deployments_of_one_model_share_no_reply(tmp_path: Path) -> None:
    with fault_server(tmp_path) as server:
        calls = [question(1)]
        assert not ask(tmp_path, calls, endpoint(server.base_url))[0].replayed
        assert not ask(tmp_path, calls, endpoint(server.base_url, deployment="awq"))[0].replayed
        assert ask(tmp_path, calls, endpoint("http://127.0.0.1:9/v1", deployment="awq"))[0].replayed
        assert server.asked() == {"q1": 2}
    keys = {call_key("m", question(1), deployment=label) for label in (None, "awq", "json_object")}
    assert len(keys) == 3


def test_an_asker_keeps_its_ledger_in_the_project_folder_under_the_users_limits(tmp_path: Path, file: Path) -> None:
    settings = Settings(profile="smoke", sources=(), home=tmp_path / "home", config=file)
    with fault_server(tmp_path) as server:
        (reply,) = asker(settings, purpose="verdicts")([question(1)], endpoint(server.base_url))
    assert reply.text == "ok: q1"
    assert ledger_path(tmp_path / "home").is_file()


def test_a_key_depends_on_what_a_reply_depends_on() -> None:
    asked = question(1, schema={"type": "object"})
    assert call_key("m", asked) == call_key("m", asked, structured="json_schema") != call_key("m", asked, structured="none")
    assert call_key("m", question(1)) == call_key("m", question(1), structured="none") != call_key("n", question(1))


def test_a_key_in_place_of_its_variable_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("endpoints: {one: {base_url: 'http://h/v1', model: m, key_variable: sk-secret-123}}")
    with pytest.raises(ConfigError, match="key_variable must name an environment variable") as raised:
        endpoint_named(path, "one")
    assert "sk-secret" not in str(raised.value)


def test_an_address_beyond_the_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("endpoints: {one: {base_url: 'http://h/v1/chat/completions', model: m}}")
    with pytest.raises(ConfigError, match="base_url must be"):
        endpoint_named(path, "one")
