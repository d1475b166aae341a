"""What a form is made of: sheets of columns, and what is wrong with a returned one.

What belongs here: the records that workbooks and Label Studio tasks share. What is asked belongs to who asks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

# What a form says that it is for.
REVIEW, ADJUDICATION = "rubric review", "adjudication"
# Of every workbook: its first sheet, and the first row of the others that is asked about.
ABOUT = "About"
FIRST_ROW = 3
# When files of ours say they were written: the year in which the time of zip archives begins.
EPOCH_YEAR = 1980
# The most that a cell of a workbook can hold; longer texts are cut for showing.
MAX_TEXT = 32_000
CUT = " … [cut]"
# What XML 1.0 cannot carry, and lone surrogates, which no UTF-8 can.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Names of rounds and pseudonyms of reviewers stand in file names, where case may not count; no address passes.
NAME = re.compile(r"(?=.{1,40}$)[a-z0-9]+(?:[._-][a-z0-9]+)*")
NAME_RULE = "small letters and digits, with single '.', '_' or '-' between them, 40 at most"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a sheet, or one field of a task.

    Attributes:
        name: what the values are called in code; in files too, where nobody sees it.
        title: what people read.
        width: characters across.
        choices: the values of its drop-down list; none: free text.
        editable: whether people fill it in.
        percent: numbers are shares, shown as percent.
        hidden: it is for reading back alone.
        computed: it holds a formula and is not read back.
        spans: its value stands over all rows from one heading to the next; it is for reading alone.
    """

    name: str
    title: str
    width: int
    choices: tuple[str, ...] = ()
    editable: bool = False
    percent: bool = False
    hidden: bool = False
    computed: bool = False
    spans: bool = False

    def __post_init__(self) -> None:
        if self.spans and (self.editable or self.computed):
            raise ValueError(f"column {self.name}: what is filled in or computed stands in one row")
        # A workbook keeps a list as one quoted string of at most 255 characters, parted by commas.
        if any(set(choice) & set(',"') for choice in self.choices) or len(",".join(self.choices)) > 255:
            raise ValueError(f"column {self.name}: choices must be short and free of commas and quotes")


class FormError(ValueError):
    """A returned file cannot be read at all; one line that names it."""


class Formula(NamedTuple):
    """A formula of ours, for a computed column."""

    text: str


Value = str | float | Formula | None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Rows under columns.

    Attributes:
        title: at most 31 characters.
        columns: in order; names are distinct.
        rows: column name → value; a name that is absent leaves the cell empty.
        open: per row, which editable columns may be filled in there; None: all of them in every row.
        headings: indexes of rows that begin something new: a thick line above, and bold if no column spans what follows.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Value]]
    open: Sequence[Collection[str]] | None = None
    headings: Collection[int] = field(default_factory=frozenset)

    def is_open(self, index: int, column: Column) -> bool:
        """Whether people fill in this column of this row."""
        return column.editable and (self.open is None or column.name in self.open[index])


class Problem(NamedTuple):
    """What is wrong, and where.

    >>> str(Problem("sheet Drafts, row 12", "decision: 'ok' is none of accepted, edited, rejected"))
    "sheet Drafts, row 12: decision: 'ok' is none of accepted, edited, rejected"
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def utc(text: str) -> str | None:
    """A time as UTC to the second; None if it is none. Without a zone it counts as UTC.

    >>> utc("2026-05-04T12:30:00.5+02:00"), utc("yesterday")
    ('2026-05-04T10:30:00+00:00', None)
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    # The latter where UTC would be out of the years that there are.
    except (ValueError, OverflowError):
        return None


def shown(text: str) -> str:
    r"""A text as a form shows it: line ends evened out, without what a file cannot hold, and cut where a cell ends.

    >>> shown("a\r\nb\x00")
    'a\nb'
    """
    clean = _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return clean if len(clean) <= MAX_TEXT else clean[: MAX_TEXT - len(CUT)] + CUT


def same_text(one: str, other: str) -> bool:
    r"""Whether two texts differ in white space alone, which programs change when they save a file.

    >>> same_text("a\n b", " a b\u00a0"), same_text("a", "A")
    (True, False)
    """
    return one.split() == other.split()
