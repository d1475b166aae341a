"""Tolerant readers of JSON lines, JSON arrays and objects, CSV and Parquet: every record is one row or one fault.

What belongs here: records of a file and what is wrong with them, in flat memory whatever the file's size. What does not: what
the columns of a source mean. Reasons: `bad_json`, `bad_csv`, `bad_parquet`, `wrong_encoding`, `missing_column`, `wrong_type`,
`empty_text`, `line_too_long`, `formula_cell`, `truncated_file`, `bad_gzip`, `empty_file`, `unreadable_file`.

A file that ends too early is a fault of its own (`truncated_file`): what stands before it is read. A connection that breaks is
no property of the file: it is a SourceError, and running again is the remedy.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
import zlib
from collections.abc import Callable, Iterator
from gzip import BadGzipFile
from typing import IO, Any

from assets.instructions.sources.base import SourceError
from assets.instructions.sources.items import FILE, Columns, Fault, Item, Opened, Row, excerpt
from assets.instructions.sources.location import BrokenOff, SourceFile

MAX_LINE = 16 << 20
EXTRA = "beyond the header"
_CSV_FIELD = 1 << 20
_TRUNCATED = (EOFError, zlib.error)
# What a spreadsheet would run: a call, a cell, a macro. "-5 mg" and "+ve" are text.
_FORMULA = re.compile(
    r"\s*[=+\-@](?:\s*(?:[A-Za-z_.]+\s*\(|\$?[A-Z]{1,3}\$?\d+\b|'?\[)|.*\bcmd\s*\|)|\s*=\s*\d+\s*[-+*/]\s*\d", re.IGNORECASE
)
Rows = Callable[[SourceFile, IO[bytes]], Iterator[Item]]


def json_lines(file: SourceFile, columns: Columns) -> Iterator[Item]:
    """The records of a JSON-lines file; blank lines are no records."""
    return _guarded(file, lambda f, handle: _json_lines(f, handle, columns))


def json_array(file: SourceFile, columns: Columns, *, path: str = "item") -> Iterator[Item]:
    """The elements of a JSON array, one at a time; `path` says where it is in the document (`data.item`)."""
    return _guarded(file, lambda f, handle: _json_items(f, handle, columns, path, keyed=False))


def json_object(file: SourceFile, columns: Columns, *, key: str) -> Iterator[Item]:
    """The values of a JSON object, one at a time, each with its key in the column `key`."""
    return _guarded(file, lambda f, handle: _json_items(f, handle, columns, key, keyed=True))


def csv_rows(file: SourceFile, columns: Columns) -> Iterator[Item]:
    """The rows of a CSV file with a header; all values are text."""
    return _guarded(file, lambda f, handle: _csv(f, handle, columns))


def parquet_rows(file: SourceFile, columns: Columns, *, also: tuple[str, ...] = ()) -> Iterator[Item]:
    """The rows of a Parquet file, batch by batch; columns that nobody asks for are not read.

    Args:
        file: to be read.
        columns: what a row must have.
        also: columns that it may have.
    """
    return _guarded(file, lambda f, handle: _parquet(f, handle, columns, also))


def _guarded(file: SourceFile, rows: Rows) -> Iterator[Item]:
    """Opens a file and tells apart what is wrong with it and what is wrong with the way to it."""
    try:
        context = file.open()
        handle = context.__enter__()
    except BrokenOff as error:
        raise SourceError(f"{file.name} cannot be opened ({error}); run again") from error
    except OSError as error:
        yield Fault(file.name, "unreadable_file", error.strerror or type(error).__name__, FILE)
        return
    try:
        yield Opened(FILE)
        if handle.peek(1):  # type: ignore[attr-defined]
            yield from rows(file, handle)
        else:
            yield Fault(file.name, "empty_file", "")
    except BadGzipFile as error:
        yield Fault(file.name, "bad_gzip", str(error))
    except _TRUNCATED as error:
        yield Fault(file.name, "truncated_file", f"the file ends too early: {error}")
    except OSError as error:
        raise SourceError(f"{file.name} broke off while it was read ({error}); run again") from error
    finally:
        context.__exit__(None, None, None)


def bounded_lines(handle: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Lines of at most MAX_LINE bytes, and whether each is whole; the rest of a longer one is skipped."""
    while line := handle.readline(MAX_LINE):
        whole = line.endswith(b"\n") or len(line) < MAX_LINE
        if not whole:
            rest = handle.readline(_CSV_FIELD)
            while rest and not rest.endswith(b"\n"):
                rest = handle.readline(_CSV_FIELD)
        yield line, whole


