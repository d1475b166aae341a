"""Scores of rollouts under a judge: every answer of base and policy, by rubric, as one row each.

What belongs here: from texts and a reward model to rows. Figures over the rows stand in `policy_stage.py`.
Departure from the paper: an answer that a judge leaves open (unknown verdicts) has no score and lowers the coverage, never
the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from training.errors import StageRefusal
from training.generation.refusal import is_refusal
from training.progress import Progress
from training.records import Verdict
from training.reward_model.scoring import RewardScorer, ScoreItem
from training.rubric_score import RewardWeights, RubricScore, policy_overall, score_response
from training.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """An answer that a system (`base` or `policy`) gave to an instruction."""

    system: str
    response_id: str
    instruction_id: str
    model: str
    text: str
    finish: str
    n_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRollout:
    """A rollout under one judge (`own` or `panel`): verdicts by criterion id, S1, S2, S3 and the overall score."""

    rollout: Rollout
    judge: str
    verdicts: dict[str, Verdict]
    score: RubricScore
    overall: float | None

    def row(self) -> dict[str, Any]:
        """The row of scores.parquet."""
        return {
            "response_id": self.rollout.response_id,
            "system": self.rollout.system,
            "judge": self.judge,
            "instruction_id": self.rollout.instruction_id,
            "model": self.rollout.model,
            "finish": self.rollout.finish,
            "n_tokens": self.rollout.n_tokens,
            "characters": len(self.rollout.text),
            "refusal": is_refusal(self.rollout.text),
            "s1": self.score.s1,
            "s2": self.score.s2,
            "s3": self.score.s3,
            "unknown_main": self.score.unknown_main,
            "unknown_bonus": self.score.unknown_bonus,
            "unknown_veto": self.score.unknown_veto,
            "overall": self.overall,
        }


def read_rollouts(folder: Path, *, system: str, snapshot: Snapshot) -> list[Rollout]:
    """The rollouts of a generation artifact, by instruction and response id.

    Raises:
        StageRefusal: an instruction that the snapshot does not have with a rubric, or no rollout at all.
    """
    columns = ["response_id", "instruction_id", "model", "text", "finish", "n_tokens"]
    rows = pq.read_table(folder / "responses.parquet", columns=columns).to_pylist()
    if not rows:
        raise StageRefusal(f"policy_benchmark: the rollouts of {system} are empty")
    for row in rows:
        name = row["instruction_id"]
        if name not in snapshot.instructions or name not in snapshot.rubrics:
            raise StageRefusal(f"policy_benchmark: {system} answered {name}, for which the snapshot has no rubric")
    return [Rollout(system=system, **row) for row in sorted(rows, key=lambda r: (r["instruction_id"], r["response_id"]))]


def judge_rollouts(
    rollouts: Sequence[Rollout],
    scorer: RewardScorer,
    *,
    judge: str,
    snapshot: Snapshot,
    weights: RewardWeights,
    batch_size: int,
) -> list[JudgedRollout]:
    """Scores all rollouts; those of one instruction share its prompt, `batch_size` instructions at once."""
    grouped: dict[str, list[Rollout]] = {}
    for rollout in rollouts:
        grouped.setdefault(rollout.instruction_id, []).append(rollout)
    names = sorted(grouped)
    progress = Progress(f"score rollouts by the {judge} judge", len(names))
    judged = []
    for start in range(0, len(names), batch_size):
        batch = names[start : start + batch_size]
        items = [
            ScoreItem(
                instruction=snapshot.instructions[name].text,
                responses=tuple(r.text for r in grouped[name]),
                criteria=snapshot.rubrics[name].criteria,
            )
            for name in batch
        ]
        for name, scored in zip(batch, scorer.score(items), strict=True):
            criteria = snapshot.rubrics[name].criteria
            for rollout, row in zip(grouped[name], scored, strict=True):
                verdicts = [cell.verdict for cell in row]
                score = score_response(criteria, verdicts)
                judged.append(
                    JudgedRollout(
                        rollout=rollout,
                        judge=judge,
                        verdicts={c.criterion_id: v for c, v in zip(criteria, verdicts, strict=True)},
                        score=score,
                        overall=policy_overall(score, weights),
                    )
                )
        progress.update(start + len(batch))
    return judged
