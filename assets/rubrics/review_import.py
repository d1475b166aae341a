"""Taking a review round's files back: all of a file or nothing of it, and what the round holds once it is in.

What belongs here: whole files, and adding them to a round. What one draft's answers mean is `review_edits.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.reviewing.forms import FormError, Problem
from assets.rubrics.review_edits import Decided, decide
from assets.rubrics.review_filled import read_filled
from assets.rubrics.review_round import Drawn
from assets.rubrics.review_tables import TABLES, RoundTables

_TIMES = ("reviewed_at", "changed_at")


@dataclass(frozen=True, kw_only=True)
class Returned:
    """A file that is right in every row.

    Attributes:
        round: the round it belongs to.
        digest: of what was drawn.
        drafts: how many were drawn in all.
        decided: by draft.
    """

    round: str
    digest: str
    drafts: int
    decided: Sequence[Decided]


def read_returned(path: Path, drawn: Drawn, *, received_at: str) -> Returned | list[Problem]:
    """Reads a returned file (.xlsx, or a Label Studio export as .json); with any problem nothing of it counts.

    Args:
        path: the file.
        drawn: what was drawn.
        received_at: in UTC, stands in for a time that the file does not give.

    Returns:
        What was decided, or every problem with its place.
    """
    try:
        filled = read_filled(path, drawn)
    except FormError as error:
        return [Problem(path.name, str(error).removeprefix(f"{path.name}: "))]
    problems = list(filled.problems)
    decided: list[Decided] = []
    for draft in filled.drafts:
        made = decide(draft, round_name=drawn.round, received_at=received_at)
        if isinstance(made, Decided):
            decided.append(made)
        else:
            problems += made
    if problems:
        return problems
    return Returned(round=drawn.round, digest=drawn.digest, drafts=len(drawn.drafts), decided=tuple(decided))


def merge(previous: RoundTables | None, returned: Returned, *, replace: bool = False) -> RoundTables | list[Problem]:
    """Adds a file to what a round holds. The same file again changes nothing.

    Args:
        previous: the round so far; None if nothing has come back.
        returned: the file.
        replace: whether it may change what was decided before.

    Returns:
        The round's tables, or the drafts that are decided otherwise already.
    """
    if previous is None:
        previous = RoundTables(round=returned.round, digest=returned.digest, drafts=returned.drafts)
    if (previous.round, previous.digest) != (returned.round, returned.digest):
        return [Problem(f"round {previous.round}", "was exported anew since; what came back before belongs to other drafts")]
    known = {row["rubric_version"]: row for row in previous.review_decisions}
    problems: list[Problem] = []
    new: list[Decided] = []
    for decided in returned.decided:
        before = known.get(decided.decision["rubric_version"])
        if before is None or (replace and not _says_the_same(previous, before, decided)):
            new.append(decided)
        elif not _says_the_same(previous, before, decided):
            what = (
                f"is {before['decision']} by {before['reviewer']} already, in other words; import with replace to change that"
            )
            problems.append(Problem(decided.where, what))
    if problems:
        return problems
    again = {decided.decision["instruction_id"] for decided in new}
    kept = {name: [row for row in getattr(previous, name) if row["instruction_id"] not in again] for name in TABLES}
    return RoundTables(
        round=previous.round,
        digest=previous.digest,
        drafts=previous.drafts,
        review_decisions=[*kept["review_decisions"], *(decided.decision for decided in new)],
        reviewed_criteria=[*kept["reviewed_criteria"], *(row for decided in new for row in decided.criteria)],
        criterion_versions=[*kept["criterion_versions"], *(row for decided in new for row in decided.changes)],
    )


def _says_the_same(previous: RoundTables, before: Mapping[str, Any], decided: Decided) -> bool:
    """Whether a draft was decided so before, whenever that was."""
    instruction = before["instruction_id"]
    changes = [row for row in previous.criterion_versions if row["instruction_id"] == instruction]
    return _timeless([before, *changes]) == _timeless([decided.decision, *decided.changes])


def _timeless(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted(repr(sorted((name, value) for name, value in row.items() if name not in _TIMES)) for row in rows)
