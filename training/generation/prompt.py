"""The prompt a policy is asked with: the one place that GRPO and rollouts take it from.

What belongs here: turning an instruction into prompt text and token ids, the rule that BOS stands in front exactly once, and
where in a completion the answer ends.

A tokenizer with a chat template gets one user turn and the generation prompt, thinking switched off where the template
knows it (departure: the paper does not print its prompt). A base model without one, such as Gemma-3-270M, gets
`BASE_TEMPLATE`: the plainest frame in which a text completer answers. Its answer ends where it asks the next question itself,
for the reward as for rollouts: what follows answers something that nobody asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.errors import StageRefusal

BASE_TEMPLATE = "Question: {instruction}\n\nAnswer:"
# How a base model goes on when it does not end its text: it asks itself the next question.
NEXT_FRAME = "\nQuestion:"


def frame_instruction(instruction: str) -> str:
    r"""The prompt text for a model without chat template.

    >>> frame_instruction("Is measles contagious?")
    'Question: Is measles contagious?\n\nAnswer:'
    """
    return BASE_TEMPLATE.format(instruction=instruction.strip())


def render_prompt(tokenizer: Any, instruction: str) -> str:
    """Prompt text of one instruction, without a BOS that the tokenizer puts in front by itself."""
    if not tokenizer.chat_template:
        return frame_instruction(instruction)
    turns = [{"role": "user", "content": instruction.strip()}]
    text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    # Llama's and Gemma's templates write BOS, and their tokenizers add it once more.
    if tokenizer.bos_token and _adds_bos(tokenizer):
        text = text.removeprefix(tokenizer.bos_token)
    return text


def read_answer(tokenizer: Any, completion: str) -> str:
    """The answer in a completion: its text, for a model without chat template only up to the next question it asks itself."""
    return completion.strip() if tokenizer.chat_template else cut_at_next_frame(completion)


def cut_at_next_frame(completion: str) -> str:
    r"""The text before the next question of the frame.

    >>> cut_at_next_frame(" Yes, it is.\n\nQuestion: For how long?\n\nAnswer: A week.")
    'Yes, it is.'
    """
    return completion.partition(NEXT_FRAME)[0].strip()


def tokenize_prompts(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    """Token ids of rendered prompts, unpadded; the same call as TRL's, so that training and rollouts agree.

    Raises:
        StageRefusal: the tokenizer has a BOS token that does not stand in front of a prompt exactly once.
    """
    rows: list[list[int]] = tokenizer(text=list(prompts))["input_ids"]
    if tokenizer.bos_token is not None:
        for ids in rows:
            found = leading_count(ids, tokenizer.bos_token_id)
            if found != 1:
                raise StageRefusal(f"prompts: {tokenizer.bos_token!r} is {found} times in front of a prompt instead of once")
    return rows


def leading_count(ids: Sequence[int], token: int) -> int:
    """How many times a token stands at the beginning.

    >>> leading_count([2, 2, 7, 2], 2)
    2
    """
    count = 0
    while count < len(ids) and ids[count] == token:
        count += 1
    return count


def _adds_bos(tokenizer: Any) -> bool:
    ids: list[int] = tokenizer("a")["input_ids"]
    return leading_count(ids, tokenizer.bos_token_id) > 0
