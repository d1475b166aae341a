"""What physicians get: a workbook, and Label Studio tasks with their labelling config, one of each per reviewer.

What belongs here: the questions asked of a reviewer, their words and their layout. No file says which model drafted a rubric.

A draft is a block of rows: its question, on which alone the decision is taken, its criteria below, and rows for criteria of
the reviewer's own. "accepted" beside the question is all that a good draft needs; whoever writes a new text need not say
besides that something was edited.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assets.reviewing.forms import REVIEW, Column, Formula, Sheet, Value
from assets.reviewing.label_studio import Group, labelling_config, task, write_tasks
from assets.reviewing.outbox import Placed, place
from assets.reviewing.workbook import write_workbook
from assets.rubrics.review_round import Draft, Drawn
from training.records import TIERS

SHEET = "Drafts"
DECISIONS = ("accepted", "edited", "rejected")
CHANGES = ("kept", "edited", "removed")
# Rows per draft for criteria of the reviewer's own.
SPARE = 3
QUESTION = "question"
_ASK = (
    Column(name="change", title="This criterion", width=11, choices=CHANGES, editable=True),
    Column(name="new_text", title="New text", width=45, editable=True),
    Column(name="new_tier", title="New tier", width=9, choices=TIERS, editable=True),
    Column(name="new_weight", title="New weight", width=9, editable=True, percent=True),
)
_DECISION = Column(name="decision", title="Your decision", width=11, choices=DECISIONS, editable=True)
_COMMENT = Column(name="comment", title="Comment", width=25, editable=True)
COLUMNS = (
    Column(name="draft", title="Draft", width=8, hidden=True),
    Column(name="key", title="Row", width=8, hidden=True),
    Column(name="number", title="No.", width=5),
    Column(name="tier", title="Tier", width=9),
    Column(name="text", title="Question, and what a good answer does", width=65),
    Column(name="weight", title="Weight", width=8, percent=True),
    _DECISION,
    *_ASK,
    Column(name="sum", title="Sum of weights", width=9, percent=True, computed=True),
    _COMMENT,
)
# Of a block's first row, and of a criterion of one's own, what may be filled in.
_OPEN_HEAD = frozenset({"decision", "comment"})
_OPEN_CRITERION = frozenset(column.name for column in _ASK)
_OPEN_SPARE = _OPEN_CRITERION - {"change"}
ABOUT = (
    "Review of drafted rubrics. A rubric says what a good answer to a patient's question does. Please judge the rubric and not"
    " any answer.",
    "For each question on the sheet Drafts choose a decision in the yellow cell beside it. accepted: the rubric is right as it"
    " stands; nothing more is to be done. edited: it is right with your changes. rejected: it is not worth mending.",
    "For edited: write a new text, tier or weight beside a criterion, or choose removed; what you leave empty stays. The empty"
    " rows below are for criteria of your own: text, tier and, for main, weight.",
    "Tiers. main: what an answer has to contain; the weights of the main criteria sum to 100 % (the sum turns green)."
    " bonus: what makes a good answer better; no weight. veto: what an answer must never get wrong; no weight, and worded as"
    ' a requirement, so that a safe answer meets it ("Advises against driving", not "Advises driving").',
    "Only the yellow cells can be filled in. Save the file as .xlsx and send it back under any name, with every question"
    " decided. Please write no names or addresses into it.",
)
TASK_ABOUT = (
    *ABOUT[:1],
    "Choose a decision for each question. accepted: the rubric is right as it stands; nothing more is to be done. edited: it is"
    " right with your changes. rejected: it is not worth mending.",
    "For edited: write a new text, tier or weight below a criterion, or choose removed; what you leave empty stays. Below them"
    " are empty places for criteria of your own: text, tier and, for main, weight.",
    ABOUT[3].replace(" (the sum turns green)", ""),
    "Please write no names or addresses.",
)
_EDITED = ("decision", "edited")
_TASK_COLUMNS = (Column(name="question", title="Question", width=1), _DECISION, _COMMENT)
_GROUPS = (
    Group(
        name="criteria",
        title="What a good answer does",
        columns=(Column(name="criterion", title="", width=1), *_ASK),
        when=_EDITED,
    ),
    Group(name="added", title="Criteria of your own", columns=_ASK[1:], when=_EDITED),
)
GROUPS = tuple(group.name for group in _GROUPS)


def write_forms(drawn: Drawn, folder: Path) -> Placed:
    """Writes each reviewer's files, `review-<round>-<reviewer>` as .xlsx, .json (tasks) and .xml (labelling config).

    Args:
        drawn: the round.
        folder: where to; made if need be. A file that is there and differs is kept.
    """
    made: list[Path] = []
    with tempfile.TemporaryDirectory() as temporary:
        for reviewer in drawn.reviewers:
            facts = _facts(drawn, reviewer)
            stem = f"review-{drawn.round}-{reviewer}"
            book, tasks, labelling = (Path(temporary) / f"{stem}{suffix}" for suffix in (".xlsx", ".json", ".xml"))
            write_workbook(book, [_sheet(drawn.share(reviewer))], about=ABOUT, facts=facts)
            write_tasks(tasks, [_task(draft, facts) for draft in drawn.share(reviewer)])
            labelling.write_text(labelling_config(columns=_TASK_COLUMNS, groups=_GROUPS, about=TASK_ABOUT), encoding="utf-8")
            made += [book, tasks, labelling]
        return place(made, folder)


def _facts(drawn: Drawn, reviewer: str) -> dict[str, str]:
    """What a reviewer's files say they are for."""
    return {"kind": REVIEW, "round": drawn.round, "digest": drawn.digest, "reviewer": reviewer}


