"""The shape of a drafted rubric: the JSON schema that a reply has to follow, and what is wrong with one that came.

What belongs here: reading one reply. What is asked is `draft_prompt.py`'s, rules of wording are `draft_wording.py`'s.

A reply is {"main": [{"text": …, "weight": …}], "bonus": [{"text": …}], "veto": [{"text": …}]}. Weights are whole percent that
sum to 100: a model can write such numbers exactly, where fractions that should sum to one come close at best, and nothing is
normalized here. A weight of w percent becomes w/100, so that the sum is 1 within the precision of a double.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assets.rubrics.config import ShapeConfig
from assets.rubrics.draft_wording import comparable, is_requirement, several_requirements, unprintable
from training.records import TIERS, Tier

WHOLE = 100
CriterionRow = tuple[Tier, str, float | None]
# One Markdown fence around the whole reply, as models write without a schema, takes nothing away from what it says.
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a reply.

    Attributes:
        kind: short name in snake_case, for counting.
        place: the criterion, as `main 2`; a tier; or `reply`.
        what: the fault in words, for the drafter and for people; nothing of the reply stands in it.
    """

    kind: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A reply as read: its criteria, or its faults and no criteria."""

    criteria: tuple[CriterionRow, ...] = ()
    faults: tuple[Fault, ...] = ()


def draft_schema(shape: ShapeConfig) -> dict[str, Any]:
    """The JSON schema of a reply, in the part of the language that structured output commonly knows."""
    text = {"type": "string"}
    weight = {"type": "integer", "minimum": 1, "maximum": WHOLE}
    tiers = {}
    for tier in TIERS:
        item = {"text": text, "weight": weight} if tier == "main" else {"text": text}
        bounds = shape.bounds(tier)
        tiers[tier] = {
            "type": "array",
            "minItems": bounds.least,
            "maxItems": bounds.most,
            "items": {"type": "object", "properties": item, "required": list(item), "additionalProperties": False},
        }
    return {"type": "object", "properties": tiers, "required": list(TIERS), "additionalProperties": False}


def read_draft(reply: str, *, finish: str | None, shape: ShapeConfig) -> Draft:
    """The criteria of a reply, or all its faults.

    Args:
        reply: the text that came.
        finish: the endpoint's finish reason; `length` is a fault of its own, whatever the rest says.
        shape: bounds.
    """
    if finish == "length":
        return _faulty("cut_off", "reply", "it was cut at the longest length: write shorter criteria, or fewer")
    try:
        fenced = _FENCED.fullmatch(reply)
        said = json.loads(fenced.group(1) if fenced else reply, object_pairs_hook=_once)
    except _Repeated:
        return _faulty("wrong_shape", "reply", "a key stands twice in one object")
    except (ValueError, RecursionError):
        return _faulty("not_json", "reply", "it is not one JSON object and nothing else")
    faults = _shape_faults(said)
    if faults:
        return Draft(faults=tuple(faults))
    placed = [(tier, place, item) for tier in TIERS for place, item in enumerate(said[tier], 1)]
    faults = _count_faults(said, shape) + _weight_faults(said)
    faults += [fault for tier, place, item in placed for fault in _text_faults(tier, f"{tier} {place}", item["text"], shape)]
    faults += _duplicates([(f"{tier} {place}", item["text"]) for tier, place, item in placed])
    if faults:
        return Draft(faults=tuple(faults))
    return Draft(
        criteria=tuple(
            (tier, item["text"].strip(), int(item["weight"]) / WHOLE if tier == "main" else None) for tier, _, item in placed
        )
    )


class _Repeated(Exception):
    """An object names a key twice: which of the two counts is nobody's to guess."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Repeated
    return found


def _faulty(kind: str, place: str, what: str) -> Draft:
    return Draft(faults=(Fault(kind=kind, place=place, what=what),))


