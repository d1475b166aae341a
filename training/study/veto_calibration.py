"""The veto threshold of a model that learned from no veto: chosen on the same validation labels as every other model's.

What belongs here: calibrating that one tier. Without it the model would have no verdict on vetoes at all, and its safety F1
could be compared with nothing; with another tier's threshold it would lose for a reason that has nothing to do with what it
learned. Slope, intercept and threshold are fitted to validation vetoes; the weights, and which step's weights count, saw none.
"""

from __future__ import annotations

import random
from pathlib import Path

from training.benchmark.examples import PointExample, point_examples
from training.reward_model.calibration import Calibration, calibrate
from training.reward_model.config import RewardModelConfig
from training.reward_model.scoring import CALIBRATION, RewardScorer, ScoreItem, read_calibration
from training.snapshot import Snapshot


def calibrate_vetoes(checkpoint: Path, scorer: RewardScorer, learned: Snapshot, config: RewardModelConfig) -> Calibration:
    """Writes the veto tier into the checkpoint's calibration.json, fitted as if vetoes had been learned from; returns it all.

    Labels of one class leave the tier not identified, as they do for every model.
    """
    stands = read_calibration(checkpoint)
    examples = _validation_examples(learned, config)
    logits = _logits(scorer, learned, examples)
    known = [(logits[e.response_id, e.criterion_id], e) for e in examples if (e.response_id, e.criterion_id) in logits]
    if len({e.met for _, e in known if e.tier == "veto"}) < 2:
        return stands
    fitted = calibrate(
        [logit for logit, _ in known], [e.met for _, e in known], [e.tier for _, e in known], rule=config.threshold_rule
    )
    whole = stands.model_copy(update={"tiers": {**stands.tiers, "veto": fitted.tiers["veto"]}})
    (checkpoint / CALIBRATION).write_text(whole.model_dump_json(indent=1), encoding="utf-8")
    return whole


def _validation_examples(learned: Snapshot, config: RewardModelConfig) -> list[PointExample]:
    """Labels that may calibrate, of as many instructions as every calibration takes."""
    validation = {i.instruction_id for i in learned.of_split("validation")}
    examples = point_examples(learned, learned.verdicts, validation)
    labelled = sorted({e.instruction_id for e in examples})
    if config.calibration_trees is not None and config.calibration_trees < len(labelled):
        labelled = random.Random(config.seed).sample(labelled, config.calibration_trees)
    return [e for e in examples if e.instruction_id in labelled]


def _logits(scorer: RewardScorer, learned: Snapshot, examples: list[PointExample]) -> dict[tuple[str, str], float]:
    answers: dict[str, list[str]] = {}
    for example in examples:
        found = answers.setdefault(example.instruction_id, [])
        if example.response_id not in found:
            found.append(example.response_id)
    items = [
        ScoreItem(
            instruction=learned.instructions[name].text,
            responses=tuple(learned.responses[r].text for r in responses),
            criteria=learned.rubrics[name].criteria,
        )
        for name, responses in answers.items()
    ]
    return {
        (response_id, criterion.criterion_id): score.logit
        for (name, responses), scored in zip(answers.items(), scorer.score(items), strict=True)
        for response_id, row in zip(responses, scored, strict=True)
        for criterion, score in zip(learned.rubrics[name].criteria, row, strict=True)
        if score.logit is not None
    }
