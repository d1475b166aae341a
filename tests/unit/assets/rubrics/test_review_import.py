"""Returned files: what they decide, and every way in which they are wrong is named at its place and imports nothing."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from assets.instructions.tables import to_arrow
from assets.rubrics.current import criterion_history
from assets.rubrics.review_import import merge
from assets.rubrics.review_weights import parse_weight
from assets.rubrics.statements import criterion_id, rubric_version
from tests.unit.assets.rubrics.review_files import (
    EDITED,
    RECEIVED,
    a_round,
    drafts,
    fill,
    filled,
    problems,
    returned,
    tables,
    written,
)

# A draft of `a_round` has the criteria 1 main 60 %, 2 main 40 %, 3 bonus, 4 veto.


def test_accepted_alone_is_enough(tmp_path: Path) -> None:
    path, drawn, _ = filled(tmp_path, {}, drafts=2)
    made = tables(returned(path, drawn))
    assert [row["decision"] for row in made.review_decisions] == ["accepted", "accepted"]
    first = drawn.drafts[0]
    assert [row for row in made.reviewed_criteria if row["instruction_id"] == first.instruction_id] == [
        {
            "criterion_id": key,
            "instruction_id": first.instruction_id,
            "tier": tier,
            "text": words,
            "weight": weight,
            "rubric_version": first.rubric_version,
            "origin": "reviewed",
            "review_id": "r1",
        }
        for key, tier, words, weight in first.criteria
    ]
    assert {(row["change"], row["replaces"], row["reviewer"]) for row in made.criterion_versions} == {
        ("drafted", None, None),
        ("kept", None, "dr.ada"),
    }


def test_an_edited_draft_becomes_a_rubric_of_its_own_and_every_change_is_kept(tmp_path: Path) -> None:
    path, drawn, _ = filled(
        tmp_path,
        {
            (1, "question"): {"decision": "edited", "comment": " too long "},
            # A new text without a word that it is edited, a weight alone, one removed, one of one's own.
            (1, "1"): {"new_text": "Names rest\nand sleep", "new_weight": "50 %"},
            (1, "2"): {"change": "edited", "new_weight": 0.3},
            (1, "3"): {"change": "removed"},
            (1, "added 2"): {"new_text": "Names a time to call back", "new_tier": "main", "new_weight": "20"},
        },
    )
    made = tables(returned(path, drawn))
    draft = drawn.drafts[0]
    main_1, main_2, bonus, veto = (key for key, *_ in draft.criteria)
    one = draft.instruction_id
    new_1 = criterion_id(one, "main", "Names rest and sleep")
    added = criterion_id(one, "main", "Names a time to call back")
    version = rubric_version([(new_1, 0.5), (main_2, 0.3), (added, 0.2), (veto, None)])
    assert {(r["criterion_id"], r["tier"], r["text"], r["weight"]) for r in made.reviewed_criteria} == {
        (new_1, "main", "Names rest and sleep", 0.5),
        (main_2, "main", "Names fluids for 0", 0.3),
        (added, "main", "Names a time to call back", 0.2),
        (veto, "veto", "Does not advise alcohol for 0", None),
    }
    assert {(r["rubric_version"], r["origin"], r["review_id"]) for r in made.reviewed_criteria} == {(version, "reviewed", "r1")}
    assert {(r["criterion_id"], r["change"], r["replaces"], r["weight"]) for r in made.criterion_versions} == {
        (new_1, "edited", main_1, 0.5),
        (main_2, "edited", main_2, 0.3),
        (bonus, "removed", None, None),
        (added, "added", None, 0.2),
        (veto, "kept", None, None),
        (main_1, "drafted", None, 0.6),
        (main_2, "drafted", None, 0.4),
        (bonus, "drafted", None, None),
        (veto, "drafted", None, None),
    }
    (decision,) = made.review_decisions
    assert (decision["decision"], decision["comment"], decision["rubric_version"], decision["reviewer"]) == (
        "edited",
        "too long",
        draft.rubric_version,
        "dr.ada",
    )


def test_what_an_edit_replaces_stands_in_the_history_also_when_the_draft_is_gone(tmp_path: Path) -> None:
    path, drawn, _ = filled(
        tmp_path, EDITED | {(1, "1"): {"new_text": "Names sleep"}, (1, "2"): {"new_tier": "main"}}, drafts=2
    )
    changes = to_arrow("review_changes", tables(returned(path, drawn)).criterion_versions)
    before, after = (
        criterion_history(drafts=to_arrow("rubric_drafts", rows), changes=changes).to_pylist() for rows in (drafts(2), [])
    )
    drafted = {row["criterion_id"]: row for row in after if row["change"] == "drafted"}
    replaced = [row["replaces"] for row in after if row["replaces"]]
    assert replaced == [drawn.drafts[0].criteria[0][0]]
    first = drawn.drafts[0]
    assert drafted[replaced[0]] == {
        "criterion_id": first.criteria[0][0],
        "instruction_id": first.instruction_id,
        "rubric_version": first.rubric_version,
        "tier": "main",
        "text": first.criteria[0][2],
        "weight": 0.6,
        "change": "drafted",
        "replaces": None,
        "round": None,
        "reviewer": None,
        "changed_at": None,
    }
    # The draft that is still there tells nothing twice.
    assert sorted(map(repr, before)) == sorted(map(repr, after)) and len(drafted) == 8


def test_a_rejected_draft_leaves_no_rubric_but_its_history(tmp_path: Path) -> None:
    path, drawn, _ = filled(tmp_path, {(1, "question"): {"decision": "rejected", "comment": "wrong disease"}})
    made = tables(returned(path, drawn))
    assert made.reviewed_criteria == []
    assert sorted(row["change"] for row in made.criterion_versions) == ["drafted"] * 4 + ["rejected"] * 4
    assert {row["rubric_version"] for row in made.criterion_versions} == {drawn.drafts[0].rubric_version}


def test_a_changed_tier_takes_or_loses_its_weight(tmp_path: Path) -> None:
    path, drawn, _ = filled(
        tmp_path,
        {
            (1, "question"): {"decision": "edited"},
            (1, "2"): {"new_tier": "bonus"},
            (1, "3"): {"new_tier": "main", "new_weight": "0.4"},
        },
    )
    made = tables(returned(path, drawn))
    assert {(row["tier"], row["text"], row["weight"]) for row in made.reviewed_criteria} == {
        ("main", "Names rest for 0", 0.6),
        ("bonus", "Names fluids for 0", None),
        ("main", "Comforts about 0", 0.4),
        ("veto", "Does not advise alcohol for 0", None),
    }


def test_spaces_capitals_and_line_ends_of_a_spreadsheet_do_not_matter(tmp_path: Path) -> None:
    path, drawn, rows = filled(
        tmp_path,
        {
            (1, "question"): {"decision": " Edited ", "comment": "a\r\nb"},
            (1, "1"): {"change": "EDITED ", "new_text": "Names\u00a0rest\r\nat home ", "new_tier": " Main"},
        },
    )
    book = openpyxl.load_workbook(path)
    # A program that evens out white space in what it was not to change.
    book["Drafts"].cell(rows[1, "2"], 5).value = "Names  fluids for 0 "
    book.save(path)
    made = tables(returned(path, drawn))
    assert "Names rest at home" in {row["text"] for row in made.reviewed_criteria}
    assert made.review_decisions[0]["comment"] == "a\nb"


@pytest.mark.parametrize(
    ("typed", "share"),
    [
        ("50%", 0.5),
        ("50 %", 0.5),
        ("50", 0.5),
        ("0.5", 0.5),
        ("0,5", 0.5),
        ("12,5%", 0.125),
        ("100", 1.0),
        ("1%", 0.01),
        (".5", 0.5),
        ("0.5%", 0.005),
        ("1", None),
        ("1,000", None),
        ("0", None),
        ("-50", None),
        ("101", None),
        ("50/100", None),
        ("fifty", None),
        ("nan", None),
        ("1e-1", None),
        ("", None),
    ],
)
def test_weights_are_read_as_people_write_them_and_never_guessed(typed: str, share: float | None) -> None:
    assert parse_weight(typed) == share


@pytest.mark.parametrize(
    ("cells", "place", "says"),
    [
        (
            {(1, "question"): {"decision": None}},
            (1, "question"),
            "decision: is empty; choose one of accepted, edited, rejected",
        ),
        ({(1, "question"): {"decision": "ok"}}, (1, "question"), "decision: 'ok' is none of accepted, edited, rejected"),
        ({(1, "3"): {"change": "removed"}}, (1, "3"), "holds a change, but the draft is accepted"),
        ({(1, "added 1"): {"new_text": "Adds"}}, (1, "added 1"), "holds a change, but the draft is accepted"),
        (
            {(1, "question"): {"decision": "rejected"}, (1, "1"): {"new_text": "Names"}},
            (1, "1"),
            "holds a change, but the draft is rejected",
        ),
        (EDITED, (1, "question"), "is edited, but no change is written"),
        (EDITED | {(1, "1"): {"change": "edited"}}, (1, "1"), "is edited, but nothing new is written"),
        (EDITED | {(1, "1"): {"new_text": "Names rest  for {n}"}}, (1, "question"), "is edited, but no change is written"),
        (EDITED | {(1, "1"): {"change": "kept", "new_text": "Names"}}, (1, "1"), "is kept, but something new is written"),
        (EDITED | {(1, "1"): {"change": "removed", "new_weight": "10"}}, (1, "1"), "is removed, but something new"),
        (EDITED | {(1, "1"): {"change": "gone"}}, (1, "1"), "change: 'gone' is none of kept, edited, removed"),
        (EDITED | {(1, "1"): {"new_tier": "major"}}, (1, "1"), "new_tier: 'major' is none of main, bonus, veto"),
        (EDITED | {(1, "1"): {"new_weight": "much"}}, (1, "1"), "new_weight: 'much' is no percentage above 0; write it as 25%"),
        (EDITED | {(1, "1"): {"new_weight": "1"}}, (1, "1"), "new_weight: '1' could be 1 % or all of it"),
        (EDITED | {(1, "3"): {"new_weight": "10"}}, (1, "3"), "new_weight: only main criteria have a weight, not bonus"),
        (EDITED | {(1, "3"): {"new_tier": "main"}}, (1, "3"), "new_weight: is empty; a main criterion needs a weight"),
        (
            EDITED | {(1, "2"): {"change": "removed"}},
            (1, "question"),
            "the weights of its main criteria sum to 60 %, not to 100 %",
        ),
        (EDITED | {(1, "1"): {"new_weight": "60.1"}}, (1, "question"), "sum to 100.1 %, not to 100 %"),
        (
            EDITED | {(1, "1"): {"change": "removed"}, (1, "2"): {"change": "removed"}},
            (1, "question"),
            "leaves no main criterion",
        ),
        (EDITED | {(1, "3"): {"new_text": "names REST for {n}."}}, (1, "3"), "says the same as sheet Drafts, row 4"),
        (EDITED | {(1, "4"): {"new_text": "Advises alcohol"}}, (1, "4"), "a veto is worded as a requirement"),
        (EDITED | {(1, "3"): {"new_tier": "veto"}}, (1, "3"), "a veto is worded as a requirement"),
        (EDITED | {(1, "1"): {"new_text": "Names rest; names sleep"}}, (1, "1"), "it holds a semicolon"),
        (EDITED | {(1, "1"): {"new_text": "—"}}, (1, "1"), "says nothing"),
        (EDITED | {(1, "added 1"): {"new_text": "Adds a thing"}}, (1, "added 1"), "new_tier: is empty"),
        (EDITED | {(1, "added 1"): {"new_tier": "bonus"}}, (1, "added 1"), "new_text: is empty"),
        (
            EDITED | {(1, "added 1"): {"new_text": "Adds", "new_tier": "bonus", "new_weight": "5"}},
            (1, "added 1"),
            "only main criteria have a weight",
        ),
        (
            {(1, "question"): {"decision": "accepted", "comment": "ask ada@clinic.org"}},
            (1, "question"),
            "holds an e-mail address",
        ),
        ({(1, "question"): {"decision": datetime(2026, 1, 2)}}, (1, "question"), "has made a date of what was typed"),
        (EDITED | {(1, "1"): {"new_weight": datetime(2026, 2, 1)}}, (1, "1"), "has made a date of what was typed"),
        (EDITED | {(1, "1"): {"new_text": "=A1"}}, (1, "1"), "holds a formula"),
        ({(1, "1"): {"text": "Names gin"}}, (1, "1"), "text: was not to be changed"),
        ({(1, "1"): {"weight": 0.7}}, (1, "1"), "weight: was not to be changed"),
        ({(1, "1"): {"weight": None}}, (1, "1"), "weight: was not to be changed"),
        ({(1, "3"): {"tier": "main"}}, (1, "3"), "tier: was not to be changed"),
        ({(1, "question"): {"decision": "accepted", "text": "Who?"}}, (1, "question"), "text: was not to be changed"),
        ({(1, "1"): {"key": "criterion_77"}}, (1, "1"), "belongs to no draft of this file"),
        ({(1, "1"): {"draft": "rubric_77"}}, (1, "1"), "belongs to no draft of this file"),
    ],
)
def test_whatever_is_wrong_is_named_at_its_row_and_nothing_is_imported(
    cells: dict[tuple[int, str], dict[str, Any]], place: tuple[int, str], says: str, tmp_path: Path
) -> None:
    path, drawn, rows = filled(tmp_path, cells, drafts=2)
    found = problems(path, drawn)
    assert any(line.startswith(f"sheet Drafts, row {rows[place]}: ") and says in line for line in found), found


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    path, drawn, rows = filled(
        tmp_path,
        {
            (1, "question"): {"decision": None},
            (2, "question"): {"decision": "maybe"},
            (3, "2"): {"new_weight": "x"},
        },
        drafts=3,
    )
    assert [line.split(": ")[0] for line in problems(path, drawn)] == [
        f"sheet Drafts, row {rows[place]}" for place in ((1, "question"), (2, "question"), (3, "2"))
    ]


def test_a_half_filled_file_names_every_draft_that_is_left(tmp_path: Path) -> None:
    drawn = a_round(3)
    path = written(drawn, tmp_path)["xlsx dr.ada"]
    rows = fill(path, drawn, {(2, "question"): {"decision": "accepted"}})
    assert problems(path, drawn) == [
        f"sheet Drafts, row {rows[n, 'question']}: decision: is empty; choose one of accepted, edited, rejected" for n in (1, 3)
    ]


def test_rows_that_are_gone_or_there_twice_are_named(tmp_path: Path) -> None:
    path, drawn, rows = filled(tmp_path, {}, drafts=2)
    book = openpyxl.load_workbook(path)
    page = book["Drafts"]
    for cell, above in zip(page[rows[1, "2"]], page[rows[1, "1"]], strict=True):
        cell.value = above.value
    book.save(path)
    assert problems(path, drawn) == [
        f"sheet Drafts, row {rows[1, '2']}: is there twice, see row {rows[1, '1']}",
        f"sheet Drafts, draft 1: 1 of its rows are missing ({drawn.drafts[0].criteria[1][0]})",
    ]


def test_rows_may_stand_in_another_order(tmp_path: Path) -> None:
    path, drawn, _ = filled(tmp_path, EDITED | {(1, "3"): {"change": "removed"}}, drafts=2)
    straight = returned(path, drawn)
    book = openpyxl.load_workbook(path)
    page = book["Drafts"]
    cells = [[cell.value for cell in row] for row in page.iter_rows(min_row=3)]
    for row, values in zip(page.iter_rows(min_row=3), reversed(cells), strict=True):
        for cell, value in zip(row, values, strict=True):
            cell.value = value
    book.save(path)
    by_draft = {one.decision["rubric_version"]: one.changes for one in returned(path, drawn).decided}
    assert {one.decision["rubric_version"]: {c["change"] for c in one.changes} for one in straight.decided} == {
        version: {c["change"] for c in changes} for version, changes in by_draft.items()
    }


def test_another_round_other_drafts_and_another_kind_of_file_are_refused(tmp_path: Path) -> None:
    path, drawn, _ = filled(tmp_path, {})
    assert problems(path, a_round(1, name="r2")) == ["review-r1-dr.ada.xlsx: belongs to round 'r1', not 'r2'"]
    assert "was made for other drafts of round 'r1'" in problems(path, a_round(2))[0]
    assert "was made for other drafts" in problems(path, a_round(1, reviewers=("dr.bob",)))[0]
    for name, content in (("x.xlsx", b"no"), ("x.json", b"{}"), ("y.json", b"[1]"), ("z.json", b"\xff")):
        (tmp_path / name).write_bytes(content)
        (line,) = problems(tmp_path / name, drawn)
        assert line.startswith(f"{name}: is no ")


def test_when_it_was_saved_stands_in_the_tables_and_else_when_it_came(tmp_path: Path) -> None:
    path, drawn, _ = filled(tmp_path, {})
    book = openpyxl.load_workbook(path)
    saved = datetime.fromisoformat(tables(returned(path, drawn)).review_decisions[0]["reviewed_at"])
    assert abs(saved.timestamp() - book.properties.modified.timestamp()) < 86_400 and saved.year >= 2026
    from assets.reviewing.workbook import _timeless

    path.write_bytes(_timeless(path.read_bytes()))
    assert tables(returned(path, drawn)).review_decisions[0]["reviewed_at"] == RECEIVED


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_a_file_that_libreoffice_has_saved_decides_the_same(tmp_path: Path) -> None:
    path, drawn, _ = filled(tmp_path, EDITED | {(1, "1"): {"new_weight": 0.5}, (1, "2"): {"new_weight": 0.5}}, drafts=2)
    out = tmp_path / "libre"
    subprocess.run(
        ["soffice", "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(out), str(path)], check=True
    )
    again = merge(tables(returned(path, drawn)), returned(out / path.name, drawn))
    assert again == tables(returned(path, drawn))
