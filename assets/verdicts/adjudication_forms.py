"""What reviewers get: a workbook, and the same as Label Studio tasks, each checked before anyone can have it.

What belongs here: the questions asked, their words and their layout. Each reviewer has files of their own; in Label Studio that
means a project of their own, or they would see each other's answers.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from assets.reviewing.forms import ADJUDICATION, Column, Sheet
from assets.reviewing.label_studio import Group, labelling_config, task, write_tasks
from assets.reviewing.outbox import Placed, place
from assets.reviewing.workbook import write_workbook
from assets.verdicts.adjudication_blind import Form, Item, Leak, check_blind, check_label, check_workbook, rows_of
from assets.verdicts.adjudication_export import Export, Share
from assets.verdicts.adjudication_names import ModelNames
from training.records import Verdict

SHEET = "Items"
# In tasks: the list of an answer's criteria.
GROUP = "criteria"
# What reviewers choose from, and the verdict that each is.
CHOICES: Mapping[str, Verdict] = {"met": "met", "unmet": "unmet", "cannot tell": "unknown"}
_READ = (
    Column(name="question", title="Question", width=40, spans=True),
    Column(name="answer", title="Answer", width=90, spans=True),
)
_JUDGE = (
    Column(name="criterion", title="Does the answer meet this?", width=50),
    Column(name="verdict", title="Your verdict", width=13, choices=tuple(CHOICES), editable=True),
    Column(name="passage", title="Passage of the answer (optional)", width=40, editable=True),
    Column(name="comment", title="Comment (optional)", width=30, editable=True),
)
COLUMNS = (Column(name="item_id", title="Item", width=17), *_READ, *_JUDGE)
ABOUT_TEXT = (
    "The sheet Items shows answers to patients' questions, and beside each answer the requirements that it is judged by. For"
    " every requirement choose met, unmet or cannot tell in the yellow cell beside it.",
    "Every requirement is worded so that met is good: an answer that says nothing against “Does not contradict: …” meets it.",
    "If a passage decides it, copy that passage from the answer, word for word; leave the cell empty if there is none.",
    "Please judge alone, fill in every verdict, and send the whole file back as .xlsx. Answers come from several origins, in an"
    " order that means nothing. Please write no names or addresses into it.",
)
TASK_ABOUT = (
    "For every requirement choose met, unmet or cannot tell.",
    *ABOUT_TEXT[1:2],
    "If a passage decides it, copy that passage from the answer, word for word; leave the field empty if there is none.",
    "Please judge alone. Answers come from several origins, in an order that means nothing. Please write no names or"
    " addresses.",
)


class BlindingError(RuntimeError):
    """A form would tell its reviewer something; one line with the first leak and how many there are."""


def write_forms(export: Export, folder: Path) -> Placed:
    """Writes each reviewer's files of the last part, `adjudication-<round>-<reviewer>` as .xlsx, .json (tasks), .xml (config).

    All of them are checked first; if one would tell anything, none is written.

    Args:
        export: the round.
        folder: where to; made if need be. A file that is there and differs is kept.

    Raises:
        BlindingError: one of them would tell its reviewer something.
    """
    names = ModelNames(export.models)
    made = []
    with tempfile.TemporaryDirectory() as temporary:
        for share, items in export.shares().items():
            if share.part == export.parts:
                book = Path(temporary) / f"{file_name(export, share)}.xlsx"
                form = form_of(export, share)
                write_share(book, items, form)
                tasks = tasks_of(items, form)
                _refuse(
                    check_workbook(book, items, form, models=names, secret=export.secret, round_name=export.name), book.name
                )
                _refuse(check_tasks(tasks, items, form, models=names, secret=export.secret, round_name=export.name), book.stem)
                write_tasks(book.with_suffix(".json"), tasks)
                book.with_suffix(".xml").write_text(labelling(), encoding="utf-8")
                made += [book, book.with_suffix(".json"), book.with_suffix(".xml")]
        return place(made, folder)


def file_name(export: Export, share: Share) -> str:
    """The name of a share's files, without suffix; later parts have a number, after two dashes, which no pseudonym has."""
    return f"{ADJUDICATION}-{export.name}-{share.reviewer}{f'--part{share.part}' if share.part > 1 else ''}"


def form_of(export: Export, share: Share) -> Form:
    """What a share's files say besides its items."""
    facts = {"kind": ADJUDICATION, "round": export.name, "reviewer": share.reviewer, "part": str(share.part)}
    return Form(SHEET, tuple(column.title for column in COLUMNS), ABOUT_TEXT, facts)


def write_share(path: Path, items: Sequence[Item], form: Form) -> None:
    """Writes a share as a workbook."""
    rows = rows_of(items)
    headings = {number for number, row in enumerate(rows) if "answer" in row}
    sheet = Sheet(title=form.sheet, columns=COLUMNS, rows=rows, headings=headings)
    write_workbook(path, [sheet], about=form.about, facts=form.facts)


def tasks_of(items: Sequence[Item], form: Form) -> list[dict[str, Any]]:
    """A share as Label Studio tasks, one per answer."""
    tasks = []
    for _, group in groupby(rows_of(items), key=lambda row: row["item_id"].partition("-")[0]):
        rows = list(group)
        cells = {name: rows[0][name] for name in ("question", "answer")}
        asked = [{name: row[name] for name in ("item_id", "criterion")} for row in rows]
        tasks.append(task(facts=form.facts, cells=cells, items={GROUP: asked}))
    return tasks


def labelling() -> str:
    """The labelling config of the tasks."""
    groups = (Group(name=GROUP, title="Requirements", columns=_JUDGE),)
    return labelling_config(columns=_READ, groups=groups, about=TASK_ABOUT)


def check_tasks(
    tasks: Sequence[Mapping[str, Any]], items: Sequence[Item], form: Form, *, models: ModelNames, secret: str, round_name: str
) -> list[Leak]:
    """What a reviewer could read from Label Studio tasks, of which some views show all data."""
    leaks = []
    rows: list[dict[str, Any]] = []
    for number, one in enumerate(tasks, 1):
        data = one["data"]
        if one.keys() != {"data", "meta"} or one["meta"] != form.facts:
            leaks.append(Leak("metadata", f"task {number}", "holds more than its data and what it is for"))
        # Whatever else a task's data holds is a column that must not be.
        first, *others = data[GROUP]
        rows += [{**{name: value for name, value in data.items() if name != GROUP}, **first}, *others]
    for fact in form.facts.values():
        leaks += check_label("tasks", fact, models)
    if secret in json.dumps(tasks):
        leaks.append(Leak("id", "tasks", "hold the secret of the round"))
    return [*leaks, *check_blind(rows, items, models=models, secret=secret, round_name=round_name)]


def _refuse(leaks: Sequence[Leak], file: str) -> None:
    """Raises if anything leaks, without repeating what it was."""
    if leaks:
        raise BlindingError(f"{file}: not blind, so nothing was written: {leaks[0].kind} at {leaks[0].where} (of {len(leaks)})")
