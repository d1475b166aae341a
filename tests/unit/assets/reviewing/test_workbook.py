"""Workbooks keep what was asked, show where to fill in, and are read as what a stranger may have sent."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reviewing import workbook_reader
from assets.reviewing.forms import MAX_TEXT, Column, Formula, Sheet, same_text, shown
from assets.reviewing.workbook import write_workbook
from assets.reviewing.workbook_layout import row_heights, text_lines
from assets.reviewing.workbook_reader import SheetRow, WorkbookError, read_workbook

COLUMNS = (
    Column(name="key", title="Key", width=5, hidden=True),
    Column(name="text", title="Text", width=60),
    Column(name="decision", title="Your decision", width=12, choices=("yes", "no"), editable=True),
    Column(name="weight", title="New weight", width=9, editable=True, percent=True),
    Column(name="sum", title="Sum", width=9, percent=True, computed=True),
)
ROWS = (
    {"key": "k1", "text": "One", "sum": Formula("=D3+D4")},
    {"key": "k2", "text": "Two", "weight": 0.125},
)
FACTS = {"round": "r1", "digest": "abc"}


def write(path: Path, rows: Any = ROWS, **more: Any) -> Path:
    sheet = Sheet(title="Drafts", columns=COLUMNS, rows=rows, **more)
    write_workbook(path, [sheet], about=["Fill in the yellow cells."], facts=FACTS)
    return path


def filled(path: Path, cells: dict[str, Any]) -> Path:
    """The file after a person's program has opened it, changed cells of Drafts and saved it."""
    book = openpyxl.load_workbook(path)
    for place, value in cells.items():
        book["Drafts"][place] = value
    book.save(path)
    return path


def test_what_was_written_is_read_back_with_the_row_numbers_people_see(tmp_path: Path) -> None:
    book = read_workbook(write(tmp_path / "a.xlsx"))
    assert book.facts == FACTS
    assert book.problems == ()
    # The sum is computed and not read back.
    assert book.sheets == {
        "Drafts": [
            SheetRow(3, {"key": "k1", "text": "One", "decision": "", "weight": ""}),
            SheetRow(4, {"key": "k2", "text": "Two", "decision": "", "weight": "12.5%"}),
        ]
    }


def test_only_what_is_to_be_filled_in_is_unlocked_and_coloured(tmp_path: Path) -> None:
    page = openpyxl.load_workbook(write(tmp_path / "a.xlsx", open=[{"decision"}, {"weight"}]))["Drafts"]
    unlocked = {cell.coordinate for row in page.iter_rows() for cell in row if not cell.protection.locked}
    assert unlocked == {"C3", "D4"}
    assert page.protection.sheet and page.protection.password is None
    colours = {place: page[place].fill.start_color.rgb for place in ("C3", "D3", "D4", "B3")}
    assert colours["C3"] == colours["D4"] != colours["D3"] == colours["B3"]
    assert page.freeze_panes == "A3" and page.row_dimensions[1].hidden and page.column_dimensions["A"].hidden


def test_a_drop_down_list_stands_where_a_choice_is_open_and_nowhere_else(tmp_path: Path) -> None:
    page = openpyxl.load_workbook(write(tmp_path / "a.xlsx", open=[{"weight"}, {"decision"}]))["Drafts"]
    (choice,) = page.data_validations.dataValidation
    assert (choice.formula1, str(choice.sqref), choice.showErrorMessage) == ('"yes,no"', "C4", True)


