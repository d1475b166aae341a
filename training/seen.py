"""What a model has seen: the near-duplicate clusters its weights learned from, as a file that goes where the model goes.

What belongs here: writing, reading and holding against a benchmark. Splits are drawn by cluster, and `contracts.py` checks each
snapshot for itself; that a model shares no cluster with what it is measured on, only a stage that holds both can say. It cannot
ask manifests: the same content may be made twice from different inputs, and the artifact keeps the manifest of the first. So
`seen.json` is content. A policy has seen what its reward model has; rollouts carry what their model has seen.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from training.errors import StageRefusal
from training.records import Instruction

SEEN = "seen.json"


def write_seen(folder: Path, clusters: Iterable[str]) -> None:
    """Writes the clusters beside a model or its rollouts."""
    (folder / SEEN).write_text(json.dumps(sorted(set(clusters)), indent=0) + "\n", encoding="utf-8")


def read_seen(folder: Path) -> frozenset[str]:
    """The clusters that a model has seen.

    Raises:
        StageRefusal: the folder does not say.
    """
    try:
        return frozenset(json.loads((folder / SEEN).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise StageRefusal(f"{folder.name} does not say what its model has seen: no {SEEN}") from error


def clusters_of(instructions: Mapping[str, Instruction]) -> frozenset[str]:
    """The clusters of all instructions of a snapshot: those that training passes over count as seen too."""
    return frozenset(i.cluster_id for i in instructions.values())


def refuse_seen(stage: str, name: str, seen: Collection[str], *, benchmark: Mapping[str, Instruction]) -> None:
    """Refuses a model that has seen a cluster of the benchmark.

    Args:
        stage: who asks, for the message.
        name: the input that is the model or its rollouts, for the message.
        seen: its clusters.
        benchmark: the instructions it is measured on, by id.

    Raises:
        StageRefusal: names an instruction and its cluster.
    """
    for key, instruction in sorted(benchmark.items()):
        if instruction.cluster_id in seen:
            raise StageRefusal(f"{stage}: {name} has seen the cluster {instruction.cluster_id} of benchmark instruction {key}")
