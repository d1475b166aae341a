"""The same budget for a variant with shorter trees: more steps, until it has seen as many tokens.

What belongs here: counting tokens of a split with the criteria and without. What the two really saw is measured by training,
and told beside the table.
"""

from __future__ import annotations

import math
from collections import defaultdict

from training.errors import StageRefusal
from training.reward_model.config import RewardModelConfig
from training.reward_model.prompt import PromptEncoder
from training.snapshot import Snapshot


def token_ratio(snapshot: Snapshot, split: str, encoder: PromptEncoder, *, responses_per_tree: int) -> tuple[float, int, int]:
    """How many times the tokens of one epoch shrink where criteria are left out.

    Returns:
        The ratio (1 or more), and how many trees and instructions make the epoch.

    Raises:
        StageRefusal: the split has no known verdict.
    """
    criteria = {key: len(encoder.criterion(criterion)) for key, criterion in snapshot.criteria.items()}
    hanging: dict[str, int] = defaultdict(int)
    for verdict in snapshot.verdicts:
        if verdict.verdict != "unknown":
            hanging[verdict.response_id] += criteria[verdict.criterion_id]
    answers: dict[str, list[str]] = defaultdict(list)
    for response_id in sorted(hanging):
        answers[snapshot.responses[response_id].instruction_id].append(response_id)
    trees = shared = below = 0
    instructions = [i for i in snapshot.of_split(split) if i.instruction_id in answers]
    for instruction in instructions:
        found = answers[instruction.instruction_id]
        groups = math.ceil(len(found) / responses_per_tree)
        trees += groups
        shared += groups * len(encoder.instruction(instruction.text))
        shared += sum(len(encoder.response(snapshot.responses[name].text)) for name in found)
        below += sum(hanging[name] for name in found)
    if not trees:
        raise StageRefusal(f"the snapshot has no known verdict in split {split}")
    return (shared + below) / shared, trees, len(instructions)


def matched(config: RewardModelConfig, snapshot: Snapshot, encoder: PromptEncoder) -> RewardModelConfig:
    """The config with as many steps as it takes to see the tokens that trees with criteria have in the config's own steps."""
    ratio, trees, instructions = token_ratio(
        snapshot, config.train_split, encoder, responses_per_tree=config.responses_per_tree
    )
    if config.max_trees is not None and config.max_trees < instructions:
        trees = math.ceil(trees * config.max_trees / instructions)
    epoch = math.ceil(trees / config.trees_per_step)
    steps = epoch * config.epochs if config.max_steps is None else min(epoch * config.epochs, config.max_steps)
    wanted = round(steps * ratio)
    return config.model_copy(update={"max_steps": wanted, "epochs": math.ceil(wanted / epoch)})
