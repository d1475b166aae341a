"""Tiny random classifiers, a tokenizer of characters and planted examples: what the tests of this package share."""

from __future__ import annotations

import random
from typing import Any

import torch

from training.records import Criterion, Instruction, Response, Rubric
from training.reward_model.config import RewardModelConfig
from training.snapshot import CriterionPreference, ResolvedVerdict, Snapshot

SETTINGS: dict[str, Any] = {
    "role": "reward_model",
    "seed": 0,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
    "gradient_checkpointing": False,
    "epochs": 1,
    "max_steps": None,
    "trees_per_step": 2,
    "responses_per_tree": 4,
    "max_trees": None,
    "max_length": 256,
    "learning_rate": 2e-3,
    "head_learning_rate": 2e-3,
    "weight_decay": 0.0,
    "warmup_share": 0.1,
    "max_grad_norm": 1.0,
    "pointwise_weight": 1.0,
    "pure_pairwise": False,
    "backbone_layers": None,
    "lora": None,
    "trained_layers": None,
    "freeze_embeddings": True,
    "init_head_zero": False,
    "validation_every": 1000,
    "validation_trees": None,
    "calibration_trees": None,
    "patience": 10,
    "threshold_rule": "half",
    "tokens_per_batch": 4096,
    "conditioning": "criterion_last",
    "veto_data": True,
    "attention": "sdpa",
    "save_every": 1000,
    "processes": 1,
    "shard": False,
}


# On models this small a second thread only waits for the first.
torch.set_num_threads(1)
FAMILIES = ("qwen3", "llama", "gemma3_text")


def settings(**changes: Any) -> RewardModelConfig:
    """A config for tiny models."""
    return RewardModelConfig(**{**SETTINGS, **changes})


class CharTokenizer:
    """One token per character: BOS is 1, padding 0, EOS 2."""

    eos_token_id = 2

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [1] * add_special_tokens + [3 + ord(c) % 125 for c in text]}


def tiny_classifier(family: str, *, layers: int = 4, window: int = 6, seed: int = 0) -> Any:
    """A random fp32 classifier of one of the three families, far too small to know anything."""
    import transformers as t

    torch.manual_seed(seed)
    shape: dict[str, Any] = {
        "vocab_size": 128,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "num_labels": 1,
        "attn_implementation": "sdpa",
        # Wide weights, so that attention is far from uniform and a wrong mask shows.
        "initializer_range": 0.3,
    }
    if family == "qwen3":
        model: Any = t.Qwen3ForSequenceClassification(t.Qwen3Config(**shape))
    elif family == "llama":
        model = t.LlamaForSequenceClassification(t.LlamaConfig(**shape))
    else:
        kinds = ["sliding_attention", "full_attention"] * (layers // 2)
        config = t.Gemma3TextConfig(**shape, sliding_window=window, layer_types=kinds, query_pre_attn_scalar=8)
        model = t.AutoModelForSequenceClassification.from_config(config)
    return model.float().eval()


def random_pieces(rng: random.Random, n_responses: int, *, low: int = 5, high: int = 20) -> tuple[Any, Any, Any]:
    """Random ids of an instruction, its responses (of `low` to `high` tokens) and each one's one to three criteria."""

    def ids(least: int, below: int) -> list[int]:
        return [rng.randrange(3, 128) for _ in range(rng.randrange(least, below))]

    instruction = [1, *ids(4, 9)]
    responses = [ids(low, high) for _ in range(n_responses)]
    return instruction, responses, [[ids(2, 9) for _ in range(rng.randrange(1, 4))] for _ in responses]


def plain_logits(model: Any, trees: Any) -> torch.Tensor:
    """Logits of the leaves of trees, each as a plain sequence that transformers reads alone."""
    return torch.cat(
        [
            model(input_ids=torch.tensor([[*instruction, *response, *leaf]])).logits[0]
            for instruction, responses, criteria in trees
            for response, leaves in zip(responses, criteria, strict=True)
            for leaf in leaves
        ]
    )


def planted_snapshot(n: int, *, seed: int = 0) -> Snapshot:
    """Instructions of two splits whose verdicts follow from the text: a response meets `has a` if it holds the letter a."""
    rng = random.Random(seed)
    instructions, rubrics, responses, verdicts, preferences = {}, {}, {}, [], []
    for number in range(n):
        split = "validation" if number % 4 == 0 else "rm_train"
        name = f"i{number:03d}"
        instructions[name] = Instruction(
            instruction_id=name, text=f"q{number}", source="s", category=None, specialty=None, cluster_id=name, split=split
        )
        criteria = tuple(
            Criterion(criterion_id=f"{name}-{letter}", tier=tier, text=f"has {letter}", weight=1.0 if tier == "main" else None)
            for letter, tier in (("a", "main"), ("e", "bonus"), ("o", "veto"))
        )
        rubrics[name] = Rubric(instruction_id=name, rubric_version="v", criteria=criteria)
        met: dict[str, dict[str, bool]] = {}
        for copy in range(3):
            wanted = {c.criterion_id: rng.random() < 0.5 for c in criteria}
            letters = [c.text[-1] for c in criteria if wanted[c.criterion_id]] + ["x", "z"]
            rng.shuffle(letters)
            answer = f"{name}-r{copy}"
            responses[answer] = Response(response_id=answer, instruction_id=name, model="m", text="".join(letters))
            met[answer] = wanted
            verdicts += [
                ResolvedVerdict(
                    response_id=answer, criterion_id=key, verdict="met" if good else "unmet", judge_kind="construction"
                )
                for key, good in wanted.items()
            ]
        preferences += [
            CriterionPreference(
                instruction_id=name,
                criterion_id=c.criterion_id,
                tier=c.tier,
                better_id=better,
                worse_id=worse,
                discordant=False,
                split=split,
            )
            for c in criteria
            for better in met
            for worse in met
            if met[better][c.criterion_id] and not met[worse][c.criterion_id]
        ]
    return Snapshot(
        instructions=instructions,
        rubrics=rubrics,
        responses=responses,
        verdicts=tuple(verdicts),
        pairs=(),
        criterion_preferences=tuple(preferences),
    )
