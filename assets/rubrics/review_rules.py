"""The rules that an edited rubric has to keep, each broken one as a problem at its row.

What belongs here: the rules. They are those that drafts follow (`draft_wording.py`), asked of what the reviewer wrote; what was
left as it stood has been through them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assets.reviewing.forms import Problem
from assets.rubrics.draft_wording import comparable, is_requirement, several_requirements, unprintable
from training.rubric_score import WEIGHT_TOLERANCE

_VETO = 'a veto is worded as a requirement: begin with "Does not", "Never", "Avoids", "Warns" or "Advises against"'

# Three times what a drafter may write: of the statements that physicians wrote for K-QA the longest has 277 characters.
LONGEST = 900


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A criterion of the rubric that the reviewer wants.

    Attributes:
        where: its row.
        replaces: the criterion that it was, None for an added one.
        change: kept, edited or added.
        tier: its tier.
        text: its text.
        weight: its weight, for main.
        written: whether the reviewer wrote its text or chose its tier.
    """

    where: str
    replaces: str | None
    change: str
    tier: str
    text: str
    weight: float | None
    written: bool


def rule_faults(where: str, wanted: list[Wanted]) -> Iterator[Problem]:
    """What keeps the rubric from being one."""
    main = [one for one in wanted if one.tier == "main"]
    unweighted = [one for one in main if one.weight is None]
    yield from (Problem(one.where, "new_weight: is empty; a main criterion needs a weight") for one in unweighted)
    if not main:
        yield Problem(where, "leaves no main criterion; a rubric needs one")
    total = sum(one.weight or 0 for one in main)
    if main and not unweighted and abs(total - 1) > WEIGHT_TOLERANCE:
        yield Problem(where, f"the weights of its main criteria sum to {total * 100:.6g} %, not to 100 %")
    first: dict[str, str] = {}
    for one in wanted:
        known = first.setdefault(comparable(one.text), one.where)
        if known != one.where:
            yield Problem(one.where, f"says the same as {known}")
        if one.written:
            yield from (Problem(one.where, f"new_text: {fault}") for fault in _wording_faults(one))


def _wording_faults(one: Wanted) -> Iterator[str]:
    if not any(char.isalnum() for char in one.text):
        yield "says nothing"
    if unprintable(one.text):
        yield "holds characters that cannot be printed"
    if len(one.text) > LONGEST:
        yield f"has {len(one.text):,} characters; what needs more than {LONGEST} is no single requirement"
    several = several_requirements(one.text)
    if several:
        yield f"{several}; one criterion is one requirement in one sentence"
    if one.tier == "veto" and not is_requirement(one.text):
        yield _VETO
