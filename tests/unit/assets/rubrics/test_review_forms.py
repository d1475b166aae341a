"""What physicians get: a block per draft, a decision that is enough by itself, and no word on who drafted it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import openpyxl
from defusedxml.ElementTree import fromstring

from tests.unit.assets.rubrics.review_files import a_round, written


def test_every_reviewer_gets_a_workbook_tasks_and_a_labelling_config(tmp_path: Path) -> None:
    files = written(a_round(4, reviewers=("aa", "bb")), tmp_path)
    assert sorted(path.name for path in files.values()) == [
        f"review-r1-{reviewer}.{suffix}" for reviewer in ("aa", "bb") for suffix in ("json", "xlsx", "xml")
    ]


def test_the_sheet_shows_a_block_per_draft_and_opens_what_may_be_filled_in(tmp_path: Path) -> None:
    drawn = a_round(1)
    page = openpyxl.load_workbook(written(drawn, tmp_path)["xlsx dr.ada"])["Drafts"]
    titles = [cell.value for cell in page[2]]
    shown = [[cell.value for cell in row] for row in page.iter_rows(min_row=3)]
    tier, body, weight = (titles.index(title) for title in ("Tier", "Question, and what a good answer does", "Weight"))
    assert [(row[tier], row[body], row[weight]) for row in shown] == [
        ("question", "What helps against 0?", None),
        ("main", "Names rest for 0", 0.6),
        ("main", "Names fluids for 0", 0.4),
        ("bonus", "Comforts about 0", None),
        ("veto", "Does not advise alcohol for 0", None),
        *[(None, "(a criterion of your own)", None)] * 3,
    ]
    unlocked = {
        row[0].row: [titles[cell.column - 1] for cell in row if not cell.protection.locked] for row in page.iter_rows(min_row=3)
    }
    criterion = ["This criterion", "New text", "New tier", "New weight"]
    assert unlocked == {
        3: ["Your decision", "Comment"],
        **{row: criterion for row in (4, 5, 6, 7)},
        **{row: criterion[1:] for row in (8, 9, 10)},
    }
    lists = {str(one.sqref): one.formula1 for one in page.data_validations.dataValidation}
    assert lists == {
        "G3": '"accepted,edited,rejected"',
        "H4:H7": '"kept,edited,removed"',
        "J4:J10": '"main,bonus,veto"',
    }


def test_the_sum_of_weights_reads_the_columns_that_it_is_about(tmp_path: Path) -> None:
    page = openpyxl.load_workbook(written(a_round(1), tmp_path)["xlsx dr.ada"])["Drafts"]
    names = {page.cell(1, n).value: page.cell(1, n).column_letter for n in range(1, 13)}
    assert [names[name] for name in ("tier", "weight", "change", "new_tier", "new_weight")] == ["D", "F", "H", "J", "K"]
    assert page["L3"].value == (
        '=SUMPRODUCT(((J4:J10="")*(D4:D10="main")+(J4:J10="main"))*(H4:H10<>"removed")*((K4:K10="")*F4:F10+K4:K10))'
    )


def test_no_file_names_the_drafter_or_its_exemplars(tmp_path: Path) -> None:
    for path in written(a_round(3), tmp_path).values():
        parts = [path.read_bytes()]
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as archive:
                parts = [archive.read(name) for name in archive.namelist()]
        assert not any(word in part for part in parts for word in (b"secret-model", b"i77", b"drafter"))


def test_tasks_hold_what_is_shown_and_the_config_is_xml_whatever_the_titles(tmp_path: Path) -> None:
    drawn = a_round(2)
    files = written(drawn, tmp_path)
    tasks = json.loads(files["json dr.ada"].read_text(encoding="utf-8"))
    first = drawn.drafts[0]
    assert tasks[0]["meta"] == {
        "kind": "rubric review",
        "round": "r1",
        "digest": drawn.digest,
        "reviewer": "dr.ada",
        "draft": first.rubric_version,
    }
    assert tasks[0]["data"]["question"] == first.question
    assert tasks[0]["data"]["criteria"][0] == {
        "key": first.criteria[0][0],
        "criterion": f"main, 60%: {first.criteria[0][2]}",
    }
    config = fromstring(files["xml dr.ada"].read_text(encoding="utf-8"))
    names = [tag.get("name") for tag in config.iter() if tag.get("name")]
    assert len(names) == len(set(names))
    assert {tag.get("toName") for tag in config.iter() if tag.get("toName")} <= set(names)
    decision = next(tag for tag in config.iter("Choices") if tag.get("name") == "decision")
    assert decision.get("required") == "true"
    assert [one.get("value") for one in decision] == ["accepted", "edited", "rejected"]


def test_the_same_round_gives_the_same_files(tmp_path: Path) -> None:
    one, other = tmp_path / "1", tmp_path / "2"
    for folder in (one, other):
        folder.mkdir()
        written(a_round(3), folder)
    assert all(path.read_bytes() == (other / path.name).read_bytes() for path in one.iterdir())
