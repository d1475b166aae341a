"""All verdicts together: known, of models, of rounds; what no longer fits is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import adjudication_made_up as made_up
import pyarrow.parquet as pq
import pytest

from assets.instructions.tables import SCHEMAS, write_table
from assets.steps import Settings, StepRun
from assets.verdicts.adjudication_import import round_of
from assets.verdicts.adjudication_rounds import Round, write_round
from assets.verdicts.adjudication_steps import VERDICTS, VerdictsError, gathered_rows

EXPORT = made_up.export()
RESPONSES = sorted({item.response_id for item in EXPORT.items})


def verdict(response_id: str, criterion_id: str, judge: str, kind: str, said: str = "met") -> dict[str, Any]:
    row = {"response_id": response_id, "criterion_id": criterion_id, "verdict": said, "judge": judge, "judge_kind": kind}
    return {**row, "evidence": None}


def run(
    folder: Path,
    *,
    rounds: dict[str, Round] | None = None,
    known: list[dict[str, Any]] | None = None,
    gone: tuple[str, ...] = (),
) -> tuple[list[dict[str, Any]], dict[str, Any], Any]:
    tables = {
        "known_verdicts": known or [],
        "model_verdicts": [
            {**verdict("response_00_0", "criterion_00_0", "judge-1", "model", "unknown"), "reason": "unreadable"}
        ],
        "raw_criteria": [
            {**row, "weight": None, "origin": "physician", "review_id": None}
            for row in made_up.criteria(6)
            if row["criterion_id"] not in gone
        ],
        "raw_responses": [row for row in made_up.responses(6) if row["response_id"] not in gone],
    }
    inputs, gathered = {}, {}
    for name, rows in tables.items():
        inputs[name] = folder / "in" / name
        inputs[name].mkdir(parents=True)
        write_table(name, rows, inputs[name])
    for name, round_ in (rounds or {}).items():
        gathered[name] = folder / "rounds" / name
        gathered[name].mkdir(parents=True)
        write_round(round_, gathered[name])
    outputs = {name: folder / "out" / name for name in VERDICTS.outputs}
    for path in outputs.values():
        path.mkdir(parents=True)
    settings = Settings(profile="smoke", sources=(), home=folder)
    assert VERDICTS.run is not None
    metadata = VERDICTS.run(
        StepRun(
            settings=settings,
            config=VERDICTS.config(settings),
            inputs=inputs,
            outputs=outputs,
            refs={},
            previous=None,
            gathered={"adjudication_rounds": gathered},
        )
    )
    table = pq.read_table(outputs["raw_verdicts"] / "raw_verdicts.parquet")
    assert table.schema.equals(SCHEMAS["raw_verdicts"])
    agreement = json.loads((outputs["adjudication_agreement"] / "adjudication_agreement.json").read_text())
    return table.to_pylist(), agreement, metadata


def all_met(name: str = "r1") -> Round:
    return replace(round_of(EXPORT, made_up.all_returned(EXPORT, lambda item: "met")), name=name)


def test_without_a_round_known_and_model_verdicts_stand_unknown_ones_too(tmp_path: Path) -> None:
    known = [verdict("response_01_0", "criterion_01_0", "annotator_0", "human")]
    rows, agreement, metadata = run(tmp_path, known=known)
    assert [(row["judge"], row["verdict"]) for row in rows] == [("judge-1", "unknown"), ("annotator_0", "met")]
    assert agreement == {"rounds": []}
    assert metadata["raw_verdicts"] == {"rows": 2, "known": 1, "model": 1, "human": 0, "adjudicated": 0, "lost": 0}


def test_a_rounds_verdicts_stand_beside_the_others_in_the_tables_order(tmp_path: Path) -> None:
    rows, agreement, metadata = run(tmp_path, rounds={"r1": all_met()})
    # 6 responses x 4 criteria x 2 reviewers, and the model's one.
    assert metadata["raw_verdicts"]["human"] == 48 and len(rows) == 49
    keys = [(row["response_id"], row["criterion_id"], row["judge"], row["judge_kind"]) for row in rows]
    assert keys == sorted(keys)
    (figures,) = agreement["rounds"]
    assert (figures["round"], figures["all"]["n"], figures["all"]["disputed_share"]) == ("r1", 24, 0)
    assert figures["lost"] == {"response_gone": 0, "criterion_gone": 0, "superseded": 0}


def test_what_is_no_longer_there_is_counted_and_not_kept(tmp_path: Path) -> None:
    gone = (RESPONSES[0], f"criterion_{RESPONSES[1][9:11]}_3")
    rows, agreement, metadata = run(tmp_path, rounds={"r1": all_met()}, gone=gone)
    same = [key for key in RESPONSES[1:] if key[9:11] == RESPONSES[1][9:11]]
    # The first response's four criteria, and the last criterion of each further response to that question; twice each.
    assert agreement["rounds"][0]["lost"] == {"response_gone": 8, "criterion_gone": 2 * len(same), "superseded": 0}
    assert metadata["raw_verdicts"]["lost"] == 8 + 2 * len(same)
    assert not [row for row in rows if row["judge"] != "judge-1" and {row["response_id"], row["criterion_id"]} & set(gone)]
    # What people agreed on then stays what it was.
    assert agreement["rounds"][0]["all"]["n"] == 24


def test_one_person_has_one_vote_and_the_later_round_counts(tmp_path: Path) -> None:
    later = replace(round_of(EXPORT, made_up.all_returned(EXPORT, lambda item: "unmet")), name="r2")
    rows, agreement, _ = run(tmp_path, rounds={"r2": later, "r1": all_met()})
    assert {row["verdict"] for row in rows if row["judge_kind"] == "human"} == {"unmet"}
    assert [figures["lost"]["superseded"] for figures in agreement["rounds"]] == [48, 0]
    assert len(rows) == 49


def test_round_ten_is_later_than_round_nine(tmp_path: Path) -> None:
    later = replace(round_of(EXPORT, made_up.all_returned(EXPORT, lambda item: "unmet")), name="a10")
    rows, agreement, _ = run(tmp_path, rounds={"a10": later, "a9": all_met("a9")})
    assert {row["verdict"] for row in rows if row["judge_kind"] == "human"} == {"unmet"}
    assert [(figures["round"], figures["lost"]["superseded"]) for figures in agreement["rounds"]] == [("a9", 48), ("a10", 0)]


def test_two_people_of_one_name_are_refused() -> None:
    row = next(item for item in EXPORT.items if item.reviewer == "ann")
    with pytest.raises(VerdictsError, match="round r1: a source has verdicts of a judge 'ann'"):
        gathered_rows(
            [all_met()],
            responses=frozenset(RESPONSES),
            criteria=frozenset(),
            taken=frozenset({(row.response_id, row.criterion_id, "ann", "human")}),
        )


def test_a_name_that_a_source_has_is_refused_by_the_step(tmp_path: Path) -> None:
    row = next(item for item in EXPORT.items if item.reviewer == "ann")
    with pytest.raises(VerdictsError, match="call that judge otherwise"):
        run(tmp_path, rounds={"r1": all_met()}, known=[verdict(row.response_id, row.criterion_id, "ann", "human")])


def test_the_same_rounds_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(tmp_path / name, rounds={"r1": all_met(), "r2": all_met("r2")})
    for output in ("raw_verdicts/raw_verdicts.parquet", "adjudication_agreement/adjudication_agreement.json"):
        assert (tmp_path / "a/out" / output).read_bytes() == (tmp_path / "b/out" / output).read_bytes()
