"""The commands `promedical review` and `promedical adjudicate`: options, and what is printed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.reviewing.rounds import DRAFTS, RESPONSES

if TYPE_CHECKING:
    from assets.steps import Settings

# What argparse hands a command's subparser to.
AddCommon = Callable[[argparse.ArgumentParser], None]


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser], add_common: AddCommon) -> None:
    """Adds both commands; `add_common` gives each the options that all have."""
    review = commands.add_parser(
        "review",
        help="send drafted rubrics to physicians, take their files in",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  promedical review export --round r1 --reviewers dr_a dr_b\n"
        "  promedical review import returned/review-r1-dr_a.xlsx returned/review-r1-dr_b.xlsx\n  promedical review status",
    ).add_subparsers(dest="action", required=True)
    export = review.add_parser("export", help="draw drafts and write a workbook and Label Studio tasks for every reviewer")
    _add_round(export, count=DRAFTS, of="drafts")
    _add_import(review, add_common)
    status = review.add_parser("status", help="how the rounds stand, with the strict pass rate")
    add_common(export)
    add_common(status)
    adjudicate = commands.add_parser(
        "adjudicate",
        help="send benchmark responses to two reviewers each, double-blind, and take their files in",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  promedical adjudicate export --round a1 --reviewers dr_a dr_b dr_c --count 100\n"
        "  promedical adjudicate import returned/adjudication-a1-dr_a.xlsx\n"
        "  promedical adjudicate export --round a1 --disputed     # what two differ on, to a third",
    ).add_subparsers(dest="action", required=True)
    blind = adjudicate.add_parser("export", help="draw responses, or send disputes to thirds, and write the forms")
    _add_round(blind, count=RESPONSES, of="responses")
    blind.add_argument("--disputed", action="store_true", help="send what the two first reviewers differ on to a third")
    add_common(blind)
    _add_import(adjudicate, add_common)


def _add_round(parser: argparse.ArgumentParser, *, count: int, of: str) -> None:
    parser.add_argument(
        "--round",
        required=True,
        metavar="NAME",
        help="small letters, digits and single dashes, dots or underscores, such as r1",
    )
    parser.add_argument("--reviewers", nargs="+", default=[], metavar="PSEUDONYM", help="who gets a share; no real names")
    parser.add_argument("--count", type=int, help=f"{of} to draw (default: {count})")
    parser.add_argument("--seed", type=int, help="of the draw (default: 0)")
    parser.add_argument("--out", type=Path, help="where the forms are written (default: HOME/rounds/NAME)")


def _add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser], add_common: AddCommon) -> None:
    parser = commands.add_parser("import", help="take returned files in: all of a round's files, or none")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a workbook or Label Studio export; a path or s3://…")
    parser.add_argument("--replace", action="store_true", help="let the files change what was taken in before")
    add_common(parser)


def run_rounds(arguments: argparse.Namespace, settings: Settings) -> None:
    """Does what was asked and prints what came of it.

    Raises:
        RunFailed, FormError, ConfigError, ProjectBusy: see `orchestration.rounds`.
    """
    from assets.reviewing.forms import ADJUDICATION, REVIEW
    from orchestration.rounds import export_round, import_files, rates_table, review_rates

    kind = REVIEW if arguments.command == "review" else ADJUDICATION
    if arguments.action == "export":
        config = {
            "reviewers": arguments.reviewers,
            "count": arguments.count,
            "seed": arguments.seed,
            "folder": str(arguments.out.absolute()) if arguments.out else "",
        }
        if kind == ADJUDICATION:
            config["disputed"] = arguments.disputed
        told = export_round(settings, kind=kind, name=arguments.round, config=config)
        what = told["summary"] if kind == REVIEW else _adjudication_line(arguments.round, told)
        print(
            f"{what}\n{told['files']} files in {told['folder']}: a workbook (.xlsx) per reviewer, and the same as Label Studio"
        )
        print("tasks (.json) with its labelling config (.xml). Take either back with:")
        print(f"  promedical {arguments.command} import FILE …")
        if told["kept"]:
            print(f"{told['kept']} files are there already and differ: kept (move them away to have them as they were sent)")
    elif arguments.action == "import":
        for name, told in import_files(settings, kind=kind, files=arguments.files, replace=arguments.replace).items():
            known = {key: value for key, value in told.items() if key in _SHOWN}
            print(f"round {name}: " + ", ".join(f"{key} {value}" for key, value in known.items()))
        if kind == REVIEW:
            print(rates_table(review_rates(settings)))
        anew = ", and drafts anew where exemplars changed" if kind == REVIEW else ""
        print(f"what depends on it is stale now: promedical run brings it up to date{anew}")
    else:
        print(rates_table(review_rates(settings)))


_SHOWN = ("decided", "outstanding", "items", "agreed", "disputed")


def _adjudication_line(name: str, told: Mapping[str, Any]) -> str:
    left = ", ".join(f"{key.removeprefix('left out: ')} {n}" for key, n in told.items() if key.startswith("left out: ") and n)
    line = f"round {name}: {told['responses']} responses, {told['items']} items in {told['parts']} part(s)"
    return f"{line}; left out: {left}" if left else line