def _json_lines(file: SourceFile, handle: IO[bytes], columns: Columns) -> Iterator[Item]:
    import orjson

    for number, (line, whole) in enumerate(bounded_lines(handle), start=1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.isspace() or not line:
            continue
        position = f"{file.name}:{number}"
        if not whole:
            yield Fault(position, "line_too_long", excerpt(line))
            continue
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield Fault(position, _why_no_json(line), excerpt(line))
            continue
        yield _row(position, values, line, columns)


def _row(position: str, values: Any, raw: bytes | str, columns: Columns) -> Item:
    reason = "line_too_long" if len(raw) > MAX_LINE else columns.fault(values)
    return Fault(position, reason, excerpt(raw)) if reason else Row(position, values, excerpt(raw))


def _why_no_json(line: bytes) -> str:
    try:
        text = line.decode("utf-8")
        # A lone surrogate ("\\ud800") is valid JSON but no text: it can be neither hashed nor written.
        json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        return "wrong_encoding"
    except (ValueError, RecursionError):
        return "bad_json"
    return "bad_json"


def _json_items(file: SourceFile, handle: IO[bytes], columns: Columns, path: str, *, keyed: bool) -> Iterator[Item]:
    import ijson

    index = 0
    found: Iterator[Any] = ijson.kvitems(handle, "", use_float=True) if keyed else ijson.items(handle, path, use_float=True)
    try:
        for index, item in enumerate(found, start=1):
            values = {**item[1], path: item[0]} if keyed and isinstance(item[1], dict) else item
            raw = json.dumps(values, ensure_ascii=False)
            position = f"{file.name}#{item[0] if keyed else index - 1}"
            if _encodable(raw):
                yield _row(position, values, raw, columns)
            else:
                yield Fault(position, "wrong_encoding", excerpt(raw))
    except (ijson.JSONError, UnicodeDecodeError) as error:
        # Behind a fault in an array no record can be found again: what follows is one fault, and is counted as one.
        said = str(error).lower()
        early = "premature" in said or "incomplete" in said
        reason = "wrong_encoding" if "utf" in said else "truncated_file" if early else "bad_json"
        yield Fault(f"{file.name}#{index}", reason, f"everything from here on: {str(error).splitlines()[0]}")
        return
    if index == 0:
        yield Fault(file.name, "empty_file", "no record at all")


def _csv(file: SourceFile, handle: IO[bytes], columns: Columns) -> Iterator[Item]:
    csv.field_size_limit(_CSV_FIELD)
    # A line that is too long is cut, so that its field breaks the limit and memory stays flat.
    lines = (line.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="surrogateescape") for line, _ in bounded_lines(handle))
    reader = csv.DictReader(lines, restkey=EXTRA)
    number = 0
    while True:
        try:
            values = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            number += 1
            reason = "line_too_long" if "field larger" in str(error) else "bad_csv"
            yield Fault(f"{file.name}:{reader.line_num}", reason, str(error))
            continue
        number += 1
        yield _csv_row(f"{file.name}:{reader.line_num}", values, columns)
    if number == 0:
        yield Fault(file.name, "empty_file", "")


def _csv_row(position: str, values: dict[str, Any], columns: Columns) -> Item:
    raw = json.dumps(values, ensure_ascii=False)
    if EXTRA in values:
        return Fault(position, "bad_csv", excerpt(raw))
    if not _encodable(raw):
        return Fault(position, "wrong_encoding", excerpt(raw))
    if any(isinstance(values.get(column), str) and _FORMULA.match(values[column]) for column in columns.types):
        return Fault(position, "formula_cell", excerpt(raw))
    return _row(position, values, raw, columns)


def _parquet(file: SourceFile, handle: IO[bytes], columns: Columns, also: tuple[str, ...]) -> Iterator[Item]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(handle)
    except pa.ArrowInvalid as error:
        yield Fault(file.name, "bad_parquet", str(error).splitlines()[0])
        return
    index = 0
    wanted = [name for name in table.schema_arrow.names if name in columns.types or name in also]
    for batch in table.iter_batches(batch_size=4096, columns=wanted):
        for values in batch.to_pylist():
            yield _row(f"{file.name}#{index}", values, json.dumps(values, ensure_ascii=False, default=str), columns)
            index += 1
    if index == 0:
        yield Fault(file.name, "empty_file", "no row at all")


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
