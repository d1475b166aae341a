"""Reading a judge's reply: which criterion it says what of, and why nothing counts where nothing does.

What belongs here: the reading. Whether the evidence stands in the response is `evidence.py`'s.

Ours: nothing is guessed and nothing repaired. A second call that shows a judge its broken reply would be paid for every
garbled one and could only ask it to decide again; `unknown` costs a label and cannot be wrong. A cut reply is not read at all,
since what stands last in it may be half a verdict. A reply may come in one code fence, and an item may say more than was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assets.endpoints.calls import Reply

Fault = Literal["no_reply", "refused", "truncated", "unreadable", "missing", "contradictory"]
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a judge says of one criterion."""

    verdict: Literal["met", "unmet"]
    evidence: str


def read_reply(reply: Reply, labels: Sequence[str]) -> dict[str, Said | Fault]:
    """What a reply says of each criterion that was asked about; exactly one entry per label.

    Returns:
        For a label either what was said or why there is nothing: no_reply (the call failed), refused (by the endpoint),
        truncated (the reply was cut), unreadable (no JSON object with a list of verdicts, or an item of the label that
        is no verdict), missing (no item), contradictory (items that differ).
    """
    if reply.outcome != "answered" or reply.text is None:
        return dict.fromkeys(labels, "refused" if reply.outcome == "refused" else "no_reply")
    if reply.finish == "length":
        return dict.fromkeys(labels, "truncated")
    items = _items(reply.text)
    if items is None:
        return dict.fromkeys(labels, "unreadable")
    return {label: _of_label(label, items) for label in labels}


def _items(text: str) -> list[Any] | None:
    fenced = _FENCE.fullmatch(text)
    try:
        said = json.loads(fenced[1] if fenced else text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None
    items = said.get("verdicts") if isinstance(said, dict) else None
    return items if isinstance(items, list) else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key that stands there twice would let the last one win."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _of_label(label: str, items: list[Any]) -> Said | Fault:
    of_label = [_said(item) for item in items if isinstance(item, dict) and item.get("criterion") == label]
    if not of_label:
        return "missing"
    first = of_label[0]
    if first is None or None in of_label:
        return "unreadable"
    return first if all(said is not None and said.verdict == first.verdict for said in of_label) else "contradictory"


def _said(item: dict[str, Any]) -> Said | None:
    verdict, evidence = item.get("verdict"), item.get("evidence")
    if verdict not in ("met", "unmet") or not isinstance(evidence, str) or not _encodable(evidence):
        return None
    return Said(verdict=verdict, evidence=evidence)


def _encodable(text: str) -> bool:
    r"""Whether a text is Unicode: JSON can spell half a surrogate pair (\ud800), which no table holds."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
