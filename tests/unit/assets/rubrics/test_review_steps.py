"""The rounds put together: the latest review counts, history stays, and the pool holds nothing of a held-out split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from assets.instructions.tables import write_table
from assets.rubrics.review_import import Returned, merge, read_returned
from assets.rubrics.review_steps import REVIEWS
from assets.rubrics.review_tables import RoundTables, write_round
from assets.rubrics.statements import statement_rubric
from assets.steps import Settings, StepRun
from tests.unit.assets.rubrics.review_files import RECEIVED, a_round, accept_all, fill, written
from training.records import SPLITS

INPUTS = ("raw_instructions", "instruction_splits", "published_criteria")


def a_returned_round(folder: Path, name: str, cells: dict[tuple[int, str], dict[str, Any]]) -> Path:
    """The partition folder of a round of three drafts, of i0, i1 and i2, all accepted but for `cells`."""
    folder = folder / name
    folder.mkdir()
    drawn = a_round(3, name=name)
    path = written(drawn, folder)["xlsx dr.ada"]
    fill(path, drawn, accept_all(drawn) | cells)
    made = read_returned(path, drawn, received_at=RECEIVED)
    assert isinstance(made, Returned), made
    tables = merge(None, made)
    assert isinstance(tables, RoundTables)
    out = folder / "partition"
    out.mkdir()
    write_round(tables, out)
    return out


def run(tmp_path: Path, rounds: dict[str, Path], *, splits: dict[str, str], published: list[Any] = []) -> dict[str, Any]:  # noqa: B006
    inputs, outputs = {}, {}
    for name in INPUTS:
        inputs[name] = tmp_path / name
    for name in REVIEWS.outputs:
        outputs[name] = tmp_path / f"out-{name}"
    for folder in (*inputs.values(), *outputs.values()):
        folder.mkdir(exist_ok=True)
    columns = dict.fromkeys(("source", "source_row", "license", "category", "specialty", "difficulty", "source_label"), None)
    write_table(
        "raw_instructions",
        [{**columns, "instruction_id": key, "text": f"What helps against {key[1:]}?"} for key in splits],
        inputs["raw_instructions"],
    )
    rows = [{"instruction_id": key, "split": split, "cluster_id": key} for key, split in splits.items() if split]
    import pyarrow as pa

    pq.write_table(
        pa.Table.from_pylist(rows, schema=pa.schema([(n, pa.string()) for n in ("instruction_id", "cluster_id", "split")])),
        inputs["instruction_splits"] / "instruction_splits.parquet",
    )
    criteria = [{name: getattr(one, name) for name in one.__slots__} for one in published]
    written_to = write_table("raw_criteria", criteria, inputs["published_criteria"])
    written_to.replace(inputs["published_criteria"] / "published_criteria.parquet")
    assert REVIEWS.run is not None
    metadata = REVIEWS.run(
        StepRun(
            settings=Settings(profile="smoke", sources=(), home=tmp_path),
            config={},
            inputs=inputs,
            outputs=outputs,
            refs={},
            previous=None,
            gathered={"review_rounds": rounds},
        )
    )
    found = {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name, folder in outputs.items()}
    return found | {"metadata": metadata}


TRAIN = {"i0": "rm_train", "i1": "rm_train", "i2": "rm_train"}


def test_without_any_round_there_are_empty_tables_and_what_physicians_published(tmp_path: Path) -> None:
    published = statement_rubric("i0", main=["Rest", "Fluids"], bonus=["Comfort"])
    found = run(tmp_path, {}, splits=TRAIN, published=published)
    assert [len(found[name]) for name in REVIEWS.outputs] == [0, 0, 0, 1, 0]
    (entry,) = found["exemplar_pool"]
    assert (entry["instruction_id"], entry["text"], entry["origin"], entry["review_id"]) == (
        "i0",
        "What helps against 0?",
        "physician",
        None,
    )
    rubric = json.loads(entry["rubric"])
    assert [one["tier"] for one in rubric] == ["main", "main", "bonus", "veto", "veto", "veto"]
    assert {(one["text"], one["weight"]) for one in rubric[:2]} == {("Rest", 0.5), ("Fluids", 0.5)}


def test_what_was_accepted_and_edited_enters_the_pool_and_what_was_rejected_does_not(tmp_path: Path) -> None:
    drawn = a_round(3)
    accepted, edited, rejected = (draft.instruction_id for draft in drawn.drafts)
    cells = {
        (2, "question"): {"decision": "edited"},
        (2, "3"): {"new_text": "Consoles"},
        (3, "question"): {"decision": "rejected"},
    }
    found = run(tmp_path, {"r1": a_returned_round(tmp_path, "r1", cells)}, splits=TRAIN)
    pool = {row["instruction_id"]: row for row in found["exemplar_pool"]}
    assert pool.keys() == {accepted, edited}
    assert {(row["origin"], row["review_id"]) for row in pool.values()} == {("reviewed", "r1")}
    assert json.loads(pool[edited]["rubric"])[2] == {"tier": "bonus", "text": "Consoles", "weight": None}
    assert {row["instruction_id"] for row in found["reviewed_criteria"]} == {accepted, edited}
    assert len(found["review_decisions"]) == 3 and len(found["review_changes"]) == 24
    (rate,) = found["review_rates"]
    assert (rate["accepted"], rate["edited"], rate["rejected"], rate["outstanding"]) == (1, 1, 1, 0)
    assert found["metadata"]["review_rates"]["r1: pass rate"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("split", [*SPLITS, None])
def test_nothing_of_a_held_out_split_or_of_none_is_in_the_pool(split: str | None, tmp_path: Path) -> None:
    published = statement_rubric("i9", main=["Rest"], bonus=[])
    splits = {"i0": split, "i1": "rm_train", "i2": "rm_train", "i9": split}
    found = run(tmp_path, {"r1": a_returned_round(tmp_path, "r1", {})}, splits=splits, published=published)
    shown = {"i0", "i9"} if split in ("rm_train", "panel_train", "policy_train", "validation") else set()
    assert {row["instruction_id"] for row in found["exemplar_pool"]} == {"i1", "i2"} | shown
    # A benchmark rubric has been reviewed all the same.
    assert {row["instruction_id"] for row in found["reviewed_criteria"]} == {"i0", "i1", "i2"}


def test_a_later_round_wins_and_a_later_rejection_takes_nothing_back(tmp_path: Path) -> None:
    # As r10 has the same three drafts; its order by name alone would be before r9.
    first = a_returned_round(tmp_path, "r9", {})
    last = a_round(3, name="r10")
    one, two = last.drafts[0].instruction_id, last.drafts[1].instruction_id
    cells = {
        (1, "question"): {"decision": "edited"},
        (1, "1"): {"new_weight": "50%"},
        (1, "2"): {"new_weight": "50%"},
        (2, "question"): {"decision": "rejected"},
    }
    second = a_returned_round(tmp_path, "r10", cells)
    found = run(tmp_path, {"r10": second, "r9": first}, splits=TRAIN)
    by_round = {row["instruction_id"]: row["review_id"] for row in found["reviewed_criteria"]}
    assert (by_round[one], by_round[two]) == ("r10", "r9")
    assert {row["weight"] for row in found["reviewed_criteria"] if row["instruction_id"] == one} == {0.5, None}
    assert [row["round"] for row in found["review_rates"]] == ["r10", "r9"]
    assert len(found["review_decisions"]) == 6
    pool = {row["instruction_id"]: row["review_id"] for row in found["exemplar_pool"]}
    assert pool == by_round


def test_a_draft_that_went_out_in_two_rounds_is_told_once_in_the_history(tmp_path: Path) -> None:
    rounds = {name: a_returned_round(tmp_path, name, {}) for name in ("r1", "r2")}
    changes = run(tmp_path, rounds, splits=TRAIN)["review_changes"]
    told = [(row["rubric_version"], row["criterion_id"]) for row in changes if row["change"] == "drafted"]
    assert len(told) == len(set(told)) == 12
    assert sorted(row["round"] for row in changes if row["change"] == "kept") == ["r1"] * 12 + ["r2"] * 12


def test_rubrics_of_instructions_that_are_gone_are_left_out_but_not_their_history(tmp_path: Path) -> None:
    found = run(tmp_path, {"r1": a_returned_round(tmp_path, "r1", {})}, splits={"i1": "rm_train"})
    assert {row["instruction_id"] for row in found["reviewed_criteria"]} == {"i1"}
    assert len(found["review_decisions"]) == 3
