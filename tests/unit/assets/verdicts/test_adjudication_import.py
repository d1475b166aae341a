"""A returned share is taken whole or not at all, and what is wrong with it is said row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import adjudication_made_up as made_up
import openpyxl
import pytest

from assets.reviewing.forms import Problem
from assets.verdicts.adjudication_export import Export, Share
from assets.verdicts.adjudication_forms import write_forms
from assets.verdicts.adjudication_import import Returned, add_return, read_returned, returns_of, round_of
from assets.verdicts.adjudication_rounds import read_round, write_round

ROUND = made_up.export()
ANN = Share(1, "ann")


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """Ann's workbook as it was sent."""
    write_forms(ROUND, tmp_path)
    return tmp_path / "adjudication-r1-ann.xlsx"


def problems(path: Path, export: Export = ROUND) -> list[str]:
    found = read_returned(path, export)
    assert isinstance(found, list), "it was taken"
    return [str(problem) for problem in found]


def taken(path: Path, export: Export = ROUND) -> Returned:
    found = read_returned(path, export)
    assert isinstance(found, Returned), found
    return found


def changed(path: Path, change: Callable[[Any], Any]) -> Path:
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)
    return path


def test_a_share_comes_back_whole(sent: Path) -> None:
    # By the criterion's number: met, unmet, cannot tell, met.
    said = {"1": "met", "2": "unmet", "3": "cannot tell", "4": "met"}
    back = taken(made_up.fill(sent, lambda key: said[key[-1]], {"F3": "“rest  and DRINK.”", "G4": "Hard to say"}))
    assert back.share == ANN
    assert [j.verdict for j in back.judgements] == ["met", "unmet", "unknown", "met"] * 4
    assert [j.item_id for j in back.judgements] == [item.item_id for item in ROUND.shares()[ANN]]
    assert (back.judgements[0].passage, back.judgements[1].comment) == ("“rest  and DRINK.”", "Hard to say")


def test_a_sorted_sheet_and_a_renamed_file_are_as_good(sent: Path) -> None:
    whole = taken(made_up.fill(sent))

    def turn(book: Any) -> None:
        page = book["Items"]
        # No program sorts rows that share merged cells.
        for merged in list(page.merged_cells.ranges):
            page.unmerge_cells(str(merged))
        rows = [[cell.value for cell in row] for row in page.iter_rows(min_row=3)]
        for number, row in enumerate(reversed(rows), 3):
            for column, value in enumerate(row, 1):
                page.cell(number, column).value = value

    other = sent.with_name("Ann's file (2).xlsx")
    changed(sent, turn).rename(other)
    assert taken(other) == whole


def test_everything_wrong_is_listed_by_row(sent: Path) -> None:
    keys = [item.item_id for item in ROUND.shares()[ANN]]
    foreign = ROUND.shares()[Share(1, "ben")][0].item_id
    cells = {
        "E3": None,
        "E4": "probably",
        "F5": "Drink beer",
        "D6": "States something else",
        "C7": "Another answer",
        "C11": None,
        "A15": keys[0],
        "A16": foreign,
    }
    assert problems(made_up.fill(sent, cells=cells)) == [
        "sheet Items, row 3: verdict: is missing; one of met, unmet, cannot tell",
        "sheet Items, row 4: verdict: 'probably' is none of met, unmet, cannot tell",
        "sheet Items, row 5: passage: does not occur in the answer; copy it from there, or use the comment",
        "sheet Items, row 6: criterion: is not what was asked about; take the file as it was sent",
        "sheet Items, row 7: answer: is not what was asked about; take the file as it was sent",
        "sheet Items, row 11: answer: is not what was asked about; take the file as it was sent",
        f"sheet Items, row 15: item {keys[0]}: stands twice; take the file as it was sent",
        f"sheet Items, row 16: item {foreign}: is no item of ann's part 1; take the file as it was sent",
        f"adjudication-r1-ann.xlsx: item {keys[12]} is missing",
        f"adjudication-r1-ann.xlsx: item {keys[13]} is missing",
    ]


def test_a_half_filled_or_shortened_file_is_not_taken(sent: Path) -> None:
    assert len(problems(sent)) == 16
    made_up.fill(sent)
    assert len(problems(changed(sent, lambda book: book["Items"].delete_rows(10, 3)))) == 3


def test_a_formula_in_place_of_a_verdict_is_a_problem(sent: Path) -> None:
    found = problems(made_up.fill(sent, cells={"E3": '=IF(1,"met","unmet")'}))
    assert found[0] == "sheet Items, row 3: verdict: holds a formula; write what it gives"


