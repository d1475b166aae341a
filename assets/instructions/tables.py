"""The raw tables: their fixed Parquet schemas, sort keys, and writing them so that the same content gives the same bytes.

What belongs here: columns, types, order, writing whole tables and writing in a stream. What does not: where rows come from.
`instruction_pins`, `fragments`, `annotations`, `source_facts` and `source_counts` are read by assets only; the others are
sources of dbt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, Any]


def _schema(columns: str, **types: pa.DataType) -> pa.Schema:
    return pa.schema([(name, types.get(name, pa.string())) for name in columns.split()])


_CRITERIA = "criterion_id instruction_id tier text weight rubric_version origin review_id"
_CHANGES = "criterion_id instruction_id rubric_version tier text weight change replaces round reviewer changed_at"
_VERDICTS = "response_id criterion_id verdict judge judge_kind evidence"
_RESPONSES = "response_id instruction_id model text sampling attempt"

SCHEMAS: Mapping[str, pa.Schema] = {
    "raw_instructions": _schema(
        "instruction_id source source_row text license category specialty difficulty source_label",
        difficulty=pa.float64(),
    ),
    "instruction_pins": _schema("instruction_id cluster_key split"),
    "raw_criteria": _schema(_CRITERIA, weight=pa.float64()),
    "raw_responses": _schema(_RESPONSES, attempt=pa.int64()),
    "raw_verdicts": _schema(_VERDICTS),
    "raw_quarantine": _schema("source source_row reason raw"),
    "fragments": _schema(
        "fragment_id instruction_id criterion_id kind paraphrase held_out text", paraphrase=pa.int64(), held_out=pa.bool_()
    ),
    "annotations": _schema("response_id criterion_id question claim label_0 label_1 label_2 majority"),
    "source_facts": _schema(
        "source adapter licence commercial_use provider_terms citation home brings_rubrics content_digest labels_replaced"
        " personal_data",
        commercial_use=pa.bool_(),
        brings_rubrics=pa.bool_(),
        labels_replaced=pa.int64(),
    ),
    "source_counts": _schema("source outcome kind reason n", n=pa.int64()),
    # Rubrics: what models drafted, what physicians made of it, and what later drafts are shown.
    "rubric_drafts": _schema(f"{_CRITERIA} drafter exemplars repaired", weight=pa.float64(), repaired=pa.bool_()),
    "draft_quarantine": _schema("source source_row reason raw"),
    "reviewed_criteria": _schema(_CRITERIA, weight=pa.float64()),
    "review_decisions": _schema("round instruction_id rubric_version decision reviewer reviewed_at comment"),
    "criterion_versions": _schema(_CHANGES, weight=pa.float64()),
    "review_changes": _schema(_CHANGES, weight=pa.float64()),
    "exemplar_pool": _schema("instruction_id text rubric origin review_id"),
    "review_rates": _schema(
        "round drafts accepted edited rejected outstanding pass_rate low high",
        **dict.fromkeys(("drafts", "accepted", "edited", "rejected", "outstanding"), pa.int64()),
        **dict.fromkeys(("pass_rate", "low", "high"), pa.float64()),
    ),
    # Responses and verdicts of models.
    "generated_responses": _schema(f"{_RESPONSES} family outcome finish tokens", attempt=pa.int64(), tokens=pa.int64()),
    "known_verdicts": _schema(_VERDICTS),
    "model_verdicts": _schema(f"{_VERDICTS} reason"),
    "judge_costs": _schema(
        "judge model mode calls prompt_tokens completion_tokens verdicts unknown",
        **dict.fromkeys(("calls", "prompt_tokens", "completion_tokens", "verdicts", "unknown"), pa.int64()),
    ),
}
SORT_KEYS: Mapping[str, tuple[str, ...]] = {
    "raw_instructions": ("instruction_id",),
    "instruction_pins": ("instruction_id",),
    "raw_criteria": ("criterion_id",),
    "raw_responses": ("response_id",),
    "raw_verdicts": ("response_id", "criterion_id", "judge", "judge_kind"),
    "raw_quarantine": ("source", "source_row", "reason", "raw"),
    "fragments": ("fragment_id",),
    "annotations": ("response_id", "criterion_id"),
    "source_facts": ("source",),
    "source_counts": ("source", "outcome", "kind", "reason"),
    "rubric_drafts": ("criterion_id",),
    "draft_quarantine": ("source", "source_row", "reason", "raw"),
    "reviewed_criteria": ("criterion_id",),
    "review_decisions": ("round", "rubric_version"),
    "criterion_versions": ("instruction_id", "rubric_version", "criterion_id", "round", "change"),
    "review_changes": ("instruction_id", "rubric_version", "criterion_id", "round", "change"),
    "exemplar_pool": ("instruction_id",),
    "review_rates": ("round",),
    "generated_responses": ("response_id",),
    "known_verdicts": ("response_id", "criterion_id", "judge", "judge_kind"),
    "model_verdicts": ("response_id", "criterion_id", "judge"),
    "judge_costs": ("judge",),
}
# Rows of a row group: as many whatever the batches they came in, so that the same content gives the same bytes.
ROW_GROUP = 1 << 16


class TableError(ValueError):
    """Rows are not what their table's schema says; names table and column."""


