"""The figures of language models' work and of people's agreement as rows of the report's CSV, one figure a row.

What belongs here: naming each figure by section, system, tier and metric, as `figures.csv_rows` does for the benchmarks'. Plain
counts go through that function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assets.reports.figures import Row
from assets.reports.judge_tables import TIERS_AND_ALL
from assets.reports.model_tables import ModelWork

_INTERVAL = ("pass_rate", "low", "high")
_OF_ROUND = ("items", "outstanding", "agreed", "disputed", "decided", "cannot_tell")


def model_counts(work: ModelWork) -> dict[str, list[dict[str, Any]]]:
    """The counts as they are, review rounds' without their rate, which has an interval."""
    return {name: [{k: v for k, v in row.items() if k not in _INTERVAL} for row in rows] for name, rows in work.counts.items()}


def model_rows(work: ModelWork, annotators: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """All figures that are no plain counts.

    Args:
        work: what models and physicians did.
        annotators: `training.benchmark.agreement.agreement_figures` of K-QA's labels, None without them.

    Returns:
        Rows of section, system, tier, metric, value, low, high, n.
    """
    rates = [
        _row(
            "reviews", rate["round"], "pass_rate", rate["pass_rate"], rate["accepted"] + rate["edited"] + rate["rejected"], rate
        )
        for rate in work.rows("review_rates")
    ]
    judges = [row for judge in work.judges.get("judges", ()) for row in _judge(judge)]
    divergence = [
        _row(
            "judges/divergence",
            f"{pair['first']} and {pair['second']}",
            metric,
            pair[metric],
            pair["both_known"],
            tier=pair["tier"],
        )
        for pair in work.judges.get("divergence", ())
        for metric in ("agreement", "kappa")
    ]
    rounds = [row for round_ in work.adjudication.get("rounds", ()) for row in _round(round_)]
    people = [] if annotators is None else list(_agreement("annotators/kqa", "annotators", annotators))
    return [*rates, *judges, *divergence, *rounds, *people]


def _judge(judge: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = judge["judge"]
    for reason, n in judge["unknown_because"].items():
        yield _row("judges/unknown", name, reason, n, n)
    for tier, found in judge["tiers"].items():
        for metric, figure in found.items():
            if metric == "confusion":
                for people, said in figure.items():
                    for verdict, n in said.items():
                        yield _row("judges/confusion", name, f"people {people}, judge {verdict}", n, n, tier=tier)
            elif metric != "cells":
                yield _row("judges/agreement", name, metric, figure["value"], figure["n"], figure, tier=tier)


def _round(round_: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for tier in TIERS_AND_ALL:
        part = round_[tier]
        for metric in _OF_ROUND:
            yield _row("adjudication", round_["round"], metric, part[metric], part["items"], tier=tier)
        yield from _agreement("adjudication", round_["round"], part, tier=tier)


def _agreement(section: str, system: str, found: Mapping[str, Any], tier: str | None = None) -> Iterator[dict[str, Any]]:
    yield _row(section, system, "alpha", found["alpha"], found["units"], tier=tier)
    pairs: Sequence[Row] = found["kappa"]
    for pair in pairs:
        yield _row(section, f"{system}: {pair['first']} and {pair['second']}", "kappa", pair["value"], pair["n"], tier=tier)


def _row(
    section: str, system: str, metric: str, value: float | None, n: int, interval: Row | None = None, tier: str | None = None
) -> dict[str, Any]:
    edges = interval or {}
    return {
        "section": section,
        "system": system,
        "source": None,
        "tier": tier,
        "metric": metric,
        "value": value,
        "low": edges.get("low"),
        "high": edges.get("high"),
        "n": n,
    }
