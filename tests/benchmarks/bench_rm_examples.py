"""What the reward-model benchmark trains and scores on: lengths, token counts and random examples.

The example of a step is one instruction, a pair of responses and K criteria, all of given numbers of random tokens. Every
length is the same within its kind, which suits the usual way best: its batches need no padding, and none of its masks is built.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Lengths in tokens; `responses` is 2 in training (a pair) and G in scoring."""

    criteria: int
    response: int
    instruction: int = 120
    criterion: int = 32
    responses: int = 2

    @property
    def usual_tokens(self) -> int:
        """Tokens of one sequence per response and criterion."""
        return self.responses * self.criteria * (self.instruction + self.response + self.criterion)

    @property
    def tree_tokens(self) -> int:
        """Tokens of the tree: the instruction once, each response once, each criterion once below each response."""
        return self.instruction + self.responses * (self.response + self.criteria * self.criterion)

    @property
    def token_ratio(self) -> float:
        """What a step would gain if its time were its tokens."""
        return self.usual_tokens / self.tree_tokens

    def as_json(self) -> dict[str, Any]:
        """The lengths, for another process."""
        return asdict(self)


@dataclass(frozen=True)
class Example:
    """Token ids of an instruction, its responses and its criteria; `better[k]` is the response that wins on criterion k."""

    instruction: list[int]
    responses: list[list[int]]
    criteria: list[list[int]]
    better: list[int]

    def pairs(self) -> list[dict[str, list[int]]]:
        """One row per criterion, as a preference data set of whole sequences has them."""
        return [
            {
                "chosen_ids": self.instruction + self.responses[better] + criterion,
                "rejected_ids": self.instruction + self.responses[1 - better] + criterion,
            }
            for criterion, better in zip(self.criteria, self.better, strict=True)
        ]


def make_example(shape: Shape, *, vocabulary: int, first: int, seed: int) -> Example:
    """Random tokens in [100, vocabulary), where no special token stands; `first` (BOS) opens the instruction."""
    rng = random.Random(seed)

    def piece(length: int) -> list[int]:
        return [rng.randrange(100, vocabulary) for _ in range(length)]

    return Example(
        instruction=[first, *piece(shape.instruction - 1)],
        responses=[piece(shape.response) for _ in range(shape.responses)],
        criteria=[piece(shape.criterion) for _ in range(shape.criteria)],
        better=[k % 2 for k in range(shape.criteria)],
    )
