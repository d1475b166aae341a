"""How high the rows of a workbook are, and which cells stand over several rows.

What belongs here: sizes alone. A spreadsheet program does not fit rows to wrapped text when it opens a file of ours, and Excel
shows no more than 409 points of one row; so heights are reckoned here, and a long text stands over all rows of its block.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping

from assets.reviewing.forms import Column, Sheet, Value

# Points: of one line of 11-point text, and the most that Excel gives to a row.
LINE, MAX_HEIGHT = 15.0, 409.0
# Where people write text of their own there is room for two lines: a row of a set height does not grow while they type.
_ROOM = 2


def text_lines(text: str, width: int) -> int:
    r"""About how many lines a text takes in a column.

    A width counts digits; letters are narrower, which makes up for words that are not parted at the ends of lines.

    >>> text_lines("", 10), text_lines("a" * 90, 10), text_lines("a\nb", 10)
    (1, 9, 2)
    """
    return sum(max(1, math.ceil(_across(line) / width)) for line in text.split("\n"))


def blocks(sheet: Sheet) -> Iterator[range]:
    """The rows from each heading to the next; rows above the first heading are in none."""
    starts = sorted(sheet.headings)
    for start, end in zip(starts, [*starts[1:], len(sheet.rows)], strict=True):
        yield range(start, end)


def row_heights(sheet: Sheet) -> list[float]:
    """The height of each row in points: all of its text, with its part of what stands over several rows."""
    alone = [column for column in sheet.columns if not (column.spans or column.hidden or column.computed)]
    lines = [max((_lines(sheet, index, row, column) for column in alone), default=1) for index, row in enumerate(sheet.rows)]
    over = [column for column in sheet.columns if column.spans]
    for block in blocks(sheet) if over else ():
        needed = max(_lines(sheet, index, sheet.rows[index], column) for index in block[:1] for column in over)
        missing = needed - sum(lines[index] for index in block)
        for index in block:
            lines[index] += max(0, math.ceil(missing / len(block)))
    return [min(LINE * number, MAX_HEIGHT) for number in lines]


def head_height(sheet: Sheet) -> float:
    """The height of the row of titles in points."""
    return LINE * max(text_lines(column.title, column.width) for column in sheet.columns if not column.hidden)


def _lines(sheet: Sheet, index: int, row: Mapping[str, Value], column: Column) -> int:
    value = row.get(column.name)
    if isinstance(value, str):
        return text_lines(value, column.width)
    return _ROOM if sheet.is_open(index, column) and not (column.choices or column.percent) else 1


def _across(line: str) -> int:
    """Characters across; those of East Asian scripts are two wide."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)
