"""The command `promedical serve`: a model by vLLM on this machine."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from training.config import parse_config


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds the command."""
    serve = commands.add_parser(
        "serve",
        help="serve a model by vLLM on this machine, until Ctrl-C",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  promedical run --select base_model && promedical serve\n"
        "  promedical serve --model models/Qwen3-0.6B --port 8001 --max-model-len 16384\n"
        "  promedical serve --install-only --pip-args='--extra-index-url <index>'",
    )
    serve.add_argument("--model", type=Path, metavar="FOLDER", help="a transformers model (default: the project's base model)")
    serve.add_argument("--port", type=int, default=8000, help="on 127.0.0.1 (default: %(default)s)")
    serve.add_argument(
        "--max-model-len", type=int, default=8192, metavar="N", help="tokens of prompt and reply (default: %(default)s)"
    )
    serve.add_argument("--concurrency", type=int, default=32, metavar="N", help="requests at once (default: %(default)s)")
    serve.add_argument(
        "--cache-gib", type=int, default=2, metavar="N", help="memory for keys and values (default: %(default)s)"
    )
    serve.add_argument(
        "--env", type=Path, metavar="FOLDER", help="vLLM's own environment (default: $PROMEDICAL_VLLM or .venv-vllm)"
    )
    install = serve.add_mutually_exclusive_group()
    install.add_argument("--no-install", action="store_true", help="refuse if vLLM is not there, instead of installing it")
    install.add_argument("--install-only", action="store_true", help="install vLLM if it is not there, and serve nothing")
    serve.add_argument(
        "--pip-args", type=shlex.split, default=[], metavar="ARGS", help="more options for pip, such as another package index"
    )
    return serve


def run_serve(arguments: argparse.Namespace) -> None:
    """Serves until interrupted, or installs alone.

    Raises:
        ConfigError, StoreError, ServerFailed: see `orchestration.serve`.
    """
    from orchestration.serve import ServeOptions, serve, set_up
    from orchestration.serving.environment import DEFAULT, VARIABLE
    from orchestration.serving.server import ServerChoices

    environment = arguments.env or Path(os.environ.get(VARIABLE) or DEFAULT)
    server = {name: vars(arguments)[name] for name in ServerChoices.model_fields}
    options = ServeOptions(
        home=arguments.home.absolute(),
        model=arguments.model,
        environment=environment.absolute(),
        install=not arguments.no_install,
        pip_args=arguments.pip_args,
        server=parse_config(ServerChoices, server, where="promedical serve"),
    )
    set_up(options) if arguments.install_only else serve(options)
