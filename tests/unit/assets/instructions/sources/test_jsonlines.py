from __future__ import annotations

from pathlib import Path

import pytest

from assets.instructions.sources.base import SourceRecords
from assets.instructions.sources.jsonlines import Columns, read_csv, read_json_lines

COLUMNS = Columns(types={"text": str, "tags": list}, not_empty=("text",))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "a"', "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b'{"text": "caf\xe9", "tags": []}', "wrong_encoding"),
        (b'{"text": "\\ud800", "tags": []}', "wrong_encoding"),
        (b'["text"]', "wrong_type"),
        (b'{"text": 5, "tags": []}', "wrong_type"),
        (b'{"text": "a", "tags": "b"}', "wrong_type"),
        (b'{"text": "a"}', "missing_column"),
        (b'{"text": null, "tags": []}', "missing_column"),
        (b'{"text": " \\n", "tags": []}', "empty_text"),
    ],
)
def test_a_bad_line_is_quarantined_and_its_neighbours_are_not(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "rows.jsonl"
    good = b'{"text": "good", "tags": []}'
    path.write_bytes(b"\n".join([good, line, b"", good]))
    records = SourceRecords(source="test")
    rows = read_json_lines(path, COLUMNS, kind="row", into=records)
    assert [row.position for row in rows or []] == ["rows.jsonl:1", "rows.jsonl:4"]
    (refused,) = records.quarantined
    assert (refused.source, refused.source_row, refused.reason, refused.kind) == ("test", "rows.jsonl:2", reason, "row")
    assert 0 < len(refused.raw) <= 2000
    assert records.read["row"] == 3


def test_windows_line_ends_and_a_byte_order_mark_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a", "tags": []}\r\n{"text": "b", "tags": []}\r\n')
    records = SourceRecords(source="test")
    assert [row.values["text"] for row in read_json_lines(path, COLUMNS, kind="row", into=records) or []] == ["a", "b"]
    assert records.quarantined == []


def test_a_missing_file_is_a_quarantine_row(tmp_path: Path) -> None:
    records = SourceRecords(source="test")
    assert read_json_lines(tmp_path / "none.jsonl", COLUMNS, kind="row", into=records) is None
    (refused,) = records.quarantined
    assert (refused.source_row, refused.reason, refused.kind) == ("none.jsonl", "unreadable_file", "file")


def test_csv_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id,text\n1,"two\nlines"\n2,caf\xe9\n3\n4,a,too many\n5,""\n6,fine\n')
    records = SourceRecords(source="test")
    rows = read_csv(path, Columns(types={"id": str, "text": str}, not_empty=("text",)), kind="row", into=records)
    assert [(row.values["id"], row.values["text"]) for row in rows or []] == [("1", "two\nlines"), ("6", "fine")]
    assert [(q.source_row, q.reason) for q in records.quarantined] == [
        ("rows.csv:4", "wrong_encoding"),
        ("rows.csv:5", "missing_column"),
        ("rows.csv:6", "bad_csv"),
        ("rows.csv:7", "empty_text"),
    ]


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
