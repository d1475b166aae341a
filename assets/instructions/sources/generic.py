"""A source of one's own: JSON lines, JSON, CSV or Parquet with a declared mapping of columns.

What belongs here: reading what a `SourceSpec` describes. A row is refused if it has no question; what else is declared may be
absent, but must be of its kind (`wrong_difficulty`, `unknown_split`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assets.instructions.sources.base import Adapter, SourceError, SourceRecords
from assets.instructions.sources.batches import Converted, asked, batched, question
from assets.instructions.sources.items import Columns, Item, Row
from assets.instructions.sources.location import Location, SourceFile
from assets.instructions.sources.readers import csv_rows, json_array, json_lines, parquet_rows
from assets.instructions.sources.scale import rescaled
from assets.instructions.sources.specs import ColumnMapping, Format
from training.records import SPLITS

SUFFIXES: Mapping[Format, tuple[str, ...]] = {
    "jsonl": ("*.jsonl", "*.jsonl.gz", "*.ndjson"),
    "json": ("*.json", "*.json.gz"),
    "csv": ("*.csv", "*.csv.gz"),
    "parquet": ("*.parquet",),
}


def at(values: Mapping[str, Any], path: str | None) -> Any:
    """What stands at a dotted path, None if nothing does.

    >>> at({"a": {"b": 5}}, "a.b"), at({"a": 1}, "a.b")
    (5, None)
    """
    found: Any = values
    for part in (path or "").split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


@dataclass(frozen=True, kw_only=True)
class GenericAdapter(Adapter):
    """A declared source."""

    format: Format
    columns: ColumnMapping
    items: str = "item"
    difficulty_scale: tuple[float, float] = (0.0, 10.0)

    def files(self, location: Location) -> list[SourceFile]:
        """The files of the declared format; a file that is named itself may be called anything."""
        return location.files() if location.is_file() else location.files(*SUFFIXES[self.format])

    def read(self, location: Location) -> Iterator[SourceRecords]:
        """All rows of all files of the format.

        Raises:
            SourceError: there is no such file.
        """
        files = self.files(location)
        if not files:
            raise SourceError(f"source {self.name}: {location.uri} holds no {' or '.join(SUFFIXES[self.format])}")
        return batched(self.name, (item for file in files for item in self._items(file)), self._convert)

    def _items(self, file: SourceFile) -> Iterator[Item]:
        first = self.columns.text.split(".")[0]
        nested = "." in self.columns.text
        columns = Columns(types={first: dict}) if nested else Columns(types={first: str}, not_empty=(first,))
        if self.format == "jsonl":
            return json_lines(file, columns)
        if self.format == "json":
            return json_array(file, columns, path=self.items)
        if self.format == "csv":
            return csv_rows(file, columns)
        # Optional columns are looked at row by row; this reader has to know which to read.
        return parquet_rows(file, columns, also=tuple(path.split(".")[0] for path in _paths(self.columns)))

    def _convert(self, row: Row) -> Converted | str:
        keys, values = self.columns, row.values
        text = at(values, keys.text)
        if not isinstance(text, str):
            return "missing_column" if text is None else "wrong_type"
        split = at(values, keys.split) if keys.split else None
        if split is not None and split not in SPLITS:
            return "unknown_split"
        try:
            difficulty = rescaled(at(values, keys.difficulty) if keys.difficulty else None, self.difficulty_scale)
        except ValueError:
            return "wrong_difficulty"
        instruction = question(
            self.name,
            self.licence,
            row,
            text,
            label=_text(at(values, keys.label)) if keys.label else None,
            category=_text(at(values, keys.category)) if keys.category else None,
            specialty=_text(at(values, keys.specialty)) if keys.specialty else None,
            difficulty=difficulty,
            split=split,
        )
        return asked(instruction, keys.answer_model, at(values, keys.answer) if keys.answer else None)


def _paths(columns: ColumnMapping) -> list[str]:
    values = columns.model_dump(exclude={"answer_model"})
    return [path for path in values.values() if path is not None]


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
