"""Rollouts: batches of prompts through `generate`, and how each answer ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import GenerationConfig as SamplingConfig
from transformers import set_seed

from training.errors import StageRefusal
from training.generation.config import GenerationConfig
from training.generation.prompt import read_answer, render_prompt, tokenize_prompts
from training.progress import Progress

Finish = Literal["stop", "length", "empty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One answer: its text, how it ended, and how many tokens were generated, without the end-of-text token."""

    text: str
    finish: Finish
    n_tokens: int


def cut_at_end(ids: Sequence[int], end_tokens: frozenset[int]) -> tuple[list[int], bool]:
    """The tokens before the first end token, and whether there is one.

    >>> cut_at_end([5, 6, 1, 0], frozenset({1}))
    ([5, 6], True)
    """
    for position, token in enumerate(ids):
        if token in end_tokens:
            return list(ids[:position]), True
    return list(ids), False


def finish_of(text: str, *, ended: bool) -> Finish:
    """`empty` for an answer of nothing but white space, else whether the model ended it or the limit did.

    >>> finish_of("  ", ended=True), finish_of("Yes.", ended=False)
    ('empty', 'length')
    """
    if not text.strip():
        return "empty"
    return "stop" if ended else "length"


def generate_rollouts(model: Any, tokenizer: Any, instructions: Sequence[str], *, config: GenerationConfig) -> list[Rollout]:
    """One answer per instruction, in their order.

    Prompts of like length share a batch. The seed is set once per batch from its place, so a batch's answers depend on
    nothing that was sampled before it.

    Raises:
        StageRefusal: a prompt and its answer do not fit into the model's context, or BOS is not in front exactly once.
    """
    prompts = tokenize_prompts(tokenizer, [render_prompt(tokenizer, text) for text in instructions])
    limit = model.config.max_position_embeddings
    longest = max(len(ids) for ids in prompts)
    if longest + config.max_new_tokens > limit:
        raise StageRefusal(
            f"generation: a prompt of {longest} tokens and {config.max_new_tokens} new ones exceed the context of {limit}"
        )
    order = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    batches = [order[start : start + config.batch_size] for start in range(0, len(order), config.batch_size)]
    progress = Progress(f"rollouts of {config.model_name}", len(prompts))
    answers: dict[int, Rollout] = {}
    model.eval()
    for number, batch in enumerate(batches):
        set_seed(config.seed + number)
        rows = _generate_batch(model, tokenizer, [prompts[i] for i in batch], config)
        answers.update(zip(batch, rows, strict=True))
        progress.update(len(answers))
    return [answers[i] for i in range(len(prompts))]


def _generate_batch(model: Any, tokenizer: Any, prompts: list[list[int]], config: GenerationConfig) -> list[Rollout]:
    padded = tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt").to(model.device)
    ends = end_tokens(model, tokenizer)
    with torch.inference_mode():
        output = model.generate(
            input_ids=padded["input_ids"],
            attention_mask=padded["attention_mask"],
            generation_config=_sampling(config, tokenizer, ends),
        )
    rows = []
    for ids in output[:, padded["input_ids"].shape[1] :].tolist():
        kept, ended = cut_at_end(ids, ends)
        completion = tokenizer.decode(kept, skip_special_tokens=True).strip()
        text = read_answer(tokenizer, completion)
        rows.append(Rollout(text=text, finish=finish_of(text, ended=ended or text != completion), n_tokens=len(kept)))
    return rows


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer: end of text, and the end of turn that a chat model declares."""
    declared = model.generation_config.eos_token_id
    declared = [] if declared is None else [declared] if isinstance(declared, int) else declared
    return frozenset([*declared, tokenizer.eos_token_id])


def _sampling(config: GenerationConfig, tokenizer: Any, ends: frozenset[int]) -> SamplingConfig:
    sampled = {"do_sample": True, "temperature": config.temperature, "top_p": config.top_p, "top_k": 0}
    return SamplingConfig(
        max_new_tokens=config.max_new_tokens,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=sorted(ends),
        **(sampled if config.temperature > 0 else {"do_sample": False}),
    )
