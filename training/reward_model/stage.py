"""The stage `reward_model`: snapshot + base model → a calibrated, criterion-conditioned classifier.

What belongs here: the order of things, and writing the artifact. What is read is in `material.py`, the learning in `train.py`.
"""

from __future__ import annotations

import csv
import gc
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.contracts import check_snapshot
from training.errors import StageRefusal
from training.manifests import MANIFEST, canonical_json, sha256_text
from training.reward_model.calibration import Calibration
from training.reward_model.card_data import summarize_data
from training.reward_model.config import RewardModelConfig
from training.reward_model.data import TreeCounts
from training.reward_model.fitting import calibrate
from training.reward_model.group import launch
from training.reward_model.material import Material, read_material, some_trees
from training.reward_model.memory import advised, forward_advice
from training.reward_model.model import load_classifier, merge_adapters, prepare_training
from training.reward_model.model_card import model_card
from training.reward_model.ranks import join, restore
from training.reward_model.reliability_plot import reliability_svg
from training.reward_model.scoring import CALIBRATION, SCORING, ScoringSettings
from training.reward_model.state import TRAINED, Saved, TrainingRun
from training.reward_model.train import make_deterministic, train
from training.reward_model.validation import Judged, forward_trees, judged_leaves, measure
from training.seen import clusters_of, write_seen
from training.storage import read_manifest


def run(
    *, config: RewardModelConfig, inputs: dict[str, Path], output: Path, working: Path, curves: Path | None = None
) -> dict[str, Any]:
    """Trains, calibrates and writes a reward model.

    Args:
        config: the keys.
        inputs: folders of `snapshot` and `base_model`.
        output: where the artifact is written.
        working: folder of this very piece of work; what a killed process left there is gone on from.
        curves: folder of the live curves; None for none.

    Raises:
        StageRefusal: the snapshot may not be used (see `contracts.check_snapshot`), a split has nothing to learn from or to
            calibrate on, or training stopped (see `train.train`).
    """
    check_snapshot(inputs["snapshot"], role=config.role)
    saved = Saved(working, key=_key(config, inputs))
    trained = saved.load(TRAINED)
    if trained is None:
        # Alone or in a group, what training leaves is in that file: a group's model is in other processes.
        if config.processes == 1:
            train_and_save(config, inputs, working, curves)
        else:
            work = (config, inputs, working, curves)
            launch(config.processes, train_and_save, *work, device=config.device, threads=config.threads)
        # The model of that training has to be gone before it is loaded once more, and modules hold each other in cycles.
        gc.collect()
        trained = saved.load(TRAINED)
    if trained is None:
        raise StageRefusal(f"training left no result in {working}")
    result = TrainingRun(**trained)

    make_deterministic(config.seed, config.threads)
    material = read_material(config, inputs)
    model = prepare_training(_classifier(config, inputs), config)
    restore(model, result.best)
    write_seen(output, clusters_of(material.snapshot.instructions))
    return _write(merge_adapters(model).eval(), result, material, config=config, inputs=inputs, output=output)


def train_and_save(config: RewardModelConfig, inputs: dict[str, Path], working: Path, curves: Path | None) -> None:
    """Trains, in every process of a group alike; the main one leaves the result as `TRAINED` in the working folder.

    Raises:
        StageRefusal: as `run`.
    """
    ranks = join(config.device, shard=config.shard)
    make_deterministic(config.seed, config.threads)
    material = read_material(config, inputs)
    saved = Saved(working, key=_key(config, inputs))
    result = train(
        prepare_training(_classifier(config, inputs), config),
        train_set=material.train_set,
        validation=some_trees(material.validation, config.validation_trees, config.seed),
        encoder=material.encoder,
        config=config,
        ranks=ranks,
        saved=saved,
        curves=curves,
    )
    if ranks.is_main:
        saved.save(TRAINED, result.content())


