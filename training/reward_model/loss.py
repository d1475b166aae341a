"""The losses of Explicit Criteria Injection, as pure functions of logits (Geng et al. 2026; METHOD section 3).

Departure from the paper: a pointwise term anchors r, which the pairwise loss fixes only up to a function of (x, c).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from training.reward_model.data import Leaf, LeafPair


def verdict_targets(leaves: Sequence[Leaf]) -> Tensor:
    """Verdicts as targets of the pointwise term: 1 for met, 0 for unmet, NaN where a leaf has none: M leaves → (M,).

    NaN, so that a pointwise term without a verdict stops the training instead of teaching a number.
    """
    return torch.tensor([math.nan if leaf.met is None else float(leaf.met) for leaf in leaves])


def pairwise_terms(better: Tensor, worse: Tensor) -> Tensor:
    """-log sigmoid(r(x, y_w, c) - r(x, y_l, c)) for each pair (Geng et al. 2026, Explicit Criteria Injection): (P,) → (P,).

    >>> pairwise_terms(torch.tensor([0.0]), torch.tensor([0.0]))
    tensor([0.6931])
    """
    return F.softplus(worse - better)


def pointwise_terms(logits: Tensor, met: Tensor) -> Tensor:
    """BCE(sigmoid(r(x, y, c)), v) for each known verdict, v = 1 for met and 0 for unmet (ours): (M,) → (M,).

    >>> pointwise_terms(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]))
    tensor([0.6931, 0.3133])
    """
    return F.binary_cross_entropy_with_logits(logits, met, reduction="none")


def criteria_loss(
    logits: Tensor, met: Tensor, pairs: Sequence[LeafPair], *, pointwise_weight: float, n_pairs: int, n_leaves: int
) -> Tensor:
    """L = sum of pairwise terms / n_pairs + pointwise_weight * sum of pointwise terms / n_leaves.

    Args:
        logits: (M,) r of the leaves of a tree.
        met: (M,) verdicts (`verdict_targets`); not looked at without a pointwise term.
        pairs: preferences between those leaves.
        pointwise_weight: 0 for the paper's loss.
        n_pairs: number of pairs in the whole step, so that the parts of a step add up to its mean.
        n_leaves: the same for leaves.
    """
    loss = logits.new_zeros(())
    if pairs:
        better = logits[torch.tensor([pair.better for pair in pairs], device=logits.device)]
        worse = logits[torch.tensor([pair.worse for pair in pairs], device=logits.device)]
        loss = loss + pairwise_terms(better, worse).sum() / n_pairs
    if pointwise_weight > 0:
        loss = loss + pointwise_weight * pointwise_terms(logits, met).sum() / n_leaves
    return loss