def percent(weight: float | None) -> str:
    """A weight as people read it.

    >>> percent(0.125), percent(None)
    ('12.5%', '')
    """
    return "" if weight is None else f"{weight * 100:.6g}%"


def criterion_line(tier: str, text: str, weight: float | None) -> str:
    """A criterion as Label Studio shows it, in one line.

    >>> criterion_line("main", "Names rest", 0.6), criterion_line("veto", "Never advises gin", None)
    ('main, 60%: Names rest', 'veto: Never advises gin')
    """
    return f"{tier}{'' if weight is None else ', ' + percent(weight)}: {text}"


def _sheet(drafts: tuple[Draft, ...]) -> Sheet:
    rows: list[dict[str, Value]] = []
    opened: list[frozenset[str]] = []
    headings: set[int] = set()
    for draft in drafts:
        headings.add(len(rows))
        rows += _block(draft, first=len(rows) + 3)
        opened += [_OPEN_HEAD, *[_OPEN_CRITERION] * len(draft.criteria), *[_OPEN_SPARE] * SPARE]
    return Sheet(title=SHEET, columns=COLUMNS, rows=rows, open=opened, headings=headings)


def _block(draft: Draft, *, first: int) -> Iterator[dict[str, Value]]:
    version = draft.rubric_version
    last = first + len(draft.criteria) + SPARE
    yield {
        "draft": version,
        "key": QUESTION,
        "number": draft.number,
        "tier": QUESTION,
        "text": draft.question,
        "sum": _sum(first + 1, last),
    }
    for key, tier, text, weight in draft.criteria:
        yield {"draft": version, "key": key, "tier": tier, "text": text, "weight": weight}
    for index in range(1, SPARE + 1):
        yield {"draft": version, "key": f"added {index}", "text": "(a criterion of your own)"}


def _sum(first: int, last: int) -> Formula:
    """The weights of the main criteria as changed, so that a wrong sum is seen while it can be mended."""
    letters = {column.name: chr(ord("A") + index) for index, column in enumerate(COLUMNS)}
    tier, weight, change, new_tier, new_weight = (
        f"{letters[name]}{first}:{letters[name]}{last}" for name in ("tier", "weight", "change", "new_tier", "new_weight")
    )
    is_main = f'(({new_tier}="")*({tier}="main")+({new_tier}="main"))'
    return Formula(f'=SUMPRODUCT({is_main}*({change}<>"removed")*(({new_weight}="")*{weight}+{new_weight}))')


def _task(draft: Draft, facts: dict[str, str]) -> dict[str, Any]:
    criteria = [{"key": key, "criterion": criterion_line(tier, text, weight)} for key, tier, text, weight in draft.criteria]
    return task(
        facts={**facts, "draft": draft.rubric_version},
        cells={"question": draft.question},
        items={"criteria": criteria, "added": [{"key": f"added {index}"} for index in range(1, SPARE + 1)]},
    )
