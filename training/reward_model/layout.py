"""Which piece stands where in a tree: from responses and criteria to packed trees and the places of their leaves.

What belongs here: the order of pieces, the same for training and scoring. Below the instruction stand middle pieces, and below
each of them hang the pieces at whose end a score is read:

    criterion_last   instruction → responses → criteria    |x| + sum |y| + sum K |c| tokens
    criterion_first  instruction → criteria → responses    |x| + sum |c| + sum N |y| tokens: only x is shared by many
    none             instruction → responses → one cue
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.reward_model.prompt import Conditioning
from training.reward_model.tree import PackedTree, pack_tree

Piece = Sequence[int]
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Branch:
    """A middle piece and what hangs below it: end pieces, each with its place (index of response, index of criterion)."""

    middle: Piece
    ends: tuple[tuple[Piece, Place], ...]

    @property
    def tokens(self) -> int:
        """Tokens that the branch adds to a tree."""
        return len(self.middle) + sum(len(piece) for piece, _ in self.ends)


def branches(
    conditioning: Conditioning, responses: Sequence[Piece], criteria: Sequence[Piece], places: Sequence[Place]
) -> list[Branch]:
    """The branches on which the given places are read, in the order of their middle pieces.

    >>> [(b.middle, b.ends) for b in branches("criterion_first", [[1], [2]], [[7]], [(0, 0), (1, 0)])]
    [([7], (([1], (0, 0)), ([2], (1, 0))))]
    """
    first = conditioning == "criterion_first"
    below: dict[int, list[tuple[Piece, Place]]] = {}
    for response, criterion in sorted(places):
        middle, end = (criterion, responses[response]) if first else (response, criteria[criterion])
        below.setdefault(middle, []).append((end, (response, criterion)))
    middles = criteria if first else responses
    return [Branch(middles[index], tuple(below[index])) for index in sorted(below)]


def pack(instruction: Piece, parts: Sequence[Branch]) -> tuple[PackedTree, list[Place]]:
    """One tree, and the place of each of its leaves in order."""
    tree = pack_tree(instruction, [part.middle for part in parts], [[piece for piece, _ in part.ends] for part in parts])
    return tree, [place for part in parts for _, place in part.ends]


def split_by_tokens(parts: Sequence[Branch], *, shared: int, tokens: int) -> list[list[Branch]]:
    """Deals branches, in their order, into trees of at most `tokens` tokens, of which each has `shared` for the instruction.

    A branch that is alone too large is cut between its ends, and its middle piece repeated. A tree of one end may exceed the
    budget: it cannot be made smaller.

    >>> one, two = Branch([1, 1], (([2], (0, 0)), ([3], (0, 1)))), Branch([1], (([2], (1, 0)),))
    >>> [[part.tokens for part in tree] for tree in split_by_tokens([one, two], shared=3, tokens=7)]
    [[4], [2]]
    >>> [[part.tokens for part in tree] for tree in split_by_tokens([one, two], shared=3, tokens=6)]
    [[3], [3], [2]]
    """
    trees: list[list[Branch]] = []
    room = 0
    for part in (small for large in parts for small in _halves(large, tokens - shared)):
        if trees and part.tokens <= room:
            trees[-1].append(part)
        else:
            trees.append([part])
            room = tokens - shared
        room -= part.tokens
    return trees


def _halves(part: Branch, room: int) -> list[Branch]:
    """The branch, cut in two between its ends until each half fits or has one end."""
    if part.tokens <= room or len(part.ends) == 1:
        return [part]
    middle = len(part.ends) // 2
    return [small for ends in (part.ends[:middle], part.ends[middle:]) for small in _halves(Branch(part.middle, ends), room)]
