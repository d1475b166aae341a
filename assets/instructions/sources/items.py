"""What a reader yields: usable rows, faults, and the containers (files, archive members) that could be opened.

What belongs here: these records and what makes a row usable. Formats are `readers.py`'s and `archives.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.instructions.sources.base import MAX_RAW

FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns a row must have with their types, and those among them that must hold more than white space."""

    types: Mapping[str, type | tuple[type, ...]]
    not_empty: tuple[str, ...] = ()

    def fault(self, values: object) -> str | None:
        """The reason why a row cannot be used, None if it can."""
        if not isinstance(values, dict):
            return "wrong_type"
        for column, wanted in self.types.items():
            value = values.get(column)
            if value is None:
                return "missing_column"
            if not isinstance(value, wanted):
                return "wrong_type"
        if any(not values[column].strip() for column in self.not_empty):
            return "empty_text"
        return None


@dataclass(frozen=True, slots=True)
class Row:
    """A usable row, its place (`file:line` or `file#index`), and its first characters as they were read."""

    position: str
    values: dict[str, Any]
    raw: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that cannot be used; `kind` names what it is if it is no row: a file, an archive's member."""

    position: str
    reason: str
    raw: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A container that could be opened; its rows follow."""

    kind: str


Item = Row | Fault | Opened


def excerpt(raw: bytes | str) -> str:
    """The first characters of what was read, as text."""
    text = raw[: 4 * MAX_RAW].decode("utf-8", errors="backslashreplace") if isinstance(raw, bytes) else raw
    return text[:MAX_RAW].encode("utf-8", errors="replace").decode("utf-8").rstrip("\r\n")
