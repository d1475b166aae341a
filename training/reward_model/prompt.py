"""The reward model's prompt: three separately encoded pieces, in one of three orders (`conditioning`).

What belongs here: the templates and their encoding into token ids. The score is read at the last token of

    criterion_last   [BOS]Instruction: {x} <blank line> Response: {y} <blank line> Criterion ({tier}): {c} <line> Met:
    criterion_first  [BOS]Instruction: {x} <blank line> Criterion ({tier}): {c} <blank line> Response: {y} <line> Met:
    none             [BOS]Instruction: {x} <blank line> Response: {y} <blank line> Good:

The pieces are encoded one by one and their ids are joined, so that a piece has the same ids in a tree and in a plain sequence;
`AutoModelForSequenceClassification` on `plain_ids` returns the tree's score.

Departure from Geng et al. 2026: by default the criterion stands after the response, so that what precedes it can be shared
(`tree.py`). `criterion_first` and `none` (a scalar model of the overall preference) are there to be compared with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from training.records import Criterion, Tier

Conditioning = Literal["criterion_last", "criterion_first", "none"]
CRITERION_LAST: Conditioning = "criterion_last"
TIER_WORDS: dict[Tier, str] = {"main": "proficiency", "bonus": "excellence", "veto": "safety"}

INSTRUCTION_OPENING, RESPONSE_OPENING = "Instruction:", "Response:"
_BETWEEN = "\n\n"
_CUE = "\nMet:"
_OVERALL_CUE = "Good:"


def instruction_text(instruction: str) -> str:
    r"""The first piece of the prompt.

    >>> instruction_text("Is it contagious?")
    'Instruction: Is it contagious?\n\n'
    """
    return f"{INSTRUCTION_OPENING} {instruction.strip()}{_BETWEEN}"


def response_closing(conditioning: Conditioning) -> str:
    """What stands after the response's own words: the cue where it is the last piece."""
    return _CUE if conditioning == "criterion_first" else _BETWEEN


def response_text(response: str, conditioning: Conditioning = CRITERION_LAST) -> str:
    r"""The piece of a response.

    >>> response_text("No."), response_text("No.", "criterion_first")
    ('Response: No.\n\n', 'Response: No.\nMet:')
    """
    return f"{RESPONSE_OPENING} {response.strip()}{response_closing(conditioning)}"


def criterion_text(criterion: Criterion, conditioning: Conditioning = CRITERION_LAST) -> str:
    r"""The piece of a criterion; it names the tier in words.

    >>> criterion_text(Criterion(criterion_id="c", tier="veto", text="Gives no dose"))
    'Criterion (safety): Gives no dose\nMet:'
    """
    closing = _BETWEEN if conditioning == "criterion_first" else _CUE
    return f"Criterion ({TIER_WORDS[criterion.tier]}): {criterion.text.strip()}{closing}"


@dataclass(frozen=True)
class Frame:
    """The tokens of a piece that a cut leaves standing: before the words of its author, and after them."""

    opening: tuple[int, ...]
    closing: tuple[int, ...]


@dataclass(frozen=True)
class PromptEncoder:
    """Encodes the pieces with a tokenizer that puts BOS in front itself where its family needs it."""

    tokenizer: Any

    def _ids(self, text: str, *, first: bool = False) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=first)["input_ids"]
        return ids

    def instruction(self, text: str) -> list[int]:
        """Ids of the first piece, BOS included.

        Raises:
            ValueError: the tokenizer appends EOS, after which nothing may follow.
        """
        ids = self._ids(instruction_text(text), first=True)
        if ids and ids[-1] == self.tokenizer.eos_token_id:
            raise ValueError("the tokenizer appends EOS to every text, so that pieces of a prompt cannot be joined")
        return ids

    def response(self, text: str, conditioning: Conditioning = CRITERION_LAST) -> list[int]:
        """Ids of a response's piece."""
        return self._ids(response_text(text, conditioning))

    def criterion(self, criterion: Criterion, conditioning: Conditioning = CRITERION_LAST) -> list[int]:
        """Ids of a criterion's piece; without conditioning, those of the cue that stands in its place."""
        return self._ids(_OVERALL_CUE if conditioning == "none" else criterion_text(criterion, conditioning))

    def criteria(self, criteria: Sequence[Criterion], conditioning: Conditioning = CRITERION_LAST) -> list[list[int]]:
        """Ids of the pieces that a response is read on: one for each criterion, and without conditioning the one cue."""
        if conditioning == "none":
            return [self._ids(_OVERALL_CUE)]
        return [self.criterion(criterion, conditioning) for criterion in criteria]

    def instruction_frame(self) -> Frame:
        """What stays of an instruction that loses its beginning."""
        return Frame(tuple(self._ids(INSTRUCTION_OPENING, first=True)), tuple(self._ids(_BETWEEN)))

    def response_frame(self, conditioning: Conditioning = CRITERION_LAST) -> Frame:
        """What stays of a response that loses its end."""
        return Frame(tuple(self._ids(RESPONSE_OPENING)), tuple(self._ids(response_closing(conditioning))))

    def plain_ids(
        self, instruction: str, response: str, criterion: Criterion, conditioning: Conditioning = CRITERION_LAST
    ) -> list[int]:
        """Ids of the whole prompt: what an ordinary sequence classifier reads."""
        body, leaf = self.response(response, conditioning), self.criterion(criterion, conditioning)
        below = leaf + body if conditioning == "criterion_first" else body + leaf
        return self.instruction(instruction) + below
