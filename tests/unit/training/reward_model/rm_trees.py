"""Overall preferences of planted examples, and the prompts that trees hold: what the tests of trees share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from training.reward_model.data import LabelledTree
from training.rubric_score import lexicographic_order, score_response
from training.snapshot import PreferencePair, Snapshot


def with_overall_pairs(snapshot: Snapshot) -> Snapshot:
    """The snapshot with the overall preferences that follow from its verdicts."""
    verdicts = {(v.response_id, v.criterion_id): v.verdict for v in snapshot.verdicts}
    pairs: list[PreferencePair] = []
    for one, two in permutations(snapshot.responses.values(), 2):
        if one.instruction_id != two.instruction_id:
            continue
        criteria = snapshot.rubrics[one.instruction_id].criteria
        first, second = (
            score_response(criteria, [verdicts[r.response_id, c.criterion_id] for c in criteria]) for r in (one, two)
        )
        order = lexicographic_order(first, second)
        if order.better == "first":
            pairs.append(
                PreferencePair(
                    pair_id=f"{one.response_id} {two.response_id}",
                    instruction_id=one.instruction_id,
                    rubric_version="v",
                    chosen_id=one.response_id,
                    rejected_id=two.response_id,
                    decided_by=order.decided_by,
                    margin=order.margin,
                    split=snapshot.instructions[one.instruction_id].split,
                )
            )
    return replace(snapshot, pairs=tuple(pairs))


def prompts_of(trees: Sequence[LabelledTree]) -> dict[tuple[str, str | None], list[int]]:
    """For each leaf, by (response_id, criterion_id), the ids on the way from the root of its tree to its end."""
    found = {}
    for tree in trees:
        packed = tree.packed
        for number, (leaf, at) in enumerate(zip(tree.leaves, packed.read_at, strict=True)):
            rows = zip(packed.input_ids, packed.response, packed.leaf, strict=True)
            found[leaf.response_id, leaf.criterion_id] = [
                token for token, middle, end in rows if middle in (-1, packed.response[at]) and end in (-1, number)
            ]
    return found
