"""The same budget for a variant with shorter trees: more steps, until it has seen as many tokens.

What belongs here: counting the tokens of steps. They are counted on the trees that training itself deals in the first epoch, in
its order; a later epoch deals the same responses otherwise. What a model really saw is measured by training, and told beside
the table.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import accumulate

from training.errors import StageRefusal
from training.reward_model.config import RewardModelConfig
from training.reward_model.data import build_trees
from training.reward_model.examples import InstructionExamples
from training.reward_model.prompt import CRITERION_LAST, Conditioning, PromptEncoder


def matched(config: RewardModelConfig, train_set: Sequence[InstructionExamples], encoder: PromptEncoder) -> RewardModelConfig:
    """The config with as many steps as it takes to see the tokens that a model with the criterion last sees in its own steps.

    Args:
        config: of the variant, its steps and epochs those of a model with the criterion last.
        train_set: what is learned from.
        encoder: of the base model.

    Raises:
        StageRefusal: one of the two has nothing to learn from.
    """
    with_criteria = step_tokens(config, train_set, encoder, conditioning=CRITERION_LAST)
    own = step_tokens(config, train_set, encoder, conditioning=config.conditioning)
    every = len(with_criteria) * config.epochs
    steps = every if config.max_steps is None else min(every, config.max_steps)
    wanted = steps_for(own, tokens_of(with_criteria, steps))
    return config.model_copy(update={"max_steps": wanted, "epochs": math.ceil(wanted / len(own))})


def step_tokens(
    config: RewardModelConfig, train_set: Sequence[InstructionExamples], encoder: PromptEncoder, *, conditioning: Conditioning
) -> list[int]:
    """The tokens of each step of the first epoch.

    Raises:
        StageRefusal: there is no tree.
    """
    trees, _ = build_trees(
        train_set,
        encoder,
        responses_per_tree=config.responses_per_tree,
        max_length=config.max_length,
        rng=random.Random(f"{config.seed}/0"),
        conditioning=conditioning,
        truncate=True,
    )
    if not trees:
        raise StageRefusal(f"the snapshot has no tree of {config.train_split} with conditioning {conditioning} to train on")
    size = config.trees_per_step
    return [sum(len(tree.packed) for tree in trees[start : start + size]) for start in range(0, len(trees), size)]


def tokens_of(epoch: Sequence[int], steps: int) -> int:
    """The tokens of so many steps, epoch after epoch.

    >>> tokens_of([5, 3, 1], 4)
    14
    """
    whole, rest = divmod(steps, len(epoch))
    return whole * sum(epoch) + sum(epoch[:rest])


def steps_for(epoch: Sequence[int], tokens: int) -> int:
    """The number of steps, 1 or more, whose tokens come nearest.

    >>> steps_for([5, 3, 1], 14), steps_for([5, 3, 1], 16), steps_for([5, 3, 1], 1)
    (4, 5, 1)
    """
    whole, rest = divmod(tokens, sum(epoch))
    after = [0, *accumulate(epoch)]
    nearest = min(range(len(after)), key=lambda steps: abs(after[steps] - rest))
    return max(1, whole * len(epoch) + nearest)
