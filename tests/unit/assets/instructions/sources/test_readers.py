"""Every input record is one row or one fault, whatever is wrong with it, and memory stays flat."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.instructions.sources.base import SourceRecords
from assets.instructions.sources.items import Columns, Fault, Item, Opened, Row
from assets.instructions.sources.location import Location, SourceFile
from assets.instructions.sources.readers import csv_rows, json_array, json_lines, json_object, parquet_rows

COLUMNS = Columns(types={"text": str, "tags": list}, not_empty=("text",))
TEXT = Columns(types={"text": str}, not_empty=("text",))
GOOD = b'{"text": "good", "tags": []}'
Reader = Callable[[SourceFile, Columns], Iterator[Item]]


def items(reader: Reader, path: Path, columns: Columns = TEXT) -> list[Item]:
    (file,) = Location(str(path)).files()
    return list(reader(file, columns))


def told(reader: Reader, path: Path, columns: Columns = TEXT) -> list[tuple[str, str]]:
    """(position, text or reason) of every item that is not the file itself."""
    found = items(reader, path, columns)
    return [
        (i.position, i.reason if isinstance(i, Fault) else str(i.values["text"])) for i in found if not isinstance(i, Opened)
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "a"', "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'{"text": "caf\xe9", "tags": []}', "wrong_encoding"),
        (b'{"text": "\\ud800", "tags": []}', "wrong_encoding"),
        (b'["text"]', "wrong_type"),
        (b'{"text": 5, "tags": []}', "wrong_type"),
        (b'{"text": {"text": null}, "tags": []}', "wrong_type"),
        (b'{"text": "a", "tags": "b"}', "wrong_type"),
        (b'{"text": "a"}', "missing_column"),
        (b'{"text": null, "tags": []}', "missing_column"),
        (b'{"text": " \\n", "tags": []}', "empty_text"),
    ],
)
def test_a_bad_line_is_a_fault_and_its_neighbours_are_not(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join([GOOD, line, b"", GOOD]))
    found = items(json_lines, path, COLUMNS)
    assert [type(item) for item in found] == [Opened, Row, Fault, Row]
    fault = found[2]
    assert isinstance(fault, Fault)
    assert (fault.position, fault.reason, fault.kind) == ("rows.jsonl:2", reason, None)
    assert 0 < len(fault.raw) <= 2000
    assert [i.position for i in found if isinstance(i, Row)] == ["rows.jsonl:1", "rows.jsonl:4"]


def test_windows_line_ends_and_a_byte_order_mark_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\r\n{"text": "b"}\r\n')
    assert [text for _, text in told(json_lines, path)] == ["a", "b"]


def test_a_line_of_fifty_megabytes_is_one_fault_and_never_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as handle:
        handle.write(b'{"text": "a"}\n{"text": "')
        for _ in range(50):
            handle.write(b"x" * (1 << 20))
        handle.write(b'"}\n{"text": "b"}\n')
    tracemalloc.start()
    found = told(json_lines, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [("rows.jsonl:1", "a"), ("rows.jsonl:2", "line_too_long"), ("rows.jsonl:3", "b")]
    assert peak < 40 << 20


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(b'{"text": "question number %d"}\n' % i for i in range(200_000)))
    (file,) = Location(str(path)).files()
    tracemalloc.start()
    assert sum(isinstance(item, Row) for item in json_lines(file, TEXT)) == 200_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_truncated_gzip_gives_what_stands_before_and_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"text": "%d %s"}\n' % (i, str(hash(i)).encode()) for i in range(20_000)))
    path.write_bytes(whole[: len(whole) // 2])
    found = told(json_lines, path)
    assert found[-1] == ("rows.jsonl.gz", "truncated_file")
    assert len(found) > 1000


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'[{"text": "a"}, {"text": 5}, {"text": "b"}]', ["a", "wrong_type", "b"]),
        (b'[{"text": "a"}, {"text": "b', ["a", "truncated_file"]),
        (b'[{"text": "a"}, }, {"text": "b"}]', ["a", "bad_json"]),
        (b'[{"text": "a"}, {"text": "caf\xe9"}]', ["a", "wrong_encoding"]),
        (b"[]", ["empty_file"]),
        (b"", ["empty_file"]),
    ],
)
def test_json_arrays(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    assert [text for _, text in told(json_array, path)] == expected


def test_the_values_of_a_json_object_come_with_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"7": {"text": "a"}, "8": {"text": " "}, "9": 5}), encoding="utf-8")
    (file,) = Location(str(path)).files()
    _, row, empty, number = json_object(file, TEXT, key="id")
    assert isinstance(row, Row) and (row.position, row.values) == ("rows.json#7", {"text": "a", "id": "7"})
    assert isinstance(empty, Fault) and empty.reason == "empty_text"
    assert isinstance(number, Fault) and number.reason == "wrong_type"


def test_csv_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id,text\n1,"two\nlines"\n2,caf\xe9\n3\n4,a,too many\n5,""\n6,fine\n')
    assert told(csv_rows, path, Columns(types={"id": str, "text": str}, not_empty=("text",))) == [
        ("rows.csv:3", "two\nlines"),
        ("rows.csv:4", "wrong_encoding"),
        ("rows.csv:5", "missing_column"),
        ("rows.csv:6", "bad_csv"),
        ("rows.csv:7", "empty_text"),
        ("rows.csv:8", "fine"),
    ]


@pytest.mark.parametrize(
    "cell", ["=1+1", "=cmd|' /C calc'!A0", "@SUM(A1:A9)", "+A1", '=HYPERLINK("x")', "-2+3+cmd|' /C calc'!A0"]
)
def test_a_formula_is_set_aside(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "rows.csv"
    quoted = cell.replace('"', '""')
    path.write_text(f'text\n"{quoted}"\n', encoding="utf-8")
    ((_, reason),) = told(csv_rows, path)
    assert reason == "formula_cell"


@pytest.mark.parametrize("cell", ["-5 mg twice a day?", "+ve result, what now?", "- pain", "@home: what to do?", "= 5 mg?"])
def test_a_text_that_only_begins_like_a_formula_is_text(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'text\n"{cell}"\n', encoding="utf-8")
    assert told(csv_rows, path) == [("rows.csv:2", cell)]


def test_a_csv_field_of_fifty_megabytes_is_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text\n" + b"x" * (50 << 20) + b"\nfine\n")
    assert [text for _, text in told(csv_rows, path)] == ["line_too_long", "fine"]


def test_parquet_rows_read_only_what_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": ["a", None, "c"], "other": [1, 2, 3], "also": ["x", "y", "z"]}), path)
    (file,) = Location(str(path)).files()
    _, first, second, _ = parquet_rows(file, TEXT, also=("also",))
    assert isinstance(first, Row) and first.values == {"text": "a", "also": "x"}
    assert isinstance(second, Fault) and (second.position, second.reason) == ("rows.parquet#1", "missing_column")


@pytest.mark.parametrize(
    ("reader", "name", "reason"),
    [(json_lines, "a.jsonl", "empty_file"), (csv_rows, "a.csv", "empty_file"), (parquet_rows, "a.parquet", "empty_file")],
)
def test_an_empty_file_is_a_fault(tmp_path: Path, reader: Reader, name: str, reason: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert [why for _, why in told(reader, tmp_path / name)] == [reason]


@pytest.mark.parametrize(
    ("reader", "name", "reason"),
    [(parquet_rows, "a.parquet", "bad_parquet"), (csv_rows, "a.csv", "empty_file"), (json_lines, "a.jsonl.gz", "bad_gzip")],
)
def test_a_file_that_is_not_what_its_name_says_is_a_fault(tmp_path: Path, reader: Reader, name: str, reason: str) -> None:
    (tmp_path / name).write_bytes(b"text")
    assert [why for _, why in told(reader, tmp_path / name)] == [reason]


def test_a_folder_where_a_file_should_be_is_an_unreadable_file(tmp_path: Path) -> None:
    import fsspec

    (tmp_path / "rows.jsonl").mkdir()
    file = SourceFile(name="rows.jsonl", path=str(tmp_path / "rows.jsonl"), filesystem=fsspec.filesystem("file"))
    (fault,) = json_lines(file, TEXT)
    assert isinstance(fault, Fault) and (fault.reason, fault.kind) == ("unreadable_file", "file")


def test_raw_is_cut_at_two_thousand_characters() -> None:
    records = SourceRecords(source="test")
    records.reject(kind="row", row="x:1", reason="bad_json", raw="y" * 5000)
    assert records.quarantined[0].raw == "y" * 2000


def test_a_lost_record_is_noticed() -> None:
    records = SourceRecords(source="test")
    records.read["row"] = 3
    records.accepted["row"] = 1
    records.reject(kind="row", row="x:1", reason="bad_json", raw="")
    with pytest.raises(AssertionError, match="source test: 3 row records read, but 1 accepted and 1 quarantined"):
        records.check_nothing_lost()
