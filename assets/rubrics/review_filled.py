"""What a reviewer filled in, from a workbook or from Label Studio, in one shape, with the places people know it by.

What belongs here: matching rows and tasks to the drafts that were drawn, and whether what was shown is unchanged. What the
answers mean is `review_import.py`'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.reviewing.forms import REVIEW, Problem, same_text, shown
from assets.reviewing.label_studio_reader import LabelledTask, read_labelled
from assets.reviewing.workbook_reader import SheetRow, read_workbook
from assets.rubrics.review_forms import GROUPS, QUESTION, SHEET, SPARE, criterion_line, percent
from assets.rubrics.review_round import Draft, Drawn
from assets.rubrics.review_weights import parse_weight


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was filled in for one criterion, or for one of the reviewer's own: '' where nothing was."""

    where: str
    change: str
    new_text: str
    new_tier: str
    new_weight: str

    @property
    def is_blank(self) -> bool:
        """Whether it changes nothing, as far as can be seen without the criterion."""
        return not (self.change.casefold() not in ("", "kept") or self.new_text or self.new_tier or self.new_weight)


@dataclass(frozen=True, kw_only=True)
class FilledDraft:
    """What was filled in for a draft.

    Attributes:
        draft: as it was drawn.
        where: its place in the file.
        reviewer: pseudonym of who decided.
        at: when, in UTC; None if the file does not say.
        decision: as written.
        comment: as written.
        criteria: answers in the order of the draft's criteria.
        added: answers for criteria of the reviewer's own.
    """

    draft: Draft
    where: str
    reviewer: str
    at: str | None
    decision: str
    comment: str
    criteria: tuple[Answer, ...]
    added: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A returned file: what could be matched to the round, and what could not."""

    drafts: Sequence[FilledDraft]
    problems: Sequence[Problem]


def read_filled(path: Path, drawn: Drawn) -> Filled:
    """Reads a returned .xlsx or .json and matches it to what was drawn; whose form it is decided it, whoever clicked.

    Raises:
        FormError: the file cannot be read at all.
    """
    if path.suffix.lower() == ".json":
        return _from_tasks(path, drawn)
    return _from_workbook(path, drawn)


def _from_workbook(path: Path, drawn: Drawn) -> Filled:
    book = read_workbook(path)
    reviewer = book.facts.get("reviewer", "")
    foreign = _other_round(book.facts, drawn, reviewer)
    if foreign or SHEET not in book.sheets:
        return Filled(drafts=(), problems=(Problem(path.name, foreign or f"has no sheet {SHEET}"),))
    problems = list(book.problems)
    share = {draft.rubric_version: draft for draft in drawn.share(reviewer)}
    found: dict[str, dict[str, SheetRow]] = defaultdict(dict)
    for row in book.sheets[SHEET]:
        where, version, key = f"sheet {SHEET}, row {row.number}", row.cells.get("draft", ""), row.cells.get("key", "")
        if version not in share or key not in _keys(share[version]):
            problems.append(Problem(where, "belongs to no draft of this file; rows cannot be added: use the empty ones"))
        elif key in found[version]:
            problems.append(Problem(where, f"is there twice, see row {found[version][key].number}"))
        else:
            found[version][key] = row
    filled = []
    for version, draft in share.items():
        rows = found[version]
        missing = [key for key in _keys(draft) if key not in rows]
        if missing:
            place = f"sheet {SHEET}, draft {draft.number}"
            problems.append(Problem(place, f"{len(missing)} of its rows are missing ({', '.join(missing)})"))
            continue
        problems += [problem for key, row in rows.items() for problem in _changed(draft, key, row)]
        places = {key: f"sheet {SHEET}, row {row.number}" for key, row in rows.items()}
        head = rows[QUESTION]
        answers = {key: _answer(places[key], row.cells) for key, row in rows.items()}
        filled.append(
            FilledDraft(
                draft=draft,
                where=places[QUESTION],
                reviewer=reviewer,
                at=book.saved_at,
                decision=head.cells.get("decision", ""),
                comment=head.cells.get("comment", ""),
                criteria=tuple(answers[key] for key, *_ in draft.criteria),
                added=tuple(answers[key] for key in _added_keys()),
            )
        )
    return Filled(drafts=filled, problems=problems)


def _from_tasks(path: Path, drawn: Drawn) -> Filled:
    labelled = read_labelled(path, GROUPS)
    problems = list(labelled.problems)
    by_version = {draft.rubric_version: draft for draft in drawn.drafts}
    seen: dict[str, str] = {}
    filled = []
    for task in labelled.tasks:
        version, reviewer = task.facts.get("draft", ""), task.facts.get("reviewer", "")
        foreign = _other_round(task.facts, drawn, reviewer)
        if foreign or version not in by_version or by_version[version].reviewer != reviewer:
            problems.append(Problem(task.where, foreign or f"is of no draft of {reviewer} in this round"))
            continue
        if version in seen:
            problems.append(Problem(task.where, f"is of the same draft as {seen[version]}"))
            continue
        seen[version] = task.where
        if not task.answered:
            continue
        draft = by_version[version]
        problems += _task_changed(draft, task)
        criteria, added = (task.items[group] for group in GROUPS)
        if len(criteria) != len(draft.criteria) or len(added) != SPARE:
            continue
        filled.append(
            FilledDraft(
                draft=draft,
                where=task.where,
                reviewer=reviewer,
                at=task.at,
                decision=task.cells.get("decision", ""),
                comment=task.cells.get("comment", ""),
                criteria=tuple(_answer(f"{task.where}, criterion {n}", cells) for n, cells in enumerate(criteria, 1)),
                added=tuple(_answer(f"{task.where}, criterion of your own {n}", cells) for n, cells in enumerate(added, 1)),
            )
        )
    shares = {by_version[version].reviewer for version in seen}
    problems += [
        Problem(path.name, f"draft {draft.number} of {draft.reviewer} is missing")
        for draft in drawn.drafts
        if draft.reviewer in shares and draft.rubric_version not in seen
    ]
    if not labelled.tasks:
        problems.append(Problem(path.name, "holds no task"))
    return Filled(drafts=filled, problems=problems)


def _other_round(facts: Mapping[str, str], drawn: Drawn, reviewer: str) -> str | None:
    """Why a form is none of this round's; None if it is."""
    if facts.get("kind") != REVIEW:
        return "is no form of a review round"
    if facts.get("round") != drawn.round:
        return f"belongs to round {facts.get('round')!r}, not {drawn.round!r}"
    if facts.get("digest") != drawn.digest:
        return f"was made for other drafts of round {drawn.round!r}; export the round again and fill that in"
    if reviewer not in drawn.reviewers:
        return f"names the reviewer {reviewer!r}, who has no share of round {drawn.round!r}"
    return None


