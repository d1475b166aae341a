"""Blinding: ids that tell nothing, and the check of what goes out, cell by cell and down to the file's metadata.

What belongs here: what a reviewer must not be able to read, and finding it. The check trusts no one who built the rows: it
compares what is about to be shown with what may be shown.

1. Ids: HMAC-SHA256 over the round, the part, the reviewer and the response, under a secret of the round. Without the secret
   nobody can tell which response an id stands for, or that two reviewers' ids stand for one response.
2. Order: answers stand in the order of their ids, and so in no order at all, another one for each reviewer; the criteria of an
   answer in the order of their tiers and ids, the same for every answer to the question.
3. Cells: a column is one of SHOWN; question, answer and criterion are the records' texts and nothing more; what people fill
   in is empty. A model, sampling, an attempt or a judge's verdict has no place then where it could stand.
4. Names: no text names a model, and neither does a file's or a sheet's name, or metadata.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from assets.reviewing.forms import ABOUT, FIRST_ROW, shown
from assets.verdicts.adjudication_draw import Asked, asked_order
from assets.verdicts.adjudication_names import ModelNames

TEXTS = ("question", "answer", "criterion")
FILLED_IN = ("verdict", "passage", "comment")
SHOWN = ("item_id", *TEXTS, *FILLED_IN)
# As `write_workbook` heads the facts.
FACTS_TITLE = "What this file is for (please leave as it is):"
_DATES = ("created", "modified")
LeakKind = Literal["column", "id", "order", "content", "prefilled", "model_name", "metadata"]
# What a workbook of ours is made of; anything else (comments, pictures, custom properties) could carry more.
_MEMBERS: tuple[str, ...] = (
    "[Content_Types].xml",
    "_rels/",
    "docProps/app.xml",
    "docProps/core.xml",
    "xl/_rels/",
    "xl/workbook.xml",
)
_MEMBERS += ("xl/sharedStrings.xml", "xl/styles.xml", "xl/theme/", "xl/worksheets/sheet")


class Leak(NamedTuple):
    """Something that would tell a reviewer more than they may know: its kind, where it stands, and what."""

    kind: LeakKind
    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question to one reviewer: does this response meet this criterion?

    Attributes:
        item_id: `answer_id` and a number; all that a reviewer's file says of where it belongs.
        answer_id: the response as this reviewer knows it.
        part: 1 for the two first reviewers; 2 and more for thirds.
    """

    item_id: str
    answer_id: str
    part: int
    reviewer: str
    response_id: str
    instruction_id: str
    criterion_id: str
    tier: str
    question: str
    answer: str
    criterion: str


class Form(NamedTuple):
    """What a workbook says besides its rows: the sheet's name, titles above the columns of SHOWN, the first sheet's texts."""

    sheet: str
    titles: tuple[str, ...]
    about: tuple[str, ...]
    facts: Mapping[str, str]


def new_secret() -> str:
    """A secret for a round. It stays in the export artifact: whoever has it can tell which response an id stands for."""
    return secrets.token_hex(32)


def answer_id(secret: str, *, round_name: str, part: int, reviewer: str, response_id: str) -> str:
    """A response as one reviewer knows it in one part of a round: `a` and twelve hex digits."""
    payload = "\n".join((round_name, str(part), reviewer, response_id))
    return "a" + hmac.new(bytes.fromhex(secret), payload.encode(), hashlib.sha256).hexdigest()[:12]


def items_in_order(items: Sequence[Item]) -> list[Item]:
    """A share's items as they are shown."""
    return sorted(items, key=lambda item: (item.answer_id, asked_order(Asked(item.criterion_id, item.tier, ""))))


def rows_of(items: Sequence[Item]) -> list[dict[str, str]]:
    """What a share shows: question and answer once, above the criteria of each answer."""
    rows = []
    last = None
    for item in items:
        row = {"item_id": item.item_id, "criterion": item.criterion}
        if item.answer_id != last:
            row |= {"question": item.question, "answer": item.answer}
        rows.append(row)
        last = item.answer_id
    return rows


def check_blind(
    rows: Sequence[Mapping[str, Any]], items: Sequence[Item], *, models: ModelNames, secret: str, round_name: str
) -> list[Leak]:
    """What a reviewer could read from rows that are about to go out; nothing if all is well.

    Args:
        rows: cells by column, in the order in which they are shown.
        items: the reviewer's share, in any order; the truth that the rows are held against.
        models: what would tell a model.
        secret: the round's.
        round_name: the round's name.
    """
    expected = items_in_order(items)
    leaks = list(_bad_ids(expected, secret, round_name))
    got, wanted = [row.get("item_id") for row in rows], [item.item_id for item in expected]
    if sorted(map(str, got)) != sorted(wanted):
        leaks.append(Leak("id", "all rows", "the ids shown are not those of this reviewer's share"))
    elif got != wanted:
        first = next(number for number, (a, b) in enumerate(zip(got, wanted, strict=True), 1) if a != b)
        leaks.append(Leak("order", f"row {first}", "rows are not in the order of their ids and criteria"))
    texts = {item.item_id: {name: shown(getattr(item, name)) for name in TEXTS} for item in items}
    for number, row in enumerate(rows, 1):
        leaks += _bad_cells(f"row {number}", row, texts.get(str(row.get("item_id")), {}), models)
    return leaks


