"""Stage `reward_model_benchmark`: both reward models, three baselines and any rivals on the labelled benchmark snapshot.

What belongs here: reading, scoring, writing. It writes

- metrics.json: {"schema": 1, "measured": {input: artifact}, "counts": {instructions, clusters, available_instructions,
  verdicts, criterion_pairs, overall_pairs, excluded_assumed: assumed verdicts on the instructions measured}, "judge_kinds":
  {kind: verdicts}, "systems": [names], "figures": [row, …], "differences": [row, …], "reliability": {system: {"tiers",
  "error", "bins"}}, "majority_met": {tier: share}, "lexical_thresholds": {tier: threshold, null for "never met"; absent
  without both classes}, "pointwise_identified": {system: bool}, "not_identified": {system: [tiers without verdicts]},
  "uninformative": {system: [tiers in which it says the same to every answer]}, "bootstrap": {samples, seed, level},
  "slices": [row, …], "slice_minimum": {examples, clusters}, "rivals": {system: {hub, revision, sha256: of its folder, family,
  parameters, format, max_length, outcomes: {scored, too_long, empty, not_finite}}}, "pairwise_sets": [set, …],
  "pairwise_differences": [row, …]}. Rows are described in `figures.py`, `comparison.py`, `slices.py` and
  `pairwise_scores.py`; rivals come last among the systems.
- predictions.parquet: one row per (response, criterion, system), sorted by these three.
- pairwise_predictions.parquet: one row per (set, line, system, criterion), and one per line that is left out, with the reason.

Departures from the paper: the baselines, the intervals, and that nothing rests on an `assumed` verdict. A reward model
trained with the pairwise loss alone is `pointwise_identified: false`: its pointwise figures, and the overall ones that follow
from its verdicts, are empty. So are those of a tier whose validation labels are of one class (`not_identified`), AUC apart; a
tier with a flat calibration is left out of the reliability, where it would look perfect.
"""

from __future__ import annotations

import json
import math
from collections import Counter
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
from training.benchmark.pairwise_scores import (
    ALL,
    SetScores,
    corrected,
    longer_scores,
    pair_rows,
    reward_model_scores,
    rival_scores,
    set_metrics,
)
from training.benchmark.pairwise_set import read_set
from training.benchmark.predictions import PAIRS_SCHEMA, PREDICTIONS_SCHEMA, prediction_rows
from training.benchmark.rivals import RivalScorer, rival_system
from training.benchmark.slices import MIN_CLUSTERS, MIN_EXAMPLES, slice_figures
from training.benchmark.systems import (
    LONGER,
    PANEL,
    REWARD_MODEL,
    System,
    lexical_system,
    lexical_thresholds,
    longer_system,
    majority_shares,
    majority_system,
    reward_model_system,
)
from training.contracts import check_snapshot
from training.errors import StageRefusal
from training.records import TIERS, Instruction
from training.reward_model.scoring import RewardScorer, pointwise_identified, read_calibration
from training.seen import clusters_of, read_seen, refuse_seen
from training.snapshot import Snapshot, read_snapshot
from training.storage import read_manifest

STAGE = "reward_model_benchmark"


