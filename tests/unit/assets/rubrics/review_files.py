"""Drafts to review, and returned files as a physician's spreadsheet program or Label Studio leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl

from assets.rubrics.review_draw import draw
from assets.rubrics.review_forms import write_forms
from assets.rubrics.review_import import Returned, merge, read_returned
from assets.rubrics.review_round import Draft, Drawn
from assets.rubrics.review_tables import RoundTables
from assets.rubrics.statements import versioned

RECEIVED = "2026-05-04T10:00:00+00:00"
Cells = Mapping[tuple[int, str], Mapping[str, Any]]


def instructions(number: int, *, category: str | None = "Treatment", specialty: str | None = None) -> list[dict[str, Any]]:
    return [
        {"instruction_id": f"i{n}", "text": f"What helps against {n}?", "category": category, "specialty": specialty}
        for n in range(number)
    ]


def drafts(number: int) -> list[dict[str, Any]]:
    """Rows of `rubric_drafts`: two main criteria of 60 and 40 %, one bonus, one veto each."""
    rows = []
    for n in range(number):
        made = versioned(
            f"i{n}",
            [
                ("main", f"Names rest for {n}", 0.6),
                ("main", f"Names fluids for {n}", 0.4),
                ("bonus", f"Comforts about {n}", None),
                ("veto", f"Does not advise alcohol for {n}", None),
            ],
            origin="drafted",
        )
        rows += [
            {
                **{name: getattr(one, name) for name in one.__slots__},
                "drafter": "secret-model-9b",
                "exemplars": '["i77"]',
                "repaired": False,
            }
            for one in made
        ]
    return rows


def a_round(number: int = 3, *, reviewers: tuple[str, ...] = ("dr.ada",), name: str = "r1") -> Drawn:
    return draw(drafts(number), instructions(number), name=name, count=500, seed=7, reviewers=reviewers)


def written(drawn: Drawn, folder: Path) -> dict[str, Path]:
    """The round's files by suffix and reviewer, as `xlsx dr.ada`."""
    return {f"{path.suffix[1:]} {path.stem.split('-', 2)[2]}": path for path in write_forms(drawn, folder).files}


def key_of(draft: Draft, part: str) -> str:
    """The key of a row: `question`, `added 1`, or a criterion by its place from 1."""
    return draft.criteria[int(part) - 1][0] if part.isdigit() else part


def fill(path: Path, drawn: Drawn, cells: Cells) -> dict[tuple[int, str], int]:
    """Writes into the open workbook as a person would, and saves it; returns the row of each (draft number, part)."""
    book = openpyxl.load_workbook(path)
    page = book["Drafts"]
    columns = {page.cell(1, n).value: n for n in range(1, page.max_column + 1) if page.cell(1, n).value}
    reviewer = next(row[1].value for row in book["About"].iter_rows() if row[0].value == "reviewer")
    rows = {(page.cell(n, columns["draft"]).value, page.cell(n, columns["key"]).value): n for n in range(3, page.max_row + 1)}
    places = {}
    for draft in drawn.share(reviewer):
        for part in ("question", *(str(n + 1) for n in range(len(draft.criteria))), "added 1", "added 2", "added 3"):
            places[draft.number, part] = rows[draft.rubric_version, key_of(draft, part)]
    for place, values in cells.items():
        for name, value in values.items():
            page.cell(places[place], columns[name]).value = value
    book.save(path)
    return places


def accept_all(drawn: Drawn, reviewer: str = "dr.ada") -> dict[tuple[int, str], dict[str, Any]]:
    return {(draft.number, "question"): {"decision": "accepted"} for draft in drawn.share(reviewer)}


def export_of(path: Path, results: Mapping[int, list[dict[str, Any]]], **annotation: Any) -> Path:
    """The tasks file as Label Studio exports it, with a finished annotation for each numbered task (from 1) of results."""
    tasks = json.loads(path.read_text(encoding="utf-8"))
    made = [
        {
            "id": 100 + number,
            "annotations": [
                {
                    "id": number,
                    "completed_by": 1,
                    "was_cancelled": False,
                    "updated_at": "2026-05-03T09:00:00.123Z",
                    "result": results[number],
                    **annotation,
                }
            ]
            if number in results
            else [],
            "drafts": [],
            "predictions": [],
            **task,
        }
        for number, task in enumerate(tasks, 1)
    ]
    out = path.with_name(f"export-{path.name}")
    out.write_text(json.dumps(made), encoding="utf-8")
    return out


def choice(name: str, value: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "question", "type": "choices", "value": {"choices": [value]}}


def text(name: str, value: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "question", "type": "textarea", "value": {"text": [value]}}


def number(name: str, value: float) -> dict[str, Any]:
    return {"from_name": name, "to_name": "question", "type": "number", "value": {"number": value}}


def returned(path: Path, drawn: Drawn) -> Returned:
    made = read_returned(path, drawn, received_at=RECEIVED)
    assert isinstance(made, Returned), [str(problem) for problem in made]
    return made


def problems(path: Path, drawn: Drawn) -> list[str]:
    made = read_returned(path, drawn, received_at=RECEIVED)
    assert isinstance(made, list), "nothing was found wrong"
    return [str(problem) for problem in made]


def filled(tmp_path: Path, cells: dict[tuple[int, str], dict[str, Any]], drafts: int = 1) -> tuple[Path, Drawn, dict[Any, int]]:
    """A workbook in which all drafts are accepted but for what `cells` say; `{n}` is the first draft's own number."""
    drawn = a_round(drafts)
    own = drawn.drafts[0].instruction_id.removeprefix("i")
    cells = {
        place: {name: value.replace("{n}", own) if isinstance(value, str) else value for name, value in values.items()}
        for place, values in cells.items()
    }
    path = written(drawn, tmp_path)["xlsx dr.ada"]
    rows = fill(path, drawn, accept_all(drawn) | cells)
    return path, drawn, rows


def tables(made: Returned) -> RoundTables:
    merged = merge(None, made)
    assert isinstance(merged, RoundTables)
    return merged


ACCEPT = [choice("decision", "accepted")]
EDITED = {(1, "question"): {"decision": "edited"}}
