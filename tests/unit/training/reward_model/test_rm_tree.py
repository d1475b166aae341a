"""The tree against one plain sequence per criterion: same logits, same gradients, in every family."""

import copy
import random

import pytest
import torch
from rm_tiny import FAMILIES, plain_logits, random_pieces, tiny_classifier

from training.reward_model.attention import plan_attention
from training.reward_model.model import tree_logits
from training.reward_model.tree import collate_trees, pack_tree


@pytest.mark.parametrize("family", FAMILIES)
def test_tree_equals_plain_sequences(family):
    rng = random.Random(3)
    trees = [random_pieces(rng, 3), random_pieces(rng, 1)]  # two trees of different length in one row
    model = tiny_classifier(family)
    twin = copy.deepcopy(model)
    batch = collate_trees([pack_tree(*tree) for tree in trees])
    packed, plain = tree_logits(model, batch), plain_logits(twin, trees)
    assert plain.std() > 0.05
    assert (packed - plain).abs().max() <= 1e-4
    weights = torch.linspace(-1, 1, len(plain))
    (packed * weights).sum().backward()
    (plain * weights).sum().backward()
    for (name, one), two in zip(model.named_parameters(), twin.parameters(), strict=True):
        assert (one.grad - two.grad).norm() <= 1e-3 * two.grad.norm() + 1e-7, name


def test_windows_count_positions_along_the_branch():
    """x has 3 tokens, y0 and y1 two each, c one token; a window of 4 shows the last three before a token, on its branch."""
    batch = collate_trees([pack_tree([9, 9, 9], [[9, 9], [9, 9]], [[[9]], [[9]]])])
    instruction, *responses = plan_attention(batch, layers=2, window=4, flex=False).masks[4]
    assert instruction is None  # shorter than the window: plain causality
    expected = [
        # x  x  x  y  y  c
        [1, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 0, 1, 1, 1, 1],
    ]
    assert [mask.int().tolist() for mask in responses] == [expected, expected]


def test_a_window_longer_than_every_branch_is_not_planned():
    batch = collate_trees([pack_tree([9, 9, 9], [[9, 9]], [[[9]]])])
    plan = plan_attention(batch, layers=2, window=6, flex=False)
    assert list(plan.masks) == [None] and plan.window_of(6) is None
    assert list(plan_attention(batch, layers=2, window=5, flex=False).masks) == [None, 5]


def test_who_sees_whom_by_hand():
    # x | y0 c c' | one token each
    batch = collate_trees([pack_tree([9], [[9]], [[[9], [9]]])])
    _, own = plan_attention(batch, layers=2, window=None, flex=False).masks[None]
    assert own.int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 1]]


def test_empty_pieces_are_refused():
    with pytest.raises(ValueError, match="empty"):
        pack_tree([1], [[]], [[[2]]])
