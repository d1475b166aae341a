import math

import pytest
import torch

from training.reward_model.data import LeafPair
from training.reward_model.loss import criteria_loss, pairwise_terms, pointwise_terms

PAIRS = (LeafPair(better=0, worse=1, tier="main", discordant=False),)


def test_pairwise_by_hand():
    # -log sigmoid(2 - 0.5) = log(1 + e^-1.5) = 0.201413
    assert pairwise_terms(torch.tensor([2.0]), torch.tensor([0.5])).item() == pytest.approx(0.2014133, abs=1e-6)


def test_pointwise_by_hand():
    # met at r = 1: log(1 + e^-1) = 0.313262; unmet at r = 1: 1.313262
    assert pointwise_terms(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0])).tolist() == pytest.approx([0.3132617, 1.3132617])


def test_sum_of_both_terms():
    logits, met = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 0.0, 1.0])
    loss = criteria_loss(logits, met, PAIRS, pointwise_weight=0.5, n_pairs=2, n_leaves=6)
    expected = math.log1p(math.exp(-1)) / 2 + 0.5 * (math.log1p(math.exp(-1)) + 2 * math.log(2)) / 6
    assert loss.item() == pytest.approx(expected)


def test_swapping_a_pair_changes_the_loss():
    swapped = (LeafPair(better=1, worse=0, tier="main", discordant=False),)
    logits, met = torch.tensor([1.0, 0.0]), torch.zeros(2)
    right = criteria_loss(logits, met, PAIRS, pointwise_weight=0.0, n_pairs=1, n_leaves=2)
    wrong = criteria_loss(logits, met, swapped, pointwise_weight=0.0, n_pairs=1, n_leaves=2)
    assert wrong.item() - right.item() == pytest.approx(1.0)


def test_parts_of_a_step_add_up_to_its_mean():
    """Two trees of a step, each normalized by the step's counts, equal one tree that holds both."""
    logits, met = torch.tensor([1.0, 0.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    both = (*PAIRS, LeafPair(better=3, worse=2, tier="veto", discordant=False))
    whole = criteria_loss(logits, met, both, pointwise_weight=1.0, n_pairs=2, n_leaves=4)
    second = (LeafPair(better=1, worse=0, tier="veto", discordant=False),)
    parts = criteria_loss(logits[:2], met[:2], PAIRS, pointwise_weight=1.0, n_pairs=2, n_leaves=4) + criteria_loss(
        logits[2:], met[2:], second, pointwise_weight=1.0, n_pairs=2, n_leaves=4
    )
    assert parts.item() == pytest.approx(whole.item())
