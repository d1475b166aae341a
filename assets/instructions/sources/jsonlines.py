"""Tolerant readers of JSON lines and CSV: a row that can't be used goes into quarantine with file, line and reason.

What belongs here: rows of a file and what is wrong with them. What does not: what the columns of a source mean.
Reasons: `bad_json`, `bad_csv`, `wrong_encoding`, `missing_column`, `wrong_type`, `empty_text`, `unreadable_file`.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.instructions.sources.base import SourceRecords

EXTRA = "beyond the header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns a row must have with their types, and those among them that must hold more than white space."""

    types: Mapping[str, type]
    not_empty: tuple[str, ...] = ()

    def fault(self, values: object) -> str | None:
        """The reason why a row cannot be used, None if it can."""
        if not isinstance(values, dict):
            return "wrong_type"
        if any(column not in values or values[column] is None for column in self.types):
            return "missing_column"
        if any(not isinstance(values[column], wanted) for column, wanted in self.types.items()):
            return "wrong_type"
        if any(not values[column].strip() for column in self.not_empty):
            return "empty_text"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A usable row and its place, `file:line` (the line it ends on)."""

    position: str
    values: dict[str, Any]
    raw: str


def read_json_lines(path: Path, columns: Columns, *, kind: str, into: SourceRecords) -> list[Row] | None:
    """The usable rows of a JSON-lines file; the others go into quarantine. Blank lines are no records.

    Returns:
        None if the file cannot be read, which is quarantined as `unreadable_file`.
    """
    data = _bytes_of(path, into)
    if data is None:
        return None
    rows = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        into.read[kind] += 1
        position, raw = f"{path.name}:{number}", line.decode("utf-8", errors="replace").rstrip("\r")
        values, reason = _parse_json(line)
        reason = reason or columns.fault(values)
        if reason is not None or not isinstance(values, dict):
            into.reject(kind=kind, row=position, reason=reason or "wrong_type", raw=raw)
            continue
        rows.append(Row(position=position, values=values, raw=raw))
    return rows


def read_csv(path: Path, columns: Columns, *, kind: str, into: SourceRecords) -> list[Row] | None:
    """The usable rows of a CSV file with a header; the others go into quarantine. All values are text.

    Returns:
        None if the file cannot be read, which is quarantined as `unreadable_file`.
    """
    data = _bytes_of(path, into)
    if data is None:
        return None
    reader = csv.DictReader(io.StringIO(data.decode("utf-8", errors="surrogateescape"), newline=""), restkey=EXTRA)
    rows = []
    for values, reason in _csv_rows(reader):
        into.read[kind] += 1
        position, raw = f"{path.name}:{reader.line_num}", json.dumps(values, ensure_ascii=False)
        fault = reason or (None if _encodable(raw) else "wrong_encoding") or columns.fault(values)
        if fault is not None:
            into.reject(kind=kind, row=position, reason=fault, raw=raw.encode("utf-8", errors="replace").decode())
            continue
        rows.append(Row(position=position, values=values, raw=raw))
    return rows


def _csv_rows(reader: csv.DictReader[str]) -> Iterator[tuple[dict[str, Any], str | None]]:
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield {"error": str(error)}, "bad_csv"
            continue
        yield values, "bad_csv" if EXTRA in values else None


def _bytes_of(path: Path, into: SourceRecords) -> bytes | None:
    into.read["file"] += 1
    try:
        data = path.read_bytes()
    except OSError as error:
        into.reject(kind="file", row=path.name, reason="unreadable_file", raw=error.strerror or type(error).__name__)
        return None
    into.accepted["file"] += 1
    return data.removeprefix(codecs.BOM_UTF8)


def _parse_json(line: bytes) -> tuple[object, str | None]:
    try:
        values: object = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return None, "wrong_encoding"
    except (ValueError, RecursionError):
        return None, "bad_json"
    # A lone surrogate ("\ud800") is valid JSON but no text: it can be neither hashed nor written.
    return values, None if _encodable(json.dumps(values, ensure_ascii=False)) else "wrong_encoding"


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
