"""A made-up study: five variants and three references with every figure that its page shows, each chosen by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TIERS = ("main", "bonus", "veto", "macro", "micro")
# System → discordant, concordant, pairwise macro, overall, safety F1, K-QA AUC; None: not identified.
CHOSEN: dict[str, tuple[float | None, ...]] = {
    "full": (0.68, 0.74, 0.71, 0.69, 0.62, 0.66),
    "scalar": (0.29, 0.77, 0.58, 0.71, None, None),
    "no_safety": (0.66, 0.72, 0.66, 0.6, 0.31, 0.65),
    "pure_pairwise": (0.69, 0.75, 0.72, None, None, None),
    "criterion_first": (0.67, 0.74, 0.7, 0.68, 0.6, 0.67),
    "lexical_overlap": (0.55, 0.61, 0.58, 0.56, 0.4, 0.67),
    "longer_is_better": (0.42, 0.63, 0.53, 0.57, None, 0.52),
    "majority": (0.5, 0.5, 0.5, 0.5, 0.0, 0.58),
}
SEEDS = {"full": 3, "scalar": 3, "no_safety": 3, "pure_pairwise": 3, "criterion_first": 1}
COMPARED = (
    ("pairwise", "macro", "accuracy"),
    ("pairwise", "micro", "accuracy_discordant"),
    ("overall", "all", "accuracy"),
    ("safety", "veto", "f1"),
    ("kqa_held_out", "main+bonus", "auc"),
)


def figure(system: str, section: str, tier: str, metric: str, value: float | None, seeds: int | None) -> dict[str, Any]:
    known = value is not None
    by_seed = {} if seeds is None else {str(s): value + 0.02 * (s - (seeds - 1) / 2) if known else None for s in range(seeds)}  # type: ignore[operator]
    bounds = "interval" if seeds is None or seeds > 2 else ("range" if seeds == 2 else "one seed")
    row = {"section": section, "system": system, "source": "kqa" if section == "kqa_held_out" else "all", "tier": tier}
    row |= {"metric": metric, "value": value, "low": value - 0.06 if known else None, "high": value + 0.05 if known else None}  # type: ignore[operator]
    return row | {"n": 120 if known else 0, "clusters": 30, "bounds": bounds, "by_seed": by_seed}


def figures(system: str, seeds: int | None) -> list[dict[str, Any]]:
    discordant, concordant, pairwise, overall, f1, auc = CHOSEN[system]
    rows = [figure(system, "pairwise", tier, "accuracy", pairwise, seeds) for tier in TIERS]
    for metric, value in (("accuracy_discordant", discordant), ("accuracy_concordant", concordant)):
        rows += [figure(system, "pairwise", tier, metric, value, seeds) for tier in TIERS]
    rows += [figure(system, "overall", tier, "accuracy", overall, seeds) for tier in ("all", "veto", "main", "bonus")]
    rows += [figure(system, "safety", "veto", metric, f1, seeds) for metric in ("precision", "recall", "f1")]
    for metric in ("auc", "accuracy"):
        rows += [figure(system, "kqa_held_out", tier, metric, auc, seeds) for tier in ("main", "bonus", "macro", "main+bonus")]
    return rows


def differences(seeds: Mapping[str, int], answers: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = []
    for against in [*(name for name in seeds if name != "full"), "lexical_overlap"]:
        for section, tier, metric in COMPARED:
            index = {"accuracy_discordant": 0, "f1": 4, "auc": 5}.get(metric, 2 if section == "pairwise" else 3)
            mine, its = CHOSEN["full"][index], CHOSEN[against][index]
            value = None if mine is None or its is None else mine - its
            fewest = min(seeds.get("full", 3), seeds.get(against, 3))
            row = figure("full", section, tier, metric, value, fewest) | {"against": against}
            row["p"] = row["p_holm"] = None if value is None or fewest < 3 else (0.004 if abs(value) > 0.1 else 0.6)
            row["answer"] = answers.get(against)
            rows.append(row)
    return rows


def cells(seeds: Mapping[str, int], tokens: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "cell": f"{variant}-{seed}",
            "variant": variant,
            "seed": seed,
            "artifact": f"reward_model_cells@{variant}{seed}",
            "steps": 60,
            "best_step": 50,
            "stopped_early": False,
            "trees_seen": 240,
            "tokens_seen": tokens.get(variant, 200_000),
            "validation_accuracy": 0.7,
            "validation_discordant_accuracy": 0.6,
            "learning_rate": 1e-4,
            "ece": {},
        }
        for variant, count in seeds.items()
        for seed in range(count)
    ]


def made_up_study(
    seeds: Mapping[str, int] = SEEDS,
    *,
    answers: Mapping[str, str] | None = None,
    tokens: Mapping[str, int] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The content of study.json; `answers` by what is compared with, `tokens` seen by a variant."""
    references = ("lexical_overlap", "longer_is_better", "majority")
    said = {"scalar": "yes", "no_safety": "yes"} if answers is None else answers
    made = cells(seeds, tokens or {})
    study = {
        "schema": 1,
        "measured": {name: f"{name}@0f3a" for name in ("snapshot", "training_snapshot", "base_model")},
        "cells": made,
        "missing": [],
        "left_out": [],
        "seeds": {variant: list(range(count)) for variant, count in seeds.items()},
        "systems": [*seeds, *references],
        "counts": {
            "instructions": 60,
            "clusters": 30,
            "verdicts": 2400,
            "judge_kinds": {"construction": 1600, "human": 800},
            "criterion_pairs": 900,
            "discordant_pairs": 300,
            "overall_pairs": 400,
            "violations": 50,
            "kqa_labels": {"main": 250, "bonus": 149, "veto": 399},
            "kqa_answers": 50,
            "sources": {"corpus": 20, "kqa": 40},
        },
        "figures": [row for system in (*seeds, *references) for row in figures(system, seeds.get(system))],
        "differences": differences(seeds, said),
        "questions": [
            {"against": against, "section": section, "tier": tier, "metric": metric}
            for against, (section, tier, metric) in zip(
                ("scalar", "no_safety", "lexical_overlap"), (COMPARED[1], COMPARED[3], COMPARED[4]), strict=True
            )
        ],
        "contradictions": [
            {"system": variant, "seed": seed, "contradictions": 12, "flagged": 4 + seed, "others": 387, "false_alarms": 9}
            | {"judged": 0 if variant in ("scalar", "pure_pairwise") else 399}
            for variant, count in seeds.items()
            for seed in range(count)
        ],
        "openings": [
            {"number": i + 1, "cell": cell["cell"], "artifact": cell["artifact"], "snapshot": "snapshot@0f3a", "labels": 399}
            for i, cell in enumerate(made)
        ],
        "pointwise_identified": {variant: variant not in ("scalar", "pure_pairwise") for variant in seeds},
        "not_identified": {"lexical_overlap": [], **{variant: [] for variant in seeds}},
        "uninformative": {variant: [] for variant in seeds},
        "bootstrap": {"samples": 10_000, "seed": 0, "level": 0.95},
    }
    return study | changes


def made_up_curves(seeds: Mapping[str, int] = SEEDS) -> dict[str, list[dict[str, str]]]:
    """The content of curves.json."""
    return {
        f"{variant}-{seed}": [
            {"step": str(step), "train_loss": "0.5", "validation_accuracy": f"{0.5 + 0.003 * step + 0.02 * seed:.3f}"}
            for step in (10, 20, 40, 60)
        ]
        for variant, count in seeds.items()
        for seed in range(count)
    }
