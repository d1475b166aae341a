"""As many tokens for the scalar model as for the full one, counted on the trees that training deals."""

import doctest
import math
import random
from dataclasses import replace

import pytest

from tests.unit.training.reward_model.rm_tiny import CharTokenizer, planted_snapshot, settings
from tests.unit.training.reward_model.rm_trees import with_overall_pairs
from training.errors import StageRefusal
from training.reward_model.config import RewardModelConfig
from training.reward_model.data import LabelledTree, build_trees
from training.reward_model.examples import InstructionExamples, examples_of_split
from training.reward_model.prompt import PromptEncoder
from training.study import budget
from training.study.budget import matched

ENCODER = PromptEncoder(CharTokenizer())
SCALAR = {"conditioning": "none", "pure_pairwise": True, "pointwise_weight": 0.0}


def examples(count: int, *, tied: int = 0) -> list[InstructionExamples]:
    """Planted ones; of the first `tied` instructions no response is better than another."""
    snapshot = with_overall_pairs(planted_snapshot(count))
    found = examples_of_split(snapshot, "rm_train", assumed=True)
    return [replace(one, overall=()) for one in found[:tied]] + found[tied:]


def epoch_of(config: RewardModelConfig, train_set: list[InstructionExamples], epoch: int) -> list[LabelledTree]:
    trees, _ = build_trees(
        train_set,
        ENCODER,
        responses_per_tree=config.responses_per_tree,
        max_length=config.max_length,
        rng=random.Random(f"{config.seed}/{epoch}"),
        conditioning=config.conditioning,
        truncate=True,
    )
    return trees


def tokens_seen(config: RewardModelConfig, train_set: list[InstructionExamples]) -> list[int]:
    """The tokens of every step, as training takes them."""
    first, size = epoch_of(config, train_set, 0), config.trees_per_step
    total = math.ceil(len(first) / size) * config.epochs
    total = min(total, config.max_steps or total)
    steps: list[int] = []
    epoch = 0
    while len(steps) < total:
        trees = epoch_of(config, train_set, epoch)
        steps += [sum(len(tree.packed) for tree in trees[at : at + size]) for at in range(0, len(trees), size)]
        epoch += 1
    return steps[:total]


@pytest.mark.parametrize("trees_per_step", [1, 2, 5])
@pytest.mark.parametrize("responses_per_tree", [2, 3])
@pytest.mark.parametrize(("epochs", "max_steps"), [(1, None), (3, None), (9, 7)])
def test_a_scalar_model_with_fewer_trees_an_epoch_sees_the_full_models_tokens(
    trees_per_step: int, responses_per_tree: int, epochs: int, max_steps: int | None
) -> None:
    train_set = examples(24, tied=8)
    sizes = {"trees_per_step": trees_per_step, "responses_per_tree": responses_per_tree}
    sizes |= {"epochs": epochs, "max_steps": max_steps}
    full, scalar = settings(**sizes), settings(**sizes, **SCALAR)
    assert len(epoch_of(scalar, train_set, 0)) < len(epoch_of(full, train_set, 0))
    wanted, found = tokens_seen(full, train_set), tokens_seen(matched(scalar, train_set, ENCODER), train_set)
    if responses_per_tree == 3:
        # All responses in one tree: later epochs are as long as the first, and it is met but for half of the largest step.
        assert abs(sum(found) - sum(wanted)) <= max(found) / 2
    # A deal that parts the two of a preference leaves the scalar model less to learn from, in every epoch otherwise.
    assert sum(found) == pytest.approx(sum(wanted), rel=0.1, abs=max(found) / 2)
    assert sum(tokens_seen(scalar, train_set)) < 0.8 * sum(wanted)


def test_a_tree_by_hand() -> None:
    train_set = examples(2)
    (one,) = train_set
    keys = settings(**SCALAR, trees_per_step=1, responses_per_tree=3, epochs=2)
    shared = len(ENCODER.instruction(one.instruction.text))
    criteria = sum(len(ENCODER.criterion(criterion)) for criterion in one.criteria)
    full = shared + sum(len(ENCODER.response(r.text)) + criteria for r in one.responses)
    compared = {end for pair in one.overall for end in (pair.chosen_id, pair.rejected_id)}
    cue = len(ENCODER.criterion(one.criteria[0], "none"))
    scalar = shared + sum(len(ENCODER.response(r.text, "none")) + cue for r in one.responses if r.response_id in compared)
    found = matched(keys, train_set, ENCODER)
    assert found.max_steps == found.epochs == round(2 * full / scalar) > 2
    assert found == keys.model_copy(update={"max_steps": found.max_steps, "epochs": found.epochs})


def test_with_the_criterion_last_nothing_changes() -> None:
    keys = settings(epochs=2, max_steps=3)
    found = matched(keys, examples(8), ENCODER)
    assert (found.max_steps, found.epochs) == (3, 1)


def test_without_an_overall_preference_a_scalar_model_is_refused() -> None:
    with pytest.raises(StageRefusal, match="no tree of rm_train with conditioning none"):
        matched(settings(**SCALAR), examples(4, tied=4), ENCODER)


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(budget).attempted == 2
    assert doctest.testmod(budget).failed == 0
