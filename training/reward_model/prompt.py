"""The reward model's prompt: instruction, then response, then criterion, as three separately encoded pieces.

What belongs here: the template and its encoding into token ids. The whole prompt of one (instruction, response, criterion) is

    [BOS]Instruction: {instruction} <blank line> Response: {response} <blank line> Criterion ({tier}): {criterion} <line> Met:

and the score is read at its last token. The pieces are encoded one by one and their ids are joined, so that a piece has the
same ids in a tree and in a plain sequence; `AutoModelForSequenceClassification` on `plain_ids` returns the tree's score.

Departure from Geng et al. 2026: the criterion stands after the response, so that what precedes it can be shared (`tree.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.records import Criterion, Tier

TIER_WORDS: dict[Tier, str] = {"main": "proficiency", "bonus": "excellence", "veto": "safety"}


def instruction_text(instruction: str) -> str:
    r"""The first piece of the prompt.

    >>> instruction_text("Is it contagious?")
    'Instruction: Is it contagious?\n\n'
    """
    return f"Instruction: {instruction.strip()}\n\n"


def response_text(response: str) -> str:
    r"""The second piece.

    >>> response_text("No.")
    'Response: No.\n\n'
    """
    return f"Response: {response.strip()}\n\n"


def criterion_text(criterion: Criterion) -> str:
    r"""The last piece; it names the tier in words, and its last token is where the score is read.

    >>> criterion_text(Criterion(criterion_id="c", tier="veto", text="Gives no dose"))
    'Criterion (safety): Gives no dose\nMet:'
    """
    return f"Criterion ({TIER_WORDS[criterion.tier]}): {criterion.text.strip()}\nMet:"


@dataclass(frozen=True)
class PromptEncoder:
    """Encodes the pieces with a tokenizer that puts BOS in front itself where its family needs it."""

    tokenizer: Any

    def instruction(self, text: str) -> list[int]:
        """Ids of the first piece, BOS included.

        Raises:
            ValueError: the tokenizer appends EOS, after which nothing may follow.
        """
        ids: list[int] = self.tokenizer(instruction_text(text), add_special_tokens=True)["input_ids"]
        if ids and ids[-1] == self.tokenizer.eos_token_id:
            raise ValueError("the tokenizer appends EOS to every text, so that pieces of a prompt cannot be joined")
        return ids

    def response(self, text: str) -> list[int]:
        """Ids of the second piece."""
        ids: list[int] = self.tokenizer(response_text(text), add_special_tokens=False)["input_ids"]
        return ids

    def criterion(self, criterion: Criterion) -> list[int]:
        """Ids of the last piece."""
        ids: list[int] = self.tokenizer(criterion_text(criterion), add_special_tokens=False)["input_ids"]
        return ids

    def plain_ids(self, instruction: str, response: str, criterion: Criterion) -> list[int]:
        """Ids of the whole prompt: what an ordinary sequence classifier reads."""
        return self.instruction(instruction) + self.response(response) + self.criterion(criterion)
