"""One cell: what it keeps, what it lets go, and where it goes on after a kill."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.unit.training.benchmark.snapshots import KeywordScorer, calibrated, merged, tables, write
from tests.unit.training.reward_model.rm_tiny import CharTokenizer
from training.config import load_config
from training.errors import StageRefusal
from training.reward_model.config import RewardModelConfig
from training.seen import SEEN, clusters_of, write_seen
from training.snapshot import read_snapshot
from training.study import cell_stage
from training.study.cell_predictions import read_predictions
from training.study.config import RewardModelCellConfig


class Trainer:
    """Stands in for the training of a reward model: writes what a cell reads of its artifact."""

    def __init__(self) -> None:
        self.configs: list[RewardModelConfig] = []
        self.places: list[dict[str, Path | None]] = []
        self.dies = False
        self.one_class = ["bonus"]

    def __call__(self, *, config: RewardModelConfig, inputs: dict[str, Path], output: Path, **places: Path | None) -> None:
        assert set(inputs) == {"snapshot", "base_model"}
        self.configs.append(config)
        self.places.append(places)
        (output / "model.safetensors").write_text("weights")
        if self.dies:
            raise KeyboardInterrupt
        metrics = {"steps": 3, "trees_seen": 6, "tokens_seen": 60, "pointwise_identified": not config.pure_pairwise}
        (output / "metrics.json").write_text(json.dumps(metrics | {"validation": {"accuracy": 0.5}}))
        (output / "calibration.json").write_text(calibrated(one_class=self.one_class).model_dump_json())
        (output / "curve.csv").write_text("step,train_loss\n1,0.5\n")
        write_seen(output, clusters_of(read_snapshot(inputs["snapshot"]).instructions))


class Loader:
    """Stands in for the scorer's loading; `dies` once where it is set."""

    def __init__(self) -> None:
        self.dies = False

    def load(self, folder: Path, *, device: str) -> KeywordScorer:
        assert (folder / "model.safetensors").exists()
        if self.dies:
            self.dies = False
            raise KeyboardInterrupt
        return KeywordScorer()


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    made = Trainer()
    monkeypatch.setattr(cell_stage, "train_reward_model", made)
    monkeypatch.setattr(cell_stage, "check_snapshot", lambda folder, *, role: None)
    return made


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Loader:
    made = Loader()
    monkeypatch.setattr(cell_stage, "RewardScorer", made)
    return made


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    learned = write(tmp_path / "snapshot", merged(tables(2, split="rm_train"), tables(2, split="validation")))
    base = tmp_path / "base_model"
    base.mkdir()
    return {"snapshot": learned, "base_model": base, "benchmark_snapshot": write(tmp_path / "benchmark", tables(3))}


def config(variant: str = "full", **changes: Any) -> RewardModelCellConfig:
    keys = load_config(RewardModelConfig, stage="reward_model", profile="smoke").model_copy(update=changes)
    return RewardModelCellConfig.model_validate(
        {"variant": variant, "match_tokens": False, "reward_model": keys.model_dump(), "max_responses": None}
        | {"device": "cpu", "batch_size": 2}
    )


def run(
    inputs: dict[str, Path],
    output: Path,
    cell: RewardModelCellConfig,
    *,
    working: Path | None = None,
    curves: Path | None = None,
) -> dict[str, Any]:
    output.mkdir(exist_ok=True)
    working = working or output.with_name(f"{output.name}-working")
    cell_stage.run(config=cell, inputs=inputs, output=output, working=working, curves=curves)
    said: dict[str, Any] = json.loads((output / "cell.json").read_text())
    return said


@pytest.mark.usefixtures("loader")
def test_a_cell_keeps_what_it_says_and_no_weights(trainer: Trainer, inputs: dict[str, Path], tmp_path: Path) -> None:
    said = run(inputs, tmp_path / "out", config(seed=4))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"predictions.parquet", "cell.json", "curve.csv", SEEN}
    assert (said["variant"], said["seed"], said["responses"], said["not_identified"]) == ("full", 4, 6, ["bonus"])
    assert said["training"]["tokens_seen"] == 60
    assert said["trained_under"] == said["config"]["reward_model"] == trainer.configs[0].model_dump(mode="json")
    predictions = read_predictions(tmp_path / "out")
    assert len(predictions) == 3 * 2 * 4
    good = predictions["corpus-benchmark-0-good", "corpus-benchmark-0-dose"]
    assert (good.pair_score, good.point_score, good.verdict) == (2.0, 2.0, "met")
    # A tier that is not identified has no verdict.
    assert predictions["corpus-benchmark-0-good", "corpus-benchmark-0-kind"].verdict == "unknown"