@pytest.mark.parametrize("text", ["=1+1", '=HYPERLINK("http://x")', "+1", "-x", "@cmd", "#N/A", "\tx"])
def test_text_that_looks_like_a_formula_is_written_as_text(text: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", rows=[{"key": text, "text": text}])
    cell = openpyxl.load_workbook(path)["Drafts"]["B3"]
    assert (cell.data_type, cell.value) == ("s", text)
    assert cell.quotePrefix == (text != "#N/A")
    assert read_workbook(path).problems == ()


def test_paragraphs_and_facts_that_look_like_formulas_are_text_too(tmp_path: Path) -> None:
    write_workbook(tmp_path / "a.xlsx", [], about=["=1"], facts={"round": "=2"})
    page = openpyxl.load_workbook(tmp_path / "a.xlsx")["About"]
    assert {cell.data_type for row in page.iter_rows() for cell in row if cell.value} == {"s"}
    assert read_workbook(tmp_path / "a.xlsx").facts == {"round": "=2"}


def test_any_text_comes_back_as_it_was_shown(tmp_path: Path) -> None:
    @given(st.text(st.characters(codec="utf-8", exclude_characters="\u200b\ufeff"), min_size=1, max_size=40))
    @settings(max_examples=40, deadline=None)
    def check(text: str) -> None:
        (row,) = read_workbook(write(tmp_path / "any.xlsx", rows=[{"key": "k", "text": text}])).sheets["Drafts"]
        assert same_text(row.cells["text"], shown(text))

    check()


def test_a_text_longer_than_a_cell_is_cut_and_says_so(tmp_path: Path) -> None:
    (row,) = read_workbook(write(tmp_path / "a.xlsx", rows=[{"key": "k", "text": "x" * 40_000}])).sheets["Drafts"]
    assert len(row.cells["text"]) == MAX_TEXT and row.cells["text"].endswith("[cut]")


def test_the_same_content_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    rows = [{"key": f"k{n}"} for n in range(9)]
    opened = [{"decision"} if n % 3 else {"weight"} for n in range(9)]
    ours = write(tmp_path / "a.xlsx", rows=rows, open=opened).read_bytes()
    code = (
        "from pathlib import Path; from tests.unit.assets.reviewing.test_workbook import write\n"
        f"write(Path({str(tmp_path / 'b.xlsx')!r}), rows={rows!r}, open={opened!r})"
    )
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": "."}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=Path(__file__).parents[4])
    assert (tmp_path / "b.xlsx").read_bytes() == ours
    assert b"openpyxl" not in zipfile.ZipFile(tmp_path / "a.xlsx").read("docProps/core.xml")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("yes ", "yes"),
        ("\u00a0yes\n", "yes"),
        ("one\r\ntwo", "one\ntwo"),
        ("one_x000D_\ntwo", "one\ntwo"),
        (50, "50"),
        (50.0, "50"),
        (0.5, "0.5"),
        (1 / 3, "0.3333333333"),
        (True, "TRUE"),
        ("50 %", "50 %"),
    ],
)
def test_a_typed_value_is_read_as_people_see_it(typed: Any, read: str, tmp_path: Path) -> None:
    path = filled(write(tmp_path / "a.xlsx"), {"C3": typed})
    assert read_workbook(path).sheets["Drafts"][0].cells["decision"] == read


def test_a_share_in_a_percent_cell_is_read_as_percent(tmp_path: Path) -> None:
    path = filled(write(tmp_path / "a.xlsx"), {"D3": 0.07})
    assert read_workbook(path).sheets["Drafts"][0].cells["weight"] == "7%"


def test_dates_formulas_and_errors_are_problems_at_their_row_and_never_values(tmp_path: Path) -> None:
    path = filled(write(tmp_path / "a.xlsx"), {"C3": datetime(2026, 2, 1), "C4": "=1+1", "D4": "#REF!"})
    book = read_workbook(path)
    assert [str(problem) for problem in book.problems] == [
        "sheet Drafts, row 3: decision: the program has made a date of what was typed (2026-02-01 00:00:00); write it as text",
        "sheet Drafts, row 4: decision: holds a formula; write what it gives",
        "sheet Drafts, row 4: weight: holds the error #REF!",
    ]
    assert [row.cells["decision"] for row in book.sheets["Drafts"]] == ["", ""]


def test_sheets_that_people_add_are_left_alone(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write(tmp_path / "a.xlsx"))
    book.create_sheet("My notes")["A1"] = "call the lab"
    book.save(tmp_path / "a.xlsx")
    assert list(read_workbook(tmp_path / "a.xlsx").sheets) == ["Drafts"]


def add_member(path: Path, name: str, content: bytes) -> Path:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, content)
    return path


