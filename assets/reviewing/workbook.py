"""Workbooks (.xlsx) that people fill in, written so that little can go wrong.

What belongs here: cells, formats and protection. Which columns there are belongs to who asks; reading to `workbook_reader.py`.

The first row of a sheet names its columns and is hidden, so that a title may be changed. What a workbook is for stands as
facts on its first sheet. Only cells to be filled in are unlocked; there is no password, since nothing is kept from anyone.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from assets.reviewing.forms import ABOUT, EPOCH_YEAR, FIRST_ROW, Formula, Sheet, Value, shown
from assets.reviewing.workbook_layout import LINE, blocks, head_height, row_heights, text_lines

# Excel would take what begins so for a formula, once the cell is edited.
_FORMULA_LIKE = ("=", "+", "-", "@", "\t")
# Named, or some programs show a font of their own choice.
_FONT = {"name": "Calibri", "size": 11}
# Characters across the first sheet's two columns, over both of which its paragraphs stand.
_LABEL, _FACT = 20, 90
_OPEN, _LOCKED, _HEAD, _GOOD, _BAD = "FFF2CC", "FFFFFF", "DDE6F0", "C6E0B4", "F8CBAD"


def write_workbook(path: Path, sheets: Sequence[Sheet], *, about: Sequence[str], facts: Mapping[str, str]) -> None:
    """Writes a workbook; the same content gives the same bytes.

    Args:
        path: the file.
        sheets: what is asked, in order.
        about: paragraphs on the first sheet that say what to do.
        facts: what the file is for; read back with it.
    """
    import openpyxl

    book = openpyxl.Workbook()
    book.properties.creator = None
    _write_about(book.active, about, {**facts, "sheets": ", ".join(sheet.title for sheet in sheets)})
    for sheet in sheets:
        _write_sheet(book.create_sheet(sheet.title), sheet)
    buffer = io.BytesIO()
    book.save(buffer)
    path.write_bytes(_timeless(buffer.getvalue()))


def _write_about(page: Any, about: Sequence[str], facts: Mapping[str, str]) -> None:
    from openpyxl.styles import Alignment, Font

    page.title = ABOUT
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = _LABEL, _FACT
    lines = [*([paragraph] for paragraph in about), [], ["What this file is for (please leave as it is):"]]
    for row, cells in enumerate([*lines, *facts.items()], 1):
        for column, text in enumerate(cells, 1):
            cell = page.cell(row, column)
            _fill_in(cell, text)
            cell.font = Font(**_FONT, bold=row == len(lines))
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        if len(cells) == 1:
            page.merge_cells(start_row=row, end_row=row, start_column=1, end_column=2)
            # A little more than its lines: space between paragraphs.
            page.row_dimensions[row].height = LINE * (text_lines(cells[0], _LABEL + _FACT) + 0.5)
    page.protection.sheet = True
    _set_up_printing(page)


def _write_sheet(page: Any, sheet: Sheet) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
    from openpyxl.utils import get_column_letter

    fills = {colour: PatternFill("solid", start_color=colour) for colour in (_OPEN, _LOCKED, _HEAD)}
    line, thick = Side(style="thin", color="BFBFBF"), Side(style="medium", color="404040")
    for number, column in enumerate(sheet.columns, 1):
        letter = get_column_letter(number)
        page.column_dimensions[letter].width = column.width
        page.column_dimensions[letter].hidden = column.hidden
        page.cell(1, number, None if column.computed else column.name)
        head = page.cell(2, number, column.title)
        head.font, head.fill = Font(**_FONT, bold=True), fills[_HEAD]
        head.alignment = Alignment(wrap_text=True, vertical="center")
    page.row_dimensions[2].height = head_height(sheet)
    spanned = any(column.spans for column in sheet.columns)
    for index, (row, height) in enumerate(zip(sheet.rows, row_heights(sheet), strict=True)):
        page.row_dimensions[FIRST_ROW + index].height = height
        new = index in sheet.headings
        heading = new and not spanned
        for number, column in enumerate(sheet.columns, 1):
            cell = page.cell(FIRST_ROW + index, number)
            is_open = sheet.is_open(index, column)
            _fill_in(cell, row.get(column.name))
            cell.number_format = "0.0%" if column.percent else "@" if is_open else "General"
            cell.protection = Protection(locked=not is_open)
            cell.fill = fills[_OPEN if is_open else _HEAD if heading else _LOCKED]
            cell.font = Font(**_FONT, bold=heading)
            cell.border = Border(left=line, right=line, bottom=line, top=thick if new else line)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    _merge_spans(page, sheet)
    _add_lists(page, sheet)
    _colour_sums(page, sheet)
    page.row_dimensions[1].hidden = True
    page.freeze_panes = f"A{FIRST_ROW}"
    page.protection.sheet = True
    page.protection.formatColumns = page.protection.formatRows = False
    page.print_title_rows = "2:2"
    _set_up_printing(page)


def _set_up_printing(page: Any) -> None:
    page.page_setup.orientation, page.page_setup.fitToWidth, page.page_setup.fitToHeight = "landscape", 1, 0
    page.sheet_properties.pageSetUpPr.fitToPage = True


def _merge_spans(page: Any, sheet: Sheet) -> None:
    for number, column in enumerate(sheet.columns, 1):
        for block in blocks(sheet) if column.spans else ():
            if len(block) > 1:
                first, last = FIRST_ROW + block[0], FIRST_ROW + block[-1]
                page.merge_cells(start_row=first, end_row=last, start_column=number, end_column=number)


def _fill_in(cell: Any, value: Value) -> None:
    if isinstance(value, Formula):
        cell.value = value.text
    elif isinstance(value, str):
        cell.value = shown(value)
        # What looks like a formula or an error code is text all the same, also when Excel's user edits the cell.
        cell.data_type = "s"
        cell.quotePrefix = value.startswith(_FORMULA_LIKE)
    elif value is not None:
        cell.value = value


def _add_lists(page: Any, sheet: Sheet) -> None:
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    for number, column in enumerate(sheet.columns, 1):
        rows = [FIRST_ROW + index for index in range(len(sheet.rows)) if sheet.is_open(index, column)]
        if not (column.choices and rows):
            continue
        choice = DataValidation(type="list", formula1=f'"{",".join(column.choices)}"', allow_blank=True, showErrorMessage=True)
        choice.error, choice.errorTitle = f"One of: {', '.join(column.choices)}"[:250], column.title[:30]
        letter = get_column_letter(number)
        for first, last in _runs(rows):
            choice.add(f"{letter}{first}:{letter}{last}")
        page.add_data_validation(choice)


def _colour_sums(page: Any, sheet: Sheet) -> None:
    """Green for a computed share of 100 %, red for another: a wrong sum is seen before the file is sent back."""
    from openpyxl.formatting.rule import FormulaRule
    from openpyxl.styles import PatternFill
    from openpyxl.utils import get_column_letter

    for number, column in enumerate(sheet.columns, 1):
        if column.computed and column.percent and sheet.rows:
            top = f"{get_column_letter(number)}{FIRST_ROW}"
            cells = f"{top}:{get_column_letter(number)}{FIRST_ROW + len(sheet.rows) - 1}"
            for colour, test in ((_GOOD, f"ABS({top}-1)<0.00001"), (_BAD, f"ABS({top}-1)>=0.00001")):
                rule = FormulaRule(formula=[f"AND(ISNUMBER({top}),{test})"], fill=PatternFill("solid", end_color=colour))
                page.conditional_formatting.add(cells, rule)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers that follow one another."""
    start = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield start, last
            start = number
        last = number
    yield start, last


def _timeless(content: bytes) -> bytes:
    """The same archive without the times of its making."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(
                    rb"(<dcterms:(created|modified)[^>]*>)[^<]*", rf"\g<1>{EPOCH_YEAR}-01-01T00:00:00Z".encode(), data
                )
            new.writestr(zipfile.ZipInfo(name, (EPOCH_YEAR, 1, 1, 0, 0, 0)), data, compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()
