"""GRPO as TRL does it, with completions that have no reward taken out of the loss.

What belongs here: the trainer and its log. TRL 1.16 leaves a completion without reward out of its group's mean and standard
deviation and gives it advantage 0, but keeps its tokens in the KL term and counts it in the loss's mean. Here it is left out
of those too, so the step is the one that would have been taken without it.

Ours where the paper is silent: the loss is the mean over completions of the mean over tokens (Shao et al. 2024), and the
learning rate is constant.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from trl import GRPOTrainer

from training.policy.reward import HierarchicalReward
from training.progress import Progress

# TRL's name of a figure -> ours.
_TRL_FIGURES = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "kl": "kl",
    "entropy": "entropy",
    "completions/mean_length": "completion_length",
}


class HierarchicalGRPOTrainer(GRPOTrainer):
    """GRPOTrainer whose loss knows nothing of completions without reward."""

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(*args, **kwargs)
        self._has_reward = ~torch.isnan(rewards).all(dim=1)
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        kept = self._has_reward
        batch["completion_mask"] = batch["completion_mask"] * kept.unsqueeze(1)
        # 0-dim, so that TRL hands it unsplit to every micro batch.
        batch["kept_share"] = kept.float().mean()
        return batch

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        loss: torch.Tensor = super()._compute_loss(model, inputs)
        # The mean goes over all completions, of which those without tokens add 0: scale to the mean over the others.
        return loss / inputs["kept_share"] if inputs["kept_share"] > 0 else loss


class StepLog(TrainerCallback):
    """A row per step (`log.jsonl`) and per criterion in it (`criteria.jsonl`); seconds go to `logs/`, outside the digest."""

    def __init__(self, reward: HierarchicalReward, *, output: Path, steps: int) -> None:
        self._reward = reward
        self._output = output
        self._progress = Progress("train policy", steps)
        self._start = time.monotonic()
        self.rows: list[dict[str, Any]] = []
        (output / "logs").mkdir()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Takes a step's figures from TRL and from the reward; TRL's summary after the last step is not one."""
        if logs is None or "loss" not in logs:
            return
        row = {
            "step": state.global_step,
            **self._reward.figures,
            **{ours: logs.get(name) for name, ours in _TRL_FIGURES.items()},
        }
        self.rows.append(row)
        _append(self._output / "log.jsonl", [row])
        _append(self._output / "criteria.jsonl", [{"step": state.global_step, **c} for c in self._reward.criteria])
        seconds = round(time.monotonic() - self._start, 3)
        _append(self._output / "logs" / "seconds.jsonl", [{"step": state.global_step, "elapsed": seconds}])
        self._progress.update(state.global_step, **{k: v for k in ("reward", "s1", "s3", "kl") if (v := row[k]) is not None})


def _append(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("a", encoding="utf-8") as handle:
        handle.writelines(json.dumps(row, allow_nan=False, sort_keys=True) + "\n" for row in rows)
