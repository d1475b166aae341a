"""Returned Label Studio exports decide as workbooks do, and what is wrong in one is named at its task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assets.rubrics.review_import import merge
from tests.unit.assets.rubrics.review_files import (
    ACCEPT,
    a_round,
    accept_all,
    choice,
    export_of,
    fill,
    number,
    problems,
    returned,
    tables,
    text,
    written,
)


def test_label_studio_decides_as_a_workbook_does(tmp_path: Path) -> None:
    drawn = a_round(2)
    files = written(drawn, tmp_path)
    fill(
        files["xlsx dr.ada"],
        drawn,
        accept_all(drawn)
        | {
            (1, "question"): {"decision": "edited", "comment": "ok"},
            (1, "1"): {"new_text": "Names sleep", "new_weight": 0.5},
            (1, "2"): {"new_weight": "50%"},
            (1, "3"): {"change": "removed"},
            (1, "added 3"): {"new_text": "Consoles", "new_tier": "bonus"},
        },
    )
    export = export_of(
        files["json dr.ada"],
        {
            1: [
                choice("decision", "edited"),
                text("comment", "ok"),
                text("criteria_0_new_text", "Names sleep"),
                number("criteria_0_new_weight", 50),
                number("criteria_1_new_weight", 50),
                choice("criteria_2_change", "removed"),
                text("added_2_new_text", "Consoles"),
                choice("added_2_new_tier", "bonus"),
            ],
            2: ACCEPT,
        },
    )
    one = tables(returned(files["xlsx dr.ada"], drawn))
    # The same but for the times, which `merge` leaves aside.
    assert merge(one, returned(export, drawn)) == one
    made = tables(returned(export, drawn))
    assert {row["reviewed_at"] for row in made.review_decisions} == {"2026-05-03T09:00:00+00:00"}


def test_unfinished_skipped_and_doubled_tasks_are_named(tmp_path: Path) -> None:
    drawn = a_round(4)
    export = export_of(written(drawn, tmp_path)["json dr.ada"], {1: ACCEPT, 2: ACCEPT, 3: [text("comment", "hm")]})
    tasks = json.loads(export.read_text(encoding="utf-8"))
    tasks[0]["annotations"] *= 2
    tasks[1]["annotations"][0]["was_cancelled"] = True
    export.write_text(json.dumps(tasks), encoding="utf-8")
    assert problems(export, drawn) == [
        "task 101: has 2 annotations; keep one and delete the others",
        "task 102: was skipped",
        "task 104: is not annotated",
        "task 103: decision: is empty; choose one of accepted, edited, rejected",
    ]


def test_a_task_that_is_gone_doubled_foreign_or_changed_is_named(tmp_path: Path) -> None:
    drawn = a_round(5)
    export = export_of(written(drawn, tmp_path)["json dr.ada"], dict.fromkeys(range(1, 6), ACCEPT))
    tasks = json.loads(export.read_text(encoding="utf-8"))
    tasks[1]["meta"] = tasks[0]["meta"]
    tasks[2]["meta"]["round"] = "r9"
    tasks[3]["data"]["criteria"][0]["criterion"] = "main, 60%: Names gin"
    tasks[4]["data"]["criteria"].pop()
    export.write_text(json.dumps(tasks), encoding="utf-8")
    assert problems(export, drawn) == [
        "task 102: is of the same draft as task 101",
        "task 103: belongs to round 'r9', not 'r1'",
        "task 104, criterion 1: criterion: was not to be changed; its changes go into the fields for them",
        "task 105: its criteria are not those that were exported",
        "export-review-r1-dr.ada.json: draft 2 of dr.ada is missing",
        "export-review-r1-dr.ada.json: draft 3 of dr.ada is missing",
    ]


def test_an_empty_export_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text("[]")
    assert problems(tmp_path / "e.json", a_round(1)) == ["e.json: holds no task"]


@pytest.mark.parametrize("person", [7, {"id": 7, "email": "ada@clinic.org", "first_name": "Ada"}])
def test_a_task_is_its_own_reviewers_whoever_clicked_and_no_address_enters_a_table(person: Any, tmp_path: Path) -> None:
    drawn = a_round(1)
    export = export_of(written(drawn, tmp_path)["json dr.ada"], {1: ACCEPT}, completed_by=person)
    assert tables(returned(export, drawn)).review_decisions[0]["reviewer"] == "dr.ada"
    assert "clinic" not in repr(tables(returned(export, drawn)))


def test_answers_of_a_kind_that_was_not_asked_for_are_named(tmp_path: Path) -> None:
    drawn = a_round(1)
    odd = [*ACCEPT, {"from_name": "box", "value": {"x": 1}}, "x", text("criteria_9_new_text", "y")]
    export = export_of(written(drawn, tmp_path)["json dr.ada"], {1: odd})
    assert problems(export, drawn) == [
        "task 101: holds an answer of a kind that was not asked for",
        "task 101: holds an answer of a kind that was not asked for",
        "task 101: answers criteria 10, of which there are 4",
    ]