def _shape_faults(said: Any) -> list[Fault]:
    """Whether the reply has the three tiers as lists of objects with a text; without that nothing else can be asked."""
    if not isinstance(said, dict):
        return [Fault(kind="wrong_shape", place="reply", what="it must be an object with main, bonus and veto")]
    faults = []
    if said.keys() - set(TIERS):
        faults.append(Fault(kind="unknown_tier", place="reply", what="there are the tiers main, bonus and veto and no others"))
    for tier in TIERS:
        if not isinstance(said.get(tier), list):
            faults.append(Fault(kind="wrong_shape", place=tier, what="it must be a list, empty if there are no such criteria"))
            continue
        for place, item in enumerate(said[tier], 1):
            keys = "text and weight" if tier == "main" else "text alone"
            known = {"text", "weight"}
            if not isinstance(item, dict) or item.keys() - known or not isinstance(item.get("text"), str):
                faults.append(Fault(kind="wrong_shape", place=f"{tier} {place}", what=f"it must be an object with {keys}"))
    return faults


def _count_faults(said: Mapping[str, Any], shape: ShapeConfig) -> list[Fault]:
    faults = []
    for tier in TIERS:
        count, bounds = len(said[tier]), shape.bounds(tier)
        if bounds.least <= count <= bounds.most:
            continue
        kind = "too_many_criteria" if count > bounds.most else "too_few_criteria"
        if tier == "main" and not count:
            kind = "no_main_criterion"
        faults.append(Fault(kind=kind, place=tier, what=f"{count} criteria, not {bounds.least} to {bounds.most}"))
    return faults


def _weight_faults(said: Mapping[str, Any]) -> list[Fault]:
    faults = []
    for place, item in enumerate(said["main"], 1):
        if not _is_percent(item.get("weight")):
            what = f"its weight must be a whole number from 1 to {WHOLE}"
            faults.append(Fault(kind="bad_weight", place=f"main {place}", what=what))
    for tier in ("bonus", "veto"):
        for place, item in enumerate(said[tier], 1):
            if "weight" in item:
                faults.append(
                    Fault(kind="weight_not_allowed", place=f"{tier} {place}", what="only main criteria have a weight")
                )
    if not faults and said["main"]:
        total = sum(int(item["weight"]) for item in said["main"])
        if total != WHOLE:
            faults.append(Fault(kind="weights_off", place="main", what=f"the weights sum to {total}, not to {WHOLE}"))
    return faults


def _is_percent(weight: Any) -> bool:
    # JSON Schema counts 30.0 as an integer too; true is none, though Python says so.
    return type(weight) in (int, float) and 1 <= weight <= WHOLE and float(weight).is_integer()


def _text_faults(tier: Tier, place: str, text: str, shape: ShapeConfig) -> list[Fault]:
    text = text.strip()
    if not any(char.isalnum() for char in text):
        return [Fault(kind="empty_text", place=place, what="it says nothing")]
    if unprintable(text):
        return [Fault(kind="control_characters", place=place, what="it holds line breaks or characters that cannot be printed")]
    faults = []
    if len(text) > shape.longest:
        what = f"{len(text)} characters, not at most {shape.longest}"
        faults.append(Fault(kind="text_too_long", place=place, what=what))
    why = several_requirements(text)
    if why is not None:
        faults.append(Fault(kind="not_atomic", place=place, what=f"{why}: one criterion is one requirement in one sentence"))
    if tier == "veto" and not is_requirement(text):
        what = 'it must say what a safe response leaves undone or warns of: begin with "Does not", "Never", "Avoids" or "Warns"'
        faults.append(Fault(kind="veto_not_a_requirement", place=place, what=what))
    return faults


def _duplicates(texts: list[tuple[str, str]]) -> list[Fault]:
    first: dict[str, str] = {}
    faults = []
    for place, text in texts:
        known = first.setdefault(comparable(text), place)
        if known != place:
            faults.append(Fault(kind="duplicate_criterion", place=place, what=f"it says the same as {known}"))
    return faults
