"""What a measured model has seen: refusals that keep a benchmark from measuring on what was trained on.

What belongs here: manifests and clusters. Splits are drawn by near-duplicate cluster, and each snapshot is checked for itself
(`training/contracts.py`); that two snapshots share no cluster, and that a model comes from the one at hand, only the stage that
holds both can say, also when it is started alone.
"""

from __future__ import annotations

from pathlib import Path

from training.errors import StageRefusal
from training.manifests import Manifest
from training.snapshot import Snapshot
from training.storage import read_manifest


def refuse_shared_clusters(stage: str, *, training: Snapshot, benchmark: Snapshot, name: str) -> None:
    """Refuses a training snapshot that has a cluster of the benchmark.

    Args:
        stage: who asks, for the message.
        training: what a model learned from.
        benchmark: what is measured on.
        name: the input that `training` comes from, for the message.

    Raises:
        StageRefusal: names a cluster and an instruction of either side.
    """
    held_out = {i.cluster_id: key for key, i in sorted(benchmark.instructions.items())}
    for key, instruction in sorted(training.instructions.items()):
        if instruction.cluster_id in held_out:
            raise StageRefusal(
                f"{stage}: {key} of {name} and {held_out[instruction.cluster_id]} of the benchmark snapshot share the cluster "
                f"{instruction.cluster_id}"
            )


def refuse_other_input(stage: str, of: Path | Manifest, *, role: str, expected: Path) -> None:
    """Refuses an artifact that was not made from the artifact at hand.

    Args:
        stage: who asks, for the message.
        of: the artifact (its folder or its manifest).
        role: its own input that is in question.
        expected: folder of the artifact that this input has to be.

    Raises:
        StageRefusal: names both.
    """
    made = of if isinstance(of, Manifest) else read_manifest(of)
    found, wanted = made.inputs.get(role), str(read_manifest(expected).ref)
    if found != wanted:
        raise StageRefusal(f"{stage}: {made.ref} was made from the {role} {found}, but {wanted} is given here")
