"""Reading workbooks (.xlsx) that people filled in, as what a stranger may have sent.

What belongs here: limits, and what a cell's value is as text. Writing them is `workbook.py`'s; what values mean belongs to who
asks.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from assets.reviewing.forms import ABOUT, EPOCH_YEAR, FIRST_ROW, FormError, Problem, shown, utc

MAX_BYTES = 64 << 20
MAX_MEMBERS = 500
MAX_ROWS = 50_000
MAX_COLUMNS = 64
# Parts that run, or reach outside the file.
_ACTIVE = re.compile(r"vbaProject|externalLinks/|activeX|embeddings/|ctrlProps|customUI|macrosheets/|connections\.xml", re.I)


class WorkbookError(FormError):
    """A file cannot be read as one of our workbooks; one line that names it."""


class SheetRow(NamedTuple):
    """A row of a sheet: its number as people see it, and the text of its cells by column name, empty ones as ''."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Workbook:
    """What a workbook says.

    Attributes:
        facts: what it is for.
        sheets: by title, their rows without the empty ones.
        problems: cells that hold no plain text or number, by place.
        saved_at: when it was last saved, in UTC; None if the file does not say, or nobody has saved it since it was written.
    """

    facts: Mapping[str, str]
    sheets: Mapping[str, list[SheetRow]]
    problems: tuple[Problem, ...] = ()
    saved_at: str | None = None


def read_workbook(path: Path) -> Workbook:
    """Reads a workbook that was written by `write_workbook` and filled in by people.

    Raises:
        WorkbookError: it is no workbook, none of ours, too large, or holds macros or links to other files.
    """
    import openpyxl

    _check_members(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, keep_links=False)
        problems: list[Problem] = []
        titles = book.sheetnames
        if ABOUT not in titles:
            raise WorkbookError(f"{path.name}: has no sheet {ABOUT}: it is none of our workbooks")
        facts = {key: value for key, value in _about_rows(book[ABOUT])}
        sheets = {}
        for title in filter(None, facts.pop("sheets", "").split(", ")):
            if title not in titles:
                raise WorkbookError(f"{path.name}: the sheet {title} is missing")
            sheets[title] = list(_sheet_rows(book[title], path.name, problems))
        saved = book.properties.modified
        saved_at = utc(saved.isoformat()) if saved and saved.year > EPOCH_YEAR else None
        book.close()
    except WorkbookError:
        raise
    # The file is a stranger's: whatever its reader stumbles over means that it cannot be read.
    except Exception as error:
        raise WorkbookError(f"{path.name}: cannot be read as a workbook ({' '.join(str(error).split())[:200]})") from error
    return Workbook(facts=facts, sheets=sheets, problems=tuple(problems), saved_at=saved_at)


def _check_members(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise WorkbookError(f"{path.name}: is no .xlsx workbook; save it as .xlsx, without a password") from error
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_BYTES:
        raise WorkbookError(f"{path.name}: larger than any of our workbooks ({MAX_BYTES >> 20} MB unpacked)")
    for member in members:
        if _ACTIVE.search(member.filename):
            raise WorkbookError(f"{path.name}: holds macros, links or other files ({member.filename}); save it without them")


def _about_rows(page: Any) -> Iterator[tuple[str, str]]:
    for key, value in page.iter_rows(max_row=200, max_col=2, values_only=True):
        if key is not None and value is not None:
            yield str(key).strip(), str(value).strip()


def _sheet_rows(page: Any, file: str, problems: list[Problem]) -> Iterator[SheetRow]:
    names: list[str | None] = []
    for number, row in enumerate(page.iter_rows(max_row=MAX_ROWS + 1, max_col=MAX_COLUMNS), 1):
        if number == 1:
            names = [cell.value if isinstance(cell.value, str) else None for cell in row]
            if not any(names):
                raise WorkbookError(f"{file}: the hidden first row of the sheet {page.title} is gone, which names the columns")
        elif number >= FIRST_ROW:
            where = f"sheet {page.title}, row {number}"
            cells = {name: _text(cell, where, name, problems) for name, cell in zip(names, row, strict=False) if name}
            if any(cells.values()):
                if number > MAX_ROWS:
                    raise WorkbookError(f"{file}: the sheet {page.title} has more than {MAX_ROWS} rows")
                yield SheetRow(number, cells)


def _text(cell: Any, where: str, name: str, problems: list[Problem]) -> str:
    """A cell as people see it: shares as percent, no white space around; what is neither text nor number is a problem."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        problems.append(Problem(where, f"{name}: holds a formula; write what it gives"))
        return ""
    if cell.data_type == "e":
        problems.append(Problem(where, f"{name}: holds the error {value}"))
        return ""
    if isinstance(value, datetime | date | time | timedelta):
        problems.append(Problem(where, f"{name}: the program has made a date of what was typed ({value}); write it as text"))
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return f"{value * 100:.10g}%" if "%" in (cell.number_format or "") else f"{value:.10g}"
    return shown(str(value).replace("_x000D_", "")).strip(" \t\n\u00a0\u200b\ufeff")
