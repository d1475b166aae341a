"""One GRPO step two ways: plain TRL with one scored sequence per criterion, and ours with the criteria scored on trees.

Both sides train the same adapters on the same base with the same config, seeds and reward; only the trainer and what scores
differ. A step's time is split into generation, scoring (the reward function from texts to rewards) and the rest: the forward
passes for log-probabilities, the backward pass and the update.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.bench_rm_examples import Shape
from tests.benchmarks.bench_rm_scoring import BATCH_SIZES, make_item, plain_logits
from tests.benchmarks.bench_rm_trl import plain_classifier
from tests.benchmarks.bench_rm_worker import Talk

if TYPE_CHECKING:
    from training.policy.config import PolicyConfig
    from training.reward_model.scoring import CriterionScore, ScoreItem


class SequenceScorer:
    """Scores every (response, criterion) as a sequence of its own, in batches; logits as they are, met from 0 on."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        from training.reward_model.prompt import PromptEncoder

        self._model = plain_classifier(str(folder), precision="float32").eval()
        self._encoder = PromptEncoder(AutoTokenizer.from_pretrained(folder))
        self.size = 0

    def score(self, items: Sequence[ScoreItem]) -> list[list[list[CriterionScore]]]:
        """As `RewardScorer.score`; the first call finds out which batch size is fastest."""
        places = [
            (i, r, k) for i, item in enumerate(items) for r in range(len(item.responses)) for k in range(len(item.criteria))
        ]
        sequences = [
            self._encoder.plain_ids(items[i].instruction, items[i].responses[r], items[i].criteria[k]) for i, r, k in places
        ]
        pad_id = self._model.config.pad_token_id
        self.size = self.size or _fastest(self._model, sequences, pad_id=pad_id)
        logits = dict(zip(places, plain_logits(self._model, sequences, size=self.size, pad_id=pad_id), strict=True))
        return [
            [[_score(logits[i, r, k]) for k in range(len(item.criteria))] for r in range(len(item.responses))]
            for i, item in enumerate(items)
        ]


def _fastest(model: Any, sequences: Sequence[Sequence[int]], *, pad_id: int) -> int:
    from tests.benchmarks.bench_rm_scoring import best_size

    return best_size(model, sequences[: max(BATCH_SIZES)], pad_id=pad_id)


def _score(logit: float) -> CriterionScore:
    import math

    from training.reward_model.scoring import CriterionScore

    # The benchmark's calibration changes nothing: P(met) is the logistic function of the logit, its threshold one half.
    return CriterionScore(logit=logit, p_met=1 / (1 + math.exp(-logit)), verdict="met" if logit >= 0 else "unmet")


def train_usual(spec: dict[str, Any], talk: Talk) -> None:
    """Plain TRL."""
    from trl import GRPOTrainer

    _train(spec, talk, trainer_class=GRPOTrainer, load_scorer=SequenceScorer)


def train_tree(spec: dict[str, Any], talk: Talk) -> None:
    """Ours."""
    from training.policy.trainer import HierarchicalGRPOTrainer
    from training.reward_model.scoring import RewardScorer

    _train(spec, talk, trainer_class=HierarchicalGRPOTrainer, load_scorer=RewardScorer.load)


