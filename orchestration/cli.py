"""The `promedical` command: options and their errors. What they do is in `run.py`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assets.instructions.sources.base import SourceError
from orchestration import cli_calls, cli_rounds, cli_score, cli_serve, cli_study
from training.config import PROFILES, ConfigError
from training.stages import ROOT

if TYPE_CHECKING:
    from assets.steps import Settings

DEFAULT_SOURCES = ("corpus",)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    handlers = {
        "run": _run,
        "ui": _ui,
        "study": _study,
        "review": _rounds,
        "adjudicate": _rounds,
        "calls": _calls,
        "serve": _serve,
        "score": _score,
    }
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
    _add_profile(run)
    _add_source(run)
    _add_config(run)
    run.add_argument("--select", nargs="+", metavar="NAME", help="only these steps, assets or groups")
    _add_home(run)
    ui = commands.add_parser(
        "ui",
        help="open the Dagster UI on the same history",
        epilog="example: promedical ui --port 3000 --source kqa=data/kqa --config mine.yaml",
    )
    ui.add_argument("--port", type=int, default=3000, help="(default: %(default)s)")
    ui.add_argument(
        "--inbox", metavar="URI", default="", help="where reviewers' files come back: a folder or s3://… (default: HOME/inbox)"
    )
    _add_profile(ui)
    _add_source(ui)
    _add_config(ui)
    _add_home(ui)
    cli_study.add_parser(commands, _add_run)
    cli_rounds.add_parsers(commands, _add_project)
    _add_home(cli_calls.add_parser(commands))
    _add_home(cli_serve.add_parser(commands))
    _add_home(cli_score.add_parser(commands))
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_source(parser)
    _add_project(parser)


def _add_project(parser: argparse.ArgumentParser) -> None:
    _add_profile(parser)
    _add_config(parser)
    _add_home(parser)


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", default="local", help=f"one of {', '.join(PROFILES)} (default: %(default)s)")


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        action="append",
        metavar="NAME[=URI]",
        help=f"replaces the default list ({', '.join(DEFAULT_SOURCES)}); may be given several times",
    )


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.yaml",
        help="sources of your own (they are the default list then), personal data, curation, language models",
    )


def _add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home", type=Path, default=ROOT / ".promedical", help="where store, warehouse and history lie (default: .promedical)"
    )


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = _settings(arguments)
    except (ConfigError, SourceError) as error:
        return _refuse(error)
    from assets.chain import CHAIN, SelectionError, steps_named
    from assets.lock import ProjectBusy
    from orchestration.run import RunFailed, run_chain, show_result
    from training.storage import StoreError

    try:
        steps = steps_named(arguments.select) if arguments.select else list(CHAIN)
        looked_at = run_chain(settings, steps)
        if not looked_at:
            print(f"nothing to do: all {len(steps)} steps are fresh")
        show_result(settings, steps)
    except (ConfigError, SourceError, StoreError, ProjectBusy, RunFailed, SelectionError) as error:
        return _refuse(error)
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    """The choices, with each section checked that can be without running anything.

    Raises:
        ConfigError, SourceError: a wrong profile, source or key.
    """
    from assets.endpoints.project import calls_config
    from assets.instructions.curation_config import curation_config
    from assets.instructions.project_file import personal_data_config
    from assets.instructions.sources.registry import resolve_sources
    from assets.instructions.sources.specs import load_specs
    from assets.steps import Settings
    from orchestration.sections import check_models

    declared = arguments.config.absolute() if arguments.config else None
    if arguments.profile not in PROFILES:
        raise ConfigError(f"unknown profile {arguments.profile!r}; allowed: {', '.join(PROFILES)}")
    personal_data_config(declared)
    curation_config(declared)
    calls_config(declared)
    check_models(arguments.profile, declared)
    sources = tuple(arguments.source or load_specs(declared) or DEFAULT_SOURCES)
    resolve_sources(list(sources), declared=declared)
    return Settings(profile=arguments.profile, sources=sources, home=arguments.home.absolute(), config=declared)


def _ui(arguments: argparse.Namespace) -> int:
    from orchestration.instance import CHOICES_VARIABLE, HOME_VARIABLE, INBOX_VARIABLE, prepare_dagster_home

    try:
        settings = _settings(arguments)
    except (ConfigError, SourceError) as error:
        return _refuse(error)
    prepare_dagster_home(arguments.home)
    os.environ[HOME_VARIABLE] = str(settings.home)
    os.environ[INBOX_VARIABLE] = arguments.inbox
    os.environ[CHOICES_VARIABLE] = json.dumps(
        {
            "profile": settings.profile,
            "sources": settings.sources,
            "config": str(settings.config) if settings.config else None,
        }
    )
    print(f"Dagster UI: http://127.0.0.1:{arguments.port}  (stop with Ctrl-C)", flush=True)
    dagster = str(Path(sys.executable).parent / "dagster")
    os.chdir(ROOT)
    os.execv(dagster, [dagster, "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(arguments.port)])


def _rounds(arguments: argparse.Namespace) -> int:
    from assets.interfaces import CLEAR_ERRORS
    from assets.lock import ProjectBusy
    from assets.steps import Settings
    from orchestration.run import RunFailed

    config = arguments.config.absolute() if arguments.config else None
    settings = Settings(profile=arguments.profile, sources=DEFAULT_SOURCES, home=arguments.home.absolute(), config=config)
    try:
        cli_rounds.run_rounds(arguments, settings)
    except (*CLEAR_ERRORS, ProjectBusy, RunFailed) as error:
        return _refuse(error)
    return 0


def _study(arguments: argparse.Namespace) -> int:
    from assets.interfaces import CLEAR_ERRORS
    from assets.lock import ProjectBusy
    from orchestration.run import RunFailed

    try:
        cli_study.run_study_command(arguments, _settings(arguments))
    except (*CLEAR_ERRORS, ProjectBusy, RunFailed) as error:
        return _refuse(error)
    return 0


def _calls(arguments: argparse.Namespace) -> int:
    from assets.endpoints.errors import CallsError

    try:
        cli_calls.run_calls(arguments)
    except CallsError as error:
        return _refuse(error)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    from orchestration.serving.server import ServerFailed
    from training.storage import StoreError

    try:
        cli_serve.run_serve(arguments)
    except (ConfigError, StoreError, ServerFailed) as error:
        return _refuse(error)
    return 0


def _score(arguments: argparse.Namespace) -> int:
    from training.storage import StoreError

    try:
        return cli_score.run_score(arguments)
    except (ConfigError, StoreError) as error:
        return _refuse(error)


def _refuse(error: Exception) -> int:
    print(f"promedical: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
