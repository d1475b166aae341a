"""What a snapshot teaches, one entry per instruction: its responses, known verdicts, and preferences on criteria and overall.

What belongs here: which verdicts and preferences count. Every known verdict does, and every criterion preference of the split
(overall ties and undecidable pairs included); overall preferences are for a model without criteria. `assumed` verdicts may
train but never validate or calibrate: a criterion preference rests on its two verdicts, an overall one on all verdicts of its
two responses (as in the warehouse's held-out splits), since its margin is made of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.errors import StageRefusal
from training.records import Criterion, Instruction, Response
from training.snapshot import CriterionPreference, PreferencePair, Snapshot

Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class InstructionExamples:
    """All that is known about one instruction of a split, not yet dealt into trees.

    Attributes:
        criteria: of its rubric, those that are learned from.
        responses: those with a known verdict or in an overall preference, in id order; none is empty.
        met: known verdicts by (response_id, criterion_id).
        preferences: on single criteria.
        overall: preferences by all criteria.
    """

    instruction: Instruction
    criteria: tuple[Criterion, ...]
    responses: tuple[Response, ...]
    met: dict[Key, bool]
    preferences: tuple[CriterionPreference, ...]
    overall: tuple[PreferencePair, ...] = ()


def examples_of_split(snapshot: Snapshot, split: str, *, assumed: bool, veto: bool = True) -> list[InstructionExamples]:
    """What a split teaches, one entry per instruction that has a known verdict or an overall preference, in id order.

    Args:
        snapshot: the records.
        split: which instructions.
        assumed: whether `assumed` verdicts, and preferences that rest on one, count as known.
        veto: whether veto criteria count: their verdicts, the preferences on them, and the overall ones that they decided.

    Raises:
        StageRefusal: a preference rests on a verdict that is not there or says otherwise.
    """
    answers: dict[str, list[Response]] = {}
    for response in sorted(snapshot.responses.values(), key=lambda r: r.response_id):
        if response.text.strip():
            answers.setdefault(response.instruction_id, []).append(response)
    met = {
        (v.response_id, v.criterion_id): v.verdict == "met"
        for v in snapshot.verdicts
        if v.verdict != "unknown" and (assumed or v.judge_kind != "assumed")
    }
    preferences = _criterion_preferences(snapshot, split, met)
    overall = _overall_preferences(snapshot, split, assumed=assumed)

    found = []
    for instruction in snapshot.of_split(split):
        name = instruction.instruction_id
        if name not in snapshot.rubrics:
            continue
        criteria = tuple(c for c in snapshot.rubrics[name].criteria if veto or c.tier != "veto")
        pairs = tuple(p for p in overall.get(name, ()) if veto or p.decided_by != "veto")
        keys = [(r.response_id, c.criterion_id) for r in answers.get(name, ()) for c in criteria]
        known = {key: met[key] for key in keys if key in met}
        used = {response_id for response_id, _ in known} | {end for p in pairs for end in (p.chosen_id, p.rejected_id)}
        if used:
            found.append(
                InstructionExamples(
                    instruction=instruction,
                    criteria=criteria,
                    responses=tuple(r for r in answers.get(name, ()) if r.response_id in used),
                    met=known,
                    preferences=tuple(p for p in preferences.get(name, ()) if veto or p.tier != "veto"),
                    overall=pairs,
                )
            )
    return found


def _criterion_preferences(snapshot: Snapshot, split: str, met: dict[Key, bool]) -> dict[str, list[CriterionPreference]]:
    """Those of a split whose two verdicts count, by instruction; every one is checked against the verdicts."""
    verdicts = {(v.response_id, v.criterion_id): v.verdict for v in snapshot.verdicts}
    found: dict[str, list[CriterionPreference]] = {}
    for preference in snapshot.criterion_preferences:
        if preference.split != split:
            continue
        better, worse = ((end, preference.criterion_id) for end in (preference.better_id, preference.worse_id))
        if (verdicts.get(better), verdicts.get(worse)) != ("met", "unmet"):
            raise StageRefusal(f"preference on {preference.criterion_id} does not follow from the resolved verdicts")
        if better in met and worse in met:
            found.setdefault(preference.instruction_id, []).append(preference)
    return found


def _overall_preferences(snapshot: Snapshot, split: str, *, assumed: bool) -> dict[str, list[PreferencePair]]:
    """Those of a split, by instruction; without the pairs that rest on an assumption unless `assumed`."""
    resting = {v.response_id for v in snapshot.verdicts if v.judge_kind == "assumed"}
    found: dict[str, list[PreferencePair]] = {}
    for pair in snapshot.pairs:
        ends = {pair.chosen_id, pair.rejected_id}
        if pair.split == split and (assumed or not ends & resting):
            found.setdefault(pair.instruction_id, []).append(pair)
    return found
