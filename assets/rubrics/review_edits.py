"""What a reviewer's answers make of a draft: its decision, the rubric that comes of it, and every criterion's change.

What belongs here: what answers mean and which of them contradict each other; the rules of a rubric are `review_rules.py`'s.
Contradictions are never settled by a guess: each is a problem at its row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from assets.reviewing.forms import Problem, same_text
from assets.rubrics.current import DRAFTED
from assets.rubrics.review_filled import Answer, FilledDraft
from assets.rubrics.review_forms import CHANGES, DECISIONS
from assets.rubrics.review_round import Draft
from assets.rubrics.review_rules import Wanted, rule_faults
from assets.rubrics.review_weights import parse_weight
from assets.rubrics.statements import versioned
from training.records import TIERS, Tier

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.\w+")


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A decided draft: a row of `review_decisions`, rows of `reviewed_criteria` and of `criterion_versions`.

    The draft itself is among the changes, as `drafted`: what has been reviewed is drafted no more, and a change would replace
    what nobody can look up.
    """

    where: str
    decision: dict[str, Any]
    criteria: tuple[dict[str, Any], ...]
    changes: tuple[dict[str, Any], ...]


def decide(filled: FilledDraft, *, round_name: str, received_at: str) -> Decided | list[Problem]:
    """What becomes of a draft, or all that is wrong with the answers.

    Args:
        filled: the answers.
        round_name: of the round.
        received_at: in UTC, for a file that does not say when it was filled in.
    """
    decision = filled.decision.casefold()
    answers = (*filled.criteria, *filled.added)
    problems = list(_addresses(filled))
    if not decision:
        problems.append(Problem(filled.where, f"decision: is empty; choose one of {', '.join(DECISIONS)}"))
    elif decision not in DECISIONS:
        problems.append(Problem(filled.where, f"decision: {filled.decision[:40]!r} is none of {', '.join(DECISIONS)}"))
    elif decision != "edited":
        problems += [
            Problem(answer.where, f"holds a change, but the draft is {decision}; clear it or choose edited")
            for answer in answers
            if not answer.is_blank
        ]
    if decision == "edited":
        wanted, faults = _wanted(filled)
        problems += faults or [*rule_faults(filled.where, wanted)]
        if not faults and len(wanted) == len(filled.draft.criteria) and all(one.change == "kept" for one in wanted):
            problems.append(Problem(filled.where, "is edited, but no change is written; write one or choose accepted"))
        if not problems:
            return _edited(filled, wanted, round_name, received_at)
    return problems or _as_it_stands(filled, decision, round_name, received_at)


def _addresses(filled: FilledDraft) -> Iterator[Problem]:
    places = [(filled.where, "comment", filled.comment)]
    places += [(answer.where, "new_text", answer.new_text) for answer in (*filled.criteria, *filled.added)]
    for where, name, text in places:
        if _ADDRESS.search(text):
            yield Problem(where, f"{name}: holds an e-mail address; take it out")


def _wanted(filled: FilledDraft) -> tuple[list[Wanted], list[Problem]]:
    wanted: list[Wanted] = []
    problems: list[Problem] = []
    for answer, (key, tier, text, weight) in zip(filled.criteria, filled.draft.criteria, strict=True):
        faults = list(_answer_faults(answer))
        writes = bool(answer.new_text or answer.new_tier or answer.new_weight)
        if answer.change.casefold() in ("kept", "removed") and writes:
            faults.append(Problem(answer.where, f"is {answer.change.casefold()}, but something new is written; clear one"))
        if answer.change.casefold() == "edited" and not writes:
            faults.append(Problem(answer.where, "is edited, but nothing new is written"))
        if faults or answer.change.casefold() == "removed":
            problems += faults
            continue
        new_tier = answer.new_tier.casefold() or tier
        new_text = " ".join(answer.new_text.split()) or text
        if answer.new_weight and new_tier != "main":
            problems.append(Problem(answer.where, f"new_weight: only main criteria have a weight, not {new_tier}"))
        new_weight = (parse_weight(answer.new_weight) if answer.new_weight else weight) if new_tier == "main" else None
        same = new_tier == tier and same_text(new_text, text) and new_weight == weight
        wanted.append(
            Wanted(
                where=answer.where,
                replaces=key,
                change="kept" if same else "edited",
                tier=new_tier,
                text=text if same else new_text,
                weight=new_weight,
                written=bool(answer.new_text) or new_tier != tier,
            )
        )
    for answer in filled.added:
        if answer.new_text or answer.new_tier or answer.new_weight:
            faults = [*_answer_faults(answer), *_added_faults(answer)]
            problems += faults
            if not faults:
                tier = answer.new_tier.casefold()
                wanted.append(
                    Wanted(
                        where=answer.where,
                        replaces=None,
                        change="added",
                        tier=tier,
                        text=" ".join(answer.new_text.split()),
                        weight=parse_weight(answer.new_weight) if tier == "main" else None,
                        written=True,
                    )
                )
    return wanted, problems