def run(*, config: RewardModelBenchmarkConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Measures `reward_model` and `panel_reward_model` on `snapshot`.

    The baselines learn from `training_snapshot`, which has to be what the reward model learned from.

    Raises:
        StageRefusal: a snapshot that may not be used, a model that has seen a cluster it would be measured on, a reward model
            that learned from other clusters than those of `training_snapshot`, no labelled example, or a rival or pairwise set
            that cannot be used.
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

    texts = [i.text for i in training.instructions.values()]
    sets = [
        SetScores(spec=spec, rows=read_set(spec, training=texts, max_pairs=config.max_pairs), scores={})
        for spec in config.pairwise_sets
    ]
    identified = {name: pointwise_identified(inputs[name]) for name in (REWARD_MODEL, PANEL)}
    shares, thresholds = majority_shares(training), lexical_thresholds(training)
    # Rivals first: one that cannot be loaded should not cost the time that the others take.
    rivals, asked = _ask_rivals(config, snapshot, instructions, sets)
    systems = [
        *(
            _ask_own(name, config, inputs[name], snapshot, instructions, sets, identified=identified[name])
            for name in identified
        ),
        longer_system(snapshot, instructions),
        majority_system(snapshot, instructions, shares),
        lexical_system(snapshot, instructions, thresholds),
        *rivals,
    ]
    for one in sets:
        one.scores[LONGER, ALL] = longer_scores(one.rows.pairs)
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
        "differences": [row.row() for row in differences(examples, found, resampler, rivals=list(asked))],
        "reliability": {system.name: _reliability(system, examples) for system in systems[:2]},
        "majority_met": dict(shares),
        "lexical_thresholds": {tier: t if math.isfinite(t) else None for tier, t in thresholds.items()},
        "pointwise_identified": identified,
        "not_identified": {system.name: list(system.not_identified) for system in systems},
        "uninformative": {system.name: list(system.uninformative) for system in systems},
        "bootstrap": {"samples": config.bootstrap_samples, "seed": config.seed, "level": LEVEL},
        "slices": [row.row() for row in slice_figures(examples, found, resampler, snapshot)],
        "slice_minimum": {"examples": MIN_EXAMPLES, "clusters": MIN_CLUSTERS},
        "rivals": asked,
        **_of_sets(sets, config),
    }
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1, allow_nan=False), encoding="utf-8")
    pq.write_table(
        pa.Table.from_pylist(prediction_rows(snapshot, systems), schema=PREDICTIONS_SCHEMA), output / "predictions.parquet"
    )
    pq.write_table(
        pa.Table.from_pylist([row for one in sets for row in pair_rows(one)], schema=PAIRS_SCHEMA),
        output / "pairwise_predictions.parquet",
    )
    scalars = {
        f"{row.system}_{row.section}_{row.tier}_{row.metric}": row.value
        for row in table
        if row.source == "all"
        and row.system == REWARD_MODEL
        and (row.section, row.tier) in (("pointwise", "macro"), ("pairwise", "macro"), ("overall", "all"), ("safety", "veto"))
        and row.value is not None
    }
    return {**metrics["counts"], **scalars}


def _ask_own(
    name: str,
    config: RewardModelBenchmarkConfig,
    folder: Path,
    snapshot: Snapshot,
    instructions: list[Instruction],
    sets: list[SetScores],
    *,
    identified: bool,
) -> System:
    """One of our models on the snapshot; the reward model itself on the pairwise sets too, into their scores."""
    scorer = RewardScorer.load(folder, device=config.device)
    if name == REWARD_MODEL:
        for one in sets:
            scores = reward_model_scores(scorer, one.rows.pairs, one.spec.as_criteria(), batch_size=config.batch_size)
            one.scores.update({(name, criterion): of_criterion for criterion, of_criterion in scores.items()})
    return reward_model_system(
        name,
        scorer,
        snapshot,
        instructions,
        batch_size=config.batch_size,
        identified=identified,
        calibration=read_calibration(folder),
    )


def _ask_rivals(
    config: RewardModelBenchmarkConfig, snapshot: Snapshot, instructions: list[Instruction], sets: list[SetScores]
) -> tuple[list[System], dict[str, Any]]:
    """Every rival on the snapshot and on the pairwise sets, one in memory at a time; and how each was asked."""
    systems, asked = [], {}
    for rival in config.rivals:
        scorer = RivalScorer.load(rival, device=config.device)
        systems.append(rival_system(scorer, snapshot, instructions, batch_size=config.batch_size))
        for one in sets:
            one.scores[rival.name, ALL] = rival_scores(scorer, one.rows.pairs, batch_size=config.batch_size)
        # Not where it lies: the same rival elsewhere is the same.
        asked[rival.name] = {**rival.model_dump(include={"hub", "revision", "sha256"}), **scorer.facts()}
        del scorer
    return systems, asked


def _of_sets(sets: list[SetScores], config: RewardModelBenchmarkConfig) -> dict[str, Any]:
    measured = [set_metrics(one, samples=config.bootstrap_samples, seed=config.seed) for one in sets]
    compared = corrected([row for _, rows in measured for row in rows])
    return {"pairwise_sets": [entry for entry, _ in measured], "pairwise_differences": [row.row() for row in compared]}


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