def _added_keys() -> list[str]:
    return [f"added {index}" for index in range(1, SPARE + 1)]


def _keys(draft: Draft) -> list[str]:
    return [QUESTION, *(key for key, *_ in draft.criteria), *_added_keys()]


def _changed(draft: Draft, key: str, row: SheetRow) -> list[Problem]:
    """Cells of a row that were to be read alone and have changed."""
    expected: dict[str, str] = {}
    if key == QUESTION:
        expected = {"text": draft.question}
    for criterion, tier, text, weight in draft.criteria:
        if criterion == key:
            expected = {"tier": tier, "text": text, "weight": percent(weight)}
    return _differences(f"sheet {SHEET}, row {row.number}", row.cells, expected)


def _task_changed(draft: Draft, task: LabelledTask) -> list[Problem]:
    criteria, added = (task.items[group] for group in GROUPS)
    if len(criteria) != len(draft.criteria) or len(added) != SPARE:
        return [Problem(task.where, "its criteria are not those that were exported")]
    problems = _differences(task.where, task.cells, {"question": draft.question})
    for number, (cells, (key, tier, text, weight)) in enumerate(zip(criteria, draft.criteria, strict=True), 1):
        expected = {"key": key, "criterion": criterion_line(tier, text, weight)}
        problems += _differences(f"{task.where}, criterion {number}", cells, expected)
    return problems


def _differences(where: str, cells: Mapping[str, str], expected: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(where, f"{name}: was not to be changed; its changes go into the fields for them")
        for name, text in expected.items()
        if not _same(name, cells.get(name, ""), text)
    ]


def _same(name: str, one: str, other: str) -> bool:
    if name == "weight" and one and other:
        shares = parse_weight(one), parse_weight(other)
        return None not in shares and abs(float(shares[0] or 0) - float(shares[1] or 0)) < 1e-4
    return same_text(one, shown(other))


def _answer(where: str, cells: Mapping[str, str]) -> Answer:
    names = ("change", "new_text", "new_tier", "new_weight")
    return Answer(where=where, **{name: cells.get(name, "").strip() for name in names})
