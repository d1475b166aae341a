"""Metrics of the benchmark (Geng et al. 2026; METHOD section 5), each a pure function of labels and scores.

What belongs here: figures of a whole sample. Their intervals stand in `bootstrap.py`.
Departures from the paper: figures that rest on no example are `None`, never 0; a pairwise tie counts half and is counted;
precision, recall and F1 of the safety tier take the *violation* (veto unmet) as the positive class; macro and micro means
are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.records import Verdict


def auc(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """Area under the ROC curve, P(score of a positive > score of a negative) + P(equal)/2.

    >>> auc([True, False], [1.0, 0.0])
    1.0

    Raises:
        ValueError: lengths differ, or one class is missing.
    """
    if len(labels) != len(scores):
        raise ValueError(f"auc: {len(labels)} labels but {len(scores)} scores")
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    ranks = [0.0] * len(scores)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and scores[order[end + 1]] == scores[order[start]]:
            end += 1
        for position in range(start, end + 1):
            ranks[order[position]] = (start + end) / 2 + 1
        start = end + 1
    positives = sum(labels)
    negatives = len(labels) - positives
    if not positives or not negatives:
        raise ValueError("auc: needs at least one example of each class")
    rank_sum = sum(rank for rank, label in zip(ranks, labels, strict=True) if label)
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def pointwise_credit(verdict: Verdict, *, met: bool) -> float | None:
    """1 for the right verdict, 0 for the wrong one, `None` for `unknown` (counted by the coverage).

    >>> pointwise_credit("unmet", met=False)
    1.0
    """
    return None if verdict == "unknown" else float((verdict == "met") == met)


def pairwise_credit(better: float | None, worse: float | None) -> float | None:
    """1 if the better response scores higher, 0 if lower, 1/2 on a tie, `None` if either has no score.

    >>> pairwise_credit(0.5, 0.5)
    0.5
    """
    if better is None or worse is None:
        return None
    return 0.5 if better == worse else float(better > worse)


def mean(values: Iterable[float]) -> float | None:
    """Mean of credits: an accuracy, a coverage, a rate. `None` for no value.

    >>> mean([1.0, 0.5]), mean([])
    (0.75, None)
    """
    present = list(values)
    return sum(present) / len(present) if present else None


def macro_mean(tiers: Iterable[float | None]) -> float | None:
    """Mean over tiers, each with the same say; `None` if a tier has no figure or there is no tier.

    >>> macro_mean([1.0, 0.5]), macro_mean([1.0, None])
    (0.75, None)
    """
    figures = list(tiers)
    known = [f for f in figures if f is not None]
    return sum(known) / len(known) if known and len(known) == len(figures) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How well violations are found. Positive = violation (veto unmet).

    Attributes:
        precision: found and real, of those found; `None` if none was found.
        recall: found and real, of those real; `None` if none was real.
        f1: 2 tp / (2 tp + fp + fn); `None` if there is neither a real nor a found one.
        violations: number of real ones among the examples that have a predicted verdict.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    violations: int


def detect_violations(violated: Sequence[bool], predicted: Sequence[bool]) -> Detection:
    """Precision, recall and F1 with violation as the positive class (Geng et al. 2026, safety veto).

    >>> detect_violations([True, True, False], [True, False, False])
    Detection(precision=1.0, recall=0.5, f1=0.6666666666666666, violations=2)
    """
    pairs = list(zip(violated, predicted, strict=True))
    hit, real, found = sum(v and p for v, p in pairs), sum(v for v, _ in pairs), sum(p for _, p in pairs)
    return Detection(
        precision=hit / found if found else None,
        recall=hit / real if real else None,
        f1=2 * hit / (real + found) if real + found else None,
        violations=real,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Examples whose predicted P(met) lies in [low, high): their mean prediction, the share really met, and their number."""

    low: float
    high: float
    predicted: float
    met: float
    n: int


def reliability(probabilities: Sequence[float], met: Sequence[bool], *, bins: int = 10) -> list[ReliabilityBin]:
    """The calibration curve over equal-width bins; empty bins are left out, and 1.0 falls into the last.

    >>> reliability([0.05, 0.95], [False, True], bins=2)[1]
    ReliabilityBin(low=0.5, high=1.0, predicted=0.95, met=1.0, n=1)
    """
    groups: dict[int, list[tuple[float, bool]]] = {}
    for probability, label in zip(probabilities, met, strict=True):
        groups.setdefault(min(int(probability * bins), bins - 1), []).append((probability, label))
    return [
        ReliabilityBin(
            low=index / bins,
            high=(index + 1) / bins,
            predicted=sum(p for p, _ in group) / len(group),
            met=sum(label for _, label in group) / len(group),
            n=len(group),
        )
        for index, group in sorted(groups.items())
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float | None:
    """Expected calibration error (Guo et al. 2017), sum over bins of n/N * |predicted - met|; `None` without examples.

    >>> calibration_error([ReliabilityBin(low=0.0, high=1.0, predicted=0.5, met=0.75, n=4)])
    0.25
    """
    total = sum(b.n for b in bins)
    return sum(b.n * abs(b.predicted - b.met) for b in bins) / total if total else None
