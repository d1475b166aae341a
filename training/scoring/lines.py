"""A line of the input: one instruction, its responses and its rubric, or the one sentence that says what is wrong with it.

What belongs here: the format and its rules. Nothing is repaired: weights that do not sum to 1 are refused and never normalized
(METHOD section 2), and a key that nobody knows in a criterion is an error, for it may be a misspelt weight.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from training.errors import StageRefusal, one_line
from training.records import TIERS, Criterion
from training.rubric_score import RubricError, check_weights

READ_KEYS = ("instruction", "response", "responses", "rubric")
CRITERION_KEYS = ("tier", "text", "weight", "criterion_id")
# What is written beside the keys that are carried through.
WRITTEN_KEYS = ("reward_model", "scores")
_SHAPE = 'a line is {"instruction": text, "responses": [text, …], "rubric": [{"tier": …, "text": …}, …]}'
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLine:
    """One line, checked.

    Attributes:
        instruction: not blank.
        responses: at least one; a blank one is no error, and has no score.
        criteria: at least one; those without an id of their own are numbered from 1.
        named: whether the criteria brought ids of their own.
        weighted: whether main criteria have weights, which then sum to 1.
        carried: all other keys with their values.
    """

    instruction: str
    responses: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    named: bool
    weighted: bool
    carried: Mapping[str, Any]


def parse_line(raw: bytes, *, where: str) -> ScoreLine:
    """Reads and checks one line.

    Args:
        raw: its bytes.
        where: names file and line in the message.

    Raises:
        StageRefusal: what is wrong, and what to do.
    """
    try:
        return _read(_decode(raw))
    except _Wrong as error:
        raise StageRefusal(f"{where}: {error}") from None


def encode_json(values: Mapping[str, Any]) -> bytes:
    """One line of output.

    Raises:
        ValueError: a number that JSON does not know, or text that is no Unicode.
    """
    return (json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n").encode()


class _Wrong(Exception):
    """What is wrong with a line, without saying which."""


def _decode(raw: bytes) -> dict[str, Any]:
    # The standard library's reader, since a faster one turns an id of more than 64 bits into another number.
    if not raw.strip():
        raise _Wrong("is blank; remove it, for every line becomes one line of output")
    try:
        values = json.loads(raw.removeprefix(_BOM).decode(), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise _Wrong(f"is not UTF-8 (byte {error.start + 1}); convert the file, or unpack it") from None
    except json.JSONDecodeError as error:
        raise _Wrong(f"is no JSON ({error.msg}, character {error.pos + 1}); every line must be one whole JSON object") from None
    except (ValueError, RecursionError) as error:
        raise _Wrong(f"is no JSON that can be read ({one_line(error, longest=80)})") from None
    if not isinstance(values, dict):
        raise _Wrong(f"is a {_kind(values)}; every line must be one JSON object (not all of them in one list)")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _read(values: dict[str, Any]) -> ScoreLine:
    carried = {key: value for key, value in values.items() if key not in READ_KEYS}
    for key in WRITTEN_KEYS:
        if key in carried:
            raise _Wrong(f"{key}: this key is written to the output; give yours another name")
    instruction, responses, criteria = _text(values, "instruction"), _responses(values), _criteria(values)
    line = ScoreLine(
        instruction=instruction,
        responses=responses,
        criteria=criteria,
        named=any("criterion_id" in given for given in values["rubric"]),
        weighted=any(criterion.weight is not None for criterion in criteria),
        carried=carried,
    )
    try:
        encode_json(carried)
        "".join((line.instruction, *line.responses, *(c.text for c in criteria))).encode()
    except ValueError as error:
        why = "half of a surrogate pair" if isinstance(error, UnicodeEncodeError) else str(error)
        raise _Wrong(f"holds what cannot be written again ({why}); remove it") from None
    return line


def _text(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        raise _Wrong(f"{key} is missing; {_SHAPE}")
    found = values[key]
    if not isinstance(found, str) or not found.strip():
        raise _Wrong(f"{key} must be a text that is not blank, not {_shown(found)}")
    return found


def _responses(values: Mapping[str, Any]) -> tuple[str, ...]:
    if ("response" in values) == ("responses" in values):
        raise _Wrong(f"needs either response or responses; {_SHAPE}")
    found = values["responses"] if "responses" in values else [values["response"]]
    if not isinstance(found, list) or not found:
        raise _Wrong(f"responses must be a list with at least one text, not {_shown(found)}")
    for number, response in enumerate(found, 1):
        if not isinstance(response, str):
            raise _Wrong(f"response {number} must be a text, not {_shown(response)}")
    return tuple(found)


def _criteria(values: Mapping[str, Any]) -> tuple[Criterion, ...]:
    found = values.get("rubric")
    if not isinstance(found, list) or not found:
        raise _Wrong(f"rubric must be a list with at least one criterion, not {_shown(found)}; {_SHAPE}")
    criteria = tuple(_criterion(number, given) for number, given in enumerate(found, 1))
    if len({criterion.criterion_id for criterion in criteria}) < len(criteria):
        raise _Wrong("two criteria have the same criterion_id; give each its own, or none to any")
    mains = [criterion for criterion in criteria if criterion.tier == "main"]
    if any(criterion.weight is not None for criterion in mains):
        try:
            check_weights(criteria)
        except RubricError as error:
            raise _Wrong(
                f"{error}; weights are never normalized: correct them, or leave all of them out (S1 is null then)"
            ) from None
    return criteria


def _criterion(number: int, given: object) -> Criterion:
    name = f"criterion {number}"
    if not isinstance(given, dict):
        raise _Wrong(f"{name} must be a JSON object, not {_shown(given)}")
    unknown = sorted(given.keys() - set(CRITERION_KEYS))
    if unknown:
        raise _Wrong(f"{name}: unknown key {unknown[0]!r}; allowed: {', '.join(CRITERION_KEYS)}")
    tier, weight, own = given.get("tier"), given.get("weight"), given.get("criterion_id", str(number))
    if tier not in TIERS:
        raise _Wrong(f"{name}: tier must be {', '.join(TIERS[:-1])} or {TIERS[-1]}, not {_shown(tier)}")
    if not isinstance(given.get("text"), str) or not given["text"].strip():
        raise _Wrong(f"{name}: text must be a text that is not blank, not {_shown(given.get('text'))}")
    if not isinstance(own, str) or not own:
        raise _Wrong(f"{name}: criterion_id must be a text, not {_shown(own)}")
    if weight is not None:
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight) or weight <= 0:
            raise _Wrong(f"{name}: weight must be a number above 0, not {_shown(weight)}")
        if tier != "main":
            raise _Wrong(f"{name}: only main criteria have a weight, and this one is {tier}; remove it")
    return Criterion(criterion_id=own, tier=tier, text=given["text"], weight=None if weight is None else float(weight))


def _kind(value: object) -> str:
    names = {list: "list", str: "text", bool: "truth value", int: "number", float: "number", dict: "JSON object"}
    return names.get(type(value), "null")


def _shown(value: object) -> str:
    """A value in a message: short, and on one line."""
    if isinstance(value, list | dict):
        return f"{'a' if value else 'an empty'} {_kind(value)}"
    shown = json.dumps(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}…"
