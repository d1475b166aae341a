"""The stage `reward_model`: snapshot + base model → a calibrated, criterion-conditioned classifier.

What belongs here: reading the inputs and writing the artifact. The learning is in `train.py`.
"""

from __future__ import annotations

import csv
import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.contracts import check_snapshot
from training.errors import StageRefusal
from training.manifests import MANIFEST
from training.reward_model.calibration import calibrate
from training.reward_model.config import RewardModelConfig
from training.reward_model.data import LabelledTree, build_trees, examples_of_split
from training.reward_model.model import load_classifier, prepare_training
from training.reward_model.model_card import model_card
from training.reward_model.prompt import PromptEncoder
from training.reward_model.scoring import CALIBRATION, SCORING
from training.reward_model.train import TrainingRun, make_deterministic, train
from training.reward_model.validation import forward_trees, measure
from training.seen import clusters_of, write_seen
from training.snapshot import read_snapshot
from training.storage import read_manifest


def run(*, config: RewardModelConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Trains, calibrates and writes a reward model.

    Raises:
        StageRefusal: the snapshot may not be used (see `contracts.check_snapshot`), or a split has nothing to learn from or to
            calibrate on.
    """
    from transformers import AutoTokenizer

    check_snapshot(inputs["snapshot"], role=config.role)
    make_deterministic(config.seed, config.threads)
    snapshot = read_snapshot(inputs["snapshot"])
    tokenizer = AutoTokenizer.from_pretrained(inputs["base_model"])
    encoder = PromptEncoder(tokenizer)

    train_set = examples_of_split(snapshot, config.train_split, assumed=True)
    if not train_set:
        raise StageRefusal(f"the snapshot has no known verdict in split {config.train_split}")
    if config.max_trees is not None and len(train_set) > config.max_trees:
        train_set = random.Random(config.seed).sample(train_set, config.max_trees)
    held_out = examples_of_split(snapshot, "validation", assumed=False)
    validation, too_long = build_trees(
        held_out,
        encoder,
        responses_per_tree=max((len(one.responses) for one in held_out), default=1),
        max_length=config.max_length,
        rng=None,
    )
    if not any(tree.pairs for tree in validation):
        raise StageRefusal("the snapshot has no criterion preference in split validation")

    loaded = load_classifier(inputs["base_model"], device=config.device, precision=config.precision)
    model = prepare_training(loaded, config)
    result = train(
        model,
        train_set=train_set,
        validation=some_trees(validation, config.validation_trees, config.seed),
        encoder=encoder,
        config=config,
    )
    write_seen(output, clusters_of(snapshot.instructions))
    return _write(
        result,
        some_trees(validation, config.calibration_trees, config.seed),
        too_long,
        tokenizer=tokenizer,
        base=_base(inputs["base_model"]),
        config=config,
        output=output,
    )


def some_trees(trees: list[LabelledTree], count: int | None, seed: int) -> list[LabelledTree]:
    """At most `count` trees with preferences, drawn by the seed; all trees if there is no limit."""
    if count is None or len(trees) <= count:
        return trees
    paired = [tree for tree in trees if tree.pairs]
    return random.Random(seed).sample(paired, min(count, len(paired)))


def _write(
    result: TrainingRun,
    validation: list[LabelledTree],
    too_long: int,
    *,
    tokenizer: Any,
    base: dict[str, Any],
    config: RewardModelConfig,
    output: Path,
) -> dict[str, Any]:
    logits = forward_trees(
        result.model,
        [tree.packed for tree in validation],
        pad_id=result.model.config.pad_token_id,
        tokens_per_batch=config.tokens_per_batch,
    )
    figures = measure(logits, validation, pointwise_weight=config.pointwise_weight)
    leaves = [leaf for tree in validation for leaf in tree.leaves]
    try:
        calibration = calibrate(
            [value for part in logits for value in part.tolist()],
            [leaf.met for leaf in leaves],
            [leaf.tier for leaf in leaves],
            rule=config.threshold_rule,
        )
    except ValueError as error:
        raise StageRefusal(f"calibration on split validation: {error}") from error
    metrics: dict[str, Any] = {
        "steps": result.steps,
        "best_step": result.best_step,
        "stopped_early": result.stopped_early,
        "trees_seen": result.trees_seen,
        "tokens_seen": result.tokens_seen,
        "leaves_too_long": {"training": result.leaves_too_long, "validation": too_long},
        "pointwise_identified": not config.pure_pairwise,
        "validation": asdict(figures),
    }
    result.model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    (output / CALIBRATION).write_text(calibration.model_dump_json(indent=1), encoding="utf-8")
    # Calibration holds for the logits of this precision.
    scoring = {"max_length": config.max_length, "tokens_per_batch": config.tokens_per_batch, "precision": config.precision}
    (output / SCORING).write_text(json.dumps(scoring, indent=1), encoding="utf-8")
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    _write_curve(output / "curve.csv", result.curve)
    card = model_card(config=config, base=base, metrics=metrics, calibration=calibration)
    (output / "README.md").write_text(card, encoding="utf-8")
    return {
        "base_model": base.get("model", "unknown"),
        "license": base.get("license", "unknown"),
        "role": config.role,
        "steps": result.steps,
        "best_step": result.best_step,
        "trees_seen": result.trees_seen,
        "tokens_seen": result.tokens_seen,
        "validation_loss": figures.loss,
        "validation_pairwise_accuracy": figures.accuracy,
        "validation_discordant_accuracy": figures.discordant_accuracy,
        "validation": asdict(figures),
        "calibration": calibration.model_dump(mode="json"),
    }


def _write_curve(path: Path, rows: list[dict[str, float | int | None]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _base(folder: Path) -> dict[str, Any]:
    """Metadata of the base model's artifact; empty for a plain transformers folder without a manifest."""
    return read_manifest(folder).metadata if (folder / MANIFEST).exists() else {}
