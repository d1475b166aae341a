"""The cells that a study finds: which of them count, and what is told of their training.

What belongs here: choosing. A cell counts only if it was made under the config that the study has now, from the same data and
by the same code: figures of two sizes, snapshots or programmes would look like those of one study.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.stages import STAGES, source_hash
from training.storage import read_manifest
from training.study.cell_stage import CELL
from training.study.config import RewardModelStudyTableConfig

# Role of a cell's folder: this and the cell's name.
CELL_ROLE = "reward_model_cells/"
_TRAINED = ("steps", "best_step", "stopped_early", "trees_seen", "tokens_seen")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell that counts: what it said of itself, its artifact, and the folder that holds it."""

    name: str
    artifact: str
    folder: Path
    said: dict[str, Any]

    @property
    def variant(self) -> str:
        """Which variant."""
        return str(self.said["variant"])

    @property
    def seed(self) -> int:
        """Which seed."""
        return int(self.said["seed"])


def chosen_cells(
    config: RewardModelStudyTableConfig, inputs: Mapping[str, Path], measured: Mapping[str, str]
) -> tuple[list[Cell], list[dict[str, str]]]:
    """The cells that count in the study's order, and the others with the reason why they don't.

    Args:
        config: the study's.
        inputs: every folder that the study gets.
        measured: what the study is made from, as name@digest by role.
    """
    roles = {"snapshot": "training_snapshot", "benchmark_snapshot": "snapshot", "base_model": "base_model"}
    code = source_hash(STAGES["reward_model_cell"].sources)
    found, left_out = {}, []
    for role, folder in sorted(inputs.items()):
        if not role.startswith(CELL_ROLE):
            continue
        name = role.removeprefix(CELL_ROLE)
        said = json.loads((folder / CELL).read_text(encoding="utf-8"))
        manifest = read_manifest(folder)
        wanted = config.cells.get(name)
        if wanted is None:
            why = "this study has no such cell"
        elif said["config"] != wanted.model_dump(mode="json"):
            why = "it was made under another config"
        elif any(manifest.inputs[its] != measured[ours] for its, ours in roles.items()):
            why = "it was made from other data or another base model"
        elif manifest.code_version != code:
            why = "it was made by other code"
        else:
            found[name] = Cell(name=name, artifact=str(manifest.ref), folder=folder, said=said)
            continue
        left_out.append({"cell": name, "why": why})
    return [found[name] for name in config.cells if name in found], left_out


def row_of(cell: Cell) -> dict[str, Any]:
    """What a reader wants to know of a cell's training."""
    training, under = cell.said["training"], cell.said["trained_under"]
    return {
        "cell": cell.name,
        "variant": cell.variant,
        "seed": cell.seed,
        "artifact": cell.artifact,
        **{name: training.get(name) for name in _TRAINED},
        "validation_accuracy": training.get("validation", {}).get("accuracy"),
        "validation_discordant_accuracy": training.get("validation", {}).get("discordant_accuracy"),
        "learning_rate": under["learning_rate"],
        "ece": {tier: fit["ece"] for tier, fit in cell.said["calibration"]["tiers"].items()},
    }
