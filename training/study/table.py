"""The study's figures: every variant over its seeds and the reference systems, on the same examples; and their differences.

What belongs here: which figures there are and how seeds enter them. A row is {section, system, source, tier, metric, value,
low, high, n, clusters, bounds, by_seed}: `value` is the mean over seeds, `by_seed` has each, and `bounds` says what low and
high are (`seeds.py`). Sections and metrics are those of `benchmark/comparison.py`, and one more tier of K-QA: `main+bonus`, all
statements that people labelled on real answers. There, knowing how often each of the two tiers is met is worth something: what
the majority verdict gets for it stands in the same table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from training.benchmark.bootstrap import SIGNIFICANT, FloatArray, above_zero, holm
from training.benchmark.comparison import (
    ALL_SOURCES,
    KQA,
    Columns,
    Difference,
    FigureKey,
    difference,
    estimates,
    of_source,
)
from training.benchmark.examples import HUMAN_KINDS, Examples
from training.benchmark.figures import Estimate, Figure, Resampler
from training.benchmark.systems import LEXICAL, LONGER, MAJORITY
from training.study.figure_keys import COMPARED, DISCORDANT, KQA_AUC, KQA_SECTION, SAFETY, STATEMENTS
from training.study.seeds import Bounds, bounds_of, over_seeds, seed_weights
from training.study.variants import FULL, SCALAR

# What the study was made to answer: against whom, on which figure.
QUESTIONS: tuple[tuple[str, FigureKey], ...] = ((SCALAR, DISCORDANT), ("no_safety", SAFETY), (LEXICAL, KQA_AUC))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A system on the examples: its columns by seed; a reference has the one under None."""

    name: str
    columns: dict[int | None, Columns]

    @property
    def seeds(self) -> int | None:
        """How many seeds it has; None if it has none."""
        return None if None in self.columns else len(self.columns)


class Table:
    """The figures of measured systems on one set of examples, under one draw of clusters and seeds."""

    def __init__(
        self, examples: Examples, measured: Sequence[Measured], cluster_ids: Sequence[str], *, samples: int, seed: int
    ):
        """Draws the clusters, and each system's seeds."""
        self._examples = examples
        self._measured = {one.name: one for one in measured}
        self._resampler = Resampler(cluster_ids, samples=samples, seed=seed)
        self._drawn: dict[str, FloatArray] = {
            one.name: seed_weights(one.name, len(one.columns), samples=samples, seed=seed) for one in measured
        }

    def figures(self) -> list[dict[str, Any]]:
        """Every figure of every system, for all sources together and for each apart."""
        rows = []
        sources = sorted({e.source for e in self._examples.point})
        for name, one in self._measured.items():
            for source in (ALL_SOURCES, *sources):
                by_seed = {
                    seed: _estimates(*of_source(self._examples, columns, source), self._resampler)
                    for seed, columns in one.columns.items()
                }
                for key in next(iter(by_seed.values())):
                    # The held-out test is K-QA's by definition: under `all` it would stand there twice.
                    if key[0] != KQA_SECTION or source == KQA:
                        rows.append(self._row(name, source, key, {seed: found[key] for seed, found in by_seed.items()}))
        return rows

    def _row(self, name: str, source: str, key: FigureKey, by_seed: dict[int | None, Estimate]) -> dict[str, Any]:
        section, tier, metric = key
        whole = over_seeds(list(by_seed.values()), self._drawn[name])
        found: Figure = self._resampler.figure(whole, section=section, system=name, source=source, tier=tier, metric=metric)
        bounds = bounds_of(self._measured[name].seeds)
        values = {seed: estimate.value for seed, estimate in by_seed.items()}
        if bounds == "range":
            low, high = _range(values.values())
            found = replace(found, low=low, high=high)
        return {**found.row(), "bounds": bounds, "by_seed": {str(s): v for s, v in values.items() if s is not None}}

    def differences(self) -> list[dict[str, Any]]:
        """The full model minus every other variant and lexical overlap, with Holm's correction over all that have a p."""
        others = [name for name in self._measured if name != FULL and name not in (LONGER, MAJORITY)]
        if FULL not in self._measured:
            return []
        rows = [row for other in others for row in self._against(other)]
        corrected = holm([row.p for row, *_ in rows])
        return [
            {**asdict(replace(row, p_holm=p)), "bounds": bounds, "by_seed": by_seed, "answer": _answer(replace(row, p_holm=p))}
            for (row, bounds, by_seed), p in zip(rows, corrected, strict=True)
        ]

    def _against(self, other: str) -> list[tuple[Difference, Bounds, dict[str, float | None]]]:
        sides = _where_all_cover(self._measured[FULL], self._measured[other])
        found = [
            {seed: _estimates(self._examples, columns, self._resampler) for seed, columns in side.columns.items()}
            for side in sides
        ]
        bounds = bounds_of(min(side.seeds for side in sides if side.seeds is not None))
        rows = []
        for key in COMPARED:
            if any(key not in estimate for side in found for estimate in side.values()):
                continue
            first, second = ({seed: estimate[key] for seed, estimate in side.items()} for side in found)
            row = difference(
                key,
                FULL,
                other,
                over_seeds(list(first.values()), self._drawn[FULL]),
                over_seeds(list(second.values()), self._drawn[other]),
                self._resampler,
            )
            by_seed = _by_seed(first, second)
            if bounds != "interval":
                # A p would say that another seed gives the same.
                row = replace(row, p=None)
            if bounds == "range":
                low, high = _range(by_seed.values())
                row = replace(row, low=low, high=high)
            rows.append((row, bounds, by_seed))
        return rows