@pytest.mark.usefixtures("trainer", "loader")
def test_no_label_of_the_benchmark_stands_in_a_cell(inputs: dict[str, Path], tmp_path: Path) -> None:
    run(inputs, tmp_path / "one", config())
    names = set(pq.read_schema(tmp_path / "one" / "predictions.parquet").names)
    assert names == {"response_id", "criterion_id", "pair_score", "point_score", "p_met", "verdict"}
    # With every label turned round, the cell is the same, bit for bit.
    rows = tables(3)
    for verdict in rows["resolved_verdicts"]:
        verdict["verdict"] = {"met": "unmet", "unmet": "met"}[verdict["verdict"]]
    inputs["benchmark_snapshot"] = write(tmp_path / "turned", rows)
    run(inputs, tmp_path / "two", config())
    for name in ("predictions.parquet", "cell.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.usefixtures("trainer", "loader")
def test_the_pairwise_loss_alone_gives_an_order_and_nothing_else(inputs: dict[str, Path], tmp_path: Path) -> None:
    said = run(inputs, tmp_path / "out", config("pure_pairwise", pure_pairwise=True, pointwise_weight=0.0))
    assert not said["pointwise_identified"]
    found = set(read_predictions(tmp_path / "out").values())
    assert {(p.point_score, p.p_met, p.verdict) for p in found} == {(None, None, "unknown")}
    assert {p.pair_score for p in found} == {2.0, -2.0}


@pytest.mark.usefixtures("loader")
def test_a_benchmark_that_shares_a_cluster_is_refused_before_anything_is_trained(
    trainer: Trainer, inputs: dict[str, Path], tmp_path: Path
) -> None:
    rows = tables(3)
    rows["instructions"][1]["cluster_id"] = "c-corpus-validation-0"
    inputs["benchmark_snapshot"] = write(tmp_path / "shared", rows)
    with pytest.raises(StageRefusal, match="snapshot has seen the cluster c-corpus-validation-0 of .* corpus-benchmark-1"):
        run(inputs, tmp_path / "out", config())
    assert trainer.configs == []


@pytest.mark.usefixtures("trainer", "loader")
def test_a_benchmark_without_labels_is_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    rows = tables(1)
    for verdict in rows["resolved_verdicts"]:
        verdict["judge_kind"] = "assumed"
    inputs["benchmark_snapshot"] = write(tmp_path / "assumed", rows)
    with pytest.raises(StageRefusal, match="no labelled response"):
        run(inputs, tmp_path / "out", config())


def test_a_kill_while_training_leaves_no_model_and_the_state_in_the_working_folder(
    trainer: Trainer, loader: Loader, inputs: dict[str, Path], tmp_path: Path
) -> None:
    working, curves = tmp_path / "working", tmp_path / "curves"
    trainer.dies = True
    with pytest.raises(KeyboardInterrupt):
        run(inputs, tmp_path / "out", config(), working=working, curves=curves)
    assert not (working / "checkpoint").exists()
    trainer.dies = False
    run(inputs, tmp_path / "out", config(), working=working, curves=curves)
    assert trainer.places == [{"working": working, "curves": curves}] * 2


def test_a_kill_while_scoring_trains_nothing_anew(
    trainer: Trainer, loader: Loader, inputs: dict[str, Path], tmp_path: Path
) -> None:
    loader.dies = True
    with pytest.raises(KeyboardInterrupt):
        run(inputs, tmp_path / "out", config(), working=tmp_path / "working")
    said = run(inputs, tmp_path / "out", config(), working=tmp_path / "working")
    assert len(trainer.configs) == 1 and said["responses"] == 6


@pytest.mark.usefixtures("loader")
def test_a_cell_with_a_matched_budget_is_trained_for_more_steps(
    trainer: Trainer, inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda folder: CharTokenizer())
    scalar = {"conditioning": "none", "pure_pairwise": True, "pointwise_weight": 0.0}
    cell = config("scalar", max_trees=1, max_steps=2, epochs=2, trees_per_step=1, **scalar)
    said = run(inputs, tmp_path / "out", cell.model_copy(update={"match_tokens": True}))
    # One instruction of the two, all in one tree: as many steps as its tokens with four criteria a response hold those without.
    found = trainer.configs[0].max_steps
    assert found is not None and found > 2
    assert said["trained_under"]["max_steps"] == said["trained_under"]["epochs"] == found
    assert said["config"]["reward_model"]["max_steps"] == 2
