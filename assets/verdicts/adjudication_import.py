"""What reviewers send back: read, and checked as a whole.

What belongs here: returned files, and adding one to what has been returned. What is kept is `adjudication_rounds.py`'s.

A share counts when all of it is filled in; anything wrong gives a list of problems by row, and nothing of the file is taken.
"cannot tell" is `unknown`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from assets.reviewing.forms import ADJUDICATION, FormError, Problem, same_text, shown
from assets.reviewing.label_studio_reader import read_labelled
from assets.reviewing.workbook_reader import read_workbook
from assets.verdicts.adjudication_blind import TEXTS, Item
from assets.verdicts.adjudication_export import Export, Share
from assets.verdicts.adjudication_forms import CHOICES, GROUP, SHEET
from assets.verdicts.adjudication_rounds import Judged, Round
from training.records import Verdict

_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "‐": "-", "‑": "-", "–": "-", "—": "-"})


class Judgement(NamedTuple):
    """What a reviewer says of one item; passage and comment may be empty."""

    item_id: str
    verdict: Verdict
    passage: str
    comment: str


@dataclass(frozen=True, kw_only=True)
class Returned:
    """A whole share as it came back, its judgements by item id."""

    share: Share
    judgements: tuple[Judgement, ...]


class Filled(NamedTuple):
    """A row that was filled in: where it stands, and its cells by column name."""

    where: str
    cells: Mapping[str, str]


Returns = Mapping[Share, Returned]


def read_returned(path: Path, export: Export) -> Returned | list[Problem]:
    """A returned workbook (.xlsx) or Label Studio export (.json) as a whole share, or all that is wrong with it."""
    try:
        facts, rows, problems = _tasks(path) if path.suffix.lower() == ".json" else _workbook(path)
    except FormError as error:
        return [Problem(path.name, str(error).removeprefix(f"{path.name}: "))]
    kind, name = facts.get("kind"), facts.get("round")
    if (kind, name) != (ADJUDICATION, export.name):
        return [Problem(path.name, f"is no file of the adjudication round {export.name} ({kind or 'unknown'}, round {name})")]
    return checked_share(rows, export, problems=problems, file=path.name)


def _workbook(path: Path) -> tuple[Mapping[str, str], list[Filled], Sequence[Problem]]:
    book = read_workbook(path)
    rows = [Filled(f"sheet {SHEET}, row {row.number}", row.cells) for row in book.sheets.get(SHEET, ())]
    return book.facts, rows, book.problems


def _tasks(path: Path) -> tuple[Mapping[str, str], list[Filled], Sequence[Problem]]:
    """An export's rows: question and answer belong to an answer's first one, as in a workbook."""
    export = read_labelled(path, (GROUP,))
    facts: dict[str, str] = {}
    rows = []
    problems = list(export.problems)
    for task in export.tasks:
        facts = facts or dict(task.facts)
        if facts != task.facts:
            problems.append(Problem(task.where, "belongs to another file than the tasks above it"))
        for number, cells in enumerate(task.items[GROUP], 1):
            rows.append(Filled(f"{task.where}, requirement {number}", {**task.cells, **cells} if number == 1 else cells))
    return facts, rows, problems


def checked_share(
    rows: Sequence[Filled], export: Export, *, problems: Sequence[Problem] = (), file: str
) -> Returned | list[Problem]:
    """Filled-in rows as a whole share, or all that is wrong with them.

    Args:
        rows: in any order; question and answer may be empty but in an answer's first row.
        export: the round as it is now.
        problems: what is known to be wrong already.
        file: where the rows come from, for messages.
    """
    share_of = {item.item_id: Share(item.part, item.reviewer) for item in export.items}
    shares = Counter(share_of[key] for key in (row.cells.get("item_id", "") for row in rows) if key in share_of)
    if not shares:
        return [Problem(file, f"holds no item of the adjudication round {export.name}")]
    # Whose file it is says what most of its rows say; those of others are problems.
    share = max(sorted(shares), key=lambda key: shares[key])
    items = export.shares()[share]
    wanted = {item.item_id: item for item in items}
    firsts = {item.answer_id: item.item_id for item in reversed(items)}
    found = list(problems)
    judgements: dict[str, Judgement] = {}
    for row in rows:
        where, key = row.where, row.cells.get("item_id", "")
        if key not in wanted or key in judgements:
            what = "stands twice" if key in judgements else f"is no item of {share.reviewer}'s part {share.part}"
            found.append(Problem(where, f"item {key or 'without id'}: {what}; take the file as it was sent"))
            continue
        found += _problems(where, row.cells, wanted[key], first=firsts[wanted[key].answer_id] == key)
        verdict = CHOICES.get(_plain(row.cells.get("verdict", "")), "unknown")
        judgements[key] = Judgement(key, verdict, row.cells.get("passage", ""), row.cells.get("comment", ""))
    found += [Problem(file, f"item {key} is missing") for key in wanted if key not in judgements]
    return found or Returned(share=share, judgements=tuple(sorted(judgements.values())))


def add_return(returns: Returns, returned: Returned, *, replace: bool = False) -> dict[Share, Returned] | list[Problem]:
    """The returns with one more; the same once more changes nothing, another one of the same share needs `replace`."""
    known = returns.get(returned.share)
    if known is not None and known != returned and not replace:
        before = {judgement.item_id: judgement for judgement in known.judgements}
        differ = sum(before.get(judgement.item_id) != judgement for judgement in returned.judgements)
        where = f"{returned.share.reviewer}, part {returned.share.part}"
        return [
            Problem(where, f"has been returned before, and {differ} items differ; ask for it to be replaced to take this one")
        ]
    return {**returns, returned.share: returned}


def round_of(export: Export, returns: Returns) -> Round:
    """The round with all that has been returned."""
    said = {judgement.item_id: judgement for returned in returns.values() for judgement in returned.judgements}
    judged = []
    for item in export.items:
        judgement = said.get(item.item_id)
        judged.append(
            Judged(
                part=item.part,
                reviewer=item.reviewer,
                response_id=item.response_id,
                criterion_id=item.criterion_id,
                tier=item.tier,
                verdict=judgement.verdict if judgement else None,
                passage=judgement.passage if judgement else "",
                comment=judgement.comment if judgement else "",
            )
        )
    judged.sort(key=_place)
    return Round(name=export.name, reviewers=export.reviewers, left_out=dict(export.left_out), judged=tuple(judged))


def returns_of(round_: Round, export: Export) -> dict[Share, Returned]:
    """The shares that a kept round holds, for adding further ones.

    Raises:
        ValueError: the round is not this export's.
    """
    ids = {_place(item): item.item_id for item in export.items}
    found: dict[Share, list[Judgement]] = {}
    for row in round_.judged:
        if row.verdict is not None:
            if round_.name != export.name or _place(row) not in ids:
                raise ValueError(f"round {round_.name}: holds verdicts on what the export {export.name} does not ask")
            judgement = Judgement(ids[_place(row)], row.verdict, row.passage, row.comment)
            found.setdefault(Share(row.part, row.reviewer), []).append(judgement)
    return {share: Returned(share=share, judgements=tuple(sorted(rows))) for share, rows in found.items()}


def _place(row: Item | Judged) -> tuple[int, str, str, str]:
    return row.part, row.reviewer, row.response_id, row.criterion_id


def _problems(where: str, cells: Mapping[str, str], item: Item, *, first: bool) -> Iterator[Problem]:
    for name in TEXTS:
        asked, got = shown(getattr(item, name)), cells.get(name, "")
        # Question and answer stand once; what was sorted or filled down since is as good.
        if not same_text(asked, got) and (got or first or name == "criterion"):
            yield Problem(where, f"{name}: is not what was asked about; take the file as it was sent")
    verdict = cells.get("verdict", "")
    if not verdict:
        yield Problem(where, f"verdict: is missing; one of {', '.join(CHOICES)}")
    elif _plain(verdict) not in CHOICES:
        yield Problem(where, f"verdict: {verdict!r} is none of {', '.join(CHOICES)}")
    passage = _plain(cells.get("passage", "")).strip("\"' .…")
    if passage and passage not in _plain(shown(item.answer)):
        yield Problem(where, "passage: does not occur in the answer; copy it from there, or use the comment")


def _plain(text: str) -> str:
    """A text without differences that programs and people make: case, white space, kinds of quotes and dashes."""
    return " ".join(text.translate(_QUOTES).split()).casefold()