def check_label(where: str, label: str, models: ModelNames) -> list[Leak]:
    """Whether the name of a file or sheet, or a fact that it carries, is like a model's name."""
    found = models.in_label(label)
    return [Leak("model_name", where, f"{label!r} holds {found!r}")] if found else []


def check_workbook(
    path: Path, items: Sequence[Item], form: Form, *, models: ModelNames, secret: str, round_name: str
) -> list[Leak]:
    """What a reviewer could read from a written workbook: its cells, sheets, metadata and name.

    Args:
        path: the file.
        items: the reviewer's share.
        form: what else the workbook may say.
        models: what would tell a model.
        secret: the round's.
        round_name: the round's name.
    """
    import openpyxl

    leaks = check_label("file name", path.stem, models)
    with zipfile.ZipFile(path) as archive:
        strange = [name for name in archive.namelist() if not name.startswith(_MEMBERS)]
        leaks += [Leak("metadata", name, "is no part of a reviewer's workbook") for name in strange]
        if secret.encode() in b"".join(archive.read(name) for name in archive.namelist()):
            leaks.append(Leak("id", "file", "holds the secret of the round"))
    book = openpyxl.load_workbook(path)
    properties = {name: getattr(book.properties, name) for name in book.properties.__elements__}
    # A creator that the file does not name is read as the library's own name.
    told = {name: value for name, value in properties.items() if value not in (None, "", "openpyxl") and name not in _DATES}
    leaks += [Leak("metadata", f"property {name}", repr(value)) for name, value in told.items()]
    leaks += [Leak("metadata", f"defined name {name}", "is no part of a reviewer's workbook") for name in book.defined_names]
    if book.sheetnames != [ABOUT, form.sheet]:
        return [*leaks, Leak("metadata", "sheets", ", ".join(book.sheetnames))]
    allowed = {*form.about, *form.facts, *form.facts.values(), "sheets", form.sheet, FACTS_TITLE}
    cells = [cell for row in book[ABOUT].iter_rows(values_only=True) for cell in row if cell is not None]
    leaks += [Leak("content", f"sheet {ABOUT}", repr(cell)) for cell in cells if cell not in allowed]
    for label in form.facts.values():
        leaks += check_label(f"sheet {ABOUT}", label, models)
    page = book[form.sheet]
    head = list(page.iter_rows(max_row=FIRST_ROW - 1, values_only=True))
    if head != [SHOWN, form.titles]:
        leaks.append(Leak("column", f"sheet {page.title}", f"columns differ from {', '.join(SHOWN)}"))
    return [*leaks, *check_blind(list(_cells(page)), items, models=models, secret=secret, round_name=round_name)]


def _cells(page: Any) -> Iterator[dict[str, Any]]:
    """Rows of a sheet by the names in its first row; a column without one by its number."""
    names = [cell.value or f"column {cell.column}" for cell in page[1]]
    for row in page.iter_rows(min_row=FIRST_ROW, values_only=True):
        yield {name: value for name, value in zip(names, row, strict=True) if value is not None}


def _bad_ids(items: Sequence[Item], secret: str, round_name: str) -> Iterator[Leak]:
    numbers: dict[str, int] = {}
    for item in items:
        key = answer_id(secret, round_name=round_name, part=item.part, reviewer=item.reviewer, response_id=item.response_id)
        numbers[key] = numbers.get(key, 0) + 1
        if item.answer_id != key or item.item_id != item_id(key, numbers[key]):
            yield Leak("id", item.item_id, "is not the keyed hash of reviewer and response")


def item_id(answer: str, number: int) -> str:
    """An item's id: the answer's, and the criterion's number among those asked about it, from 1."""
    return f"{answer}-{number:02d}"


def _bad_cells(where: str, row: Mapping[str, Any], texts: Mapping[str, str], models: ModelNames) -> Iterator[Leak]:
    for column, value in row.items():
        if column not in SHOWN:
            yield Leak("column", where, f"{column} = {value!r}")
        elif column in FILLED_IN and value:
            yield Leak("prefilled", where, f"{column} = {value!r}")
        elif column in TEXTS and shown(str(value)) != texts.get(column):
            yield Leak("content", where, f"{column} is not the text of its record")
        if column != "item_id" and (found := models.in_text(str(value))):
            yield Leak("model_name", where, f"{column} holds {found!r}")
