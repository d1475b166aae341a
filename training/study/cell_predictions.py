"""What a cell says of the benchmark, as a table: one row per (response, criterion), and back into a system of the benchmark.

What belongs here: the columns. They hold no label and no figure: a cell does not open the benchmark's labels, the study's table
does, which keeps the record of it (`openings.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training.benchmark.metrics import pairwise_credit
from training.benchmark.systems import Key, Prediction, System, rubric_system
from training.records import Tier
from training.snapshot import Snapshot

PREDICTIONS = "predictions.parquet"
SCHEMA = pa.schema(
    [
        ("response_id", pa.string()),
        ("criterion_id", pa.string()),
        # The logit r: it orders two responses on one criterion whatever the loss was.
        ("pair_score", pa.float64()),
        # The same where the loss fixes it across criteria too, else null.
        ("point_score", pa.float64()),
        ("p_met", pa.float64()),
        ("verdict", pa.string()),
    ]
)


def write_predictions(folder: Path, predictions: dict[Key, Prediction]) -> None:
    """Writes predictions.parquet, by response and criterion."""
    rows = [
        {
            "response_id": response_id,
            "criterion_id": criterion_id,
            "pair_score": said.pair_score,
            "point_score": said.point_score,
            "p_met": said.p_met,
            "verdict": said.verdict,
        }
        for (response_id, criterion_id), said in sorted(predictions.items())
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / PREDICTIONS, compression="zstd")


def read_predictions(folder: Path) -> dict[Key, Prediction]:
    """The predictions of a cell's folder."""
    return {
        (row["response_id"], row["criterion_id"]): Prediction(
            **{name: row[name] for name in ("pair_score", "point_score", "p_met", "verdict")}
        )
        for row in pq.read_table(folder / PREDICTIONS).to_pylist()
    }


def as_system(
    name: str,
    predictions: dict[Key, Prediction],
    snapshot: Snapshot,
    *,
    scalar: bool,
    not_identified: tuple[Tier, ...],
    uninformative: tuple[Tier, ...],
) -> System:
    """A cell as a system: overall it orders two responses by its verdicts, a scalar model by r itself."""
    if scalar:
        system = System(name=name, predictions=predictions, overall_credit=_by_score(predictions))
    else:
        system = rubric_system(name, predictions, snapshot)
    return replace(system, not_identified=not_identified, uninformative=uninformative)


def _by_score(predictions: dict[Key, Prediction]) -> Callable[[str, str], float | None]:
    # A scalar model says the same on every criterion.
    scores = {response_id: said.pair_score for (response_id, _), said in predictions.items()}
    return lambda chosen, rejected: pairwise_credit(scores[chosen], scores[rejected])
