"""What the benchmark measures on: labelled examples of a snapshot, none of which rests on an `assumed` verdict.

What belongs here: choosing instructions and turning records into examples. Predictions and figures stand elsewhere.
An unordered response pair and a criterion is an example only if its two verdicts differ; an overall pair only if it has a
preference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from training.records import Instruction, Tier
from training.snapshot import ResolvedVerdict, Snapshot

# Kinds of judge whose verdict is a person's; the K-QA held-out test takes these alone.
HUMAN_KINDS = ("adjudicated", "human")
NOT_MEASURED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointExample:
    """A known verdict on a (response, criterion)."""

    response_id: str
    criterion_id: str
    instruction_id: str
    cluster_id: str
    source: str
    tier: Tier
    met: bool
    judge_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairExample:
    """On this criterion `better_id` is met and `worse_id` is not; discordant if the better one loses overall."""

    better_id: str
    worse_id: str
    criterion_id: str
    cluster_id: str
    source: str
    tier: Tier
    discordant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallExample:
    """Overall, `chosen_id` is preferred to `rejected_id`."""

    pair_id: str
    chosen_id: str
    rejected_id: str
    cluster_id: str
    source: str
    decided_by: str


@dataclass(frozen=True, kw_only=True)
class Examples:
    """All examples of the instructions chosen, each list in id order."""

    point: tuple[PointExample, ...]
    pair: tuple[PairExample, ...]
    overall: tuple[OverallExample, ...]


def choose_instructions(snapshot: Snapshot, limit: int | None) -> list[Instruction]:
    """Instructions with a rubric and together at most `limit` responses to measure (but one at least), in id order.

    Scoring costs by the response. The first instruction of every cluster comes before any cluster's second, and sources take
    turns.
    """
    responses = responses_of(snapshot)
    usable = [i for key, i in sorted(snapshot.instructions.items()) if key in snapshot.rubrics and key in responses]
    if limit is None or sum(len(responses[i.instruction_id]) for i in usable) <= limit:
        return usable
    clusters: dict[str, dict[str, int]] = {}
    seen: dict[str, int] = {}
    order: list[tuple[int, int, str, str]] = []
    chosen = {i.instruction_id: i for i in usable}
    for instruction in sorted(usable, key=lambda i: (i.source, i.cluster_id, i.instruction_id)):
        of_source = clusters.setdefault(instruction.source, {})
        turn = of_source.setdefault(instruction.cluster_id, len(of_source))
        nth = seen[instruction.cluster_id] = seen.get(instruction.cluster_id, 0) + 1
        order.append((nth, turn, instruction.source, instruction.instruction_id))
    taken: list[str] = []
    total = 0
    for *_, key in sorted(order):
        total += len(responses[key])
        if taken and total > limit:
            break
        taken.append(key)
    return [chosen[key] for key in sorted(taken)]


def responses_of(snapshot: Snapshot) -> dict[str, list[str]]:
    """Ids of each instruction's responses that someone labelled, sorted; one with assumed verdicts only is no example."""
    labelled = {v.response_id for v in snapshot.verdicts if v.judge_kind not in (None, NOT_MEASURED)}
    grouped: dict[str, list[str]] = {}
    for response_id, response in sorted(snapshot.responses.items()):
        if response_id not in labelled:
            continue
        grouped.setdefault(response.instruction_id, []).append(response_id)
    return grouped


def point_examples(
    snapshot: Snapshot, verdicts: Iterable[ResolvedVerdict], instruction_ids: Collection[str]
) -> tuple[PointExample, ...]:
    """The known verdicts of these instructions that are not assumed, by response and criterion id."""
    criteria = snapshot.criteria
    examples = []
    for verdict in sorted(verdicts, key=lambda v: (v.response_id, v.criterion_id)):
        instruction_id = snapshot.responses[verdict.response_id].instruction_id
        if verdict.verdict == "unknown" or verdict.judge_kind is None or verdict.judge_kind == NOT_MEASURED:
            continue
        if instruction_id not in instruction_ids:
            continue
        instruction = snapshot.instructions[instruction_id]
        examples.append(
            PointExample(
                response_id=verdict.response_id,
                criterion_id=verdict.criterion_id,
                instruction_id=instruction_id,
                cluster_id=instruction.cluster_id,
                source=instruction.source,
                tier=criteria[verdict.criterion_id].tier,
                met=verdict.verdict == "met",
                judge_kind=verdict.judge_kind,
            )
        )
    return tuple(examples)


def read_examples(snapshot: Snapshot, instruction_ids: Collection[str]) -> Examples:
    """The examples of these instructions; whatever an assumed verdict stands behind is left out."""
    criteria = snapshot.criteria
    assumed = {(v.response_id, v.criterion_id) for v in snapshot.verdicts if v.judge_kind == NOT_MEASURED}
    assumed_responses = {response_id for response_id, _ in assumed}
    pairs = [
        PairExample(
            better_id=p.better_id,
            worse_id=p.worse_id,
            criterion_id=p.criterion_id,
            cluster_id=snapshot.instructions[p.instruction_id].cluster_id,
            source=snapshot.instructions[p.instruction_id].source,
            tier=criteria[p.criterion_id].tier,
            discordant=bool(p.discordant),
        )
        for p in sorted(snapshot.criterion_preferences, key=lambda p: (p.criterion_id, p.better_id, p.worse_id))
        if p.instruction_id in instruction_ids
        and (p.better_id, p.criterion_id) not in assumed
        and (p.worse_id, p.criterion_id) not in assumed
    ]
    overall = [
        OverallExample(
            pair_id=p.pair_id,
            chosen_id=p.chosen_id,
            rejected_id=p.rejected_id,
            cluster_id=snapshot.instructions[p.instruction_id].cluster_id,
            source=snapshot.instructions[p.instruction_id].source,
            decided_by=p.decided_by,
        )
        for p in sorted(snapshot.pairs, key=lambda p: p.pair_id)
        if p.instruction_id in instruction_ids and not {p.chosen_id, p.rejected_id} & assumed_responses
    ]
    return Examples(
        point=point_examples(snapshot, snapshot.verdicts, instruction_ids), pair=tuple(pairs), overall=tuple(overall)
    )
