"""The systems that the benchmark compares: reward models and baselines, as predictions on every (response, criterion).

What belongs here: making predictions. A system that has no opinion says `unknown` and `None`; it never guesses. In a tier whose
threshold rests on validation labels of one class (`not_identified`) neither a reward model nor a baseline has a verdict; the
reward model's logits, and so its AUC and its pairwise accuracy, stand.
Baselines (ours; the paper has none): longer is better (no pointwise verdict), the majority verdict of each tier in the training
split, and lexical overlap with a threshold per tier chosen on `validation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from training.benchmark.baselines import best_threshold, lexical_overlap, longer_is_better, majority_met
from training.benchmark.examples import point_examples, responses_of
from training.benchmark.metrics import pairwise_credit
from training.progress import Progress
from training.records import TIERS, Criterion, Instruction, Tier, Verdict
from training.reward_model.calibration import Calibration
from training.reward_model.scoring import RewardScorer, ScoreItem
from training.rubric_score import RubricScore, lexicographic_order, score_response
from training.snapshot import Snapshot

Key = tuple[str, str]
REWARD_MODEL, PANEL, LONGER, MAJORITY, LEXICAL = (
    "reward_model",
    "panel_reward_model",
    "longer_is_better",
    "majority",
    "lexical_overlap",
)
SYSTEMS = (REWARD_MODEL, PANEL, LONGER, MAJORITY, LEXICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a system says about a (response, criterion).

    Attributes:
        pair_score: orders two responses on one criterion (a reward model's logit).
        point_score: orders (response, criterion) pairs within a tier (a reward model's logit; calibration keeps the order, but
            a flat calibration would hide it).
        p_met: a probability, where the system claims one.
        verdict: by the tier's threshold.
    """

    pair_score: float | None
    point_score: float | None
    p_met: float | None
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class System:
    """Predictions by (response_id, criterion_id), and the credit for an overall pair by (chosen_id, rejected_id).

    Attributes:
        not_identified: tiers without verdicts, since validation has labels of one class only.
        uninformative: tiers in which the system says the same to every answer.
    """

    name: str
    predictions: dict[Key, Prediction]
    overall_credit: Callable[[str, str], float | None]
    not_identified: tuple[Tier, ...] = ()
    uninformative: tuple[Tier, ...] = ()


def overall_credit(chosen: RubricScore, rejected: RubricScore) -> float | None:
    """1 if the predicted lexicographic order prefers the chosen one, 1/2 on a tie, 0 if not, `None` if undecidable.

    >>> overall_credit(RubricScore(s1=0.5, s2=0, s3=0), RubricScore(s1=1.0, s2=0, s3=1))
    1.0
    """
    return {"first": 1.0, "tie": 0.5, "second": 0.0, "undecidable": None}[lexicographic_order(chosen, rejected).better]


def rubric_system(name: str, predictions: dict[Key, Prediction], snapshot: Snapshot) -> System:
    """A system whose overall order follows from its verdicts through S1, S2, S3."""
    scores = {}
    for response_id in sorted({response_id for response_id, _ in predictions}):
        criteria = snapshot.rubrics[snapshot.responses[response_id].instruction_id].criteria
        scores[response_id] = score_response(criteria, [predictions[response_id, c.criterion_id].verdict for c in criteria])
    return System(
        name=name,
        predictions=predictions,
        overall_credit=lambda chosen, rejected: overall_credit(scores[chosen], scores[rejected]),
    )


def reward_model_system(
    name: str,
    scorer: RewardScorer,
    snapshot: Snapshot,
    instructions: Sequence[Instruction],
    *,
    batch_size: int,
    identified: bool,
    calibration: Calibration,
) -> System:
    """Scores every (response, criterion) of the instructions, `batch_size` instructions at once.

    A model whose P(met) is not identified (see `scoring.pointwise_identified`) keeps its logits, and has no opinion otherwise.
    In a tier that its calibration calls not identified it has logits that order answers, and no verdict.
    """
    judged = {tier for tier in TIERS if identified and tier not in calibration.not_identified}
    responses = responses_of(snapshot)
    predictions: dict[Key, Prediction] = {}
    progress = Progress(f"score benchmark by {name}", len(instructions))
    for start in range(0, len(instructions), batch_size):
        batch = instructions[start : start + batch_size]
        items = [
            ScoreItem(
                instruction=i.text,
                responses=tuple(snapshot.responses[r].text for r in responses[i.instruction_id]),
                criteria=snapshot.rubrics[i.instruction_id].criteria,
            )
            for i in batch
        ]
        for instruction, scored in zip(batch, scorer.score(items), strict=True):
            criteria = snapshot.rubrics[instruction.instruction_id].criteria
            for response_id, row in zip(responses[instruction.instruction_id], scored, strict=True):
                for criterion, score in zip(criteria, row, strict=True):
                    known = criterion.tier in judged
                    predictions[response_id, criterion.criterion_id] = Prediction(
                        pair_score=score.logit,
                        point_score=score.logit if identified else None,
                        p_met=score.p_met if known else None,
                        verdict=score.verdict if known else "unknown",
                    )
        progress.update(start + len(batch))
    system = rubric_system(name, predictions, snapshot)
    return replace(system, not_identified=calibration.not_identified, uninformative=calibration.uninformative)


