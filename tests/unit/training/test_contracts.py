"""check_snapshot on hand-made marts: a valid snapshot passes, a planted defect is refused in one line that names the row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.marts import DEFECTS, marts, row, write
from training.contracts import CONTRACTS_FILE, ROLE_SPLITS, check_snapshot, write_contracts
from training.errors import StageRefusal


def held_out() -> dict[str, list[dict[str, Any]]]:
    return marts("benchmark", "external")


def refusal(folder: Path, role: str = "benchmark") -> str:
    with pytest.raises(StageRefusal) as error:
        check_snapshot(folder, role=role)
    return str(error.value)


def test_a_valid_snapshot_passes(tmp_path: Path) -> None:
    check_snapshot(write(tmp_path / "b", held_out()), role="benchmark")
    check_snapshot(write(tmp_path / "r", marts("rm_train", "validation")), role="reward_model")


def test_a_policy_needs_questions_and_rubrics_only(tmp_path: Path) -> None:
    tables = {t: rows if t in ("instructions", "criteria") else [] for t, rows in marts("validation").items()}
    folder = write(tmp_path, tables)
    check_snapshot(folder, role="policy")
    assert "responses has no row" in refusal(folder, "reward_model")


REFUSALS = {
    "chosen and rejected swapped": "the chosen response is not the better one (second) in pair_id=benchmark-12 ",
    "pair across two instructions": "preference_pairs: ids of different instructions in pair_id=benchmark-12 ",
    "decided by another tier": "decided by veto with margin 1.0, not as in pair_id=benchmark-13 ",
    "wrong margin": "decided by veto with margin 1.0, not as in pair_id=benchmark-13 ",
    "unknown veto with a score": "s3 of response benchmark-1 is 0, its verdicts say None",
    "assumed verdict behind a benchmark pair": "an assumed verdict would enter a metric in pair_id=benchmark-12 ",
    "assumed verdict behind a benchmark preference": "enter a metric in instruction_id=benchmark criterion_id=benchmark-d",
    "benchmark pair in training": "split rm_train is not that of the instruction in pair_id=benchmark-12 ",
    "benchmark preference in training": "not that of the instruction in instruction_id=benchmark criterion_id=benchmark-c ",
    "cluster in benchmark and training": "external (external) shares cluster cluster-external with split benchmark",
    "weights do not sum to one": "rubric of instruction benchmark: main weights must sum to 1, got 0.95",
    "weight missing": "main criterion benchmark-a needs a positive weight, got None",
    "null id": "pair_id is null in pair_id=None instruction_id=benchmark chosen_id=benchmark-1 rejected_id=benchmark-2",
    "duplicate criterion": "criteria: external-a stands 2 times",
    "duplicate verdict": "resolved_verdicts: external-3 external-d stands 2 times",
    "duplicate pair": "preference_pairs: external-23 stands 2 times",
    "duplicate preference": "criterion_preferences: external-d external-2 external-3 stands 2 times",
    "verdict outside the vocabulary": "verdict yes in response_id=benchmark-1 criterion_id=benchmark-a",
    "judge outside the vocabulary": "judge_kind guess in response_id=benchmark-1 criterion_id=benchmark-a",
    "verdict of nobody": "a verdict of nobody in response_id=benchmark-1 criterion_id=benchmark-a",
    "verdict missing": "not every criterion has a row for response benchmark-1",
    "wrong S1": "s1 of response benchmark-2 is 0.5, its verdicts say 0.75",
    "wrong S3": "s3 of response benchmark-2 is 1, its verdicts say 0",
    "discordant flag wrong": "discordant should not be False in instruction_id=benchmark criterion_id=benchmark-c ",
    "better and worse swapped": "verdicts are unmet and met, not met and unmet, in instruction_id=benchmark ",
    "wrong tier": "tier veto is not the criterion's in instruction_id=benchmark criterion_id=benchmark-c ",
    "preference left out": "criterion_preferences: no row for criterion_id=benchmark-c better_id=benchmark-2 ",
    "kind of judge overstated": "the weaker kind of judge is construction, not adjudicated, in instruction_id=benchmark ",
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_refused_by_row(defect: str, tmp_path: Path) -> None:
    tables = held_out()
    DEFECTS[defect][-1](tables)
    message = refusal(write(tmp_path, tables))
    assert REFUSALS[defect] in message
    assert "\n" not in message


@pytest.mark.parametrize("role", ROLE_SPLITS)
@pytest.mark.parametrize("split", ["rm_train", "panel_train", "policy_train", "validation", "benchmark", "external"])
def test_roles_see_their_splits_only(role: str, split: str, tmp_path: Path) -> None:
    folder = write(tmp_path, marts(split))
    if split in ROLE_SPLITS[role]:
        check_snapshot(folder, role=role)
    else:
        assert f"{split} is of split {split}, allowed here" in refusal(folder, role)


def test_a_pair_left_out_is_missed(tmp_path: Path) -> None:
    tables = held_out()
    tables["preference_pairs"].remove(row(tables, "preference_pairs", pair_id="external-13"))
    assert "decided pair of external-1 and external-3 is missing" in refusal(write(tmp_path, tables))


def test_an_undecidable_pair_is_not_missed(tmp_path: Path) -> None:
    tables = held_out()
    veto = row(tables, "resolved_verdicts", response_id="external-1", criterion_id="external-d")
    veto.update(verdict="unknown", judge_kind=None, n_labels=0, agreement=None)
    row(tables, "response_scores", response_id="external-1").update(s3=None, unknown_veto=1)
    tables["preference_pairs"] = [p for p in tables["preference_pairs"] if "external-1" not in p["chosen_id"]]
    tables["criterion_preferences"] = [
        p for p in tables["criterion_preferences"] if (p["criterion_id"], p["better_id"]) != ("external-d", "external-1")
    ]
    for preference in tables["criterion_preferences"]:
        if "external-1" in (preference["better_id"], preference["worse_id"]):
            preference["discordant"] = False
    check_snapshot(write(tmp_path, tables), role="benchmark")


def test_a_held_out_preference_that_would_rest_on_an_assumption_is_not_missed(tmp_path: Path) -> None:
    tables = held_out()
    DEFECTS["assumed verdict behind a benchmark preference"][-1](tables)
    tables["criterion_preferences"] = [p for p in tables["criterion_preferences"] if p["judge_kind"] != "assumed"]
    # Response 3's assumed verdict is on d alone: 1 over 3 and 2 over 3 are no rows, and both of b and c stay.
    assert len(tables["criterion_preferences"]) == 12 - 2
    check_snapshot(write(tmp_path, tables), role="benchmark")


def test_an_assumption_may_stand_behind_a_training_preference_and_its_absence_is_missed(tmp_path: Path) -> None:
    tables = marts("rm_train", "validation")
    tables["criterion_preferences"].remove(
        row(tables, "criterion_preferences", criterion_id="rm_train-b", better_id="rm_train-1")
    )
    message = refusal(write(tmp_path, tables), "reward_model")
    assert "no row for criterion_id=rm_train-b better_id=rm_train-1 worse_id=rm_train-2" in message


def test_no_record_no_training(tmp_path: Path) -> None:
    folder = write(tmp_path, held_out())
    (folder / CONTRACTS_FILE).unlink()
    assert "never checked" in refusal(folder)


def test_a_failed_suite_is_refused(tmp_path: Path) -> None:
    assert "the contract of criteria failed" in refusal(write(tmp_path, held_out(), passed=False))


def test_a_suite_that_never_ran_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, held_out())
    write_contracts(folder, {"criteria": {"passed": True, "data_version": "1", "expectations": []}})
    assert "the contract of resolved_verdicts was never checked" in refusal(folder)


def test_a_table_changed_after_its_check_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", held_out())
    other = marts("benchmark")
    (write(tmp_path / "b", other) / "responses.parquet").replace(folder / "responses.parquet")
    assert "responses.parquet is not the table that was checked" in refusal(folder)


@pytest.mark.parametrize("text", ["", "[]", '{"suites": {}}', '{"suites": {"criteria": {}}, "tables": {}}'])
def test_an_unreadable_record_is_refused(text: str, tmp_path: Path) -> None:
    folder = write(tmp_path, held_out())
    (folder / CONTRACTS_FILE).write_text(text)
    assert "cannot be read" in refusal(folder)


def test_a_passed_flag_must_be_true_itself(tmp_path: Path) -> None:
    folder = write(tmp_path, held_out())
    record = json.loads((folder / CONTRACTS_FILE).read_text())
    record["suites"]["criteria"]["passed"] = "no"
    (folder / CONTRACTS_FILE).write_text(json.dumps(record))
    assert "the contract of criteria failed" in refusal(folder)
