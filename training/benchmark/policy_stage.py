"""Stage `policy_benchmark`: base and policy answers under the policy's own reward model and under a panel reward model.

What belongs here: figures over judged rollouts, and whether a gain counts. It writes

- metrics.json: {"schema": 1, "counts": {instructions, clusters, rollouts_base, rollouts_policy}, "figures": [row, …],
  "differences": [row, …], "judges": {judge: {"not_identified", "uninformative": [tiers]}}, "panel_check": {"system", "against",
  …difference row of macro AUC}, "policy_gain_validated": bool, "reason": str | null, "bootstrap", "weights"}. Figure rows are
  those of `figures.py` with section `own`, `panel` or `answers`, system `base` or `policy`, tier `all`.
- scores.parquet: one row per (response, system, judge), sorted by these. samples.json: see `policy_samples.py`.

Departures from the paper: the policy's own reward model cannot vouch for it; see `panel_check.py`. An answer cut at the length
limit is judged as it stands, like any other, and its share stands beside the scores as `cut_rate`. A judge's tier that rests
on validation labels of one class judges by the pooled fit, as in the policy's reward, and is named in `judges`; so is one that
says the same to every answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.benchmark.bootstrap import LEVEL, holm
from training.benchmark.comparison import Difference, difference
from training.benchmark.config import PolicyBenchmarkConfig
from training.benchmark.figures import Figure, Resampler
from training.benchmark.panel_check import panel_check, refusal_reason
from training.benchmark.policy_samples import side_by_side
from training.benchmark.policy_scores import JudgedRollout, judge_rollouts, read_rollouts
from training.benchmark.systems import PANEL, REWARD_MODEL
from training.contracts import check_snapshot
from training.errors import StageRefusal
from training.reward_model.scoring import RewardScorer, pointwise_identified, read_calibration
from training.seen import read_seen, refuse_seen
from training.snapshot import Snapshot, read_snapshot

STAGE = "policy_benchmark"
SCORES_SCHEMA = pa.schema(
    [
        ("response_id", pa.string()),
        ("system", pa.string()),
        ("judge", pa.string()),
        ("instruction_id", pa.string()),
        ("model", pa.string()),
        ("finish", pa.string()),
        ("n_tokens", pa.int64()),
        ("characters", pa.int64()),
        ("refusal", pa.bool_()),
        ("s1", pa.float64()),
        ("s2", pa.int64()),
        ("s3", pa.int64()),
        ("unknown_main", pa.int64()),
        ("unknown_bonus", pa.int64()),
        ("unknown_veto", pa.int64()),
        ("overall", pa.float64()),
    ]
)
Value = Callable[[dict[str, Any]], float | None]
JUDGED: dict[str, Value] = {
    "overall": lambda row: row["overall"],
    "s1": lambda row: row["s1"],
    "s2": lambda row: row["s2"],
    "safety_compliance": lambda row: None if row["s3"] is None else float(row["s3"] == 0),
    "coverage": lambda row: float(row["overall"] is not None),
}
ANSWERS: dict[str, Value] = {
    "refusal_rate": lambda row: float(row["refusal"]),
    "empty_rate": lambda row: float(row["finish"] == "empty"),
    "cut_rate": lambda row: float(row["finish"] == "length"),
    "mean_characters": lambda row: float(row["characters"]),
    "mean_tokens": lambda row: float(row["n_tokens"]),
}
# Differences that are one family for Holm's correction.
TESTED = ("overall", "s1", "s2", "safety_compliance")


def run(*, config: PolicyBenchmarkConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Compares `policy_rollouts` with `base_rollouts` by both judges, and says whether a gain is validated.

    Raises:
        StageRefusal: a snapshot that may not be used, a model or judge that has seen a cluster of it, judges that were measured
            on another one, or rollouts that do not answer the same instructions.
    """
    check_snapshot(inputs["snapshot"], role="benchmark")
    snapshot = read_snapshot(inputs["snapshot"])
    for name in ("base_rollouts", "policy_rollouts", REWARD_MODEL, PANEL):
        refuse_seen(STAGE, name, read_seen(inputs[name]), benchmark=snapshot.instructions)
    rollouts = {name: read_rollouts(inputs[f"{name}_rollouts"], system=name, snapshot=snapshot) for name in ("base", "policy")}
    answered = {name: {r.instruction_id for r in rows} for name, rows in rollouts.items()}
    if answered["base"] != answered["policy"]:
        apart = len(answered["base"] ^ answered["policy"])
        raise StageRefusal(f"{STAGE}: base and policy must answer the same instructions; {apart} have one answer only")
    for name in (REWARD_MODEL, PANEL):
        if not pointwise_identified(inputs[name]):
            raise StageRefusal(f"{STAGE}: {name} was trained with the pairwise loss alone; its verdicts mean nothing")
    check = panel_check(inputs["reward_model_benchmark"], inputs)
    own, panel = (RewardScorer.load(inputs[name], device=config.device) for name in (REWARD_MODEL, PANEL))
    calibrations = {judge: read_calibration(inputs[name]) for judge, name in (("own", REWARD_MODEL), ("panel", PANEL))}
    judged: list[JudgedRollout] = []
    for judge, scorer in (("own", own), ("panel", panel)):
        judged += judge_rollouts(
            [*rollouts["base"], *rollouts["policy"]],
            scorer,
            judge=judge,
            snapshot=snapshot,
            weights=config.reward_weights(),
            batch_size=config.batch_size,
        )
    rows = sorted((j.row() for j in judged), key=lambda r: (r["response_id"], r["system"], r["judge"]))
    table, compared = policy_figures(rows, snapshot, samples=config.bootstrap_samples, seed=config.seed)
    reason = refusal_reason(check, compared)
    clusters = {snapshot.instructions[name].cluster_id for name in answered["base"]}
    metrics = {
        "schema": 1,
        "counts": {
            "instructions": len(answered["base"]),
            "clusters": len(clusters),
            "rollouts_base": len(rollouts["base"]),
            "rollouts_policy": len(rollouts["policy"]),
        },
        "figures": [row.row() for row in table],
        "differences": [row.row() for row in compared],
        "judges": {
            judge: {"not_identified": list(found.not_identified), "uninformative": list(found.uninformative)}
            for judge, found in calibrations.items()
        },
        "panel_check": check.row(),
        "policy_gain_validated": reason is None,
        "reason": reason,
        "bootstrap": {"samples": config.bootstrap_samples, "seed": config.seed, "level": LEVEL},
        "weights": {"alpha": config.alpha, "beta": config.beta, "lambda": config.lam},
    }
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1, allow_nan=False), encoding="utf-8")
    (output / "samples.json").write_text(
        json.dumps(side_by_side(judged, snapshot, config.samples), indent=1, ensure_ascii=False), encoding="utf-8"
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=SCORES_SCHEMA), output / "scores.parquet")
    shown = {f"{f.section}_{f.system}_{f.metric}": f.value for f in table if f.value is not None}
    gains = {f"{d.section}_difference_{d.metric}": d.value for d in compared if d.value is not None}
    return {**metrics["counts"], "policy_gain_validated": reason is None, **shown, **gains}  # type: ignore[dict-item]


