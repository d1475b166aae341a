"""A review round through a real Label Studio: project, tasks, annotations, export, import.

Skipped unless Label Studio is installed (`make label-studio`, or PROMEDICAL_LABEL_STUDIO names its environment).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from assets.rubrics.review_import import Returned, merge, read_returned
from assets.rubrics.review_rates import pass_rate
from assets.rubrics.review_tables import RoundTables
from tests.fixtures.label_studio import VARIABLE, LabelStudio, installed, running
from tests.unit.assets.rubrics.review_files import RECEIVED, a_round, written

COMMAND = installed()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMMAND is None, reason=f"Label Studio is not installed: make label-studio, or set {VARIABLE}"),
]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    assert COMMAND is not None
    with running(COMMAND, tmp_path_factory.mktemp("label-studio")) as server:
        yield server


def answers(config: str, filled: dict[str, Any]) -> list[dict[str, Any]]:
    """Result items as Label Studio's editor makes them; a name that the config's controls do not have is an error."""
    kinds = {"Choices": ("choices", lambda v: [v]), "TextArea": ("text", lambda v: [v]), "Number": ("number", lambda v: v)}
    controls = {tag.get("name"): tag for tag in fromstring(config).iter() if tag.get("toName")}
    made = []
    for number, (name, value) in enumerate(filled.items()):
        group, index, field = name.split(".") if "." in name else ("", "", name)
        tag = controls[f"{group}_{{{{idx}}}}_{field}" if group else field]
        kind, wrap = kinds[tag.tag]
        if kind == "choices":
            assert value in [choice.get("value") for choice in tag]
        made.append(
            {
                "id": f"a{number}",
                "from_name": tag.get("name").replace("{{idx}}", index),
                "to_name": tag.get("toName").replace("{{idx}}", index),
                "type": tag.tag.lower(),
                "origin": "manual",
                "value": {kind: wrap(value)},
            }
        )
    return made


EDITS = {
    "decision": "edited",
    "comment": "one too many",
    "criteria.0.new_text": "Names rest & <sleep>",
    "criteria.0.new_weight": 50,
    "criteria.1.new_weight": 50,
    "criteria.2.change": "removed",
    "added.1.new_text": "Consoles",
    "added.1.new_tier": "bonus",
}


def test_a_round_goes_through_a_real_label_studio_and_comes_back_as_decided(studio: LabelStudio, tmp_path: Path) -> None:
    drawn = a_round(4)
    files = written(drawn, tmp_path)
    config = files["xml dr.ada"].read_text(encoding="utf-8")
    project = studio.project("Round r1", config, json.loads(files["json dr.ada"].read_text(encoding="utf-8")))
    tasks = studio.tasks(project)
    first, second, third, fourth = (task["id"] for task in tasks)

    # Half done: one accepted, one skipped, two not looked at.
    studio.annotate(first, answers(config, {"decision": "accepted"}))
    skipped = studio.annotate(second, [], was_cancelled=True)
    found = read_returned(studio.export(project, tmp_path / "half.json"), drawn, received_at=RECEIVED)
    assert isinstance(found, list)
    assert [str(problem) for problem in found] == [
        f"task {second}: was skipped",
        f"task {third}: is not annotated",
        f"task {fourth}: is not annotated",
    ]
    # Label Studio leaves tasks without an annotation out of an export, unless asked for all.
    part = read_returned(studio.export(project, tmp_path / "part.json", download_all=False), drawn, received_at=RECEIVED)
    assert isinstance(part, list) and {draft for p in part for draft in (3, 4) if f"draft {draft} of dr.ada" in p.what} == {
        3,
        4,
    }

    studio.call("DELETE", f"/api/annotations/{skipped}/")
    studio.annotate(second, answers(config, EDITS))
    studio.annotate(third, answers(config, {"decision": "rejected", "comment": "another disease"}))
    last = studio.annotate(fourth, answers(config, {"decision": "accepted"}))
    export = studio.export(project, tmp_path / "whole.json")
    made = read_returned(export, drawn, received_at=RECEIVED)
    assert isinstance(made, Returned), [str(problem) for problem in made]
    tables = merge(None, made)
    assert isinstance(tables, RoundTables)
    decisions = {row["instruction_id"]: row["decision"] for row in tables.review_decisions}
    expected = zip(drawn.drafts, ["accepted", "edited", "rejected", "accepted"], strict=True)
    assert decisions == {draft.instruction_id: decision for draft, decision in expected}
    edited = drawn.drafts[1].instruction_id
    own = edited.removeprefix("i")
    assert {(r["tier"], r["text"], r["weight"]) for r in tables.reviewed_criteria if r["instruction_id"] == edited} == {
        ("main", "Names rest & <sleep>", 0.5),
        ("main", f"Names fluids for {own}", 0.5),
        ("bonus", "Consoles", None),
        ("veto", f"Does not advise alcohol for {own}", None),
    }
    assert pass_rate(tables)["pass_rate"] == 0.5
    # No address of who annotated, and times as Label Studio gives them.
    assert "@" not in repr(tables) and {row["reviewer"] for row in tables.review_decisions} == {"dr.ada"}
    assert RECEIVED not in {row["reviewed_at"] for row in tables.review_decisions}
    assert merge(tables, made) == tables

    # Somebody changes their mind: refused, but for replace.
    studio.call("PATCH", f"/api/annotations/{last}/", {"result": answers(config, {"decision": "rejected"})})
    changed = read_returned(studio.export(project, tmp_path / "changed.json"), drawn, received_at=RECEIVED)
    assert isinstance(changed, Returned)
    refused = merge(tables, changed)
    assert isinstance(refused, list) and [problem.where for problem in refused] == [f"task {fourth}"]
    replaced = merge(tables, changed, replace=True)
    assert isinstance(replaced, RoundTables)
    assert pass_rate(replaced)["pass_rate"] == 0.25


def test_a_second_annotation_of_a_task_is_refused_by_name(studio: LabelStudio, tmp_path: Path) -> None:
    drawn = a_round(1, name="r2")
    files = written(drawn, tmp_path)
    config = files["xml dr.ada"].read_text(encoding="utf-8")
    project = studio.project("Round r2", config, json.loads(files["json dr.ada"].read_text(encoding="utf-8")))
    (task,) = (task["id"] for task in studio.tasks(project))
    for decision in ("accepted", "rejected"):
        studio.annotate(task, answers(config, {"decision": decision}))
    found = read_returned(studio.export(project, tmp_path / "two.json"), drawn, received_at=RECEIVED)
    assert isinstance(found, list)
    assert [str(problem) for problem in found] == [f"task {task}: has 2 annotations; keep one and delete the others"]
