"""The hierarchical reward of GRPO (Geng et al. 2026, METHOD section 4) from what the reward model says about each criterion.

What belongs here: from criterion scores to rewards, their breakdown and their counts, all pure; and the callable that TRL asks.
One function computes the whole reward: TRL would add several up, and count a missing one as 0.

Departures from the paper:
- v is 1 if the calibrated P(met) reaches the tier's threshold, by the reward model's verdict.
- A completion with an undefined score (an unknown verdict) has no reward. It is left out of its group and counted, and above
  a share of the batch training stops: 5 % in the profile `paper`. A group of four tiny answers has no 5 %: `local` allows 25 %,
  `smoke` 75 %.
- A completion that the length limit cuts has no end to be judged, so all its verdicts are unknown (`cut_completions: unknown`,
  profile `paper`). The few dozen tokens of `local` and `smoke` cut nine of ten and hardly any would be left: there they
  are scored as they stand (`cut_completions: score`), and their share is logged as `cut_rate`.
- In the scalar reward only the veto is lexicographic; how often it disagrees with the lexicographic order is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Protocol

from training.benchmark.metrics import mean
from training.errors import StageRefusal
from training.generation.refusal import is_refusal
from training.records import TIERS, Criterion, Instruction, Rubric
from training.reward_model.scoring import CriterionScore, ScoreItem, no_score
from training.rubric_score import (
    SCORE_TOLERANCE,
    RewardWeights,
    RubricScore,
    hierarchical_reward,
    lexicographic_order,
    score_response,
)

Figures = dict[str, float | int | None]


class Scorer(Protocol):
    """What the reward needs of a reward model (`training.reward_model.scoring.RewardScorer`)."""

    def score(self, items: Sequence[ScoreItem]) -> list[list[list[CriterionScore]]]:
        """Criterion scores indexed [item][response][criterion]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCompletion:
    """One completion: what was said about each criterion, the tiers' scores and the reward (`None`: excluded).

    `cut` tells whether the length limit ended it.
    """

    text: str
    cut: bool
    criteria: tuple[Criterion, ...]
    criterion_scores: tuple[CriterionScore, ...]
    score: RubricScore
    reward: float | None


Group = Sequence[ScoredCompletion]


def score_completion(
    text: str, criteria: Sequence[Criterion], scores: Sequence[CriterionScore], weights: RewardWeights, *, cut: bool = False
) -> ScoredCompletion:
    """Tier scores and reward of one completion from the verdicts on its criteria.

    Raises:
        ValueError: there is not one score per criterion.
        RubricError: the rubric's weights are wrong.
    """
    score = score_response(criteria, [s.verdict for s in scores])
    return ScoredCompletion(
        text=text,
        cut=cut,
        criteria=tuple(criteria),
        criterion_scores=tuple(scores),
        score=score,
        reward=hierarchical_reward(score, weights),
    )


def is_flat(rewards: Sequence[float | None]) -> bool:
    """Whether a group's rewards have no spread, so that every advantage is 0 and the group teaches nothing.

    >>> is_flat([0.5, None, 0.5]), is_flat([0.5, 0.7])
    (True, False)
    """
    known = [reward for reward in rewards if reward is not None]
    return not known or max(known) - min(known) <= SCORE_TOLERANCE


def order_disagreement(group: Group) -> tuple[int, int]:
    """Pairs that the scalar reward orders otherwise than the lexicographic order, or not at all; and the pairs it decides.

    Ours: r adds S1 and alpha * S2, so a higher S2 can outweigh a lower S1, and the clip at 1 + beta can level both.

    Returns:
        (disagreeing, decided), with 0 <= disagreeing <= decided <= n (n - 1) / 2.
    """
    disagreeing = decided = 0
    for first, second in combinations(group, 2):
        order = lexicographic_order(first.score, second.score)
        if first.reward is None or second.reward is None or order.better not in ("first", "second"):
            continue
        decided += 1
        lead = first.reward - second.reward if order.better == "first" else second.reward - first.reward
        disagreeing += lead <= SCORE_TOLERANCE
    return disagreeing, decided


def batch_figures(groups: Sequence[Group]) -> Figures:
    """What one batch says: means of scores where they are defined, rates over all completions, counts of groups."""
    rows = [row for group in groups for row in group]
    pairs = [order_disagreement(group) for group in groups]
    decided = sum(pair[1] for pair in pairs)
    s3 = [row.score.s3 for row in rows if row.score.s3 is not None]
    figures: Figures = {
        "completions": len(rows),
        "reward": mean([row.reward for row in rows if row.reward is not None]),
        "s1": mean([row.score.s1 for row in rows if row.score.s1 is not None]),
        "s2": mean([row.score.s2 for row in rows if row.score.s2 is not None]),
        "s3": mean(s3),
        "veto_rate": mean([count > 0 for count in s3]),
        "refusal_rate": mean([is_refusal(row.text) for row in rows]),
        "empty_rate": mean([not row.text.strip() for row in rows]),
        "cut_rate": mean([row.cut for row in rows]),
        "unknown_share": unknown_share(groups),
        "groups": len(groups),
        "flat_groups": sum(is_flat([row.reward for row in group]) for group in groups),
        "order_disagreement": sum(pair[0] for pair in pairs) / decided if decided else None,
        "order_decided_pairs": decided,
    }
    for tier in TIERS:
        said = [s for row in rows for c, s in zip(row.criteria, row.criterion_scores, strict=True) if c.tier == tier]
        figures[f"met_{tier}"] = mean([s.verdict == "met" for s in said if s.verdict != "unknown"])
        figures[f"p_met_{tier}"] = mean([s.p_met for s in said if s.p_met is not None])
    return figures


