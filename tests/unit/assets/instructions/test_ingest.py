from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.instructions.config import SplitConfig
from assets.instructions.ingest import fingerprint, ingest, split_rows
from assets.instructions.sources.base import SourceError
from assets.instructions.sources.registry import parse_source, parse_sources
from assets.instructions.tables import SCHEMAS, TableError, to_arrow, write_tables


@pytest.fixture
def kqa(tmp_path: Path) -> Path:
    folder = tmp_path / "kqa"
    folder.mkdir()
    rows = [
        {"Question": "Is it flu?", "Free_form_answer": "It is.", "Must_have": ["It is flu", ""], "Nice_to_have": []},
        {"Question": "is it FLU?", "Free_form_answer": "No.", "Must_have": ["It is not"], "Nice_to_have": []},
    ]
    (folder / "questions_w_answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def test_every_table_has_the_contracts_columns(kqa: Path) -> None:
    tables = ingest(parse_sources([f"kqa={kqa}"])).tables
    assert tables.keys() == SCHEMAS.keys() - {"instruction_splits"}
    for table, rows in tables.items():
        assert to_arrow(table, rows).schema == SCHEMAS[table]
    assert [(r["source"], r["source_row"], r["reason"]) for r in tables["raw_quarantine"]] == [
        ("kqa", "NLI_medical_annotator.csv", "unreadable_file"),
        ("kqa", "questions_w_answers.jsonl:1#Must_have[1]", "empty_statement"),
        ("kqa", "questions.jsonl", "unreadable_file"),
    ]


def test_counts_add_up_and_a_repeated_text_is_named(kqa: Path) -> None:
    raw = ingest(parse_sources([f"kqa={kqa}"]))
    for key in raw.read:
        assert raw.read[key] == raw.accepted.get(key, 0) + raw.quarantined.get(key, 0)
    assert raw.read["kqa", "statement"] == 3
    first, second = sorted(row["instruction_id"] for row in raw.tables["raw_instructions"])
    assert {row["instruction_id"]: row["duplicate_of"] for row in raw.tables["raw_instructions"]} == {
        first: None,
        second: first,
    }
    splits = split_rows(raw.tables["instruction_pins"], config=SplitConfig())
    assert len({row["cluster_id"] for row in splits}) == len({row["split"] for row in splits}) == 1


def test_a_source_named_twice_is_refused(kqa: Path) -> None:
    with pytest.raises(SourceError, match="named twice"):
        ingest([parse_source(f"kqa={kqa}")] * 2)


def test_the_same_content_gives_the_same_bytes(kqa: Path, tmp_path: Path) -> None:
    tables = ingest(parse_sources([f"kqa={kqa}"])).tables
    one = write_tables(tables, tmp_path / "one")
    other = write_tables({table: rows[::-1] for table, rows in reversed(tables.items())}, tmp_path / "other")
    assert one.keys() == other.keys()
    assert all(one[table].read_bytes() == other[table].read_bytes() for table in one)
    ids = pq.read_table(one["raw_criteria"])["criterion_id"].to_pylist()
    assert ids == sorted(ids) and len(ids) == 4


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    path = write_tables({"raw_verdicts": []}, tmp_path)["raw_verdicts"]
    assert pq.read_schema(path).equals(SCHEMAS["raw_verdicts"])


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        ("nonsense", {}, "unknown table 'nonsense'"),
        ("instruction_pins", {"instruction_id": "a", "cluster_id": "b"}, "instruction_pins: columns differ.*split"),
        ("instruction_pins", {"instruction_id": "a", "cluster_id": 5, "split": None}, "instruction_pins: "),
    ],
)
def test_wrong_rows_are_refused(table: str, row: dict, message: str) -> None:
    with pytest.raises(TableError, match=message):
        to_arrow(table, [row])


def test_the_fingerprint_sees_content_and_names_only(kqa: Path, tmp_path: Path) -> None:
    source = parse_source(f"kqa={kqa}")
    before = fingerprint(source)
    (kqa / "notes.txt").write_text("not K-QA's", encoding="utf-8")
    assert fingerprint(source) == before
    moved = kqa.rename(tmp_path / "moved")
    assert fingerprint(parse_source(f"kqa={moved}")) == before
    (moved / "questions.jsonl").write_bytes(b"")
    added = fingerprint(parse_source(f"kqa={moved}"))
    (moved / "questions.jsonl").write_bytes(b"{}")
    assert len({before, added, fingerprint(parse_source(f"kqa={moved}"))}) == 3
