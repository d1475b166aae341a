"""Stage `reward_model_benchmark`: both reward models and three baselines on the labelled benchmark snapshot.

What belongs here: reading, scoring, writing. It writes

- metrics.json: {"schema": 1, "measured": {input: artifact}, "counts": {instructions, clusters, available_instructions,
  verdicts, criterion_pairs, overall_pairs, excluded_assumed: assumed verdicts on the instructions measured}, "judge_kinds":
  {kind: verdicts}, "systems": [names], "figures": [row, …], "differences": [row, …], "reliability": {system: {"tiers",
  "error", "bins"}}, "majority_met": {tier: share}, "lexical_thresholds": {tier: threshold, null for "never met"; absent
  without both classes}, "pointwise_identified": {system: bool}, "not_identified": {system: [tiers without verdicts]},
  "uninformative": {system: [tiers in which it says the same to every answer]}, "bootstrap": {samples, seed, level}}. Rows
  are described in `figures.py` and `comparison.py`.
- predictions.parquet: one row per (response, criterion, system), sorted by these three.

Departures from the paper: the baselines, the intervals, and that nothing rests on an `assumed` verdict. A reward model
trained with the pairwise loss alone is `pointwise_identified: false`: its pointwise figures, and the overall ones that follow
from its verdicts, are empty. So are those of a tier whose validation labels are of one class (`not_identified`), AUC apart; a
tier with a flat calibration is left out of the reliability, where it would look perfect.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.benchmark.bootstrap import LEVEL
from training.benchmark.comparison import columns, differences, figures
from training.benchmark.config import RewardModelBenchmarkConfig
from training.benchmark.examples import NOT_MEASURED, Examples, choose_instructions, read_examples
from training.benchmark.figures import Resampler
from training.benchmark.metrics import calibration_error, reliability
from training.benchmark.systems import (
    PANEL,
    REWARD_MODEL,
    System,
    lexical_system,
    lexical_thresholds,
    longer_system,
    majority_shares,
    majority_system,
    pointwise_identified,
    reward_model_system,
)
from training.contracts import check_snapshot
from training.errors import StageRefusal
from training.records import TIERS
from training.reward_model.scoring import RewardScorer, read_calibration
from training.seen import clusters_of, read_seen, refuse_seen
from training.snapshot import Snapshot, read_snapshot
from training.storage import read_manifest

STAGE = "reward_model_benchmark"
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


def run(*, config: RewardModelBenchmarkConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Measures `reward_model` and `panel_reward_model` on `snapshot`.

    The baselines learn from `training_snapshot`, which has to be what the reward model learned from.

    Raises:
        StageRefusal: a snapshot that may not be used, a model that has seen a cluster it would be measured on, a reward model
            that learned from other clusters than those of `training_snapshot`, or no labelled example.
    """
    check_snapshot(inputs["snapshot"], role="benchmark")
    check_snapshot(inputs["training_snapshot"], role="reward_model")
    snapshot, training = read_snapshot(inputs["snapshot"]), read_snapshot(inputs["training_snapshot"])
    _refuse_what_was_seen(inputs, snapshot, training)
    instructions = choose_instructions(snapshot, config.max_responses)
    chosen = {i.instruction_id for i in instructions}
    examples = read_examples(snapshot, chosen)
    if not examples.point:
        raise StageRefusal(f"{STAGE}: the snapshot has no verdict that may be measured on")

    identified = {name: pointwise_identified(inputs[name]) for name in (REWARD_MODEL, PANEL)}
    shares, thresholds = majority_shares(training), lexical_thresholds(training)
    systems = [
        *(
            reward_model_system(
                name,
                RewardScorer.load(inputs[name], device=config.device),
                snapshot,
                instructions,
                batch_size=config.batch_size,
                identified=identified[name],
                calibration=read_calibration(inputs[name]),
            )
            for name in identified
        ),
        longer_system(snapshot, instructions),
        majority_system(snapshot, instructions, shares),
        lexical_system(snapshot, instructions, thresholds),
    ]
    clusters = [i.cluster_id for i in instructions]
    resampler = Resampler(clusters, samples=config.bootstrap_samples, seed=config.seed)
    found = {system.name: columns(examples, system) for system in systems}
    table = figures(examples, found, resampler)
    metrics = {
        "schema": 1,
        # Here and not in the manifest alone: an artifact that is made twice keeps the manifest of the first making.
        "measured": {name: str(read_manifest(inputs[name]).ref) for name in ("snapshot", REWARD_MODEL, PANEL)},
        "counts": {
            "instructions": len(instructions),
            "available_instructions": len(snapshot.instructions),
            "clusters": len(set(clusters)),
            "verdicts": len(examples.point),
            "criterion_pairs": len(examples.pair),
            "overall_pairs": len(examples.overall),
            "excluded_assumed": sum(
                v.judge_kind == NOT_MEASURED and snapshot.responses[v.response_id].instruction_id in chosen
                for v in snapshot.verdicts
            ),
        },
        "judge_kinds": dict(sorted(Counter(e.judge_kind for e in examples.point).items())),
        "systems": [system.name for system in systems],
        "figures": [row.row() for row in table],
        "differences": [row.row() for row in differences(examples, found, resampler)],
        "reliability": {system.name: _reliability(system, examples) for system in systems[:2]},
        "majority_met": dict(shares),
        "lexical_thresholds": {tier: t if math.isfinite(t) else None for tier, t in thresholds.items()},
        "pointwise_identified": identified,
        "not_identified": {system.name: list(system.not_identified) for system in systems},
        "uninformative": {system.name: list(system.uninformative) for system in systems},
        "bootstrap": {"samples": config.bootstrap_samples, "seed": config.seed, "level": LEVEL},
    }
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1, allow_nan=False), encoding="utf-8")
    pq.write_table(
        pa.Table.from_pylist(prediction_rows(snapshot, systems), schema=PREDICTIONS_SCHEMA), output / "predictions.parquet"
    )
    scalars = {
        f"{row.system}_{row.section}_{row.tier}_{row.metric}": row.value
        for row in table
        if row.source == "all"
        and row.system == REWARD_MODEL
        and (row.section, row.tier) in (("pointwise", "macro"), ("pairwise", "macro"), ("overall", "all"), ("safety", "veto"))
        and row.value is not None
    }
    return {**metrics["counts"], **scalars}  # type: ignore[dict-item]


