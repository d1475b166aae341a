"""What follows from a round: disputes, verdict rows, and how far reviewers agreed.

What belongs here: pure functions of a `Round`. Resolving several verdicts to one is dbt's.

A response x criterion is *outstanding* until both first reviewers have answered; it is then *agreed* if they say the same
(also both "cannot tell"), else *disputed*, and *decided* once a third has answered. Nothing outstanding gives a verdict: one
person's word is not what adjudication promises. A third's word counts only where the two differ when all is in.

Agreement is that of the first two, before anyone is third: who gets only what others differ on tells nothing of how often
people agree. unmet is 0 and met is 1; a "cannot tell" is a missing label, counted beside. With two values ordinal alpha is the
nominal one, and quadratic-weighted kappa is the plain one. The paper reports weighted kappa only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assets.verdicts.adjudication_rounds import Judged, Round
from training.benchmark.agreement import agreement_figures
from training.records import TIERS, Verdict

State = Literal["outstanding", "agreed", "disputed", "decided"]
_LABELS: dict[Verdict | None, float | None] = {"unmet": 0.0, "met": 1.0, "unknown": None, None: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A response x criterion with what was said of it: two first answers, and a third's if it was asked for."""

    response_id: str
    criterion_id: str
    tier: str
    firsts: tuple[Judged, ...]
    third: Judged | None

    @property
    def state(self) -> State:
        """Where it stands; see the module."""
        if len(self.firsts) != 2 or any(row.verdict is None for row in self.firsts):
            return "outstanding"
        if len({row.verdict for row in self.firsts}) == 1:
            return "agreed"
        return "decided" if self.third is not None and self.third.verdict is not None else "disputed"


def majority(verdicts: Sequence[Verdict]) -> Verdict:
    """What more than half say, else unknown.

    >>> majority(["met", "unknown", "met"]), majority(["met", "unmet", "unknown"])
    ('met', 'unknown')
    """
    verdict, votes = Counter(verdicts).most_common(1)[0]
    return verdict if 2 * votes > len(verdicts) else "unknown"


def cells(round_: Round) -> list[Cell]:
    """The round's cells by response and criterion."""
    firsts: dict[tuple[str, str], list[Judged]] = {}
    third = {}
    for row in round_.judged:
        key = (row.response_id, row.criterion_id)
        if row.part == 1:
            firsts.setdefault(key, []).append(row)
        else:
            third[key] = row
    return [
        Cell(
            response_id=key[0],
            criterion_id=key[1],
            tier=firsts[key][0].tier,
            firsts=tuple(sorted(firsts[key], key=lambda row: row.reviewer)),
            third=third.get(key),
        )
        for key in sorted(firsts)
    ]


def disputed(round_: Round) -> list[tuple[str, str]]:
    """(response id, criterion id) of what the first two differ on and no third has decided."""
    return [(cell.response_id, cell.criterion_id) for cell in cells(round_) if cell.state == "disputed"]


def verdict_rows(round_: Round) -> list[dict[str, Any]]:
    """Rows of `raw_verdicts`: every reviewer's own as `human`, and of a decided dispute one more, `adjudicated`."""
    rows = []
    for cell in cells(round_):
        if cell.state == "outstanding":
            continue
        counted = [*cell.firsts, *([cell.third] if cell.state == "decided" and cell.third else [])]
        said = [(row.reviewer, row.verdict, row.passage or None) for row in counted if row.verdict is not None]
        rows += [_row(cell, verdict, judge, "human", passage) for judge, verdict, passage in said]
        if cell.state == "decided":
            decision = majority([verdict for _, verdict, _ in said])
            rows.append(_row(cell, decision, f"adjudicated:{round_.name}", "adjudicated", None))
    return rows


def round_figures(round_: Round) -> dict[str, Any]:
    """Counts and agreement of a round, over all tiers and for each."""
    found = cells(round_)
    return {
        "round": round_.name,
        "reviewers": len(round_.reviewers),
        "responses": len({cell.response_id for cell in found}),
        "left_out": dict(round_.left_out),
        "labels": "unmet 0, met 1, cannot tell missing; first two reviewers",
        "all": _figures(found, round_.reviewers),
        **{tier: _figures([cell for cell in found if cell.tier == tier], round_.reviewers) for tier in TIERS},
    }


def _figures(found: Sequence[Cell], reviewers: Sequence[str]) -> dict[str, Any]:
    states = Counter(cell.state for cell in found)
    answered = [cell for cell in found if cell.state != "outstanding"]
    differ = states["disputed"] + states["decided"]
    labels: dict[str, list[float | None]] = {
        name: [next((_LABELS[row.verdict] for row in cell.firsts if row.reviewer == name), None) for cell in answered]
        for name in reviewers
    }
    return {
        "items": len(found),
        "outstanding": states["outstanding"],
        "n": len(answered),
        "agreed": states["agreed"],
        "disputed": differ,
        "decided": states["decided"],
        "disputed_share": differ / len(answered) if answered else None,
        "cannot_tell": sum(row.verdict == "unknown" for cell in answered for row in cell.firsts),
        **agreement_figures(labels),
    }


def _row(cell: Cell, verdict: Verdict, judge: str, kind: str, evidence: str | None) -> dict[str, Any]:
    return {
        "response_id": cell.response_id,
        "criterion_id": cell.criterion_id,
        "verdict": verdict,
        "judge": judge,
        "judge_kind": kind,
        "evidence": evidence,
    }
