"""Reward-model figures: every metric of every system on the same examples, and the differences between systems.

What belongs here: which figures there are. Sections: pointwise, safety, pairwise, overall (its tier is the one that decides
the pair, or `all`), and kqa_held_out: pointwise on K-QA answers that humans judged, which no rubric author of ours has
touched. Departures from the paper: coverage stands beside each accuracy; a difference is taken over the examples that both
systems cover; AUC is given for each tier and as their mean, never over all tiers pooled: there, knowing only how often each
tier is met is worth 0.86 on K-QA's human verdicts, without a look at any answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from training.benchmark.bootstrap import BoolArray, FloatArray, IntArray, above_zero, holm
from training.benchmark.examples import HUMAN_KINDS, Examples, PairExample, PointExample
from training.benchmark.figures import Estimate, Figure, Resampler, by_tier, macro
from training.benchmark.metrics import pairwise_credit, pointwise_credit
from training.benchmark.systems import LEXICAL, LONGER, MAJORITY, PANEL, REWARD_MODEL, System
from training.records import TIERS

ALL_SOURCES = "all"
KQA = "kqa"
FigureKey = tuple[str, str, str]
# The comparisons that count as one family for Holm's correction: chosen before any figure was seen.
COMPARISONS: tuple[tuple[str, str], ...] = (
    (REWARD_MODEL, LONGER),
    (REWARD_MODEL, MAJORITY),
    (REWARD_MODEL, LEXICAL),
    (PANEL, LEXICAL),
)
COMPARED_FIGURES: tuple[FigureKey, ...] = (
    ("pointwise", "macro", "accuracy"),
    ("pointwise", "macro", "auc"),
    ("pairwise", "macro", "accuracy"),
    ("overall", "all", "accuracy"),
    ("kqa_held_out", "macro", "auc"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """system - against on the examples both cover; `p_holm` is corrected over all differences of its family."""

    section: str
    system: str
    against: str
    source: str
    tier: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    p: float | None
    p_holm: float | None

    @property
    def above_zero(self) -> bool:
        """Whether the difference may be called one."""
        return above_zero(self.low, self.p_holm)

    def row(self) -> dict[str, Any]:
        """The difference as plain data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A system on the examples, in their order; NaN where it has no opinion. `point_score` orders examples within a tier."""

    point_hit: FloatArray
    point_score: FloatArray
    point_met: FloatArray
    pair: FloatArray
    overall: FloatArray

    def where(self, other: Columns) -> Columns:
        """These columns, only where another system has an opinion too."""
        return Columns(
            **{
                name: np.where(np.isnan(getattr(other, name)), np.nan, getattr(self, name))
                for name in ("point_hit", "point_score", "point_met", "pair", "overall")
            }
        )


def _column(values: Sequence[float | None]) -> FloatArray:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def columns(examples: Examples, system: System) -> Columns:
    """Credits and scores of a system on all examples."""
    said = [system.predictions[e.response_id, e.criterion_id] for e in examples.point]
    pairs = [
        (
            system.predictions[e.better_id, e.criterion_id].pair_score,
            system.predictions[e.worse_id, e.criterion_id].pair_score,
        )
        for e in examples.pair
    ]
    return Columns(
        point_hit=_column([pointwise_credit(s.verdict, met=e.met) for s, e in zip(said, examples.point, strict=True)]),
        point_score=_column([s.point_score for s in said]),
        point_met=_column([None if s.verdict == "unknown" else float(s.verdict == "met") for s in said]),
        pair=_column([pairwise_credit(better, worse) for better, worse in pairs]),
        overall=_column([system.overall_credit(e.chosen_id, e.rejected_id) for e in examples.overall]),
    )


def of_source(examples: Examples, found: Columns, source: str) -> tuple[Examples, Columns]:
    """The examples of one source and the columns that belong to them."""
    point = [i for i, e in enumerate(examples.point) if source in (ALL_SOURCES, e.source)]
    pair = [i for i, e in enumerate(examples.pair) if source in (ALL_SOURCES, e.source)]
    overall = [i for i, e in enumerate(examples.overall) if source in (ALL_SOURCES, e.source)]
    kept = Examples(
        point=tuple(examples.point[i] for i in point),
        pair=tuple(examples.pair[i] for i in pair),
        overall=tuple(examples.overall[i] for i in overall),
    )
    return kept, Columns(
        point_hit=found.point_hit[point],
        point_score=found.point_score[point],
        point_met=found.point_met[point],
        pair=found.pair[pair],
        overall=found.overall[overall],
    )


def _pointwise(
    section: str, rows: Sequence[PointExample], found: Columns, mask: BoolArray, resampler: Resampler
) -> dict[FigureKey, Estimate]:
    chosen = [e for e, keep in zip(rows, mask, strict=True) if keep]
    clusters = resampler.numbers([e.cluster_id for e in chosen])
    tiers = [e.tier for e in chosen]
    labels = np.array([e.met for e in chosen], dtype=np.bool_)
    hit, score = found.point_hit[mask], found.point_score[mask]
    covered = (~np.isnan(hit)).astype(np.float64)
    both_classes = [t for t in TIERS if {e.met for e in chosen if e.tier == t} == {True, False}]
    at = {tier: np.array([t == tier for t in tiers], dtype=np.bool_) for tier in TIERS}
    auc: dict[str, Estimate] = {tier: resampler.auc(clusters[m], labels[m], score[m]) for tier, m in at.items()}
    measured = {
        "accuracy": by_tier(tiers, lambda m: resampler.mean(clusters[m], hit[m])),
        # The tiers of the mean follow from the labels, so that they are the same for every system.
        "auc": {**auc, "macro": macro([auc[tier] for tier in both_classes])},
        "coverage": by_tier(tiers, lambda m: resampler.mean(clusters[m], covered[m])),
    }
    return {(section, tier, metric): e for metric, tiered in measured.items() for tier, e in tiered.items()}


def estimates(examples: Examples, found: Columns, resampler: Resampler) -> dict[FigureKey, Estimate]:
    """Every figure of one system, by (section, tier, metric)."""
    everything = np.ones(len(examples.point), dtype=np.bool_)
    result = _pointwise("pointwise", examples.point, found, everything, resampler)

    human = np.array([e.source == KQA and e.judge_kind in HUMAN_KINDS for e in examples.point], dtype=np.bool_)
    if human.any():
        result |= _pointwise("kqa_held_out", examples.point, found, human, resampler)

    veto = np.array([e.tier == "veto" for e in examples.point], dtype=np.bool_)
    safety = [e for e in examples.point if e.tier == "veto"]
    met = np.array([e.met for e in safety], dtype=np.bool_)
    detection = resampler.detection(resampler.numbers([e.cluster_id for e in safety]), met, found.point_met[veto])
    result |= {("safety", "veto", metric): estimate for metric, estimate in detection.items()}

    discordant = np.array([e.discordant for e in examples.pair], dtype=np.bool_)
    for metric, mask in (
        ("accuracy", np.ones(len(examples.pair), dtype=np.bool_)),
        ("accuracy_discordant", discordant),
        ("accuracy_concordant", ~discordant),
    ):
        result |= _pairwise(
            metric, [e for e, keep in zip(examples.pair, mask, strict=True) if keep], found.pair[mask], resampler
        )

    clusters = resampler.numbers([e.cluster_id for e in examples.overall])
    for tier in ("all", *TIERS):
        decided = np.array([tier in ("all", e.decided_by) for e in examples.overall], dtype=np.bool_)
        result |= _accuracy("overall", tier, clusters[decided], found.overall[decided], resampler)
    return result


def _accuracy(
    section: str, tier: str, clusters: IntArray, credits: FloatArray, resampler: Resampler
) -> dict[FigureKey, Estimate]:
    covered = (~np.isnan(credits)).astype(np.float64)
    return {
        (section, tier, "accuracy"): resampler.mean(clusters, credits),
        (section, tier, "coverage"): resampler.mean(clusters, covered),
    }


def _pairwise(metric: str, rows: Sequence[PairExample], credits: FloatArray, resampler: Resampler) -> dict[FigureKey, Estimate]:
    clusters = resampler.numbers([e.cluster_id for e in rows])
    covered = (~np.isnan(credits)).astype(np.float64)
    tiers = [e.tier for e in rows]
    measured = {metric: by_tier(tiers, lambda m: resampler.mean(clusters[m], credits[m]))}
    if metric == "accuracy":
        measured["coverage"] = by_tier(tiers, lambda m: resampler.mean(clusters[m], covered[m]))
    return {("pairwise", tier, name): estimate for name, tiered in measured.items() for tier, estimate in tiered.items()}


def figures(examples: Examples, found: dict[str, Columns], resampler: Resampler) -> list[Figure]:
    """The whole table: every system, for all sources together and for each source apart."""
    rows = []
    sources = sorted({e.source for e in examples.point})
    for name, of_system in found.items():
        for source in (ALL_SOURCES, *sources):
            for (section, tier, metric), estimate in estimates(*of_source(examples, of_system, source), resampler).items():
                # The held-out test is K-QA's by definition: under `all` it would stand there twice.
                if section == "kqa_held_out" and source != KQA:
                    continue
                rows.append(resampler.figure(estimate, section=section, system=name, source=source, tier=tier, metric=metric))
    return rows


def differences(
    examples: Examples, found: dict[str, Columns], resampler: Resampler, *, rivals: Sequence[str] = ()
) -> list[Difference]:
    """The comparisons chosen beforehand, then our reward model against each rival, each system's columns by name in `found`.

    Holm's correction is over the former and over the latter apart: that someone enters a rival must not change what the
    planned comparisons say, on which the check of the policy's judge rests.
    """
    families = (COMPARISONS, tuple((REWARD_MODEL, rival) for rival in rivals))
    return [row for family in families for row in _family(family, examples, found, resampler)]


def _family(
    family: Sequence[tuple[str, str]], examples: Examples, found: dict[str, Columns], resampler: Resampler
) -> list[Difference]:
    rows: list[Difference] = []
    for system, against in family:
        first = estimates(examples, found[system].where(found[against]), resampler)
        second = estimates(examples, found[against].where(found[system]), resampler)
        for key in COMPARED_FIGURES:
            if key in first and key in second:
                rows.append(difference(key, system, against, first[key], second[key], resampler))
    corrected = holm([row.p for row in rows])
    return [replace(row, p_holm=p) for row, p in zip(rows, corrected, strict=True)]


def difference(
    key: FigureKey, system: str, against: str, first: Estimate, second: Estimate, resampler: Resampler
) -> Difference:
    """One difference with its interval; `p_holm` is left to whoever knows the whole family."""
    estimate, p = resampler.difference(first, second)
    low, high = resampler.bounds(estimate)
    section, tier, metric = key
    return Difference(
        section=section,
        system=system,
        against=against,
        source=KQA if section == "kqa_held_out" else ALL_SOURCES,
        tier=tier,
        metric=metric,
        value=estimate.value,
        low=low,
        high=high,
        n=estimate.n,
        clusters=estimate.clusters,
        p=p,
        p_holm=None,
    )
