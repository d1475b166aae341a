"""The `promedical` command: options and their errors. What they do is in `run.py`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.config import PROFILES, ConfigError, parse_config
from training.stages import ROOT

DEFAULT_SOURCES = ("corpus",)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    handlers = {"run": _run, "ui": _ui, "serve": _serve}
    try:
        _make_home(arguments.home)
        return handlers[arguments.command](arguments)
    except ConfigError as error:
        return _refuse(error)
    except KeyboardInterrupt:
        print("promedical: interrupted; run again to go on from where it was", file=sys.stderr)
        return 130


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise ConfigError(f"--home {home} cannot be used: {error.strerror}; choose a folder that can be written") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="promedical", description="Raw medical instructions to a benchmark report, as Dagster assets."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="run the chain; steps whose work is known are not done again",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  promedical run --profile smoke\n  promedical run --source kqa=../shared/data/kqa\n"
        "  promedical run --source corpus --source kqa=data/kqa --select reports\n"
        "  promedical run --config mine.yaml",
    )
    run.add_argument("--profile", default="local", help=f"one of {', '.join(PROFILES)} (default: %(default)s)")
    run.add_argument(
        "--source",
        action="append",
        metavar="NAME[=URI]",
        help=f"replaces the default list ({', '.join(DEFAULT_SOURCES)}); may be given several times",
    )
    run.add_argument(
        "--config",
        type=Path,
        metavar="FILE.yaml",
        help="declares sources of your own (they are the default list then) and what is done with personal data",
    )
    run.add_argument("--select", nargs="+", metavar="NAME", help="only these steps, assets or groups")
    _add_home(run)
    ui = commands.add_parser("ui", help="open the Dagster UI on the same history", epilog="example: promedical ui --port 3000")
    ui.add_argument("--port", type=int, default=3000, help="(default: %(default)s)")
    _add_home(ui)
    _add_serve(commands)
    return parser


def _add_serve(commands: Any) -> None:
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
    _add_home(serve)


def _add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home", type=Path, default=ROOT / ".promedical", help="where store, warehouse and history lie (default: .promedical)"
    )


def _run(arguments: argparse.Namespace) -> int:
    # Dagster takes seconds to import: not for --help or a wrong option.
    from assets.instructions.curation_config import curation_config
    from assets.instructions.project_file import personal_data_config
    from assets.instructions.sources.base import SourceError
    from assets.instructions.sources.registry import resolve_sources
    from assets.instructions.sources.specs import load_specs

    declared = arguments.config.absolute() if arguments.config else None
    try:
        if arguments.profile not in PROFILES:
            raise ConfigError(f"unknown profile {arguments.profile!r}; allowed: {', '.join(PROFILES)}")
        personal_data_config(declared)
        curation_config(declared)
        sources = tuple(arguments.source or load_specs(declared) or DEFAULT_SOURCES)
        resolve_sources(list(sources), declared=declared)
    except (ConfigError, SourceError) as error:
        return _refuse(error)
    from assets.chain import CHAIN, SelectionError, steps_named
    from assets.lock import ProjectBusy
    from assets.steps import Settings
    from orchestration.run import RunFailed, run_chain, show_result
    from training.storage import StoreError

    settings = Settings(profile=arguments.profile, sources=sources, home=arguments.home.absolute(), config=declared)
    try:
        steps = steps_named(arguments.select) if arguments.select else list(CHAIN)
        looked_at = run_chain(settings, steps)
        if not looked_at:
            print(f"nothing to do: all {len(steps)} steps are fresh")
        show_result(settings, steps)
    except (ConfigError, SourceError, StoreError, ProjectBusy, RunFailed, SelectionError) as error:
        return _refuse(error)
    return 0


def _ui(arguments: argparse.Namespace) -> int:
    from orchestration.instance import HOME_VARIABLE, prepare_dagster_home

    prepare_dagster_home(arguments.home)
    os.environ[HOME_VARIABLE] = str(arguments.home.absolute())
    print(f"Dagster UI: http://127.0.0.1:{arguments.port}  (stop with Ctrl-C)", flush=True)
    dagster = str(Path(sys.executable).parent / "dagster")
    os.chdir(ROOT)
    os.execv(dagster, [dagster, "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(arguments.port)])


def _serve(arguments: argparse.Namespace) -> int:
    from orchestration.serve import ServeOptions, serve, set_up
    from orchestration.serving.environment import DEFAULT, VARIABLE
    from orchestration.serving.server import ServerChoices, ServerFailed
    from training.storage import StoreError

    environment = arguments.env or Path(os.environ.get(VARIABLE) or DEFAULT)
    server = {name: vars(arguments)[name] for name in ServerChoices.model_fields}
    try:
        options = ServeOptions(
            home=arguments.home.absolute(),
            model=arguments.model,
            environment=environment.absolute(),
            install=not arguments.no_install,
            pip_args=arguments.pip_args,
            server=parse_config(ServerChoices, server, where="promedical serve"),
        )
        set_up(options) if arguments.install_only else serve(options)
    except (ConfigError, StoreError, ServerFailed) as error:
        return _refuse(error)
    return 0


def _refuse(error: Exception) -> int:
    print(f"promedical: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
