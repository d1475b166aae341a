"""Running trees without gradients, and the figures of a validation: losses per tier and pairwise accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.benchmark.metrics import mean
from training.records import TIERS, Tier
from training.reward_model.data import LabelledTree
from training.reward_model.loss import criteria_loss, pairwise_terms, pointwise_terms, verdict_targets
from training.reward_model.model import tree_logits
from training.reward_model.packing import batches_by_tokens
from training.reward_model.tree import PackedTree, collate_trees


@dataclass(frozen=True, kw_only=True)
class ValidationFigures:
    """Figures that rest on no example are None.

    Attributes:
        loss: the training objective on all trees.
        pairwise_loss, pairwise_accuracy: by tier (of an overall preference: the tier that decided it); a tie of logits counts
            half.
        pointwise_loss: by tier, of the leaves that have a verdict.
        discordant_accuracy: pairwise accuracy on discordant preferences alone.
        n_pairs: by tier.
    """

    loss: float
    pairwise_loss: dict[str, float | None]
    pointwise_loss: dict[str, float | None]
    pairwise_accuracy: dict[str, float | None]
    accuracy: float | None
    discordant_accuracy: float | None
    n_pairs: dict[str, int]
    n_discordant: int

    def as_row(self) -> dict[str, float | int | None]:
        """The figures as columns of curve.csv."""
        row: dict[str, float | int | None] = {"validation_loss": self.loss, "validation_accuracy": self.accuracy}
        for tier in TIERS:
            row[f"validation_pairwise_loss_{tier}"] = self.pairwise_loss[tier]
            row[f"validation_pointwise_loss_{tier}"] = self.pointwise_loss[tier]
            row[f"validation_accuracy_{tier}"] = self.pairwise_accuracy[tier]
        return row


@torch.no_grad()
def forward_trees(model: Any, trees: Sequence[PackedTree], *, pad_id: int, tokens_per_batch: int) -> list[Tensor]:
    """Logits r of every leaf of every tree, in the order of the trees."""
    found: dict[int, Tensor] = {}
    for group in batches_by_tokens([len(tree) for tree in trees], tokens_per_batch):
        logits = tree_logits(model, collate_trees([trees[i] for i in group], pad_id=pad_id)).cpu()
        for index, part in zip(group, logits.split([len(trees[i].read_at) for i in group]), strict=True):
            found[index] = part
    return [found[i] for i in range(len(trees))]


@dataclass(frozen=True, slots=True)
class Judged:
    """A leaf that has a verdict, with its logit."""

    tier: Tier
    logit: float
    met: bool


def judged_leaves(logits: Sequence[Tensor], trees: Sequence[LabelledTree]) -> list[Judged]:
    """What pointwise figures and calibration rest on: every leaf with a verdict. A model without conditioning has none."""
    return [
        Judged(leaf.tier, logit, leaf.met)
        for part, tree in zip(logits, trees, strict=True)
        for leaf, logit in zip(tree.leaves, part.tolist(), strict=True)
        if leaf.tier is not None and leaf.met is not None
    ]


def measure(logits: Sequence[Tensor], trees: Sequence[LabelledTree], *, pointwise_weight: float) -> ValidationFigures:
    """Losses and accuracies of logits on labelled trees.

    Raises:
        ValueError: there is no tree.
    """
    if not trees:
        raise ValueError("validation needs at least one tree")
    n_pairs = sum(len(tree.pairs) for tree in trees)
    n_leaves = sum(len(tree.leaves) for tree in trees)
    loss = sum(
        float(
            criteria_loss(
                r,
                verdict_targets(tree.leaves),
                tree.pairs,
                pointwise_weight=pointwise_weight,
                n_pairs=n_pairs,
                n_leaves=n_leaves,
            )
        )
        for r, tree in zip(logits, trees, strict=True)
    )
    margins = [
        (pair.tier, pair.discordant, float(r[pair.better] - r[pair.worse]))
        for r, tree in zip(logits, trees, strict=True)
        for pair in tree.pairs
    ]
    judged = judged_leaves(logits, trees)
    points = pointwise_terms(torch.tensor([row.logit for row in judged]), torch.tensor([float(row.met) for row in judged]))
    by_tier = {tier: [margin for name, _, margin in margins if name == tier] for tier in TIERS}
    discordant = [margin for _, is_discordant, margin in margins if is_discordant]
    return ValidationFigures(
        loss=loss,
        pairwise_loss={
            tier: mean(pairwise_terms(torch.tensor(part), torch.zeros(len(part))).tolist()) for tier, part in by_tier.items()
        },
        pointwise_loss={
            tier: mean([term for row, term in zip(judged, points.tolist(), strict=True) if row.tier == tier]) for tier in TIERS
        },
        pairwise_accuracy={tier: mean([_win(m) for m in part]) for tier, part in by_tier.items()},
        accuracy=mean([_win(margin) for _, _, margin in margins]),
        discordant_accuracy=mean([_win(margin) for margin in discordant]),
        n_pairs={tier: len(part) for tier, part in by_tier.items()},
        n_discordant=len(discordant),
    )


def _win(margin: float) -> float:
    return 0.5 if margin == 0 else float(margin > 0)
