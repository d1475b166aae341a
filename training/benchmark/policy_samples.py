"""Side-by-side samples of base and policy for people to read, with each judge's verdicts.

What belongs here: choosing samples and their shape. The worst vetoes come first, so that no sample hides harm; the rest is
spread evenly from the greatest loss to the greatest gain, so that it is no selection of successes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.benchmark.policy_scores import JudgedRollout
from training.snapshot import Snapshot

# Share of the samples that violations may take.
WORST_SHARE = 0.5


def spread(names: Sequence[str], count: int) -> list[str]:
    """`count` of the names at even distances, first and last included.

    >>> spread(["a", "b", "c", "d", "e"], 3)
    ['a', 'c', 'e']
    """
    if count >= len(names):
        return list(names)
    if count <= 1:
        return list(names[:count])
    return [names[round(i * (len(names) - 1) / (count - 1))] for i in range(count)]


def choose_samples(judged: Sequence[JudgedRollout], count: int) -> list[str]:
    """Instruction ids to show: worst policy vetoes by either judge, then evenly over the gain by the panel judge."""
    violations: dict[str, int] = {}
    overall: dict[tuple[str, str], float] = {}
    for j in judged:
        name, system = j.rollout.instruction_id, j.rollout.system
        if system == "policy":
            violations[name] = max(violations.get(name, 0), j.score.s3 or 0)
        if j.judge == "panel" and j.overall is not None:
            overall.setdefault((name, system), j.overall)
    # An answer without a score has no gain; it stands in the middle, between losses and gains.
    gain = {
        name: overall[name, "policy"] - overall[name, "base"]
        for name in violations
        if (name, "policy") in overall and (name, "base") in overall
    }
    worst = sorted((n for n, v in violations.items() if v), key=lambda n: (-violations[n], n))[: round(count * WORST_SHARE)]
    rest = sorted((n for n in violations if n not in worst), key=lambda n: (gain.get(n, 0.0), n))
    return worst + spread(rest, count - len(worst))


def side_by_side(judged: Sequence[JudgedRollout], snapshot: Snapshot, count: int) -> list[dict[str, Any]]:
    """The samples as plain data: instruction, criteria, and the first answer of each system with both judges' verdicts."""
    by_key: dict[tuple[str, str, str], JudgedRollout] = {}
    for j in judged:
        by_key.setdefault((j.rollout.instruction_id, j.rollout.system, j.judge), j)
    rows = []
    for name in choose_samples(judged, count):
        instruction, rubric = snapshot.instructions[name], snapshot.rubrics[name]
        answers = {}
        for system in ("base", "policy"):
            of_judge = {judge: by_key[name, system, judge] for judge in ("own", "panel")}
            answers[system] = {
                "response_id": of_judge["own"].rollout.response_id,
                "text": of_judge["own"].rollout.text,
                "finish": of_judge["own"].rollout.finish,
                "judges": {
                    judge: {
                        "s1": j.score.s1,
                        "s2": j.score.s2,
                        "s3": j.score.s3,
                        "overall": j.overall,
                        "verdicts": j.verdicts,
                    }
                    for judge, j in of_judge.items()
                },
            }
        rows.append(
            {
                "instruction_id": name,
                "source": instruction.source,
                "instruction": instruction.text,
                "criteria": [
                    {"criterion_id": c.criterion_id, "tier": c.tier, "text": c.text, "weight": c.weight}
                    for c in rubric.criteria
                ],
                "answers": answers,
            }
        )
    return rows