def _each(
    snapshot: Snapshot, instructions: Sequence[Instruction], predict: Callable[[str, Criterion], Prediction]
) -> dict[Key, Prediction]:
    responses = responses_of(snapshot)
    return {
        (response_id, criterion.criterion_id): predict(snapshot.responses[response_id].text, criterion)
        for i in instructions
        for response_id in responses[i.instruction_id]
        for criterion in snapshot.rubrics[i.instruction_id].criteria
    }


def longer_system(snapshot: Snapshot, instructions: Sequence[Instruction]) -> System:
    """Longer is better: orders responses, overall too, by length, and has no verdict."""

    def predict(text: str, criterion: Criterion) -> Prediction:
        length = longer_is_better(response=text)
        return Prediction(pair_score=length, point_score=length, p_met=None, verdict="unknown")

    def credit(chosen: str, rejected: str) -> float | None:
        lengths = [longer_is_better(response=snapshot.responses[r].text) for r in (chosen, rejected)]
        return pairwise_credit(lengths[0], lengths[1])

    return System(name=LONGER, predictions=_each(snapshot, instructions, predict), overall_credit=credit)


def majority_shares(training: Snapshot) -> dict[Tier, float]:
    """Share of met among each tier's known verdicts in the split `rm_train`, assumed ones too: what the model learns from."""
    criteria = training.criteria
    train = {i.instruction_id for i in training.of_split("rm_train")}
    labels: dict[Tier, list[bool]] = {}
    for v in training.verdicts:
        if v.verdict != "unknown" and training.responses[v.response_id].instruction_id in train:
            labels.setdefault(criteria[v.criterion_id].tier, []).append(v.verdict == "met")
    return {tier: majority_met(labels[tier]) for tier in TIERS if tier in labels}


def majority_system(snapshot: Snapshot, instructions: Sequence[Instruction], shares: dict[Tier, float]) -> System:
    """The more frequent training verdict of the tier for everything (met on an even count)."""

    def predict(_: str, criterion: Criterion) -> Prediction:
        share = shares.get(criterion.tier)
        if share is None:
            return Prediction(pair_score=None, point_score=None, p_met=None, verdict="unknown")
        return Prediction(pair_score=share, point_score=share, p_met=share, verdict="met" if share >= 0.5 else "unmet")

    return rubric_system(MAJORITY, _each(snapshot, instructions, predict), snapshot)


def lexical_thresholds(training: Snapshot) -> dict[Tier, float]:
    """The best threshold of lexical overlap on the known, not assumed verdicts of `validation`; none in a tier of one class."""
    criteria = training.criteria
    validation = {i.instruction_id for i in training.of_split("validation")}
    scored: dict[Tier, list[tuple[float, bool]]] = {}
    for example in point_examples(training, training.verdicts, validation):
        overlap = lexical_overlap(
            response=training.responses[example.response_id].text, criterion=criteria[example.criterion_id].text
        )
        scored.setdefault(example.tier, []).append((overlap, example.met))
    thresholds = {tier: best_threshold([s for s, _ in rows], [label for _, label in rows]) for tier, rows in scored.items()}
    return {tier: threshold for tier, threshold in thresholds.items() if threshold is not None}


def lexical_system(snapshot: Snapshot, instructions: Sequence[Instruction], thresholds: dict[Tier, float]) -> System:
    """Lexical overlap of criterion and response; no verdict in a tier that has no threshold."""

    def predict(text: str, criterion: Criterion) -> Prediction:
        overlap = lexical_overlap(response=text, criterion=criterion.text)
        threshold = thresholds.get(criterion.tier)
        verdict: Verdict = "unknown" if threshold is None else ("met" if overlap >= threshold else "unmet")
        return Prediction(pair_score=overlap, point_score=overlap, p_met=None, verdict=verdict)

    system = rubric_system(LEXICAL, _each(snapshot, instructions, predict), snapshot)
    return replace(system, not_identified=tuple(tier for tier in TIERS if tier not in thresholds))