def _train(spec: dict[str, Any], talk: Talk, *, trainer_class: Any, load_scorer: Any) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback

    from training.generation.model import load_policy
    from training.generation.prompt import render_prompt
    from training.policy.train import training_arguments

    folder, shape = Path(spec["folder"]), Shape(**spec["shape"])
    model, tokenizer = load_policy(folder, dtype="float32")
    reward, texts = _reward(folder, shape, load_scorer(folder), count=spec["steps"])
    config = _config(spec)
    talk.loaded()
    seconds = {"generation": 0.0, "scoring": 0.0}

    class Timed(trainer_class):  # type: ignore[misc]
        def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            found = super()._generate_single_turn(*args, **kwargs)
            seconds["generation"] += time.perf_counter() - start
            return found

        def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            found = super()._calculate_rewards(*args, **kwargs)
            seconds["scoring"] += time.perf_counter() - start
            return found

    class Turns(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            control.should_training_stop = not talk.next()
            seconds.update(generation=0.0, scoring=0.0)
            self.start = time.perf_counter()
            return control

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.end = time.perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            # TRL's summary of the whole training, which comes last, has no loss of a step.
            if "loss" in logs:
                talk.answer(seconds=self.end - self.start, **seconds, reward=reward.figures["reward"], tokens=reward.tokens)

    adapters = LoraConfig(
        r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    with tempfile.TemporaryDirectory(prefix="bench-policy-") as scratch:
        arguments = training_arguments(config, folder=scratch)
        arguments.generation_kwargs = {"min_new_tokens": config.max_completion_length}
        trainer = Timed(
            model=model,
            reward_funcs=[reward],
            args=arguments,
            train_dataset=Dataset.from_list(
                [{"prompt": render_prompt(tokenizer, text), "instruction_id": name} for name, text in texts.items()]
            ),
            processing_class=tokenizer,
            peft_config=adapters,
            callbacks=[Turns()],
        )
        trainer.train()
    if talk.next():
        raise RuntimeError("more steps were asked for than there are")


def _config(spec: dict[str, Any]) -> PolicyConfig:
    from training.config import load_config
    from training.policy.config import PolicyConfig

    shape = Shape(**spec["shape"])
    changes = {
        "num_generations": shape.responses,
        "prompts_per_step": 1,
        "micro_batch": spec["micro_batch"],
        "steps": spec["steps"],
        "max_completion_length": shape.response,
        "max_unknown_share": 1.0,
    }
    return load_config(PolicyConfig, stage="policy", profile="local").model_copy(update=changes)


def _reward(folder: Path, shape: Shape, scorer: Any, *, count: int) -> tuple[Any, dict[str, str]]:
    """The reward on `count` instructions of the shape's lengths, and their texts by id."""
    from transformers import AutoTokenizer

    from training.policy.reward import HierarchicalReward
    from training.records import Instruction, Rubric
    from training.reward_model.prompt import PromptEncoder
    from training.rubric_score import RewardWeights

    class Counting(HierarchicalReward):
        tokens = 0

        def __call__(self, *, completion_ids: Sequence[Sequence[int]], **columns: Any) -> list[float | None]:
            self.tokens = sum(len(ids) for ids in completion_ids)
            return super().__call__(completion_ids=completion_ids, **columns)

    encoder = PromptEncoder(AutoTokenizer.from_pretrained(folder))
    items = {f"i{seed}": make_item(Shape(**{**shape.as_json(), "responses": 1}), encoder, seed=seed) for seed in range(count)}
    reward = Counting(
        scorer,
        instructions={
            name: Instruction(
                instruction_id=name,
                text=item.instruction,
                source="bench",
                category=None,
                specialty=None,
                cluster_id=name,
                split="policy_train",
            )
            for name, item in items.items()
        },
        rubrics={
            name: Rubric(instruction_id=name, rubric_version="1", criteria=_weighted(item.criteria))
            for name, item in items.items()
        },
        weights=RewardWeights(alpha=0.1, beta=0.3, lam=1.5),
        num_generations=shape.responses,
        max_unknown_share=1.0,
        # Whole completions: a base model ends its answer early, and every length shall be the one that the row says.
        read=str.strip,
        end_tokens=(),
        score_cut=True,
    )
    return reward, {name: item.instruction for name, item in items.items()}


def _weighted(criteria: Sequence[Any]) -> tuple[Any, ...]:
    from dataclasses import replace

    main = sum(criterion.tier == "main" for criterion in criteria)
    return tuple(replace(c, weight=1 / main) if c.tier == "main" else c for c in criteria)
