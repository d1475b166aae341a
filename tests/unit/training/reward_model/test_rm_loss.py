"""The loss by hand: both terms, their sum, and what a leaf without verdict does."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.reward_model.data import Leaf, LeafPair
from training.reward_model.loss import criteria_loss, pairwise_terms, pointwise_terms, verdict_targets

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


def test_a_leaf_without_verdict_may_be_compared_but_never_judged():
    """The scalar model's leaves: the pairwise loss stands, a pointwise term would be no number."""
    leaves = [Leaf(response_id=name, criterion_id=None, tier=None, met=None) for name in ("one", "two")]
    met = verdict_targets(leaves)
    assert met.isnan().all() and met.shape == (2,)
    logits = torch.tensor([1.0, 0.0])
    paired = criteria_loss(logits, met, PAIRS, pointwise_weight=0.0, n_pairs=1, n_leaves=2)
    assert paired.item() == pytest.approx(math.log1p(math.exp(-1)))
    assert criteria_loss(logits, met, PAIRS, pointwise_weight=1.0, n_pairs=1, n_leaves=2).isnan()


def test_verdicts_are_targets():
    leaves = [Leaf(response_id="r", criterion_id="c", tier="main", met=met) for met in (True, False)]
    assert verdict_targets(leaves).tolist() == [1.0, 0.0]


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(-30, 30))
def test_a_shift_of_both_logits_changes_no_pairwise_term(better, worse, shift):
    """Why P(met) is not identified by the pairwise loss alone."""
    plain = pairwise_terms(torch.tensor(better, dtype=torch.float64), torch.tensor(worse, dtype=torch.float64))
    moved = pairwise_terms(torch.tensor(better + shift, dtype=torch.float64), torch.tensor(worse + shift, dtype=torch.float64))
    assert moved.item() == pytest.approx(plain.item(), abs=1e-9)
