"""Figures of a validation by hand, with and without criteria."""

import math

import pytest
import torch

from training.reward_model.data import LabelledTree, Leaf, LeafPair
from training.reward_model.tree import pack_tree
from training.reward_model.validation import judged_leaves, measure


def tree(leaves, pairs):
    packed = pack_tree([1], [[2]] * len(leaves), [[[3]]] * len(leaves))
    return LabelledTree(instruction_id="i", packed=packed, leaves=tuple(leaves), pairs=tuple(pairs))


def leaf(name, tier=None, met=None):
    return Leaf(response_id=name, criterion_id=tier and f"c-{tier}", tier=tier, met=met)


def pair(better, worse, tier, discordant=False):
    return LeafPair(better=better, worse=worse, tier=tier, discordant=discordant)


def softplus(value):
    return math.log1p(math.exp(value))


def test_a_scalar_model_has_pairwise_figures_by_the_deciding_tier_and_no_pointwise_ones():
    # Leads of 2 (veto), -1 (main) and 0 (main).
    trees = [
        tree([leaf("a"), leaf("b"), leaf("c")], [pair(0, 1, "veto"), pair(2, 0, "main")]),
        tree([leaf("d"), leaf("e")], [pair(0, 1, "main")]),
    ]
    logits = [torch.tensor([1.0, -1.0, 0.0]), torch.tensor([0.5, 0.5])]
    figures = measure(logits, trees, pointwise_weight=0.0)
    assert figures.loss == pytest.approx((softplus(-2) + softplus(1) + softplus(0)) / 3, abs=1e-6)
    assert figures.n_pairs == {"main": 2, "bonus": 0, "veto": 1}
    assert figures.pairwise_accuracy == {"main": 0.25, "bonus": None, "veto": 1.0}
    assert figures.pairwise_loss["veto"] == pytest.approx(softplus(-2), abs=1e-6)
    assert figures.accuracy == 0.5
    assert figures.pointwise_loss == {"main": None, "bonus": None, "veto": None}
    assert (figures.discordant_accuracy, figures.n_discordant) == (None, 0)
    assert judged_leaves(logits, trees) == []


def test_figures_on_criteria_by_hand():
    trees = [
        tree([leaf("a", "main", True), leaf("b", "main", False), leaf("a", "veto", False)], [pair(0, 1, "main", True)]),
        tree([leaf("d", "main", False)], []),
    ]
    logits = [torch.tensor([1.0, -1.0, 0.5]), torch.tensor([2.0])]
    figures = measure(logits, trees, pointwise_weight=0.5)
    points = [softplus(-1), softplus(-1), softplus(0.5), softplus(2)]
    assert figures.loss == pytest.approx(softplus(-2) + 0.5 * sum(points) / 4, abs=1e-6)
    assert figures.pointwise_loss["main"] == pytest.approx((points[0] + points[1] + points[3]) / 3, abs=1e-6)
    assert figures.pointwise_loss["veto"] == pytest.approx(points[2], abs=1e-6)
    assert (figures.discordant_accuracy, figures.n_discordant) == (1.0, 1)
    assert [(row.tier, row.logit, row.met) for row in judged_leaves(logits, trees)] == [
        ("main", 1.0, True),
        ("main", -1.0, False),
        ("veto", 0.5, False),
        ("main", 2.0, False),
    ]


def test_no_tree_is_no_validation():
    with pytest.raises(ValueError, match="at least one tree"):
        measure([], [], pointwise_weight=1.0)
