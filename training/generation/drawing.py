"""Which instructions are answered when not all are: a draw that is the same every time and spread over clusters."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from training.records import Instruction


def draw_instructions(instructions: Sequence[Instruction], *, limit: int | None, seed: int) -> list[Instruction]:
    """At most `limit` instructions, one from every cluster before a second from any, in id order.

    Clusters, and instructions within one, are taken in the order of a seeded hash of their ids, so the draw does not
    depend on the order of the input.
    """
    clusters: dict[str, list[Instruction]] = {}
    for instruction in sorted(instructions, key=lambda i: _rank(seed, i.instruction_id)):
        clusters.setdefault(instruction.cluster_id, []).append(instruction)
    rounds = [
        (turn, _rank(seed, cluster), instruction)
        for cluster, members in clusters.items()
        for turn, instruction in enumerate(members)
    ]
    drawn = [row[2] for row in sorted(rounds, key=lambda row: row[:2])][:limit]
    return sorted(drawn, key=lambda i: i.instruction_id)


def _rank(seed: int, key: str) -> str:
    return hashlib.sha256(f"{seed}:{key}".encode()).hexdigest()