def _write(
    model: Any, result: TrainingRun, material: Material, *, config: RewardModelConfig, inputs: dict[str, Path], output: Path
) -> dict[str, Any]:
    validation = some_trees(material.calibration, config.calibration_trees, config.seed)
    with advised(forward_advice(validation, config, where="in calibration", backward=False)):
        logits = forward_trees(model, [tree.packed for tree in validation], tokens_per_batch=config.tokens_per_batch)
    figures = measure(logits, validation, pointwise_weight=config.pointwise_weight)
    metrics: dict[str, Any] = {
        "steps": result.steps,
        "best_step": result.best_step,
        "stopped_early": result.stopped_early,
        "trees_seen": result.trees_seen,
        "tokens_seen": result.tokens_seen,
        "truncation": {"training": result.too_long, "validation": asdict(material.counts)},
        "pointwise_identified": not config.pure_pairwise,
        "validation": asdict(figures),
    }
    calibration = _calibrate(judged_leaves(logits, validation), config=config, output=output)
    model.save_pretrained(output)
    material.tokenizer.save_pretrained(output)
    # Calibration holds for logits that are made as these are.
    scoring = ScoringSettings(**{name: getattr(config, name) for name in ScoringSettings.model_fields})
    (output / SCORING).write_text(scoring.model_dump_json(indent=1), encoding="utf-8")
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    _write_curve(output / "curve.csv", result.curve)
    base = _base(inputs["base_model"])
    card = model_card(
        config=config,
        base=base,
        metrics=metrics,
        calibration=calibration,
        made_from={name: str(read_manifest(folder).ref) for name, folder in inputs.items() if (folder / MANIFEST).exists()},
        data=summarize_data(inputs["snapshot"], (config.train_split, "validation")),
    )
    (output / "README.md").write_text(card, encoding="utf-8")
    return {
        "base_model": base.get("model", "unknown"),
        "license": base.get("license", "unknown"),
        "role": config.role,
        "steps": result.steps,
        "best_step": result.best_step,
        "trees_seen": result.trees_seen,
        "tokens_seen": result.tokens_seen,
        **asdict(TreeCounts(**result.too_long) + material.counts),
        "validation_loss": figures.loss,
        "validation_pairwise_accuracy": figures.accuracy,
        "validation_discordant_accuracy": figures.discordant_accuracy,
        "validation": asdict(figures),
        "calibration": calibration.model_dump(mode="json"),
    }


def _calibrate(judged: Sequence[Judged], *, config: RewardModelConfig, output: Path) -> Calibration:
    """Fits, writes and draws the calibration; after the pairwise loss alone it is one that says that nothing was fitted."""
    if config.pure_pairwise:
        # This loss leaves every criterion a zero of its own (METHOD section 3b): no fit makes r a P(met).
        judged, calibration = (), Calibration.unidentified(config.threshold_rule)
    else:
        calibration = _fitted(judged, config)
    (output / CALIBRATION).write_text(calibration.model_dump_json(indent=1), encoding="utf-8")
    said = [calibration.tiers[j.tier].p_met(j.logit) for j in judged]
    drawing = reliability_svg(said, [j.met for j in judged], [j.tier for j in judged], calibration)
    (output / "reliability.svg").write_text(drawing, encoding="utf-8")
    return calibration


def _fitted(judged: Sequence[Judged], config: RewardModelConfig) -> Calibration:
    logits, met, tiers = [j.logit for j in judged], [j.met for j in judged], [j.tier for j in judged]
    names = [j.instruction_id for j in judged]
    try:
        return calibrate(logits, met, tiers, rule=config.threshold_rule, instructions=names)
    except ValueError as error:
        raise StageRefusal(f"calibration on split validation: {error}") from error


def _write_curve(path: Path, rows: list[dict[str, float | int | None]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _classifier(config: RewardModelConfig, inputs: dict[str, Path]) -> Any:
    return load_classifier(inputs["base_model"], device=config.device, precision=config.precision, attention=config.attention)


def _key(config: RewardModelConfig, inputs: dict[str, Path]) -> str:
    """Names what a state may be gone on with: the config, and the digests of those inputs that are artifacts."""
    digests = {
        name: read_manifest(folder).digest if (folder / MANIFEST).exists() else None for name, folder in sorted(inputs.items())
    }
    return sha256_text(canonical_json([config.model_dump(mode="json"), digests]))


def _base(folder: Path) -> dict[str, Any]:
    """Metadata of the base model's artifact; empty for a plain transformers folder without a manifest."""
    return read_manifest(folder).metadata if (folder / MANIFEST).exists() else {}
