"""Scoring with a reward model: batched trees, calibrated P(met), verdicts. The one entry for benchmark, policy and files.

Fails closed (ours, METHOD section 4): an empty response, a prompt that is too long (none is cut), or a logit that is not finite
gives a score without numbers and the verdict `unknown`, never `unmet` and never `met`; `reason` says which it was. A model
without conditioning gives every criterion of a response the same number, and no verdict: it never read the criterion. One that
learned from pairs alone gives each criterion a number, and no verdict: nothing was fitted that says where met begins.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from training.config import StrictConfig
from training.records import Criterion, Verdict
from training.reward_model.calibration import Calibration
from training.reward_model.layout import Place, branches, pack, split_by_tokens
from training.reward_model.model import load_classifier
from training.reward_model.prompt import CRITERION_LAST, Conditioning, PromptEncoder
from training.reward_model.tree import PackedTree
from training.reward_model.validation import forward_trees

CALIBRATION = "calibration.json"
SCORING = "scoring.json"
METRICS = "metrics.json"

Reason = Literal["", "empty", "too_long", "not_finite", "no_criterion", "not_identified", "cut"]


class ScoringSettings(StrictConfig):
    """scoring.json of a reward_model artifact: how it was trained to read prompts, and how it was calibrated to run."""

    max_length: int = Field(ge=1)
    tokens_per_batch: int = Field(ge=1)
    precision: Literal["float32", "bfloat16"]
    attention: Literal["sdpa", "flex"]
    conditioning: Conditioning


@dataclass(frozen=True, slots=True)
class ScoreItem:
    """Responses to one instruction, to be scored on the same criteria."""

    instruction: str
    responses: tuple[str, ...]
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, slots=True)
class CriterionScore:
    """What the model says about one response on one criterion.

    Attributes:
        logit: r, or None where there is no score.
        p_met: calibrated, in [0, 1], or None.
        verdict: by the tier's threshold; `unknown` where there is no P(met).
        reason: why the verdict is unknown: the response is `empty`, its prompt `too_long`, the logit `not_finite`, the model
            reads `no_criterion`, its P(met) is `not_identified` since no label was fitted, or the response was `cut` by a
            length limit when it was written (its writer says so).
    """

    logit: float | None
    p_met: float | None
    verdict: Verdict
    reason: Reason = ""


def no_score(reason: Reason) -> CriterionScore:
    """The score of what cannot be scored."""
    return CriterionScore(logit=None, p_met=None, verdict="unknown", reason=reason)


def read_calibration(folder: Path) -> Calibration:
    """The calibration of a reward_model artifact.

    Raises:
        OSError: the file is missing.
        pydantic.ValidationError: it is not of the documented shape.
    """
    return Calibration.model_validate_json((folder / CALIBRATION).read_text(encoding="utf-8"))


def pointwise_identified(folder: Path) -> bool:
    """Whether a reward model's P(met) means anything: not after training with the pairwise loss alone (METHOD section 3b).

    Raises:
        OSError: the artifact has no metrics.json.
        KeyError: it does not say.
    """
    return bool(json.loads((folder / METRICS).read_text(encoding="utf-8"))["pointwise_identified"])


class RewardScorer:
    """A trained reward model, ready to score.

    Args:
        model: the classifier.
        encoder: of its tokenizer.
        calibration: may be None for a model without conditioning, whose number nothing is read from.
        max_length: a longer prompt has no score.
        tokens: most packed tokens in one forward pass.
        conditioning: how the model was trained.

    Raises:
        ValueError: a model that reads criteria comes without a calibration.
    """

    def __init__(
        self,
        model: Any,
        encoder: PromptEncoder,
        calibration: Calibration | None,
        *,
        max_length: int,
        tokens: int,
        conditioning: Conditioning = CRITERION_LAST,
    ) -> None:
        if calibration is None and conditioning != "none":
            raise ValueError("a reward model that reads criteria needs a calibration")
        self.model = model
        self._encoder = encoder
        self._calibration = calibration
        self._max_length = max_length
        self._tokens = tokens
        self._conditioning = conditioning

    @classmethod
    def load(cls, folder: Path, *, device: str = "cpu", tokens_per_batch: int | None = None) -> RewardScorer:
        """Loads a reward_model artifact; `tokens_per_batch` replaces the one it was trained with.

        Raises:
            OSError: a file of the artifact is missing.
            pydantic.ValidationError: its settings or its calibration are not of the documented shape.
            StageRefusal: its weights are not all there.
        """
        from transformers import AutoTokenizer

        # FlexAttention is compiled on GPUs alone; its plain form would build scores of the whole row.
        settings = ScoringSettings.model_validate_json((folder / SCORING).read_text(encoding="utf-8"))
        return cls(
            load_classifier(
                folder,
                device=device,
                precision=settings.precision,
                attention="sdpa" if device == "cpu" else settings.attention,
                trained=True,
            ),
            PromptEncoder(AutoTokenizer.from_pretrained(folder)),
            None if settings.conditioning == "none" else read_calibration(folder),
            max_length=settings.max_length,
            tokens=tokens_per_batch or settings.tokens_per_batch,
            conditioning=settings.conditioning,
        )

    def score(self, items: Sequence[ScoreItem]) -> list[list[list[CriterionScore]]]:
        """Scores every response of every item on every criterion of that item, indexed [item][response][criterion].

        Each item becomes one tree or, where it exceeds the token budget of a forward pass, several; equal responses of an item
        are scored once.
        """
        trees: list[PackedTree] = []
        places: list[tuple[int, list[Place]]] = []
        for index, item in enumerate(items):
            for tree, leaves in self._trees(item):
                trees.append(tree)
                places.append((index, leaves))
        logits = forward_trees(self.model, trees, tokens_per_batch=self._tokens)
        found: list[dict[Place, float]] = [{} for _ in items]
        for part, (index, leaves) in zip(logits, places, strict=True):
            found[index].update(zip(leaves, part.tolist(), strict=True))
        return [self._rows(item, numbers) for item, numbers in zip(items, found, strict=True)]

    def score_rows(
        self, instructions: Sequence[str], responses: Sequence[str], rubrics: Sequence[Sequence[Criterion]]
    ) -> list[list[CriterionScore]]:
        """Scores response i to instruction i on rubric i, indexed [i][criterion]; rows in any order.

        Rows of one instruction and rubric share their prompt in a tree, wherever they stand.

        Raises:
            ValueError: the three are not of one length.
        """
        groups: dict[tuple[str, tuple[Criterion, ...]], list[int]] = {}
        for index, (instruction, _, rubric) in enumerate(zip(instructions, responses, rubrics, strict=True)):
            groups.setdefault((instruction, tuple(rubric)), []).append(index)
        items = [ScoreItem(text, tuple(responses[i] for i in rows), rubric) for (text, rubric), rows in groups.items()]
        scored: dict[int, list[CriterionScore]] = {}
        for rows, scores in zip(groups.values(), self.score(items), strict=True):
            scored.update(zip(rows, scores, strict=True))
        return [scored[index] for index in range(len(responses))]

    def _trees(self, item: ScoreItem) -> list[tuple[PackedTree, list[Place]]]:
        """Trees of an item with the places of their leaves; what cannot be scored hangs on no tree."""
        if not item.criteria:
            return []
        instruction = self._encoder.instruction(item.instruction)
        criteria = self._encoder.criteria(item.criteria, self._conditioning)
        responses = [self._encoder.response(text, self._conditioning) for text in item.responses]
        places = [
            (response, criterion)
            for response in sorted(set(_first_equal(item.responses)))
            if item.responses[response].strip()
            for criterion, piece in enumerate(criteria)
            if len(instruction) + len(responses[response]) + len(piece) <= self._max_length
        ]
        parts = branches(self._conditioning, responses, criteria, places)
        return [pack(instruction, tree) for tree in split_by_tokens(parts, shared=len(instruction), tokens=self._tokens)]

    def _rows(self, item: ScoreItem, logits: dict[Place, float]) -> list[list[CriterionScore]]:
        scalar = self._conditioning == "none"
        return [
            [
                self._read(logits.get((first, 0 if scalar else index)), criterion, text)
                for index, criterion in enumerate(item.criteria)
            ]
            for text, first in zip(item.responses, _first_equal(item.responses), strict=True)
        ]

    def _read(self, logit: float | None, criterion: Criterion, text: str) -> CriterionScore:
        if logit is None:
            return no_score("too_long" if text.strip() else "empty")
        if not math.isfinite(logit):
            return no_score("not_finite")
        if self._conditioning == "none" or self._calibration is None:
            return CriterionScore(logit=logit, p_met=None, verdict="unknown", reason="no_criterion")
        if not self._calibration.fitted:
            return CriterionScore(logit=logit, p_met=None, verdict="unknown", reason="not_identified")
        tier = self._calibration.tiers[criterion.tier]
        p_met = tier.p_met(logit)
        return CriterionScore(logit=logit, p_met=p_met, verdict="met" if p_met >= tier.threshold else "unmet")


def _first_equal(texts: Sequence[str]) -> list[int]:
    """For each text the index of the first that reads the same in a prompt.

    >>> _first_equal(["Yes.", "No.", "Yes. "])
    [0, 1, 0]
    """
    first: dict[str, int] = {}
    return [first.setdefault(text.strip(), index) for index, text in enumerate(texts)]