def _by_seed(first: dict[int | None, Estimate], second: dict[int | None, Estimate]) -> dict[str, float | None]:
    """The difference at each seed that both have; a reference is the same at every seed."""
    found = {}
    for seed in sorted(s for s in first if s is not None):
        other = second.get(seed, second.get(None))
        if other is not None:
            mine, its = first[seed].value, other.value
            found[str(seed)] = None if mine is None or its is None else mine - its
    return found


def _range(values: Collection[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known and len(known) == len(values) else (None, None)


def _answer(row: Difference) -> str | None:
    """`yes`: the full model is above the other; `no`: it is below; None: neither can be told."""
    if above_zero(row.low, row.p_holm):
        return "yes"
    below = row.high is not None and row.high < 0 and row.p_holm is not None and row.p_holm < SIGNIFICANT
    return "no" if below else None


def _where_all_cover(*sides: Measured) -> list[Measured]:
    """The systems on those examples alone on which every seed of both has an opinion."""
    everywhere = reduce(Columns.where, [columns for side in sides for columns in side.columns.values()])
    return [
        replace(side, columns={seed: columns.where(everywhere) for seed, columns in side.columns.items()}) for side in sides
    ]


def _estimates(examples: Examples, found: Columns, resampler: Resampler) -> dict[FigureKey, Estimate]:
    """The benchmark's figures, and those of K-QA's labelled statements of both tiers."""
    result = estimates(examples, found, resampler)
    mask = np.array([is_kqa_label(e.source, e.judge_kind) and e.tier != "veto" for e in examples.point], dtype=np.bool_)
    if mask.any():
        chosen = [e for e, keep in zip(examples.point, mask, strict=True) if keep]
        clusters = resampler.numbers([e.cluster_id for e in chosen])
        labels = np.array([e.met for e in chosen], dtype=np.bool_)
        result[KQA_AUC] = resampler.auc(clusters, labels, found.point_score[mask])
        result[KQA_SECTION, STATEMENTS, "accuracy"] = resampler.mean(clusters, found.point_hit[mask])
    return result


def is_kqa_label(source: str, judge_kind: str) -> bool:
    """Whether a verdict is one that a person gave on a real answer to a K-QA question."""
    return source == KQA and judge_kind in HUMAN_KINDS


def contradictions(examples: Examples, measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """How many of the answers that contradict a K-QA statement each system flags, seed by seed, and how many others.

    Returns:
        Rows of {system, seed, contradictions, flagged, others, false_alarms, judged}; `judged` is how many of both kinds have a
        verdict at all.
    """
    at = [i for i, e in enumerate(examples.point) if e.tier == "veto" and is_kqa_label(e.source, e.judge_kind)]
    met = np.array([examples.point[i].met for i in at], dtype=np.bool_)
    rows = []
    for one in measured if at else ():
        for seed, columns in one.columns.items():
            said = columns.point_met[at]
            rows.append(
                {
                    "system": one.name,
                    "seed": seed,
                    "contradictions": int((~met).sum()),
                    "flagged": int(((said == 0) & ~met).sum()),
                    "others": int(met.sum()),
                    "false_alarms": int(((said == 0) & met).sum()),
                    "judged": int((~np.isnan(said)).sum()),
                }
            )
    return rows