def replace_member(path: Path, name: str, content: bytes) -> Path:
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, old in members.items():
            archive.writestr(member, content if member == name else old)
    return path


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
    b'<c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.write_bytes(b"decision;yes"), "is no .xlsx workbook"),
        (lambda path: path.unlink(), "is no .xlsx workbook"),
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), "is no .xlsx workbook"),
        (lambda path: openpyxl.Workbook().save(path), "has no sheet About"),
        (lambda path: add_member(path, "xl/vbaProject.bin", b"x"), "holds macros"),
        (lambda path: add_member(path, "xl/externalLinks/externalLink1.xml", b"x"), "holds macros"),
        (lambda path: replace_member(path, "xl/worksheets/sheet2.xml", b"<worksheet><sheetData><row>"), "cannot be read"),
        (lambda path: replace_member(path, "xl/worksheets/sheet2.xml", BOMB), "cannot be read"),
        (lambda path: filled(path, dict.fromkeys(("A1", "B1", "C1", "D1"))), "names the columns"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused_in_one_line(damage: Any, says: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx")
    damage(path)
    with pytest.raises(WorkbookError) as refused:
        read_workbook(path)
    assert "ha" * 3 not in str(refused.value)
    assert str(refused.value).startswith("a.xlsx: ") and says in str(refused.value) and "\n" not in str(refused.value)


def test_a_missing_sheet_is_named(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write(tmp_path / "a.xlsx"))
    book["Drafts"].title = "Renamed"
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(WorkbookError, match="the sheet Drafts is missing"):
        read_workbook(tmp_path / "a.xlsx")


def test_sizes_are_limited_before_anything_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.xlsx")
    monkeypatch.setattr(workbook_reader, "MAX_ROWS", 3)
    with pytest.raises(WorkbookError, match="more than 3 rows"):
        read_workbook(path)
    monkeypatch.setattr(workbook_reader, "MAX_BYTES", 100)
    with pytest.raises(WorkbookError, match="larger than any"):
        read_workbook(path)


@pytest.mark.parametrize("choice", ["a,b", 'a"b', "x" * 256])
def test_choices_that_no_drop_down_list_can_hold_are_refused(choice: str) -> None:
    with pytest.raises(ValueError, match="column c"):
        Column(name="c", title="C", width=1, choices=(choice,))


def spanning(rows: int, text: str) -> Sheet:
    """One block of rows beside one long text."""
    columns = (Column(name="long", title="Long", width=10, spans=True), Column(name="line", title="Line", width=20))
    cells = [{"line": f"line {n}"} | ({"long": text} if n == 0 else {}) for n in range(rows)]
    return Sheet(title="Drafts", columns=columns, rows=cells, headings={0})


def test_rows_are_as_high_as_their_text_since_no_program_fits_them_on_opening(tmp_path: Path) -> None:
    rows = [{"key": "k1", "text": "a" * 150, "weight": 0.5}, {"key": "k2", "text": "one\ntwo\nthree\nfour"}]
    page = openpyxl.load_workbook(write(tmp_path / "a.xlsx", rows))["Drafts"]
    # Column text is 60 across; a line takes 15 points.
    assert [page.row_dimensions[number].height for number in (3, 4)] == [45, 60]
    about = openpyxl.load_workbook(tmp_path / "a.xlsx")["About"]
    assert about.row_dimensions[1].height and about.merged_cells.ranges


def test_a_spanning_text_stands_over_its_block_which_is_high_enough_for_it(tmp_path: Path) -> None:
    write_workbook(tmp_path / "a.xlsx", [spanning(4, "a" * 400)], about=["x"], facts=FACTS)
    page = openpyxl.load_workbook(tmp_path / "a.xlsx")["Drafts"]
    assert [str(place) for place in page.merged_cells.ranges] == ["A3:A6"]
    # 40 lines over four rows.
    assert [page.row_dimensions[number].height for number in range(3, 7)] == [150] * 4
    found = read_workbook(tmp_path / "a.xlsx").sheets["Drafts"]
    assert [row.cells["long"] for row in found] == ["a" * 400, "", "", ""]


@given(st.text("a \n字", max_size=900), st.integers(1, 12))
def test_no_row_is_higher_than_excel_shows_and_none_lower_than_a_line(text: str, rows: int) -> None:
    heights = row_heights(spanning(rows, text))
    assert len(heights) == rows and all(15 <= height <= 409 for height in heights)
    assert sum(heights) >= min(15 * text_lines(text, 10), 409 * rows)


def test_what_is_filled_in_cannot_span_rows() -> None:
    with pytest.raises(ValueError, match="stands in one row"):
        Column(name="a", title="A", width=1, editable=True, spans=True)
