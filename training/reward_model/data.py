"""Training and validation trees from a snapshot: token ids, the verdicts on the leaves, and the preferences between them.

What belongs here: which verdicts and preferences become examples. Every known verdict is a leaf and every criterion preference
of the split a pair (overall ties and undecidable pairs included). `assumed` verdicts may train but never validate or calibrate.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from training.errors import StageRefusal
from training.records import Criterion, Instruction, Response, Tier
from training.reward_model.prompt import PromptEncoder
from training.reward_model.tree import PackedTree, pack_tree
from training.snapshot import CriterionPreference, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One labelled (response, criterion)."""

    response_id: str
    criterion_id: str
    tier: Tier
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafPair:
    """On one criterion, leaf `better` is preferred to leaf `worse`; both are indices into the leaves of a tree."""

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


@dataclass(frozen=True, kw_only=True)
class InstructionExamples:
    """All that is known about one instruction of a split: responses, labels and preferences, not yet dealt into trees."""

    instruction: Instruction
    criteria: tuple[Criterion, ...]
    responses: tuple[Response, ...]
    met: dict[tuple[str, str], bool]
    preferences: tuple[CriterionPreference, ...]


def examples_of_split(snapshot: Snapshot, split: str, *, assumed: bool) -> list[InstructionExamples]:
    """What a split teaches, one entry per instruction that has a known verdict, in id order.

    Args:
        snapshot: the records.
        split: which instructions.
        assumed: whether `assumed` verdicts, and preferences that rest on one, count as known.

    Raises:
        StageRefusal: a preference rests on a verdict that is not there or says otherwise.
    """
    known = {
        (v.response_id, v.criterion_id): (v.verdict == "met", v.judge_kind)
        for v in snapshot.verdicts
        if v.verdict in ("met", "unmet")
    }
    by_instruction: dict[str, list[CriterionPreference]] = {}
    for preference in snapshot.criterion_preferences:
        if preference.split != split:
            continue
        ends = [known.get((end, preference.criterion_id)) for end in (preference.better_id, preference.worse_id)]
        if [end and end[0] for end in ends] != [True, False]:
            raise StageRefusal(f"preference on {preference.criterion_id} does not follow from the resolved verdicts")
        if assumed or all(end and end[1] != "assumed" for end in ends):
            by_instruction.setdefault(preference.instruction_id, []).append(preference)
    responses: dict[str, list[Response]] = {}
    for response in sorted(snapshot.responses.values(), key=lambda r: r.response_id):
        responses.setdefault(response.instruction_id, []).append(response)

    found = []
    for instruction in snapshot.of_split(split):
        rubric = snapshot.rubrics.get(instruction.instruction_id)
        answers = [r for r in responses.get(instruction.instruction_id, []) if r.text.strip()]
        if rubric is None:
            continue
        met = {
            (r.response_id, c.criterion_id): known[r.response_id, c.criterion_id][0]
            for r in answers
            for c in rubric.criteria
            if (r.response_id, c.criterion_id) in known and (assumed or known[r.response_id, c.criterion_id][1] != "assumed")
        }
        if met:
            found.append(
                InstructionExamples(
                    instruction=instruction,
                    criteria=rubric.criteria,
                    responses=tuple(r for r in answers if any(key[0] == r.response_id for key in met)),
                    met=met,
                    preferences=tuple(by_instruction.get(instruction.instruction_id, ())),
                )
            )
    return found


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


def build_tree(
    examples: InstructionExamples, chosen: Sequence[int], encoder: PromptEncoder, *, max_length: int
) -> tuple[LabelledTree | None, int]:
    """The tree of some of an instruction's responses.

    Returns:
        The tree (None if nothing is left), and how many leaves were left out because their branch is longer than `max_length`.
    """
    prefix = encoder.instruction(examples.instruction.text)
    encoded = [(c, encoder.criterion(c)) for c in examples.criteria]
    leaves: list[Leaf] = []
    responses: list[list[int]] = []
    hanging: list[list[list[int]]] = []
    index: dict[tuple[str, str], int] = {}
    too_long = 0
    for response in (examples.responses[i] for i in chosen):
        body = encoder.response(response.text)
        pieces = []
        for criterion, piece in encoded:
            key = (response.response_id, criterion.criterion_id)
            if key not in examples.met:
                continue
            if len(prefix) + len(body) + len(piece) > max_length:
                too_long += 1
                continue
            index[key] = len(leaves)
            leaves.append(Leaf(response_id=key[0], criterion_id=key[1], tier=criterion.tier, met=examples.met[key]))
            pieces.append(piece)
        if pieces:
            responses.append(body)
            hanging.append(pieces)
    if not leaves:
        return None, too_long
    pairs = tuple(
        LeafPair(
            better=index[p.better_id, p.criterion_id],
            worse=index[p.worse_id, p.criterion_id],
            tier=p.tier,
            discordant=bool(p.discordant),
        )
        for p in examples.preferences
        if (p.better_id, p.criterion_id) in index and (p.worse_id, p.criterion_id) in index
    )
    tree = LabelledTree(
        instruction_id=examples.instruction.instruction_id,
        packed=pack_tree(prefix, responses, hanging),
        leaves=tuple(leaves),
        pairs=pairs,
    )
    return tree, too_long


def build_trees(
    examples: Sequence[InstructionExamples],
    encoder: PromptEncoder,
    *,
    responses_per_tree: int,
    max_length: int,
    rng: random.Random | None,
) -> tuple[list[LabelledTree], int]:
    """All trees of one epoch, in shuffled order if an rng is given, and the number of leaves that were too long."""
    trees, too_long = [], 0
    for one in examples:
        for group in deal(len(one.responses), responses_per_tree, rng):
            tree, dropped = build_tree(one, group, encoder, max_length=max_length)
            too_long += dropped
            if tree is not None:
                trees.append(tree)
    if rng is not None:
        rng.shuffle(trees)
    return trees, too_long
