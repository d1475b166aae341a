"""How far judges agree with people and with each other, and what a verdict of theirs took.

What belongs here: pure functions from verdicts to figures; no tables, no files. A figure that rests on nothing is null.

Ours, as METHOD sections 2 and 5 have it: cells on which people don't agree are left out and counted; accuracy and kappa are
over the cells of which the judge says something, with its coverage beside them; for vetoes precision, recall and F1 take the
violation as the positive class; over all tiers there is no kappa and no balanced accuracy, which knowing how often each tier
is met would raise; intervals are the bootstrap's over instruction clusters. The paper gives one number, 93.2 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from assets.verdicts.judge import JudgeItem
from training.benchmark.agreement import weighted_kappa
from training.benchmark.bootstrap import FloatArray, IntArray
from training.benchmark.figures import Estimate, Resampler, macro
from training.records import TIERS, Tier, Verdict

Row = Mapping[str, Any]
Cell = tuple[str, str]
SAMPLES, SEED = 2000, 0
ALL = "all"
VERDICTS: tuple[Verdict, ...] = ("met", "unmet", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanLabel:
    """What people say of a cell, resolved as METHOD section 2 does; `unknown` where they don't agree."""

    cluster_id: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A cell that people labelled, and what a judge says of it."""

    judge: str
    cluster_id: str
    tier: Tier
    human: Verdict
    verdict: Verdict


@dataclass(kw_only=True)
class Tally:
    """What the figures need of verdicts that come some responses at a time.

    Attributes:
        compared: labelled cells, each judge's.
        divergence: (first judge, second judge, tier) → (what the first says, what the second says) → cells.
        reasons: judge → why its unknowns are unknown.
        addressed: responses that address the judge, and questions that do.
    """

    compared: list[Compared] = field(default_factory=list)
    divergence: dict[tuple[str, str, str], Counter[tuple[Verdict, Verdict]]] = field(default_factory=dict)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    addressed: dict[str, set[str]] = field(default_factory=lambda: {"responses": set(), "questions": set()})

    def add(self, items: Iterable[JudgeItem], rows: Iterable[Row], labels: Mapping[Cell, HumanLabel]) -> None:
        """Adds what all judges say of these items.

        Args:
            items: the responses.
            rows: rows of `model_verdicts`.
            labels: what people say of the cells that they labelled.
        """
        tiers: dict[Cell, Tier] = {}
        for item in items:
            tiers |= {(item.response_id, criterion.criterion_id): criterion.tier for criterion in item.criteria}
            if item.orders:
                self.addressed["responses"].add(item.response_id)
            if item.instruction_orders:
                self.addressed["questions"].add(item.instruction_id)
        said: dict[Cell, dict[str, Verdict]] = {}
        for row in rows:
            cell = (row["response_id"], row["criterion_id"])
            said.setdefault(cell, {})[row["judge"]] = row["verdict"]
            if row["reason"] is not None:
                self.reasons.setdefault(row["judge"], Counter())[row["reason"]] += 1
            if label := labels.get(cell):
                self.compared.append(
                    Compared(
                        judge=row["judge"],
                        cluster_id=label.cluster_id,
                        tier=tiers[cell],
                        human=label.verdict,
                        verdict=row["verdict"],
                    )
                )
        for cell, verdicts in said.items():
            for first, second in combinations(sorted(verdicts), 2):
                for tier in (tiers[cell], ALL):
                    counted = self.divergence.setdefault((first, second, tier), Counter())
                    counted[verdicts[first], verdicts[second]] += 1


def resolve(labels: list[tuple[str, Verdict]]) -> Verdict:
    """One verdict of people's: the adjudicated ones if they agree, else what more than half of all humans say.

    Args:
        labels: (human or adjudicated, verdict), at least one.

    >>> resolve([("human", "met"), ("human", "met"), ("human", "unmet")]), resolve([("human", "met"), ("human", "unmet")])
    ('met', 'unknown')
    >>> resolve([("human", "met"), ("adjudicated", "unmet")])
    'unmet'
    """
    adjudicated = [verdict for kind, verdict in labels if kind == "adjudicated"]
    if adjudicated:
        return adjudicated[0] if len(set(adjudicated)) == 1 else "unknown"
    (verdict, n), *_ = Counter(verdict for _, verdict in labels).most_common(1)
    return verdict if 2 * n > len(labels) else "unknown"


def judge_agreement(tally: Tally, costs: Sequence[Row]) -> dict[str, Any]:
    """All figures as plain data.

    Args:
        tally: what was said.
        costs: rows of `judge_costs`, one for each judge.
    """
    return {
        "judges": [
            {
                **{name: row[name] for name in ("judge", "model", "mode")},
                **_with_people([cell for cell in tally.compared if cell.judge == row["judge"]]),
                "unknown_because": dict(sorted(tally.reasons.get(row["judge"], {}).items())),
            }
            for row in costs
        ],
        "divergence": [
            {"first": first, "second": second, "tier": tier, **_between(counted, tier)}
            for (first, second, tier), counted in sorted(tally.divergence.items())
        ],
        "costs": [{**row, **_each(row)} for row in costs],
        "addressed_to_judge": {name: len(ids) for name, ids in tally.addressed.items()},
    }


def _each(cost: Row) -> dict[str, float | None]:
    """Tokens for each cell asked about, and for each of them that has a verdict."""
    tokens, known = cost["prompt_tokens"] + cost["completion_tokens"], cost["verdicts"] - cost["unknown"]
    return {
        "tokens_each": tokens / cost["verdicts"] if cost["verdicts"] else None,
        "tokens_each_known": tokens / known if known else None,
    }


def _with_people(compared: Sequence[Compared]) -> dict[str, Any]:
    agreed = [cell for cell in compared if cell.human != "unknown"]
    parts: dict[str, Any] = {
        "labelled": len(compared),
        "people_disagree": {tier: sum(c.tier == tier and c.human == "unknown" for c in compared) for tier in TIERS},
        "tiers": {},
    }
    if not agreed:
        return parts
    resampler = Resampler([cell.cluster_id for cell in agreed], samples=SAMPLES, seed=SEED)
    for tier in (*TIERS, ALL):
        cells = [cell for cell in agreed if tier in (cell.tier, ALL)]
        if cells:
            parts["tiers"][tier] = _tier(tier, cells, resampler)
    return parts


def _tier(tier: str, cells: Sequence[Compared], resampler: Resampler) -> dict[str, Any]:
    table = Counter((cell.human, cell.verdict) for cell in cells)
    clusters = resampler.numbers([cell.cluster_id for cell in cells])
    met = np.array([cell.human == "met" for cell in cells], dtype=np.bool_)
    said = np.array([{"met": 1.0, "unmet": 0.0, "unknown": np.nan}[cell.verdict] for cell in cells])
    hit = np.where(np.isnan(said), np.nan, said == met)
    figures = {
        "accuracy": resampler.mean(clusters, hit),
        "coverage": resampler.mean(clusters, (~np.isnan(said)).astype(np.float64)),
    }
    if tier != ALL:
        classes = [resampler.mean(clusters[of], hit[of]) for of in (met, ~met)]
        figures["balanced_accuracy"] = macro(classes)
        figures["kappa"] = _kappa(clusters, met.astype(np.float64), said, resampler)
    if tier == "veto":
        figures |= {f"violation_{name}": e for name, e in resampler.detection(clusters, met, said).items()}
    return {
        "cells": len(cells),
        "confusion": {human: {verdict: table[human, verdict] for verdict in VERDICTS} for human in VERDICTS[:2]},
        **{name: _figure(estimate, resampler) for name, estimate in figures.items()},
    }


def _figure(estimate: Estimate, resampler: Resampler) -> dict[str, Any]:
    low, high = resampler.bounds(estimate)
    return {"value": estimate.value, "low": low, "high": high, "n": estimate.n, "clusters": estimate.clusters}


def _kappa(clusters: IntArray, human: FloatArray, said: FloatArray, resampler: Resampler) -> Estimate:
    """Cohen's kappa on the cells of which the judge says something.

    Of two values the quadratic weights are the plain ones: 1 - (shares of met and unmet that differ) / (those that chance
    gives), each from sums over clusters.
    """
    known = ~np.isnan(said)
    clusters, human, said = clusters[known], human[known], said[known]
    sums = [
        np.bincount(clusters, weights=values, minlength=resampler.n_clusters)
        for values in (np.ones(len(said)), human, said, np.abs(human - said))
    ]

    def statistic(weights: FloatArray) -> FloatArray:
        n, by_people, by_judge, differ = (weights @ one for one in sums)
        chance = by_people * (n - by_judge) + by_judge * (n - by_people)
        found = np.full(len(n), np.nan)
        np.divide(n * differ, chance, out=found, where=chance > 0)
        return 1 - found

    value = weighted_kappa([int(h) for h in human], [int(s) for s in said])
    return Estimate(
        value=value, statistic=statistic if value is not None else None, n=len(said), clusters=len(np.unique(clusters))
    )


def _between(counted: Counter[tuple[Verdict, Verdict]], tier: str) -> dict[str, Any]:
    known = {pair: n for pair, n in counted.items() if "unknown" not in pair}
    first = [int(a == "met") for (a, _), n in known.items() for _ in range(n)]
    second = [int(b == "met") for (_, b), n in known.items() for _ in range(n)]
    total = sum(known.values())
    return {
        "cells": counted.total(),
        "both_known": total,
        "agreement": sum(n for (a, b), n in known.items() if a == b) / total if total else None,
        "kappa": weighted_kappa(first, second) if tier != ALL else None,
        "table": {a: {b: counted[a, b] for b in VERDICTS} for a in VERDICTS},
    }
