"""The command `promedical study reward-model`: options, and what is printed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from training.study.variants import VARIANTS

if TYPE_CHECKING:
    from assets.steps import Settings

# What argparse hands a command's subparser to.
AddCommon = Callable[[argparse.ArgumentParser], None]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser], add_common: AddCommon) -> None:
    """Adds the command; `add_common` gives it the options that say what a run is on."""
    studies = commands.add_parser("study", help="ablations, cell by cell, as one table with intervals").add_subparsers(
        dest="study", required=True
    )
    parser = studies.add_parser(
        "reward-model",
        help="the reward model without its criteria, without safety data, and so on, over seeds",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Cells that are there are not made again; after a kill the same command goes on inside the cell.\n\n"
        "examples:\n  promedical study reward-model --profile smoke\n"
        "  promedical study reward-model --source corpus --source kqa=data/kqa\n"
        "  promedical study reward-model --variants full scalar --seeds 0\n"
        "  promedical study reward-model --list",
    )
    parser.add_argument("--variants", nargs="+", metavar="NAME", help=f"only these of: {', '.join(VARIANTS)}")
    parser.add_argument("--seeds", nargs="+", type=int, metavar="N", help="only these of the profile's seeds")
    parser.add_argument("--list", action="store_true", help="say which cells there are and how they stand; make nothing")
    add_common(parser)


def run_study_command(arguments: argparse.Namespace, settings: Settings) -> None:
    """Runs the study and prints its table, or lists its cells.

    Raises:
        RunFailed, ConfigError, SourceError, ProjectBusy: see `orchestration.study`.
    """
    from orchestration.study import run_study, study_states

    if arguments.list:
        states = study_states(settings, variants=arguments.variants, seeds=arguments.seeds)
        for cell in states:
            print(f"{cell.name:20s} {cell.state}")
        made = sum(cell.state == "made" for cell in states)
        print(f"{made} of {len(states)} cells of the study of profile {settings.profile} are made")
        return
    print(run_study(settings, variants=arguments.variants, seeds=arguments.seeds))
