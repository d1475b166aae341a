"""The command `promedical calls`: what was asked of language models, what came of it, and what it cost."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assets.endpoints.summary import FailedCall


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds the command."""
    parser = commands.add_parser(
        "calls",
        help="what was asked of language models, and what it cost",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  promedical calls\n  promedical calls --failed    # those that a new run would ask again",
    )
    parser.add_argument("--failed", action="store_true", help="list the calls that never got a reply")
    return parser


def run_calls(arguments: argparse.Namespace) -> None:
    """Prints the ledger's summary, or its calls without a reply.

    Raises:
        CallsError: there is no ledger, or the file is something else.
    """
    from assets.endpoints.desk import ledger_path
    from assets.endpoints.errors import CallsError
    from assets.endpoints.summary import failed_calls, ledger_summary, summary_table

    path = ledger_path(arguments.home.absolute())
    if not path.exists():
        raise CallsError(f"no language model has been asked from {arguments.home} yet: there is no ledger")
    print(_failed_table(failed_calls(path)) if arguments.failed else summary_table(ledger_summary(path)))
    print(f"ledger: {path}")


def _failed_table(rows: Sequence[FailedCall]) -> str:
    if not rows:
        return "every call that was made got its reply"
    lines = [f"{'for':16s} {'model':24s} {'attempts':>8s}  {'last':20s} key"]
    lines += [f"{row.purpose:16s} {row.model:24s} {row.attempts:8d}  {row.why:20s} {row.key}" for row in rows]
    return "\n".join(lines)
