"""Drafting rubrics: every instruction is asked about once, a draft that does not validate once more, and none is lost.

What belongs here: the two passes, and which table each instruction ends up in. Prompts are `draft_prompt.py`'s, what a reply
must look like `draft_schema.py`'s, which exemplars are shown `exemplars.py`'s, and what a call costs the ledger's.

The reason of a quarantined draft is the first fault of its last reply, `refused_by_endpoint`, `no_reply`, or
`rejected_by_review` for a rubric that a physician has already turned down.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from typing import Any

from assets.endpoints.calls import CALLS_AT_ONCE, Ask, Call, Reply
from assets.endpoints.config import EndpointConfig
from assets.instructions.sources.base import MAX_RAW
from assets.rubrics.config import DrafterConfig, ShapeConfig
from assets.rubrics.draft_prompt import draft_messages, expert_prompt, repair_messages, shown_exemplar
from assets.rubrics.draft_schema import Draft, Fault, draft_schema, read_draft
from assets.rubrics.exemplars import Exemplar, Target
from assets.rubrics.statements import versioned

SOURCE = "rubric_drafts"
REFUSED, NO_REPLY, REJECTED = "refused_by_endpoint", "no_reply", "rejected_by_review"
# Of every target the places in the pool of what it is shown, the most similar first.
Nearest = Callable[[Sequence[Target], Sequence[Exemplar]], Sequence[tuple[int, ...]]]


@dataclass(frozen=True, kw_only=True)
class Drafted:
    """What became of the instructions.

    Attributes:
        criteria: rows of `rubric_drafts`.
        quarantine: rows of `draft_quarantine`, one per instruction without a draft.
        counts: `asked`, `drafted` (`repaired` among them) and `quarantined`, this also by reason; first replies that did not
            validate by their first fault.
    """

    criteria: list[dict[str, Any]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def draft_rubrics(
    targets: Sequence[Target],
    pool: Sequence[Exemplar],
    *,
    config: DrafterConfig,
    shape: ShapeConfig,
    endpoint: EndpointConfig,
    ask: Ask,
    nearest: Nearest,
    rejected: Collection[str] = frozenset(),
) -> Drafted:
    """Drafts a rubric for every target: each is in the criteria or in quarantine afterwards.

    Args:
        targets: the instructions.
        pool: what may be shown.
        config: length and temperature of a reply.
        shape: what a draft must look like.
        endpoint: the drafter.
        ask: answers calls in their order, one reply each; asked once for the first drafts of `CALLS_AT_ONCE` instructions and
            once for their repairs.
        nearest: chooses exemplars.
        rejected: rubric_versions that a physician has turned down.
    """
    made = Drafted(counts=Counter(asked=len(targets), drafted=0, repaired=0, quarantined=0))
    asked = list(zip(targets, nearest(targets, pool), strict=True))
    for start in range(0, len(asked), CALLS_AT_ONCE):
        some = asked[start : start + CALLS_AT_ONCE]
        _draft_some(made, some, pool, config=config, shape=shape, endpoint=endpoint, ask=ask, rejected=rejected)
    return made


def batches_for(instructions: int) -> int:
    """The most batches of calls in which so many instructions are drafted for: first drafts and repairs."""
    return 2 * ceil(instructions / CALLS_AT_ONCE)


def _draft_some(
    made: Drafted,
    some: Sequence[tuple[Target, tuple[int, ...]]],
    pool: Sequence[Exemplar],
    *,
    config: DrafterConfig,
    shape: ShapeConfig,
    endpoint: EndpointConfig,
    ask: Ask,
    rejected: Collection[str],
) -> None:
    """Drafts for as many targets, each with what it is shown, as are asked about at once."""
    calls = _draft_calls(some, pool, config, shape)
    replies = list(ask(calls, endpoint))
    drafts = [_read(reply, shape) for _, reply in zip(calls, replies, strict=True)]
    broken = [place for place, draft in enumerate(drafts) if draft.faults and replies[place].text is not None]
    made.counts.update(f"first reply {drafts[place].faults[0].kind}" for place in broken)
    repairs = [
        replace(calls[place], messages=repair_messages(calls[place].messages, _text(replies[place]), drafts[place].faults))
        for place in broken
    ]
    for place, reply in zip(broken, ask(repairs, endpoint) if repairs else (), strict=True):
        drafts[place] = _read(reply, shape)
        # Where the second call brought nothing, the first reply is all there is to look at.
        replies[place] = reply if reply.text is not None else replies[place]
    repaired = set(broken)
    for place, ((target, shown), draft) in enumerate(zip(some, drafts, strict=True)):
        facts = {
            "drafter": endpoint.model,
            "exemplars": json.dumps([pool[one].instruction_id for one in shown]),
            "repaired": place in repaired,
        }
        _settle(made, target, draft, replies[place], facts, rejected)


def _draft_calls(
    some: Sequence[tuple[Target, tuple[int, ...]]], pool: Sequence[Exemplar], config: DrafterConfig, shape: ShapeConfig
) -> list[Call]:
    system, schema = expert_prompt(shape), draft_schema(shape)
    # Made once for all prompts that show them.
    texts = {place: shown_exemplar(pool[place].text, pool[place].rubric) for place in {one for _, few in some for one in few}}
    return [
        Call(
            messages=draft_messages(system, target.text, [texts[place] for place in reversed(few)]),
            max_tokens=config.max_tokens,
            temperature=config.temperature,
            schema=schema,
        )
        for target, few in some
    ]


def _text(reply: Reply) -> str:
    """A reply's text as UTF-8 can hold it: JSON can name half a character, which neither a table nor a ledger takes."""
    return (reply.text or "").encode("utf-8", "replace").decode("utf-8")


def _read(reply: Reply, shape: ShapeConfig) -> Draft:
    if reply.text is not None:
        return read_draft(_text(reply), finish=reply.finish, shape=shape)
    kind = REFUSED if reply.outcome == "refused" else NO_REPLY
    return Draft(faults=(Fault(kind=kind, place="reply", what=reply.error or "there is none"),))


def _settle(
    made: Drafted, target: Target, draft: Draft, reply: Reply, facts: dict[str, Any], rejected: Collection[str]
) -> None:
    """Puts an instruction's rubric among the drafts, or what came of it into quarantine."""
    rows = versioned(target.instruction_id, draft.criteria, origin="drafted")
    reason = draft.faults[0].kind if draft.faults else REJECTED if rows[0].rubric_version in rejected else None
    if reason is None:
        made.criteria.extend(asdict(row) | facts for row in rows)
        made.counts.update(drafted=1, repaired=int(facts["repaired"]))
        return
    raw = _text(reply) if reply.text is not None else reply.error or ""
    made.quarantine.append({"source": SOURCE, "source_row": target.instruction_id, "reason": reason, "raw": raw[:MAX_RAW]})
    made.counts.update({"quarantined": 1, f"quarantined {reason}": 1})