def sorted_rows(table: str, rows: Sequence[Row]) -> list[Row]:
    """The rows in the table's order, without a value last, as Arrow sorts.

    Raises:
        TableError: unknown table.
    """
    if table not in SCHEMAS:
        raise TableError(f"unknown table {table!r}; allowed: {', '.join(sorted(SCHEMAS))}")
    return sorted(rows, key=lambda row: tuple((row[column] is None, row[column]) for column in SORT_KEYS[table]))


def to_arrow(table: str, rows: Sequence[Row]) -> pa.Table:
    """The rows as an Arrow table in the table's order; an empty one has its columns too.

    Raises:
        TableError: unknown table, missing or unknown column, or a value of another type.
    """
    ordered = sorted_rows(table, rows)
    names = set(SCHEMAS[table].names)
    for row in ordered:
        if row.keys() != names:
            raise TableError(f"{table}: columns differ from the schema: {', '.join(sorted(row.keys() ^ names))}")
    try:
        return pa.Table.from_pylist(ordered, schema=SCHEMAS[table])
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TableError(f"{table}: {error}") from error


class TableWriter:
    """Writes `<folder>/<table>.parquet` as rows come, in row groups of ROW_GROUP rows; without any it has its columns too.

    Args:
        table: the columns and types.
        path: the file.
    """

    def __init__(self, table: str, path: Path) -> None:
        self._schema = SCHEMAS[table]
        self._pending: list[pa.Table] = []
        self._rows = 0
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def add_records(self, records: Sequence[object]) -> None:
        """Adds rows from records with the table's columns as attributes; columns that they don't have stay null."""
        if records:
            columns = [
                pa.array([getattr(record, field.name, None) for record in records], field.type) for field in self._schema
            ]
            self.add(pa.Table.from_arrays(columns, schema=self._schema))

    def add(self, rows: pa.Table) -> None:
        """Adds rows in the table's columns and types."""
        self._pending.append(rows)
        self._rows += len(rows)
        if self._rows >= ROW_GROUP:
            whole = pa.concat_tables(self._pending)
            full = self._rows - self._rows % ROW_GROUP
            self._writer.write_table(whole.slice(0, full), row_group_size=ROW_GROUP)
            # Copied, or the slice would hold on to what has been written.
            rest = pa.Table.from_batches(whole.slice(full).combine_chunks().to_batches(), schema=self._schema)
            self._pending, self._rows = [rest], len(rest)

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None and self._rows:
            self._writer.write_table(pa.concat_tables(self._pending).combine_chunks(), row_group_size=ROW_GROUP)
        self._writer.close()


def write_table(table: str, rows: Sequence[Row], folder: Path) -> Path:
    """Writes `<folder>/<table>.parquet` and returns its path.

    Raises:
        TableError: as `to_arrow`.
    """
    path = folder / f"{table}.parquet"
    pq.write_table(to_arrow(table, rows), path, compression="zstd")
    return path
