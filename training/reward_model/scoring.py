"""Scoring with a reward model: batched trees, calibrated P(met), verdicts. The one entry for benchmark and policy training.

Fails closed (ours, METHOD section 4): an empty response, a branch that is too long, or a logit that is not finite gives a score
without numbers and the verdict `unknown`, never `unmet` and never `met`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.records import Criterion, Verdict
from training.reward_model.calibration import Calibration, sigmoid
from training.reward_model.model import load_classifier
from training.reward_model.prompt import PromptEncoder
from training.reward_model.tree import PackedTree, pack_tree
from training.reward_model.validation import forward_trees

CALIBRATION = "calibration.json"
SCORING = "scoring.json"


@dataclass(frozen=True, slots=True)
class ScoreItem:
    """Responses to one instruction, to be scored on the same criteria."""

    instruction: str
    responses: tuple[str, ...]
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class CriterionScore:
    """r, calibrated P(met) in [0, 1] and the verdict; None, None and `unknown` where there is no score."""

    logit: float | None
    p_met: float | None
    verdict: Verdict


NO_SCORE = CriterionScore(logit=None, p_met=None, verdict="unknown")


def read_calibration(folder: Path) -> Calibration:
    """The calibration of a reward_model artifact.

    Raises:
        OSError: the file is missing.
        pydantic.ValidationError: it is not of the documented shape.
    """
    return Calibration.model_validate_json((folder / CALIBRATION).read_text(encoding="utf-8"))


class RewardScorer:
    """A trained reward model, ready to score."""

    def __init__(self, model: Any, encoder: PromptEncoder, calibration: Calibration, *, max_length: int, tokens: int) -> None:
        self.model = model
        self._encoder = encoder
        self._calibration = calibration
        self._max_length = max_length
        self._tokens = tokens

    @classmethod
    def load(cls, folder: Path, *, device: str = "cpu") -> RewardScorer:
        """Loads a reward_model artifact.

        Raises:
            OSError: a file of the artifact is missing.
            pydantic.ValidationError: its calibration is not of the documented shape.
        """
        from transformers import AutoTokenizer

        settings = json.loads((folder / SCORING).read_text(encoding="utf-8"))
        calibration = read_calibration(folder)
        encoder = PromptEncoder(AutoTokenizer.from_pretrained(folder))
        model = load_classifier(folder, device=device, precision=settings["precision"])
        return cls(model, encoder, calibration, max_length=settings["max_length"], tokens=settings["tokens_per_batch"])

    def score(self, items: Sequence[ScoreItem]) -> list[list[list[CriterionScore]]]:
        """Scores every response of every item on every criterion of that item, indexed [item][response][criterion].

        Each item becomes one tree or, where it exceeds the token budget of a forward pass, several.
        """
        scores = [[[NO_SCORE] * len(item.criteria) for _ in item.responses] for item in items]
        trees: list[PackedTree] = []
        places: list[list[tuple[int, int, int]]] = []
        for index, item in enumerate(items):
            for tree, leaves in self._trees(item):
                trees.append(tree)
                places.append([(index, response, criterion) for response, criterion in leaves])
        logits = forward_trees(self.model, trees, pad_id=self.model.config.pad_token_id, tokens_per_batch=self._tokens)
        for part, where in zip(logits, places, strict=True):
            for logit, (index, response, criterion) in zip(part.tolist(), where, strict=True):
                scores[index][response][criterion] = self._read(logit, items[index].criteria[criterion])
        return scores

    def _trees(self, item: ScoreItem) -> list[tuple[PackedTree, list[tuple[int, int]]]]:
        """Trees of an item with the (response, criterion) of their leaves; what cannot be scored hangs on no tree."""
        prefix = self._encoder.instruction(item.instruction)
        criteria = [self._encoder.criterion(criterion) for criterion in item.criteria]
        open_responses: list[list[int]] = []
        open_leaves: list[list[list[int]]] = []
        open_places: list[tuple[int, int]] = []
        size = len(prefix)
        found = []
        for index, text in enumerate(item.responses):
            if not text.strip():
                continue
            body = self._encoder.response(text)
            fitting = [i for i, ids in enumerate(criteria) if len(prefix) + len(body) + len(ids) <= self._max_length]
            if not fitting:
                continue
            added = len(body) + sum(len(criteria[i]) for i in fitting)
            if open_responses and size + added > self._tokens:
                found.append((pack_tree(prefix, open_responses, open_leaves), open_places))
                open_responses, open_leaves, open_places, size = [], [], [], len(prefix)
            open_responses.append(body)
            open_leaves.append([criteria[i] for i in fitting])
            open_places.extend((index, i) for i in fitting)
            size += added
        if open_responses:
            found.append((pack_tree(prefix, open_responses, open_leaves), open_places))
        return found

    def _read(self, logit: float, criterion: Criterion) -> CriterionScore:
        if not math.isfinite(logit):
            return NO_SCORE
        tier = self._calibration.tiers[criterion.tier]
        p_met = sigmoid(tier.slope * logit + tier.intercept)
        return CriterionScore(logit=logit, p_met=p_met, verdict="met" if p_met >= tier.threshold else "unmet")