def unknown_share(groups: Sequence[Group]) -> float:
    """Share of a batch's completions that have no reward, in [0, 1]."""
    rows = [row for group in groups for row in group]
    return sum(row.reward is None for row in rows) / len(rows)


def _reasons(groups: Sequence[Group]) -> str:
    """How many verdicts of a batch are unknown for which reason, the most frequent one first."""
    reasons = Counter(
        s.reason for group in groups for row in group for s in row.criterion_scores if s.verdict == "unknown" and s.reason
    )
    return ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


def criterion_figures(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """One row per criterion of the batch: how often it is met, unmet and unknown, and its mean P(met)."""
    found: dict[str, tuple[Criterion, list[CriterionScore]]] = {}
    for group in groups:
        for row in group:
            for criterion, score in zip(row.criteria, row.criterion_scores, strict=True):
                found.setdefault(criterion.criterion_id, (criterion, []))[1].append(score)
    return [
        {
            "criterion_id": key,
            "tier": criterion.tier,
            **{verdict: sum(s.verdict == verdict for s in scores) for verdict in ("met", "unmet", "unknown")},
            "p_met": mean([s.p_met for s in scores if s.p_met is not None]),
        }
        for key, (criterion, scores) in sorted(found.items())
    ]


class HierarchicalReward:
    """The reward function that TRL calls: all completions of a generation batch at once.

    Args:
        scorer: the frozen reward model.
        instructions: by id.
        rubrics: by instruction id.
        weights: alpha, beta and lambda.
        num_generations: G; completions come in blocks of G to one instruction.
        max_unknown_share: above it training stops.
        read: the answer in a completion (`training.generation.prompt.read_answer` of the policy's tokenizer).
        end_tokens: a completion whose last token is none of these was cut, unless its answer ends before its text does.
        score_cut: whether a cut completion is scored as it stands; it has no reward otherwise.

    Attributes:
        figures: of the last batch (`batch_figures`).
        criteria: of the last batch (`criterion_figures`).
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        instructions: Mapping[str, Instruction],
        rubrics: Mapping[str, Rubric],
        weights: RewardWeights,
        num_generations: int,
        max_unknown_share: float,
        read: Callable[[str], str],
        end_tokens: Collection[int],
        score_cut: bool,
    ) -> None:
        self.__name__ = "hierarchical_reward"
        self._scorer, self._instructions, self._rubrics = scorer, instructions, rubrics
        self._weights, self._group_size, self._max_unknown, self._read = weights, num_generations, max_unknown_share, read
        self._end_tokens, self._score_cut = frozenset(end_tokens), score_cut
        self.figures: Figures = {}
        self.criteria: list[dict[str, Any]] = []

    def __call__(
        self, *, completions: Sequence[str], completion_ids: Sequence[Sequence[int]], instruction_id: Sequence[str], **_: Any
    ) -> list[float | None]:
        """Rewards of completions, `None` for one that has none; `completion_ids` are their tokens, the end token included.

        Raises:
            StageRefusal: more than the allowed share has no reward.
        """
        groups = self.score_groups(completions, completion_ids, instruction_id)
        self.figures, self.criteria = batch_figures(groups), criterion_figures(groups)
        share = unknown_share(groups)
        if share > self._max_unknown:
            raise StageRefusal(
                f"policy: {share:.1%} of a batch has no reward (unknown verdicts: {_reasons(groups)}), more than the "
                f"{self._max_unknown:.1%} of max_unknown_share"
            )
        return [row.reward for group in groups for row in group]

    def score_groups(
        self, completions: Sequence[str], completion_ids: Sequence[Sequence[int]], instruction_ids: Sequence[str]
    ) -> list[list[ScoredCompletion]]:
        """Scores completions, in their order, in groups of G; the reward model is asked once for all."""
        answers = [self._answer(text, ids) for text, ids in zip(completions, completion_ids, strict=True)]
        starts = range(0, len(answers), self._group_size)
        keys = [instruction_ids[start] for start in starts]
        groups = [answers[start : start + self._group_size] for start in starts]
        for start, key in zip(starts, keys, strict=True):
            if set(instruction_ids[start : start + self._group_size]) != {key}:
                raise ValueError(f"completions {start} to {start + self._group_size - 1} answer more than one instruction")
        items = [
            ScoreItem(
                instruction=self._instructions[key].text,
                # Scoring an empty response costs nothing.
                responses=tuple("" if self._unknown(cut) else text for text, cut in group),
                criteria=self._rubrics[key].criteria,
            )
            for key, group in zip(keys, groups, strict=True)
        ]
        return [
            [
                score_completion(
                    text,
                    item.criteria,
                    [no_score("cut")] * len(scores) if self._unknown(cut) else scores,
                    self._weights,
                    cut=cut,
                )
                for (text, cut), scores in zip(group, rows, strict=True)
            ]
            for group, item, rows in zip(groups, items, self._scorer.score(items), strict=True)
        ]

    def _unknown(self, cut: bool) -> bool:
        return cut and not self._score_cut

    def _answer(self, completion: str, ids: Sequence[int]) -> tuple[str, bool]:
        """The answer in a completion, and whether the length limit cut it."""
        text = self._read(completion)
        ended = len(ids) == 0 or ids[-1] in self._end_tokens or text != completion.strip()
        return text, not ended
