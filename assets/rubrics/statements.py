"""Rubrics from statements: a physician's must-haves and nice-to-haves as main, bonus and veto criteria.

What belongs here: which criteria a set of statements gives, their weights, and the version that names a rubric.
What does not: where statements come from, and drafting or reviewing a rubric.

Ours: the paper's rubrics carry weights of their own; statements have none, so that all main criteria of a rubric weigh the
same, and every statement also gives a safety criterion: an answer may leave it out but must not say the contrary.
"""

from __future__ import annotations

from collections.abc import Sequence

from assets.instructions.sources.base import Origin, RawCriterion
from training.records import Tier, content_id

VETO_PREFIX = "Does not contradict: "


def normalize(text: str) -> str:
    r"""A text with white space and case evened out, the only licence taken when statements are matched.

    >>> normalize("  Take IT\n daily ")
    'take it daily'
    """
    return " ".join(text.split()).casefold()


def criterion_id(instruction_id: str, tier: Tier, text: str) -> str:
    """The content id of a criterion."""
    return content_id("criterion", instruction_id, tier, text)


def rubric_version(weights: Sequence[tuple[str, float | None]]) -> str:
    """The content id of a rubric from its (criterion_id, weight), in any order."""
    return content_id("rubric", sorted(weights, key=lambda pair: pair[0]))


def statement_rubric(instruction_id: str, *, main: Sequence[str], bonus: Sequence[str]) -> list[RawCriterion]:
    """The criteria of a rubric whose main statements weigh 1/n each; statements must be distinct and not empty.

    Raises:
        ValueError: no main statement.
    """
    if not main:
        raise ValueError(f"{instruction_id}: a rubric needs at least one main statement")
    rows: list[tuple[Tier, str, float | None]] = [("main", text, 1 / len(main)) for text in main]
    rows += [("bonus", text, None) for text in bonus]
    rows += [("veto", VETO_PREFIX + text, None) for text in (*main, *bonus)]
    return versioned(instruction_id, rows, origin="physician")


def versioned(instruction_id: str, rows: Sequence[tuple[Tier, str, float | None]], *, origin: Origin) -> list[RawCriterion]:
    """Criteria with their ids and the version of the rubric they form."""
    ids = [criterion_id(instruction_id, tier, text) for tier, text, _ in rows]
    version = rubric_version([(key, weight) for key, (_, _, weight) in zip(ids, rows, strict=True)])
    return [
        RawCriterion(
            criterion_id=key,
            instruction_id=instruction_id,
            tier=tier,
            text=text,
            weight=weight,
            rubric_version=version,
            origin=origin,
        )
        for key, (tier, text, weight) in zip(ids, rows, strict=True)
    ]
