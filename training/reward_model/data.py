"""Training and validation trees: token ids, the verdicts on the leaves, and the preferences between them.

What belongs here: dealing an instruction's responses into trees and labelling the leaves. Which verdicts and preferences count
is said in `examples.py`, what stands where in a tree in `layout.py`, what is cut in `truncation.py`. A scalar model
(`conditioning: none`) has one leaf for each response, without verdict, and learns from the overall preferences alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from training.records import Tier
from training.reward_model.examples import InstructionExamples
from training.reward_model.layout import Place, branches, pack
from training.reward_model.prompt import CRITERION_LAST, Conditioning, PromptEncoder
from training.reward_model.tree import PackedTree
from training.reward_model.truncation import cut_beginning, cut_end, instruction_room, response_room


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One (response, criterion) where a score is read; the last three are None where the model reads no criterion."""

    response_id: str
    criterion_id: str | None
    tier: Tier | None
    met: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafPair:
    """Leaf `better` is preferred to leaf `worse`; both are indices into the leaves of a tree.

    Attributes:
        tier: of the criterion on which they are compared; of an overall preference the tier that decided it.
        discordant: the better one loses overall; no overall preference is.
    """

    better: int
    worse: int
    tier: str
    discordant: bool


@dataclass(frozen=True, kw_only=True)
class LabelledTree:
    """A packed tree with its labels; `leaves[i]` belongs to `packed.read_at[i]`."""

    instruction_id: str
    packed: PackedTree
    leaves: tuple[Leaf, ...]
    pairs: tuple[LeafPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeCounts:
    """What became of prompts that were too long; counts of several batches of trees add up.

    Attributes:
        left_out: leaves that were left out, since their prompt is longer than `max_length`.
        truncated_responses: responses that lost their end.
        truncated_instructions: instructions that lost their beginning, each once for all its trees.
    """

    left_out: int = 0
    truncated_responses: int = 0
    truncated_instructions: int = 0

    def __add__(self, other: TreeCounts) -> TreeCounts:
        return TreeCounts(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


def deal(count: int, size: int, rng: random.Random | None) -> list[list[int]]:
    """Deals 0 … count-1 into groups whose sizes differ by one at most and are at most `size`; shuffled if an rng is given.

    >>> deal(5, 3, None)
    [[0, 2, 4], [1, 3]]
    """
    order = list(range(count))
    if rng is not None:
        rng.shuffle(order)
    groups = -(-count // size)
    return [sorted(order[start::groups]) for start in range(groups)]


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The pieces of an instruction's prompts, cut where that is allowed."""

    instruction: list[int]
    responses: list[list[int]]
    criteria: list[list[int]]

    def length(self, place: Place) -> int:
        """Tokens of the prompt that ends at a place."""
        return len(self.instruction) + len(self.responses[place[0]]) + len(self.criteria[place[1]])


def _encode(
    examples: InstructionExamples, encoder: PromptEncoder, *, max_length: int, conditioning: Conditioning, truncate: bool
) -> tuple[_Pieces, TreeCounts]:
    instruction = encoder.instruction(examples.instruction.text)
    responses = [encoder.response(r.text, conditioning) for r in examples.responses]
    criteria = encoder.criteria(examples.criteria, conditioning)
    if not truncate:
        return _Pieces(instruction, responses, criteria), TreeCounts()
    lengths = [len(piece) for piece in criteria]
    room = instruction_room(lengths, max_length=max_length)
    later = cut_beginning(instruction, encoder.instruction_frame(), room=room)
    room = response_room(len(later), lengths, max_length=max_length)
    earlier = [cut_end(piece, encoder.response_frame(conditioning), room=room) for piece in responses]
    return _Pieces(later, earlier, criteria), TreeCounts(
        truncated_responses=sum(len(after) < len(before) for before, after in zip(responses, earlier, strict=True)),
        truncated_instructions=int(len(later) < len(instruction)),
    )


def _leaf(examples: InstructionExamples, place: Place, conditioning: Conditioning) -> Leaf | None:
    """What is read at (response, criterion); None where no verdict is known."""
    response = examples.responses[place[0]]
    if conditioning == "none":
        return Leaf(response_id=response.response_id, criterion_id=None, tier=None, met=None)
    criterion = examples.criteria[place[1]]
    met = examples.met.get((response.response_id, criterion.criterion_id))
    if met is None:
        return None
    return Leaf(response_id=response.response_id, criterion_id=criterion.criterion_id, tier=criterion.tier, met=met)


def _pairs(examples: InstructionExamples, leaves: Sequence[Leaf], conditioning: Conditioning) -> tuple[LeafPair, ...]:
    """The preferences whose two ends are among the leaves."""
    said: list[tuple[str, str, str | None, str, bool]]
    if conditioning == "none":
        said = [(p.chosen_id, p.rejected_id, None, p.decided_by, False) for p in examples.overall]
    else:
        said = [(p.better_id, p.worse_id, p.criterion_id, p.tier, bool(p.discordant)) for p in examples.preferences]
    index = {(leaf.response_id, leaf.criterion_id): number for number, leaf in enumerate(leaves)}
    return tuple(
        LeafPair(better=index[better, criterion], worse=index[worse, criterion], tier=tier, discordant=discordant)
        for better, worse, criterion, tier, discordant in said
        if (better, criterion) in index and (worse, criterion) in index
    )


def _tree(
    examples: InstructionExamples, chosen: Sequence[int], pieces: _Pieces, *, max_length: int, conditioning: Conditioning
) -> tuple[LabelledTree | None, int]:
    """The tree of some of an instruction's responses, and how many leaves were too long for it.

    There is no tree (None) without a leaf, and none for a scalar model without a preference: its leaves teach nothing else.
    """
    places = [(response, criterion) for response in chosen for criterion in range(len(pieces.criteria))]
    known = {place: leaf for place in places if (leaf := _leaf(examples, place, conditioning)) is not None}
    fitting = [place for place in known if pieces.length(place) <= max_length]
    left_out = len(known) - len(fitting)
    if not fitting:
        return None, left_out
    packed, order = pack(pieces.instruction, branches(conditioning, pieces.responses, pieces.criteria, fitting))
    leaves = tuple(known[place] for place in order)
    pairs = _pairs(examples, leaves, conditioning)
    if conditioning == "none" and not pairs:
        return None, left_out
    name = examples.instruction.instruction_id
    return LabelledTree(instruction_id=name, packed=packed, leaves=leaves, pairs=pairs), left_out


def _learned_from(examples: InstructionExamples, conditioning: Conditioning) -> InstructionExamples:
    """Only with the responses that have a verdict or, for a scalar model, stand in an overall preference."""
    if conditioning == "none":
        used = {end for pair in examples.overall for end in (pair.chosen_id, pair.rejected_id)}
    else:
        used = {response_id for response_id, _ in examples.met}
    return replace(examples, responses=tuple(r for r in examples.responses if r.response_id in used))


def build_trees(
    examples: Sequence[InstructionExamples],
    encoder: PromptEncoder,
    *,
    responses_per_tree: int,
    max_length: int,
    rng: random.Random | None,
    conditioning: Conditioning = CRITERION_LAST,
    truncate: bool = False,
) -> tuple[list[LabelledTree], TreeCounts]:
    """All trees of one epoch, and what became of prompts that were too long.

    Args:
        examples: what is known, by instruction.
        encoder: of the base model.
        responses_per_tree: most responses in a tree; those of an instruction are dealt evenly.
        max_length: most tokens of a prompt (of a path through a tree, not of the whole tree).
        rng: deals responses and shuffles trees; None keeps their order.
        conditioning: where the model reads the criterion.
        truncate: cuts prompts that are too long (`truncation.py`): training only. Otherwise their leaves are left out.

    Raises:
        StageRefusal: `max_length` is too small even for a cut prompt.
    """
    trees, counts = [], TreeCounts()
    for everything in examples:
        one = _learned_from(everything, conditioning)
        pieces, cut = _encode(one, encoder, max_length=max_length, conditioning=conditioning, truncate=truncate)
        counts += cut
        for group in deal(len(one.responses), responses_per_tree, rng):
            tree, left_out = _tree(one, group, pieces, max_length=max_length, conditioning=conditioning)
            counts += TreeCounts(left_out=left_out)
            if tree is not None:
                trees.append(tree)
    if rng is not None:
        rng.shuffle(trees)
    return trees, counts
