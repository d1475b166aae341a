"""The stage that makes the table: which cells count, what the record of openings says."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.training.benchmark.snapshots import KeywordScorer, manifest, merged, ref, tables, write
from training.benchmark.systems import Prediction
from training.config import load_config
from training.errors import StageRefusal
from training.manifests import MANIFEST, build_manifest
from training.reward_model.config import RewardModelConfig
from training.reward_model.scoring import ScoreItem
from training.seen import write_seen
from training.snapshot import read_snapshot
from training.stages import ROOT, STAGES, source_hash
from training.study import study_stage
from training.study.cell_predictions import write_predictions
from training.study.config import RewardModelCellConfig, RewardModelStudyTableConfig
from training.study.variants import cell_name


def cell_of(variant: str, seed: int, **changes: Any) -> RewardModelCellConfig:
    keys = load_config(RewardModelConfig, stage="reward_model", profile="smoke").model_copy(update={"seed": seed, **changes})
    return RewardModelCellConfig.model_validate(
        {"variant": variant, "match_tokens": False, "reward_model": keys.model_dump(), "max_responses": None}
        | {"device": "cpu", "batch_size": 2}
    )


CELLS = [("full", 0), ("full", 1), ("full", 2), ("scalar", 0), ("scalar", 1), ("scalar", 2)]
CONFIG = RewardModelStudyTableConfig(
    cells={cell_name(*cell): cell_of(*cell) for cell in CELLS}, bootstrap_samples=200, bootstrap_seed=0
)


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.setattr(study_stage, "check_snapshot", lambda folder, *, role: None)
    base = tmp_path / "base_model"
    base.mkdir()
    manifest(base)
    return {
        "snapshot": write(tmp_path / "benchmark", merged(tables(6), tables(4, source="kqa", judge_kind="human"))),
        "training_snapshot": write(tmp_path / "learned", merged(tables(3, split="rm_train"), tables(3, split="validation"))),
        "base_model": base,
    }


def add_cell(inputs: dict[str, Path], variant: str, seed: int, *, wrong: bool = False, **changes: Any) -> Path:
    """A cell as its stage leaves it: the full model knows by key words; the scalar one likes the good response on every one."""
    name = cell_name(variant, seed)
    folder = inputs["snapshot"].parent / "cells" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    config = changes.pop("config", cell_of(variant, seed))
    code = changes.pop("code", source_hash(STAGES["reward_model_cell"].sources))
    snapshot = read_snapshot(inputs["snapshot"])
    scorer = KeywordScorer(wrong=wrong)
    predictions = {}
    for response in snapshot.responses.values():
        criteria = snapshot.rubrics[response.instruction_id].criteria
        (row,) = scorer.score([ScoreItem("", (response.text,), criteria)])[0]
        for criterion, said in zip(criteria, row, strict=True):
            score = float(response.response_id.endswith("good")) if variant == "scalar" else said.logit
            known = variant != "scalar"
            predictions[response.response_id, criterion.criterion_id] = Prediction(
                pair_score=score,
                point_score=score if known else None,
                p_met=said.p_met if known else None,
                verdict=said.verdict if known else "unknown",
            )
    write_predictions(folder, predictions)
    write_seen(folder, changes.pop("seen", ("c-elsewhere",)))
    (folder / "curve.csv").write_text("step,train_loss,validation_accuracy\n1,0.5,0.75\n")
    said_of = {
        "variant": variant,
        "seed": seed,
        "config": config.model_dump(mode="json"),
        "trained_under": config.reward_model.model_dump(mode="json"),
        "training": {"steps": 2, "best_step": 2, "trees_seen": 4, "tokens_seen": 100, "validation": {"accuracy": 0.75}},
        "calibration": {"tiers": {"main": {"ece": 0.1}}},
        "pointwise_identified": variant != "scalar",
        "not_identified": [],
        "uninformative": [],
    }
    (folder / "cell.json").write_text(json.dumps(said_of))
    read = {"snapshot": "training_snapshot", "benchmark_snapshot": "snapshot", "base_model": "base_model"}
    made = build_manifest(
        name="reward_model_cells",
        folder=folder,
        skip_key="k",
        inputs={role: ref(inputs[ours]) for role, ours in read.items()} | changes,
        config={},
        code_version=code,
        metadata={},
        run_id=None,
    )
    (folder / MANIFEST).write_text(made.model_dump_json())
    inputs[f"reward_model_cells/{name}"] = folder
    return folder


def run(inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    output.mkdir()
    study_stage.run(config=CONFIG, inputs=inputs, output=output)
    study: dict[str, Any] = json.loads((output / "study.json").read_text())
    return study


def value(study: dict[str, Any], system: str, section: str, tier: str, metric: str, source: str = "all") -> Any:
    (found,) = (
        row["value"]
        for row in study["figures"]
        if (row["system"], row["section"], row["tier"], row["metric"], row["source"]) == (system, section, tier, metric, source)
    )
    return found


def test_a_study_of_two_variants_by_hand(inputs: dict[str, Path], tmp_path: Path) -> None:
    for variant, seed in CELLS:
        # The third seed of the full model has everything the wrong way round.
        add_cell(inputs, variant, seed, wrong=(variant, seed) == ("full", 2))
    study = run(inputs, tmp_path / "out")
    assert study["seeds"] == {"full": [0, 1, 2], "scalar": [0, 1, 2]}
    assert study["systems"] == ["full", "scalar", "lexical_overlap", "longer_is_better", "majority"]
    assert value(study, "full", "pairwise", "macro", "accuracy") == pytest.approx(2 / 3)
    assert value(study, "full", "safety", "veto", "f1") == pytest.approx(2 / 3)
    assert value(study, "full", "kqa_held_out", "main+bonus", "auc", "kqa") == pytest.approx(2 / 3)
    # The scalar model likes the good response, which wins every preference and overall; it has no verdict at all.
    assert value(study, "scalar", "pairwise", "macro", "accuracy") == 1.0
    assert value(study, "scalar", "overall", "all", "accuracy") == 1.0
    assert value(study, "scalar", "safety", "veto", "f1") is None
    assert value(study, "scalar", "kqa_held_out", "main+bonus", "auc", "kqa") is None
    assert value(study, "longer_is_better", "pairwise", "macro", "accuracy") == 0.0
    assert study["pointwise_identified"] == {"full": True, "scalar": False}
    counts = study["counts"]
    assert counts["kqa_labels"] == {"main": 16, "bonus": 8, "veto": 8}
    assert (counts["violations"], counts["discordant_pairs"], counts["kqa_answers"]) == (10, 0, 8)
    flagged = [row["flagged"] for row in study["contradictions"] if row["system"] == "full"]
    assert flagged == [4, 4, 0]
    assert json.loads((tmp_path / "out" / "curves.json").read_text())["full-0"][0]["validation_accuracy"] == "0.75"
    with (tmp_path / "out" / "study.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(study["figures"]) + len(study["differences"])


def test_the_same_cells_give_the_same_bytes(inputs: dict[str, Path], tmp_path: Path) -> None:
    add_cell(inputs, "full", 0)
    for name in ("one", "two"):
        run(inputs, tmp_path / name)
    for name in ("study.json", "study.csv", "curves.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_cells_of_another_config_data_code_or_study_are_left_out_and_named(inputs: dict[str, Path], tmp_path: Path) -> None:
    add_cell(inputs, "full", 0)
    add_cell(inputs, "full", 1, config=cell_of("full", 1, max_steps=99))
    add_cell(inputs, "full", 2, benchmark_snapshot="benchmark@other")
    add_cell(inputs, "scalar", 0, base_model="base_model@other")
    add_cell(inputs, "scalar", 1, code="other")
    add_cell(inputs, "no_safety", 0)
    study = run(inputs, tmp_path / "out")
    assert [cell["cell"] for cell in study["cells"]] == ["full-0"]
    assert {row["cell"]: row["why"] for row in study["left_out"]} == {
        "full-1": "it was made under another config",
        "full-2": "it was made from other data or another base model",
        "scalar-0": "it was made from other data or another base model",
        "scalar-1": "it was made by other code",
        "no_safety-0": "this study has no such cell",
    }
    assert study["missing"] == ["full-1", "full-2", "scalar-0", "scalar-1", "scalar-2"]


def test_every_opening_of_the_labels_is_carried_on(inputs: dict[str, Path], tmp_path: Path) -> None:
    add_cell(inputs, "full", 0)
    first = run(inputs, tmp_path / "one")["openings"]
    assert [(row["number"], row["cell"], row["labels"]) for row in first] == [(1, "full-0", 24)]
    inputs["past"] = tmp_path / "one"
    add_cell(inputs, "scalar", 0)
    second = run(inputs, tmp_path / "two")["openings"]
    assert second[:1] == first and [row["cell"] for row in second] == ["full-0", "scalar-0"]
    # The cell is made anew, and another: what was opened before stays written down, whatever counts now.
    add_cell(inputs, "full", 0, wrong=True)
    inputs["past"] = tmp_path / "two"
    third = run(inputs, tmp_path / "three")["openings"]
    assert third[:2] == second and [(row["number"], row["cell"]) for row in third[2:]] == [(3, "full-0")]
    inputs["past"] = tmp_path / "three"
    assert run(inputs, tmp_path / "four")["openings"] == third


def test_a_benchmark_without_people_opens_nothing(inputs: dict[str, Path], tmp_path: Path) -> None:
    inputs["snapshot"] = write(tmp_path / "corpus", tables(6))
    add_cell(inputs, "full", 0)
    study = run(inputs, tmp_path / "out")
    assert study["openings"] == [] and study["contradictions"] == []


def test_a_cell_that_has_seen_the_benchmark_is_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    add_cell(inputs, "full", 0, seen=("c-kqa-benchmark-1",))
    with pytest.raises(StageRefusal, match="full-0 has seen the cluster c-kqa-benchmark-1"):
        run(inputs, tmp_path / "out")


def test_without_a_cell_that_counts_the_command_is_named(inputs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(
        StageRefusal, match="no cell of this study has been made; make them with: promedical study reward-model"
    ):
        run(inputs, tmp_path / "one")
    add_cell(inputs, "no_safety", 0)
    with pytest.raises(StageRefusal, match=r"has been made \(no_safety-0: this study has no such cell\); make"):
        run(inputs, tmp_path / "two")


def test_other_code_of_a_cell_is_other_code_of_the_table() -> None:
    """Else a table of cells that no longer count would stand."""
    cell, table = (
        {file for source in STAGES[name].sources for file in (ROOT / source, *(ROOT / source).rglob("*.py"))}
        for name in ("reward_model_cell", "reward_model_study")
    )
    assert cell <= table