def test_a_file_of_another_round_or_kind_is_not_taken(sent: Path, tmp_path: Path) -> None:
    made_up.fill(sent)
    other = made_up.export(name="r2")
    assert problems(sent, other) == [
        "adjudication-r1-ann.xlsx: is no file of the adjudication round r2 (adjudication, round r1)"
    ]
    # Of the same name, made with another secret: no id of it is known.
    assert problems(sent, made_up.export(secret="00" * 32)) == [
        "adjudication-r1-ann.xlsx: holds no item of the adjudication round r1"
    ]
    text = tmp_path / "notes.xlsx"
    text.write_text("met, met")
    assert problems(text) == ["notes.xlsx: is no .xlsx workbook; save it as .xlsx, without a password"]


# --- the same from Label Studio ---


def labelled(sent: Path, change: Callable[[list[dict[str, Any]]], Any] = lambda tasks: None) -> Path:
    """What Label Studio exports once every requirement of Ann's tasks has been answered with met."""
    tasks = json.loads(sent.with_suffix(".json").read_text(encoding="utf-8"))
    for number, one in enumerate(tasks, 1):
        result = [
            {"from_name": f"criteria_{n}_verdict", "to_name": f"criteria_{n}_criterion", "value": {"choices": ["met"]}}
            for n in range(len(one["data"]["criteria"]))
        ]
        one |= {"id": number, "annotations": [{"result": result, "was_cancelled": False, "completed_by": 1}]}
    change(tasks)
    path = sent.with_name("project-1.json")
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def test_label_studio_gives_what_the_workbook_gives(sent: Path) -> None:
    assert taken(labelled(sent)) == taken(made_up.fill(sent))


def test_what_is_wrong_in_label_studio_is_listed_by_task_and_requirement(sent: Path) -> None:
    def spoil(tasks: list[dict[str, Any]]) -> None:
        del tasks[0]["annotations"][0]["result"][2]
        tasks[1]["data"]["answer"] = "Another answer"
        tasks[2]["annotations"][0]["result"].append(
            {"from_name": "criteria_1_passage", "to_name": "criteria_1_criterion", "value": {"text": ["Drink beer"]}}
        )
        tasks[3]["meta"]["reviewer"] = "ben"

    assert problems(labelled(sent, spoil)) == [
        "task 4: belongs to another file than the tasks above it",
        "task 1, requirement 3: verdict: is missing; one of met, unmet, cannot tell",
        "task 2, requirement 1: answer: is not what was asked about; take the file as it was sent",
        "task 3, requirement 2: passage: does not occur in the answer; copy it from there, or use the comment",
    ]


def test_a_label_studio_export_without_all_tasks_is_not_taken(sent: Path) -> None:
    found = problems(labelled(sent, lambda tasks: tasks.pop()))
    assert len(found) == 4 and all(line.endswith("is missing") for line in found)


# --- what has been returned ---


def test_the_same_file_twice_changes_nothing_and_another_one_needs_to_be_told_to_replace(sent: Path) -> None:
    first = taken(made_up.fill(sent))
    returns = add_return({}, first)
    assert returns == {ANN: first}
    assert isinstance(returns, dict)
    assert add_return(returns, taken(sent)) == returns
    second = taken(made_up.fill(sent, cells={"E3": "unmet", "E4": "cannot tell"}))
    refused = add_return(returns, second)
    assert refused == [
        Problem("ann, part 1", "has been returned before, and 2 items differ; ask for it to be replaced to take this one")
    ]
    assert add_return(returns, second, replace=True) == {ANN: second}
    assert returns == {ANN: first}


def test_a_kept_round_reads_back_the_same_and_tells_no_ids(tmp_path: Path) -> None:
    returns = {ANN: made_up.returned(ROUND, ANN, lambda item: "unknown" if item.tier == "veto" else "met")}
    round_ = round_of(ROUND, returns)
    write_round(round_, tmp_path)
    assert read_round(tmp_path) == round_
    assert returns_of(read_round(tmp_path), ROUND) == returns
    # Of 48 items, Ann's sixteen have a verdict.
    assert [row.verdict for row in round_.judged].count(None) == 32
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert made_up.SECRET.encode() not in content
    columns = set(vars(type(round_.judged[0]))["__slots__"])
    assert columns == {"part", "reviewer", "response_id", "criterion_id", "tier", "verdict", "passage", "comment"}


def test_returns_of_another_export_are_refused() -> None:
    round_ = round_of(ROUND, made_up.all_returned(ROUND, lambda item: "met"))
    with pytest.raises(ValueError, match="does not ask"):
        returns_of(round_, made_up.export(name="r2"))