def _refuse_what_was_seen(inputs: dict[str, Path], snapshot: Snapshot, training: Snapshot) -> None:
    seen, learned = {name: read_seen(inputs[name]) for name in (REWARD_MODEL, PANEL)}, clusters_of(training.instructions)
    for name, clusters in {**seen, "training_snapshot": learned}.items():
        refuse_seen(STAGE, name, clusters, benchmark=snapshot.instructions)
    apart = sorted(seen[REWARD_MODEL] ^ learned)
    if apart:
        raise StageRefusal(
            f"{STAGE}: reward_model learned from another snapshot than training_snapshot: {len(apart)} clusters are in one of "
            f"them alone, such as {apart[0]}"
        )


def _reliability(system: System, examples: Examples) -> dict[str, Any]:
    # A flat P(met) agrees with the share met, which is all that a calibration error asks.
    tiers = [tier for tier in TIERS if tier not in (*system.not_identified, *system.uninformative)]
    pairs = [(system.predictions[e.response_id, e.criterion_id].p_met, e.met) for e in examples.point if e.tier in tiers]
    known = [(p, met) for p, met in pairs if p is not None]
    bins = reliability([p for p, _ in known], [met for _, met in known])
    return {"tiers": tiers, "error": calibration_error(bins), "bins": [asdict(b) for b in bins]}


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
