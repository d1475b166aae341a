"""What a training reads: instructions to learn from, and trees to stop and to calibrate by.

What belongs here: from a snapshot to examples and trees, and the refusal of one that holds too little. `stage.py` runs them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import StageRefusal
from training.reward_model.config import RewardModelConfig
from training.reward_model.data import LabelledTree, TreeCounts, build_trees
from training.reward_model.examples import InstructionExamples, examples_of_split
from training.reward_model.prompt import PromptEncoder
from training.snapshot import Snapshot, read_snapshot


@dataclass(frozen=True, kw_only=True)
class Material:
    """What is learned from and validated on.

    Attributes:
        validation: trees of all responses to an instruction, for early stopping.
        calibration: the same, safety data included even where training does without: its thresholds are no training.
        counts: leaves of `calibration` that were left out.
    """

    snapshot: Snapshot
    tokenizer: Any
    encoder: PromptEncoder
    train_set: list[InstructionExamples]
    validation: list[LabelledTree]
    calibration: list[LabelledTree]
    counts: TreeCounts


def read_material(config: RewardModelConfig, inputs: dict[str, Path]) -> Material:
    """Reads the snapshot; the same config draws the same instructions from it in every process.

    Raises:
        StageRefusal: a split has nothing to learn from or to validate on.
    """
    from transformers import AutoTokenizer

    snapshot = read_snapshot(inputs["snapshot"])
    tokenizer = AutoTokenizer.from_pretrained(inputs["base_model"])
    encoder = PromptEncoder(tokenizer)
    train_set = examples_of_split(snapshot, config.train_split, assumed=True, veto=config.veto_data)
    if not train_set:
        raise StageRefusal(f"the snapshot has no known verdict in split {config.train_split}{_without_veto(config)}")
    if config.conditioning == "none" and not any(one.overall for one in train_set):
        raise StageRefusal(
            f"the snapshot has no overall preference in split {config.train_split}{_without_veto(config)}; conditioning: none "
            "learns from nothing else"
        )
    if config.max_trees is not None and len(train_set) > config.max_trees:
        train_set = random.Random(config.seed).sample(train_set, config.max_trees)
    calibration, counts = _held_out(snapshot, encoder, config, veto=True)
    validation = calibration if config.veto_data else _held_out(snapshot, encoder, config, veto=False)[0]
    # Without the veto there may be none left where there were some; the other way round there are at least as many.
    if not any(tree.pairs for tree in validation):
        kind = "overall preference" if config.conditioning == "none" else "preference"
        where = f"split validation{_without_veto(config)}"
        raise StageRefusal(f"the snapshot has no {kind} to validate on in {where} that fits into max_length")
    return Material(
        snapshot=snapshot,
        tokenizer=tokenizer,
        encoder=encoder,
        train_set=train_set,
        validation=validation,
        calibration=calibration,
        counts=counts,
    )


def _held_out(
    snapshot: Snapshot, encoder: PromptEncoder, config: RewardModelConfig, *, veto: bool
) -> tuple[list[LabelledTree], TreeCounts]:
    examples = examples_of_split(snapshot, "validation", assumed=False, veto=veto)
    return build_trees(
        examples,
        encoder,
        responses_per_tree=max((len(one.responses) for one in examples), default=1),
        max_length=config.max_length,
        rng=None,
        conditioning=config.conditioning,
    )


def _without_veto(config: RewardModelConfig) -> str:
    return "" if config.veto_data else " besides the veto tier (veto_data: false)"


def some_trees(trees: list[LabelledTree], count: int | None, seed: int) -> list[LabelledTree]:
    """At most `count` trees with preferences, drawn by the seed; all trees if there is no limit."""
    if count is None or len(trees) <= count:
        return trees
    paired = [tree for tree in trees if tree.pairs]
    return random.Random(seed).sample(paired, min(count, len(paired)))
