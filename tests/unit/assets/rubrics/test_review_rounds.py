"""Files of one round add up, change nothing when they come again, and are kept with the same bytes."""

from __future__ import annotations

from pathlib import Path

from assets.reviewing.forms import Problem
from assets.rubrics.review_import import Returned, merge, read_returned
from assets.rubrics.review_tables import RoundTables, read_round, write_round
from tests.unit.assets.rubrics.review_files import (
    EDITED,
    a_round,
    accept_all,
    fill,
    filled,
    returned,
    tables,
    written,
)


def test_two_reviewers_files_add_up_and_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    drawn = a_round(5, reviewers=("dr.ada", "dr.bob"))
    files = written(drawn, tmp_path)
    for reviewer in ("dr.ada", "dr.bob"):
        fill(files[f"xlsx {reviewer}"], drawn, accept_all(drawn, reviewer))
    first = tables(returned(files["xlsx dr.ada"], drawn))
    both = merge(first, returned(files["xlsx dr.bob"], drawn))
    assert isinstance(both, RoundTables)
    assert (len(first.review_decisions), len(both.review_decisions), both.drafts) == (3, 5, 5)
    # Saved again, later, with nothing changed: the earlier times stay.
    later = read_returned(files["xlsx dr.ada"], drawn, received_at="2027-01-01T00:00:00+00:00")
    assert isinstance(later, Returned)
    assert merge(both, later) == both


def test_another_decision_needs_replace(tmp_path: Path) -> None:
    path, drawn, rows = filled(tmp_path, {}, drafts=2)
    before = tables(returned(path, drawn))
    fill(path, drawn, {(1, "question"): {"decision": "rejected"}})
    changed = returned(path, drawn)
    found = merge(before, changed)
    assert isinstance(found, list)
    assert [str(problem) for problem in found] == [
        f"sheet Drafts, row {rows[1, 'question']}: is accepted by dr.ada already, in other words; import with replace to"
        " change that"
    ]
    after = merge(before, changed, replace=True)
    assert isinstance(after, RoundTables)
    first, second = drawn.drafts
    assert {row["instruction_id"]: row["decision"] for row in after.review_decisions} == {
        first.instruction_id: "rejected",
        second.instruction_id: "accepted",
    }
    assert {row["instruction_id"] for row in after.reviewed_criteria} == {second.instruction_id}
    assert {row["change"] for row in after.criterion_versions if row["instruction_id"] == first.instruction_id} == {
        "drafted",
        "rejected",
    }


def test_a_round_that_was_exported_anew_does_not_take_up_what_came_before(tmp_path: Path) -> None:
    path, drawn, _ = filled(tmp_path, {})
    old = RoundTables(round="r1", digest="other", drafts=1)
    assert merge(old, returned(path, drawn)) == [
        Problem("round r1", "was exported anew since; what came back before belongs to other drafts")
    ]


def test_a_round_is_kept_and_read_back_with_the_same_bytes(tmp_path: Path) -> None:
    path, drawn, _ = filled(tmp_path, EDITED | {(1, "3"): {"change": "removed"}}, drafts=3)
    made = tables(returned(path, drawn))
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    write_round(made, folders[0])
    write_round(read_round(folders[0]), folders[1])
    names = sorted(file.name for file in folders[0].iterdir())
    assert names == ["criterion_versions.parquet", "review_decisions.parquet", "reviewed_criteria.parquet", "round.json"]
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names)
