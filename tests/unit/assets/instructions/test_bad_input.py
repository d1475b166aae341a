"""Bad input, all the way: each kind ends as rows of the quarantine, with its reason and place, and its neighbours are read."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_folders import json_lines, rows_of, work_of

from assets.instructions.source_records import write_source_records

GOOD = {"question": "Is it flu?"}
Refused = list[tuple[str, str]]


def line(row: dict[str, object]) -> bytes:
    return json.dumps(row).encode() + b"\n"


def records(name: str, place: Path, tmp_path: Path) -> tuple[list[str], Refused]:
    """The texts that were accepted, and (place, reason) of what was not."""
    out = tmp_path / "records"
    out.mkdir()
    told = write_source_records(work_of(name, place), out)
    refused = [(row["source_row"], row["reason"]) for row in rows_of(out / "raw_quarantine.parquet")]
    read = sum(row["n"] for row in told["counts"] if row["outcome"] == "read")
    accepted = sum(row["n"] for row in told["counts"] if row["outcome"] == "accepted")
    assert read == accepted + len(refused)
    return [row["text"] for row in rows_of(out / "raw_instructions.parquet")], refused


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"question": "caf\xe9"}\n', "wrong_encoding"),
        (b'{"question": "Is it\n', "bad_json"),
        (b'{"question": null}\n', "missing_column"),
        (b'{"question": {"text": {"text": null}}}\n', "wrong_type"),
        (b'{"question": [null, [null]]}\n', "wrong_type"),
        (b'{"Frage": "Is it a cold?"}\n', "missing_column"),
        (b'{"question": "<p>&nbsp;</p><script>alert(1)</script>"}\n', "empty_text"),
        (b'{"question": "\\u0000\\u200b\\ufeff"}\n', "empty_text"),
        (b"null\n", "wrong_type"),
        (line(GOOD), "duplicate_id"),
    ],
)
def test_a_bad_line(tmp_path: Path, bad: bytes, reason: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(line(GOOD) + bad + line({"question": "What helps?"}))
    texts, refused = records("medical_eval_sphere", tmp_path / "rows.jsonl", tmp_path)
    assert texts == ["Is it flu?", "What helps?"]
    assert refused == [("rows.jsonl:2", reason)]


def test_a_repeated_question_says_what_it_repeats(tmp_path: Path) -> None:
    json_lines(tmp_path / "rows.jsonl", GOOD, GOOD)
    records("medical_eval_sphere", tmp_path / "rows.jsonl", tmp_path)
    (first,) = rows_of(tmp_path / "records" / "raw_instructions.parquet")
    (again,) = rows_of(tmp_path / "records" / "raw_quarantine.parquet")
    assert again["raw"] == f'repeats {first["instruction_id"]}: {{"question": "Is it flu?"}}'


def test_html_and_control_characters_are_cleaned_and_what_they_say_stays(tmp_path: Path) -> None:
    json_lines(
        tmp_path / "rows.jsonl", {"question": "<p>Is 5&nbsp;mg &lt; 10\u200b mg\x07?</p>\r\n\r\n\r\n<b>Really</b>, if BP <90?"}
    )
    texts, refused = records("medical_eval_sphere", tmp_path / "rows.jsonl", tmp_path)
    assert (texts, refused) == (["Is 5 mg < 10 mg?\n\nReally , if BP <90?"], [])


def truncated_gzip(folder: Path) -> tuple[str, str, str]:
    rows = b"".join(line({"question": f"Is it number {i}, {hash(str(i))}?"}) for i in range(5000))
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(rows)[:40_000])
    return "medical_eval_sphere", "rows.jsonl.gz", "truncated_file"


def no_gzip(folder: Path) -> tuple[str, str, str]:
    (folder / "rows.jsonl.gz").write_bytes(line(GOOD))
    return "medical_eval_sphere", "rows.jsonl.gz", "bad_gzip"


def truncated_json(folder: Path) -> tuple[str, str, str]:
    (folder / "set.json").write_bytes(
        b'[{"instruction": "a", "input": "Is it flu?", "output": "No."}, {"instruction": "a", "in'
    )
    return "chatdoctor", "set.json#1", "truncated_file"


def empty_file(folder: Path) -> tuple[str, str, str]:
    (folder / "rows.jsonl").write_bytes(b"")
    return "medical_eval_sphere", "rows.jsonl", "empty_file"


def fifty_megabytes(folder: Path) -> tuple[str, str, str]:
    with (folder / "rows.jsonl").open("wb") as handle:
        handle.write(b'{"question": "' + b"x" * (50 << 20) + b'"}\n')
    return "medical_eval_sphere", "rows.jsonl:1", "line_too_long"


def fifty_megabytes_in_an_array(folder: Path) -> tuple[str, str, str]:
    with (folder / "set.json").open("wb") as handle:
        handle.write(b'[{"instruction": "a", "output": "b", "input": "' + b"x" * (50 << 20) + b'"}]')
    return "chatdoctor", "set.json#0", "line_too_long"


def formula(folder: Path) -> tuple[str, str, str]:
    (folder / "dahl.csv").write_text('category,question\nHeart,"=HYPERLINK(""http://x"")"\n', encoding="utf-8")
    return "dahl", "dahl.csv:2", "formula_cell"


def wrong_columns(folder: Path) -> tuple[str, str, str]:
    (folder / "dahl.csv").write_text("kind;text\nHeart;What is a pulse?\n", encoding="utf-8")
    return "dahl", "dahl.csv:2", "missing_column"


def entity_bomb(folder: Path) -> tuple[str, str, str]:
    levels = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    pair = "<QAPairs><QAPair><Question>&a9;</Question></QAPair></QAPairs>"
    bomb = f'<!DOCTYPE d [<!ENTITY a0 "x">{levels}]><Document>{pair}</Document>'
    (folder / "1.xml").write_text(bomb, encoding="utf-8")
    return "medquad", "1.xml", "bad_xml"


def traversal(folder: Path) -> tuple[str, str, str]:
    with tarfile.open(folder / "set.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("../../evil.xml")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"<d/>"))
    return "medquad", "set.tar.gz/../../evil.xml", "archive_member_refused"


def binary(folder: Path) -> tuple[str, str, str]:
    (folder / "rows.jsonl").write_bytes(b"PAR1" + b"\x00\xff" * 50)
    return "medical_eval_sphere", "rows.jsonl:1", "wrong_encoding"


@pytest.mark.parametrize(
    "make",
    [
        *(truncated_gzip, no_gzip, truncated_json, empty_file, fifty_megabytes, fifty_megabytes_in_an_array, formula),
        *(wrong_columns, entity_bomb, traversal, binary),
    ],
    ids=lambda make: make.__name__,
)
def test_a_bad_file(tmp_path: Path, make: Callable[[Path], tuple[str, str, str]]) -> None:
    (tmp_path / "set").mkdir()
    name, position, reason = make(tmp_path / "set")
    _, refused = records(name, tmp_path / "set", tmp_path)
    assert (position, reason) in refused
    assert {why for _, why in refused} == {reason}
    assert not list(tmp_path.rglob("evil.xml"))


def test_nested_nulls_in_rubrics_and_options(tmp_path: Path) -> None:
    rows = {"prompt": [{"role": "user", "content": "Is it flu?"}], "rubrics": [None]}, {"prompt": [None], "rubrics": []}
    json_lines(tmp_path / "healthbench" / "a.jsonl", *rows)
    texts, refused = records("healthbench", tmp_path / "healthbench", tmp_path)
    assert (texts, refused) == ([], [("a.jsonl:1", "bad_rubric"), ("a.jsonl:2", "wrong_type")])


def test_a_cell_of_a_parquet_file_that_is_too_long(tmp_path: Path) -> None:
    from assets.instructions.sources.items import Columns, Fault, Row
    from assets.instructions.sources.location import Location
    from assets.instructions.sources.readers import parquet_rows

    pq.write_table(pa.table({"text": ["x" * (20 << 20), "fine"]}), tmp_path / "rows.parquet")
    (file,) = Location(str(tmp_path)).files()
    _, long, fine = parquet_rows(file, Columns(types={"text": str}))
    assert isinstance(long, Fault) and long.reason == "line_too_long"
    assert isinstance(fine, Row)


def test_a_pubmedqa_file_is_not_its_own_list_of_test_ids(tmp_path: Path) -> None:
    from assets.instructions.sources.base import SourceError

    (tmp_path / "ori_pqal.json").write_text('{"1": {"QUESTION": "Why?"}}', encoding="utf-8")
    with pytest.raises(SourceError, match=r"test_ground_truth.json must stand beside ori_pqal.json"):
        records("pubmedqa", tmp_path / "ori_pqal.json", tmp_path)
