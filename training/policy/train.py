"""One GRPO run: from a base model and a reward to a merged policy.

What belongs here: how our config becomes TRL's, and the run itself. One process, one device.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from datasets.utils.logging import disable_progress_bar
from peft import LoraConfig
from transformers import PrinterCallback
from transformers.utils import logging as transformers_logging
from trl import GRPOConfig

from training.errors import StageRefusal
from training.generation.prompt import render_prompt, tokenize_prompts
from training.policy.config import PolicyConfig
from training.policy.reward import HierarchicalReward
from training.policy.trainer import HierarchicalGRPOTrainer, StepLog
from training.records import Instruction


def training_arguments(config: PolicyConfig, *, folder: str) -> GRPOConfig:
    """TRL's arguments for a config; `folder` is scratch space, for TRL insists on one."""
    return GRPOConfig(
        output_dir=folder,
        num_generations=config.num_generations,
        per_device_train_batch_size=config.micro_batch,
        gradient_accumulation_steps=config.completions_per_step // config.micro_batch,
        max_steps=config.steps,
        learning_rate=config.lr,
        lr_scheduler_type="constant",
        beta=config.kl,
        loss_type="grpo",
        scale_rewards="group",
        temperature=config.temperature,
        max_completion_length=config.max_completion_length,
        bf16=config.precision == "bf16_mixed",
        gradient_checkpointing=config.gradient_checkpointing,
        use_cpu=not torch.cuda.is_available(),
        seed=config.seed,
        data_seed=config.seed,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def prompt_rows(
    tokenizer: Any, instructions: Sequence[Instruction], *, max_prompt_length: int, at_least: int
) -> list[dict[str, str]]:
    """One row per instruction whose prompt is short enough.

    Raises:
        StageRefusal: fewer than `at_least` are left.
    """
    prompts = [render_prompt(tokenizer, i.text) for i in instructions]
    lengths = [len(ids) for ids in tokenize_prompts(tokenizer, prompts)]
    rows = [
        {"prompt": prompt, "instruction_id": instruction.instruction_id}
        for prompt, length, instruction in zip(prompts, lengths, instructions, strict=True)
        if length <= max_prompt_length
    ]
    if len(rows) < at_least:
        raise StageRefusal(
            f"policy: {len(rows)} of {len(instructions)} instructions have a prompt of at most {max_prompt_length} tokens; "
            f"a step needs {at_least}"
        )
    return rows


def train_policy(
    *,
    config: PolicyConfig,
    model: Any,
    tokenizer: Any,
    instructions: Sequence[Instruction],
    reward: HierarchicalReward,
    output: Path,
) -> tuple[list[dict[str, Any]], int]:
    """Trains, writes the merged policy, its tokenizer and the logs into `output`.

    Returns:
        The rows of the log, and how many instructions were trained on.

    Raises:
        StageRefusal: too few instructions, BOS not in front exactly once, or too many completions without a reward.
    """
    transformers_logging.disable_progress_bar()
    disable_progress_bar()
    # It warns of every completion without reward, and prints it; the log counts them.
    logging.getLogger("trl.trainer.grpo_trainer").setLevel(logging.ERROR)
    rows = prompt_rows(tokenizer, instructions, max_prompt_length=config.max_prompt_length, at_least=config.prompts_per_step)
    log = StepLog(reward, output=output, steps=config.steps)
    adapters = LoraConfig(
        r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    with tempfile.TemporaryDirectory() as scratch:
        trainer = HierarchicalGRPOTrainer(
            model=model,
            reward_funcs=[reward],
            args=training_arguments(config, folder=scratch),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=adapters if config.lora else None,
            callbacks=[log],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    trained = trainer.accelerator.unwrap_model(trainer.model)
    merged = trained.merge_and_unload() if config.lora else trained
    merged.save_pretrained(output)
    tokenizer.save_pretrained(output)
    return log.rows, len(rows)
