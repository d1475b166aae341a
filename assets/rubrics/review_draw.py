"""Drawing a review round: which drafts physicians look at, and in which shares.

What belongs here: the draw. Its record is `review_round.py`'s.

Ours: Geng et al. 2026 review 500 drafts a round and do not say how they are chosen; here by category and specialty, in
proportion, with what has neither as a stratum of its own, and one draft at most per instruction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from assets.reviewing.forms import NAME, NAME_RULE
from assets.rubrics.review_round import Draft, Drawn, ReviewError, ordered
from training.manifests import sha256_text

UNKNOWN = "unknown"
Row = Mapping[str, Any]


def draw(
    drafts: Sequence[Row],
    instructions: Sequence[Row],
    *,
    name: str,
    count: int,
    seed: int,
    exclude: Collection[str] = (),
    reviewers: Sequence[str],
) -> Drawn:
    """Draws drafts by category and specialty in proportion, and deals them out; all of them if there are fewer than asked.

    The result depends on the seed and on which drafts there are, not on their order.

    Args:
        drafts: rows of `rubric_drafts`, one per criterion.
        instructions: instruction_id, text, category, specialty of at least the drafts' instructions.
        name: of the round.
        count: how many, at least 1.
        seed: of the draw.
        exclude: rubric versions that have been reviewed.
        reviewers: pseudonyms.

    Raises:
        ReviewError: a name that cannot stand in a file name, no reviewer, no draft left, or a draft without its instruction.
    """
    _check_names(name, count, reviewers)
    known = {row["instruction_id"]: row for row in instructions}
    criteria: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in drafts:
        if row["rubric_version"] not in exclude:
            criteria[row["instruction_id"], row["rubric_version"]].append(row)
    lost = sorted(instruction for instruction, _ in criteria if instruction not in known)
    if lost:
        raise ReviewError(f"round {name}: a draft's instruction {lost[0]} is not among the instructions; run the chain again")
    # In the order of their lots; one per instruction, so that two reviewers do not write two rubrics for it.
    version_of: dict[str, str] = {}
    for instruction, version in sorted(criteria, key=lambda pair: _lot(seed, pair[1])):
        version_of.setdefault(instruction, version)
    if not version_of:
        raise ReviewError(f"round {name}: no draft is left to review; draft more rubrics first")
    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    for instruction in version_of:
        row = known[instruction]
        strata[row["category"] or UNKNOWN, row["specialty"] or UNKNOWN].append(instruction)
    quota = allocate({stratum: len(members) for stratum, members in strata.items()}, count)
    chosen = [(key, stratum) for stratum in sorted(strata) for key in strata[stratum][: quota[stratum]]]
    shares: dict[str, list[tuple[str, tuple[str, str]]]] = defaultdict(list)
    # Dealt stratum by stratum: every reviewer sees as much of each as another.
    for index, item in enumerate(chosen):
        shares[sorted(reviewers)[index % len(reviewers)]].append(item)
    made = [
        Draft(
            rubric_version=version_of[key],
            instruction_id=key,
            question=known[key]["text"],
            category=category,
            specialty=specialty,
            criteria=ordered(criteria[key, version_of[key]]),
            reviewer=reviewer,
            number=number,
        )
        for reviewer, share in sorted(shares.items())
        for number, (key, (category, specialty)) in enumerate(
            sorted(share, key=lambda item: _lot(seed, version_of[item[0]])), 1
        )
    ]
    return Drawn(round=name, seed=seed, asked=count, available=len(version_of), drafts=tuple(made))


def allocate(sizes: Mapping[tuple[str, str], int], count: int) -> dict[tuple[str, str], int]:
    """How many of each stratum: in proportion, the rest to the largest remainders; never more than there are.

    >>> allocate({("a", "x"): 6, ("a", "y"): 3, ("b", "x"): 1}, 5)
    {('a', 'x'): 3, ('a', 'y'): 2, ('b', 'x'): 0}
    """
    total = sum(sizes.values())
    count = min(count, total)
    if not count:
        return dict.fromkeys(sizes, 0)
    # In whole numbers, so that no rounding decides: size * count = floor * total + remainder.
    shares = {stratum: divmod(size * count, total) for stratum, size in sizes.items()}
    left = count - sum(floor for floor, _ in shares.values())
    first = sorted(shares, key=lambda stratum: (-shares[stratum][1], stratum))[:left]
    return {stratum: floor + (stratum in first) for stratum, (floor, _) in shares.items()}


def _check_names(name: str, count: int, reviewers: Sequence[str]) -> None:
    if not NAME.fullmatch(name):
        raise ReviewError(f"round {name!r}: a name is of {NAME_RULE}")
    if count < 1:
        raise ReviewError(f"round {name}: at least one draft has to be asked for")
    if not reviewers:
        raise ReviewError(f"round {name}: name at least one reviewer (a pseudonym)")
    for reviewer in reviewers:
        if not NAME.fullmatch(reviewer):
            raise ReviewError(f"reviewer {reviewer!r}: a pseudonym is of {NAME_RULE}")
    if len(set(reviewers)) < len(reviewers):
        raise ReviewError(f"round {name}: two reviewers have the same pseudonym")


def _lot(seed: int, version: str) -> str:
    return sha256_text(f"{seed}:{version}")
