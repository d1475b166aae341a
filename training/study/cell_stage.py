"""Stage `reward_model_cell`: trains one cell of the study, has it score the benchmark, and lets its weights go.

What belongs here: one cell. It writes

- predictions.parquet: see `cell_predictions.py`; no label stands in it.
- cell.json: {"schema": 1, "variant", "seed", "config": what was asked, "trained_under": the reward model's config as it was
  used (steps matched to a budget), "training": its metrics.json, "calibration", "pointwise_identified", "not_identified",
  "uninformative", "responses", "instructions"}.
- curve.csv, seen.json: as the reward model's.

The weights are not kept: a study of fifteen cells would hold fifteen models that nobody uses.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.benchmark.examples import choose_instructions, responses_of
from training.benchmark.systems import reward_model_system
from training.contracts import check_snapshot
from training.errors import StageRefusal
from training.reward_model.config import RewardModelConfig
from training.reward_model.material import read_material
from training.reward_model.scoring import RewardScorer, pointwise_identified, read_calibration
from training.reward_model.stage import run as train_reward_model
from training.seen import SEEN, clusters_of, read_seen, refuse_seen
from training.snapshot import Snapshot, read_snapshot
from training.study.budget import matched
from training.study.cell_predictions import write_predictions
from training.study.config import RewardModelCellConfig

CELL = "cell.json"
CURVE = "curve.csv"
_TRAINED_METRICS = "metrics.json"


def run(
    *,
    config: RewardModelCellConfig,
    inputs: dict[str, Path],
    output: Path,
    working: Path,
    curves: Path | None = None,
) -> dict[str, Any]:
    """Trains, scores and writes a cell.

    Args:
        config: the cell's.
        inputs: folders of snapshot, base_model and benchmark_snapshot.
        output: where the cell is written.
        working: where a killed cell left what it goes on from: the state of its training, or its trained model.
        curves: where training writes its live curves; None for none.

    Raises:
        StageRefusal: a snapshot that may not be used, a benchmark that shares a cluster with what is learned from, nothing to
            learn from or to measure on.
    """
    check_snapshot(inputs["benchmark_snapshot"], role="benchmark")
    benchmark, learned = read_snapshot(inputs["benchmark_snapshot"]), read_snapshot(inputs["snapshot"])
    refuse_seen("reward_model_cell", "snapshot", clusters_of(learned.instructions), benchmark=benchmark.instructions)
    if not responses_of(benchmark):
        raise StageRefusal("reward_model_cell: the benchmark snapshot has no labelled response")
    trained_under = _budget(config, inputs)
    # In the working folder a trained model outlives a kill while it scores; it goes with that folder.
    checkpoint = working / "checkpoint"
    if not checkpoint.exists():
        _train(trained_under, inputs, checkpoint, curves)
    return _measure(config, trained_under, checkpoint, benchmark, output)


def _budget(config: RewardModelCellConfig, inputs: Mapping[str, Path]) -> RewardModelConfig:
    if not config.match_tokens:
        return config.reward_model
    # What training itself will read, `max_trees` and all.
    material = read_material(config.reward_model, _learned_from(inputs))
    return matched(config.reward_model, material.train_set, material.encoder)


def _learned_from(inputs: Mapping[str, Path]) -> dict[str, Path]:
    return {name: inputs[name] for name in ("snapshot", "base_model")}


def _train(config: RewardModelConfig, inputs: Mapping[str, Path], checkpoint: Path, curves: Path | None) -> None:
    """A trained model under that name, or nothing."""
    partial = checkpoint.with_name("checkpoint.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    train_reward_model(
        config=config,
        inputs=_learned_from(inputs),
        output=partial,
        working=checkpoint.parent,
        curves=curves,
    )
    os.rename(partial, checkpoint)


def _measure(
    config: RewardModelCellConfig, trained_under: RewardModelConfig, checkpoint: Path, benchmark: Snapshot, output: Path
) -> dict[str, Any]:
    refuse_seen("reward_model_cell", config.name, read_seen(checkpoint), benchmark=benchmark.instructions)
    instructions = choose_instructions(benchmark, config.max_responses)
    identified, calibration = pointwise_identified(checkpoint), read_calibration(checkpoint)
    system = reward_model_system(
        config.name,
        RewardScorer.load(checkpoint, device=config.device),
        benchmark,
        instructions,
        batch_size=config.batch_size,
        identified=identified,
        calibration=calibration,
    )
    write_predictions(output, system.predictions)
    shutil.copyfile(checkpoint / CURVE, output / CURVE)
    shutil.copyfile(checkpoint / SEEN, output / SEEN)
    training = json.loads((checkpoint / _TRAINED_METRICS).read_text(encoding="utf-8"))
    cell = {
        "schema": 1,
        "variant": config.variant,
        "seed": config.reward_model.seed,
        "config": config.model_dump(mode="json"),
        "trained_under": trained_under.model_dump(mode="json"),
        "training": training,
        "calibration": calibration.model_dump(mode="json"),
        "pointwise_identified": identified,
        "not_identified": list(system.not_identified),
        "uninformative": list(system.uninformative),
        "instructions": len(instructions),
        "responses": len({response_id for response_id, _ in system.predictions}),
    }
    (output / CELL).write_text(json.dumps(cell, indent=1, allow_nan=False), encoding="utf-8")
    return {
        "variant": config.variant,
        "seed": config.reward_model.seed,
        **{name: training[name] for name in ("steps", "best_step", "trees_seen", "tokens_seen") if name in training},
        "validation_pairwise_accuracy": training.get("validation", {}).get("accuracy"),
        "responses": cell["responses"],
    }