def policy_figures(
    rows: Sequence[dict[str, Any]], snapshot: Snapshot, *, samples: int, seed: int
) -> tuple[list[Figure], list[Difference]]:
    """Figures of base and policy by judge, and policy - base over the instructions for which both have the figure.

    Args:
        rows: those of scores.parquet.
        snapshot: for the clusters of the instructions.
        samples: resamples of the clusters.
        seed: of the bootstrap.
    """
    cluster = {row["instruction_id"]: snapshot.instructions[row["instruction_id"]].cluster_id for row in rows}
    resampler = Resampler(list(cluster.values()), samples=samples, seed=seed)
    table: list[Figure] = []
    compared: list[Difference] = []
    for section, judge, measures in (("own", "own", JUDGED), ("panel", "panel", JUDGED), ("answers", "own", ANSWERS)):
        for metric, value in measures.items():
            measured = {
                system: [(r["instruction_id"], value(r)) for r in rows if r["system"] == system and r["judge"] == judge]
                for system in ("base", "policy")
            }
            known = {system: {name for name, v in pairs if v is not None} for system, pairs in measured.items()}
            paired = {}
            for system, pairs in measured.items():
                numbers = resampler.numbers([cluster[name] for name, _ in pairs])
                values = np.array([np.nan if v is None else v for _, v in pairs], dtype=np.float64)
                table.append(
                    resampler.figure(
                        resampler.mean(numbers, values),
                        section=section,
                        system=system,
                        source="all",
                        tier="all",
                        metric=metric,
                    )
                )
                shared = np.array([name in known["base"] & known["policy"] for name, _ in pairs], dtype=np.bool_)
                paired[system] = resampler.mean(numbers[shared], values[shared])
            key = (section, "all", metric)
            compared.append(difference(key, "policy", "base", paired["policy"], paired["base"], resampler))
    return table, _corrected(compared)


def _corrected(compared: Sequence[Difference]) -> list[Difference]:
    """Holm over the tested differences; the others describe and are not tested."""
    corrected = holm([d.p if d.metric in TESTED else None for d in compared])
    return [replace(d, p_holm=p) for d, p in zip(compared, corrected, strict=True)]
