"""`promedical serve`: vLLM on this machine for as long as the command runs, and the file that tells a run where it is.

What belongs here: the order of things. How each is done is in `serving/`.
"""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestration.serving.environment import ensure_environment
from orchestration.serving.model import ServedModel, read_model
from orchestration.serving.server import (
    ServerChoices,
    require_free_port,
    running,
    server_command,
    server_environment,
    wait_until_ended,
    wait_until_ready,
)
from orchestration.serving.user_file import announced, base_url, forget
from orchestration.standing import standing_model
from training.config import ConfigError
from training.process import unwind_on_sigterm
from training.progress import format_seconds
from training.stages import ROOT

LOG = "serve.log"


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """The command's options.

    Attributes:
        home: the project folder.
        model: folder of a model; None: the project's base model.
        environment: folder of vLLM's environment.
        install: whether vLLM may be installed there.
        pip_args: further options for pip.
        server: port and sizes.
    """

    home: Path
    model: Path | None
    environment: Path
    install: bool
    pip_args: Sequence[str]
    server: ServerChoices


def set_up(options: ServeOptions) -> None:
    """Installs vLLM's environment if it is not there, and says that it is.

    Raises:
        ConfigError: it cannot be.
    """
    unwind_on_sigterm()
    ensure_environment(options.environment, install=options.install, pip_args=options.pip_args, say=_say)
    _say(f"vLLM is ready in {options.environment}")


def serve(options: ServeOptions) -> None:
    """Serves a model until interrupted.

    Raises:
        ConfigError: a busy port, no model, no environment, another server from the same project folder.
        StoreError: the base model's artifact is damaged.
        ServerFailed: vLLM ended by itself.
    """
    unwind_on_sigterm()
    require_free_port(options.server.port)
    with _only_server(options.home):
        forget(options.home)
        # What costs nothing is found out before gigabytes are installed.
        folder = options.model.absolute() if options.model else standing_model(options.home, "base_model")
        model = read_model(folder)
        ensure_environment(options.environment, install=options.install, pip_args=options.pip_args, say=_say)
        log = options.home / LOG
        command = server_command(options.environment, model, options.server)
        _say(f"starts vLLM with {model.name}; its log: {log}")
        try:
            with running(command, server_environment(options.server, options.home), log) as process:
                seconds = wait_until_ready(process, options.server.port, model.name, log, say=_say)
                with announced(model, options.server, options.home) as file:
                    _show(model, options, file, seconds)
                    wait_until_ended(process, log)
        except KeyboardInterrupt:
            _say("stopped")


def _show(model: ServedModel, options: ServeOptions, file: Path, seconds: float) -> None:
    elsewhere = options.home != (ROOT / ".promedical").absolute()
    home = f" --home {options.home}" if elsewhere else ""
    print(
        f"{model.name} answers at {base_url(options.server)} after {format_seconds(seconds)}; stop it with Ctrl-C\n"
        f"use it from another terminal (sizes and sections are in that file):\n"
        f"  promedical run --select rubrics responses verdicts --config {file}{home}",
        flush=True,
    )


def _say(line: str) -> None:
    print(f"    {line}", file=sys.stderr, flush=True)


@contextmanager
def _only_server(home: Path) -> Iterator[None]:
    with (home / "serve.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"another server runs from {home}; stop it, or choose another --home") from error
        yield
