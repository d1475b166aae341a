"""One source's records: counts that add up, personal data as configured, the same bytes every time, flat memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from source_folders import json_lines, kqa, rows_of, sphere, work_of

from assets.instructions.source_records import TABLES, SourceWork, write_source_records
from assets.instructions.sources.base import SourceError, SourceRecords
from assets.instructions.tables import SCHEMAS, TableWriter

ROOT = Path(__file__).parents[4]
PERSONAL = ("My son Tom coughs.", "Call me at (212) 555-0147.", "Mail a@example.org or ring 212-555-0147.", "Is it flu?")


def written(work: SourceWork, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True)
    return write_source_records(work, folder)


def counted(told: dict[str, Any]) -> dict[tuple[str, str, str], int]:
    return {(row["outcome"], row["kind"], row["reason"]): row["n"] for row in told["counts"]}


def test_every_raw_table_is_there_and_the_counts_add_up(tmp_path: Path) -> None:
    told = written(work_of("kqa", kqa(tmp_path / "kqa")), tmp_path / "out")
    for table in TABLES:
        path = tmp_path / "out" / f"{table}.parquet"
        assert rows_of(path) or table in ("annotations", "fragments")
    assert counted(told) == {
        ("read", "answer", ""): 2,
        ("read", "file", ""): 3,
        ("read", "question", ""): 2,
        ("read", "rubric", ""): 2,
        ("read", "statement", ""): 3,
        ("accepted", "answer", ""): 2,
        ("accepted", "file", ""): 1,
        ("accepted", "question", ""): 2,
        ("accepted", "rubric", ""): 2,
        ("accepted", "statement", ""): 2,
        ("quarantined", "file", "unreadable_file"): 2,
        ("quarantined", "statement", "empty_statement"): 1,
    }
    assert (told["facts"]["licence"], told["facts"]["brings_rubrics"], told["facts"]["commercial_use"]) == ("MIT", True, True)


def test_a_source_that_loses_a_record_does_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = work_of("medical_eval_sphere", sphere(tmp_path / "set", "Is it flu?"))
    lost = SourceRecords(source="medical_eval_sphere")
    lost.read["question"] = 1
    monkeypatch.setattr(type(work.source.adapter), "read", lambda self, location: iter([lost]))
    with pytest.raises(AssertionError, match="1 question records read, but 0 accepted and 0 quarantined"):
        written(work, tmp_path / "out")


def test_masked_by_default_and_counted(tmp_path: Path) -> None:
    told = written(work_of("medical_eval_sphere", sphere(tmp_path / "set", *PERSONAL)), tmp_path / "out")
    assert [row["text"] for row in rows_of(tmp_path / "out" / "raw_instructions.parquet")] == [
        "My son [name] coughs.",
        "Call me at [phone].",
        "Mail [mail] or ring [phone].",
        "Is it flu?",
    ]
    found = {key[1:]: n for key, n in counted(told).items() if key[0] == "personal_data"}
    assert found == {("name", "mask"): 1, ("phone", "mask"): 2, ("mail", "mask"): 1}
    assert told["personal_data_places"] == {"name": 1, "phone": 2, "mail": 1}


def test_quarantined_by_config_and_neither_the_question_nor_its_answer_is_left(tmp_path: Path) -> None:
    place = sphere(tmp_path / "set", *PERSONAL)
    told = written(work_of("medical_eval_sphere", place, phone="quarantine", name="keep"), tmp_path / "out")
    assert [row["text"] for row in rows_of(tmp_path / "out" / "raw_instructions.parquet")] == [
        "My son Tom coughs.",
        "Is it flu?",
    ]
    assert len(rows_of(tmp_path / "out" / "instruction_pins.parquet")) == 2
    assert len(rows_of(tmp_path / "out" / "raw_responses.parquet")) == 2
    refused = rows_of(tmp_path / "out" / "raw_quarantine.parquet")
    assert [(row["source_row"], row["reason"], row["raw"]) for row in refused if row["reason"] == "personal_data"] == [
        ("test.jsonl:2", "personal_data", "Call me at [phone]."),
        ("test.jsonl:3", "personal_data", "Mail [mail] or ring [phone]."),
    ]
    counts = counted(told)
    assert counts["read", "question", ""] == 4
    assert (counts["accepted", "question", ""], counts["quarantined", "question", "personal_data"]) == (2, 2)
    assert (counts["accepted", "answer", ""], counts["quarantined", "answer", "question_quarantined"]) == (2, 2)
    assert told["facts"]["personal_data"] == (
        "mail: mask, url: keep, id: mask, phone: quarantine, birth_date: mask, name: keep"
    )


def test_an_answer_with_personal_data_is_set_aside_alone(tmp_path: Path) -> None:
    rows = {"question": "Is it flu?", "answer": "Call me at (212) 555-0147."}, {"question": "Is it a cold?", "answer": "No."}
    place = json_lines(tmp_path / "set" / "a.jsonl", *rows).parent
    told = written(work_of("medical_eval_sphere", place, phone="quarantine"), tmp_path / "out")
    assert len(rows_of(tmp_path / "out" / "raw_instructions.parquet")) == 2
    assert [row["text"] for row in rows_of(tmp_path / "out" / "raw_responses.parquet")] == ["No."]
    assert counted(told)["quarantined", "answer", "personal_data"] == 1


def test_a_question_with_a_rubric_is_masked_where_others_are_set_aside(tmp_path: Path) -> None:
    row = {"Question": "I am Anna. Is it flu?", "Free_form_answer": "Yes.", "Must_have": ["It is flu"], "Nice_to_have": []}
    place = json_lines(tmp_path / "kqa" / "questions_w_answers.jsonl", row).parent
    json_lines(place / "questions.jsonl", {"Question": "I am Tom. Is it a cold?"})
    told = written(work_of("kqa", place, name="quarantine"), tmp_path / "out")
    assert [r["text"] for r in rows_of(tmp_path / "out" / "raw_instructions.parquet")] == ["I am [name]. Is it flu?"]
    assert len(rows_of(tmp_path / "out" / "raw_criteria.parquet")) == 2
    assert counted(told)["quarantined", "question", "personal_data"] == 1


def test_the_quarantine_holds_no_personal_data_either(tmp_path: Path) -> None:
    place = tmp_path / "set"
    place.mkdir()
    (place / "a.jsonl").write_text('{"question": "Call me at (212) 555-0147"\n', encoding="utf-8")
    written(work_of("medical_eval_sphere", place), tmp_path / "out")
    (row,) = rows_of(tmp_path / "out" / "raw_quarantine.parquet")
    assert (row["reason"], row["raw"]) == ("bad_json", '{"question": "Call me at [phone]"')


def test_the_same_content_gives_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    first = work_of("kqa", kqa(tmp_path / "kqa"))
    written(first, tmp_path / "one")
    second = work_of("kqa", kqa(tmp_path / "elsewhere" / "kqa"))
    written(second, tmp_path / "two")
    assert first.key == second.key
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == len(TABLES) + 1
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)


def test_the_key_knows_content_adapter_and_personal_data(tmp_path: Path) -> None:
    place = sphere(tmp_path / "set", "Is it flu?")
    before = work_of("medical_eval_sphere", place).key
    assert work_of("medical_eval_sphere", place).key == before
    assert work_of("medical_eval_sphere", place, name="keep").key != before
    sphere(place, "Is it a cold?")
    assert work_of("medical_eval_sphere", place).key != before


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = work_of("medical_eval_sphere", sphere(tmp_path / "set", "Is it flu?"))
    read = type(work.source.adapter).read

    def read_and_change(self: Any, location: Any) -> Any:
        yield from read(self, location)
        sphere(tmp_path / "set", "Is it a cold?")

    monkeypatch.setattr(type(work.source.adapter), "read", read_and_change)
    with pytest.raises(SourceError, match="source medical_eval_sphere: its files changed while they were read; run again"):
        written(work, tmp_path / "out")


def test_a_test_item_that_stood_in_another_file_before_is_external_all_the_same(tmp_path: Path) -> None:
    row = {"question": "Which?", "options": {"A": "This"}, "answer": "This"}
    json_lines(tmp_path / "medqa" / "all.jsonl", row, {**row, "question": "What?"})
    json_lines(tmp_path / "medqa" / "test.jsonl", row)
    told = written(work_of("medqa", tmp_path / "medqa"), tmp_path / "out")
    assert counted(told)["quarantined", "question", "duplicate_id"] == 1
    names = {row["instruction_id"]: row["text"] for row in rows_of(tmp_path / "out" / "raw_instructions.parquet")}
    pins = {names[row["instruction_id"]]: row["split"] for row in rows_of(tmp_path / "out" / "instruction_pins.parquet")}
    assert pins == {"Which?\nA. This": "external", "What?\nA. This": None}


def test_row_groups_do_not_depend_on_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.setattr("assets.instructions.tables.ROW_GROUP", 10)
    schema = SCHEMAS["annotations"]
    rows = pa.table({name: [f"{name}{i}" for i in range(25)] for name in schema.names}, schema=schema)
    for name, size in (("one", 3), ("two", 25)):
        with TableWriter("annotations", tmp_path / name) as writer:
            for start in range(0, 25, size):
                writer.add(rows.slice(start, size))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    groups = pq.ParquetFile(tmp_path / "one")
    assert [groups.metadata.row_group(i).num_rows for i in range(groups.num_row_groups)] == [10, 10, 5]
    assert pq.read_table(tmp_path / "one") == rows


MEASURE = """
import resource, sys, tempfile
from pathlib import Path
sys.path.insert(0, "tests/unit/assets/instructions")
from source_folders import work_of
from assets.instructions.source_records import write_source_records
with tempfile.TemporaryDirectory() as folder:
    write_source_records(work_of("medical_eval_sphere", Path(sys.argv[1])), Path(folder))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_stays_flat(tmp_path: Path) -> None:
    peaks = []
    for number, name in ((70_000, "small"), (210_000, "large")):
        (tmp_path / name).mkdir()
        with (tmp_path / name / "rows.jsonl").open("w", encoding="utf-8") as handle:
            for i in range(number):
                handle.write(f'{{"question": "Is it number {i}? {"Some more words. " * 10}", "answer": "It is number {i}."}}\n')
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(tmp_path / name)], capture_output=True, text=True, cwd=ROOT, check=True
        )
        peaks.append(int(done.stdout))
    # 140,000 records more would take 140 MB; what grows is what tells that an id has been seen, 100 bytes each.
    assert peaks[1] - peaks[0] < 40, peaks
