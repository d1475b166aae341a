"""Tables of single predictions beside the figures: what every system said, with the labels, so that any figure can be redone.

What belongs here: their columns and rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from training.benchmark.systems import System
from training.snapshot import Snapshot

PREDICTIONS_SCHEMA = pa.schema(
    [
        ("response_id", pa.string()),
        ("criterion_id", pa.string()),
        ("system", pa.string()),
        ("instruction_id", pa.string()),
        ("tier", pa.string()),
        ("label", pa.string()),
        ("judge_kind", pa.string()),
        ("pair_score", pa.float64()),
        ("p_met", pa.float64()),
        ("verdict", pa.string()),
    ]
)
PAIRS_SCHEMA = pa.schema(
    [
        ("set", pa.string()),
        ("line", pa.int64()),
        ("left_out", pa.string()),
        ("subset", pa.string()),
        ("system", pa.string()),
        ("criterion", pa.string()),
        ("chosen_score", pa.float64()),
        ("rejected_score", pa.float64()),
    ]
)


def prediction_rows(snapshot: Snapshot, systems: Sequence[System]) -> list[dict[str, Any]]:
    """Every prediction with its label, assumed labels too (named by `judge_kind`), by response, criterion and system."""
    labels = {(v.response_id, v.criterion_id): v for v in snapshot.verdicts}
    criteria = snapshot.criteria
    rows = []
    for system in systems:
        for (response_id, criterion_id), prediction in system.predictions.items():
            label = labels.get((response_id, criterion_id))
            rows.append(
                {
                    "response_id": response_id,
                    "criterion_id": criterion_id,
                    "system": system.name,
                    "instruction_id": snapshot.responses[response_id].instruction_id,
                    "tier": criteria[criterion_id].tier,
                    "label": label.verdict if label else None,
                    "judge_kind": label.judge_kind if label else None,
                    "pair_score": prediction.pair_score,
                    "p_met": prediction.p_met,
                    "verdict": prediction.verdict,
                }
            )
    return sorted(rows, key=lambda row: (row["response_id"], row["criterion_id"], row["system"]))