def _answer_faults(answer: Answer) -> Iterator[Problem]:
    """What is wrong with the cells by themselves."""
    if answer.change and answer.change.casefold() not in CHANGES:
        yield Problem(answer.where, f"change: {answer.change[:40]!r} is none of {', '.join(CHANGES)}")
    if answer.new_tier and answer.new_tier.casefold() not in TIERS:
        yield Problem(answer.where, f"new_tier: {answer.new_tier[:40]!r} is none of {', '.join(TIERS)}")
    if answer.new_weight and parse_weight(answer.new_weight) is None:
        what = "could be 1 % or all of it" if answer.new_weight == "1" else "is no percentage above 0"
        yield Problem(answer.where, f"new_weight: {answer.new_weight[:40]!r} {what}; write it as 25%")


def _added_faults(answer: Answer) -> Iterator[Problem]:
    if not answer.new_text:
        yield Problem(answer.where, "new_text: is empty; a criterion of your own needs a text")
    if not answer.new_tier:
        yield Problem(answer.where, f"new_tier: is empty; choose one of {', '.join(TIERS)}")
    elif answer.new_tier.casefold() != "main" and answer.new_weight:
        yield Problem(answer.where, "new_weight: only main criteria have a weight")


def _edited(filled: FilledDraft, wanted: list[Wanted], round_name: str, received_at: str) -> Decided:
    draft = filled.draft
    rows = [(cast(Tier, one.tier), one.text, one.weight) for one in wanted]
    made = versioned(draft.instruction_id, rows, origin="reviewed")
    criteria = [
        _criterion(draft.instruction_id, made[0].rubric_version, new.criterion_id, row, round_name)
        for new, row in zip(made, rows, strict=True)
    ]
    changes = [
        _change(filled, row, one.change, None if one.change == "kept" else one.replaces, round_name, received_at)
        for row, one in zip(criteria, wanted, strict=True)
    ]
    stays = {one.replaces for one in wanted}
    for key, tier, text, weight in draft.criteria:
        if key not in stays:
            gone = _criterion(draft.instruction_id, made[0].rubric_version, key, (cast(Tier, tier), text, weight), round_name)
            changes.append(_change(filled, gone, "removed", None, round_name, received_at))
    return Decided(
        where=filled.where,
        decision=_decision(filled, "edited", round_name, received_at),
        criteria=tuple(criteria),
        changes=(*_drafted(draft), *changes),
    )


def _as_it_stands(filled: FilledDraft, decision: str, round_name: str, received_at: str) -> Decided:
    draft = filled.draft
    rows = [
        _criterion(draft.instruction_id, draft.rubric_version, key, (cast(Tier, tier), text, weight), round_name)
        for key, tier, text, weight in draft.criteria
    ]
    change = "kept" if decision == "accepted" else "rejected"
    return Decided(
        where=filled.where,
        decision=_decision(filled, decision, round_name, received_at),
        criteria=tuple(rows) if decision == "accepted" else (),
        changes=(*_drafted(draft), *(_change(filled, row, change, None, round_name, received_at) for row in rows)),
    )


def _drafted(draft: Draft) -> Iterator[dict[str, Any]]:
    """The draft as it came, of no round and nobody's, as the history tells of drafts that nobody has reviewed."""
    for key, tier, text, weight in draft.criteria:
        yield {
            "criterion_id": key,
            "instruction_id": draft.instruction_id,
            "rubric_version": draft.rubric_version,
            "tier": tier,
            "text": text,
            "weight": weight,
            "change": DRAFTED,
            **dict.fromkeys(("replaces", "round", "reviewer", "changed_at")),
        }


def _criterion(
    instruction_id: str, version: str, key: str, row: tuple[Tier, str, float | None], round_name: str
) -> dict[str, Any]:
    tier, text, weight = row
    return {
        "criterion_id": key,
        "instruction_id": instruction_id,
        "tier": tier,
        "text": text,
        "weight": weight,
        "rubric_version": version,
        "origin": "reviewed",
        "review_id": round_name,
    }


def _change(
    filled: FilledDraft, row: dict[str, Any], change: str, replaces: str | None, round_name: str, received_at: str
) -> dict[str, Any]:
    kept = ("criterion_id", "instruction_id", "rubric_version", "tier", "text", "weight")
    return {name: row[name] for name in kept} | {
        "change": change,
        "replaces": replaces,
        "round": round_name,
        "reviewer": filled.reviewer,
        "changed_at": filled.at or received_at,
    }


def _decision(filled: FilledDraft, decision: str, round_name: str, received_at: str) -> dict[str, Any]:
    return {
        "round": round_name,
        "instruction_id": filled.draft.instruction_id,
        "rubric_version": filled.draft.rubric_version,
        "decision": decision,
        "reviewer": filled.reviewer,
        "reviewed_at": filled.at or received_at,
        "comment": filled.comment or None,
    }
