"""Figures on pairwise sets: how often our reward model, the rivals and "longer is better" prefer the chosen answer.

What belongs here: scoring the pairs and counting. For each set, as written into metrics.json:

- {"name", "sha256", "criteria": [{"tier", "text"}], "rows": read, "measured", "left_out": {reason: rows}, "faulty": [the first
  faulty lines], "figures": [row, …]}; a row is {subset, system, criterion, value, low, high, n, clusters, pairs}. `subset` is
  `all` or the set's own; `criterion` is `all` or, for our model on the whole set, the number of one; n of the `pairs` have an
  opinion.
- differences, ours minus each other system on the pairs of a whole set that both cover, Holm-corrected over all sets together.

A pairwise set has no rubric, so our model reads each pair by a few stated criteria (`outside.GENERIC_CRITERIA`, or the user's).
Its preference is by the sum over them of r(x, y, c): each difference of r is the log-odds of a preference on c (METHOD section
3), so that the sum is the log-odds of preferring one answer on all of them, as if they were independent. Thresholds and
calibration play no part. A veto does not overrule here, as it does in a rubric's overall order: whoever labelled the set had no
such rule. All of this is ours; the paper measures on its own benchmark alone.

The panel model is not measured here: what it has read is known by its clusters, not by their texts. Accuracy is over all pairs
alike; RewardBench weighs its sections, so that its own scores are others. Small subsets have no value, as in `slices.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from training.benchmark.baselines import longer_is_better
from training.benchmark.bootstrap import FloatArray, holm
from training.benchmark.comparison import Difference, difference
from training.benchmark.figures import Resampler
from training.benchmark.metrics import pairwise_credit
from training.benchmark.outside import PairwiseSet
from training.benchmark.pairwise_set import Pair, ReadSet, first_lines
from training.benchmark.rivals import RivalScorer
from training.benchmark.slices import is_enough
from training.benchmark.systems import LONGER, REWARD_MODEL
from training.progress import Progress
from training.records import Criterion
from training.reward_model.scoring import RewardScorer, ScoreItem

SECTION = "pairwise_set"
ALL = "all"
FAULTY_LINES = 20
# Scores of the chosen and the rejected answer, by pair.
Scores = list[tuple[float | None, float | None]]


@dataclass(frozen=True, kw_only=True)
class SetScores:
    """What every system says on a set, in the order of its pairs; by system and criterion."""

    spec: PairwiseSet
    rows: ReadSet
    scores: dict[tuple[str, str], Scores]

    def credits(self, system: str, criterion: str = ALL) -> FloatArray:
        """1 where the chosen answer scores higher, 0 lower, 1/2 on a tie, NaN without an opinion."""
        found = [pairwise_credit(*ends) for ends in self.scores[system, criterion]]
        return np.array([np.nan if c is None else c for c in found], dtype=np.float64)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """System and criterion: ours, then the baseline, then rivals as they were asked."""
        return sorted(self.scores, key=lambda key: {REWARD_MODEL: 0, LONGER: 1}.get(key[0], 2))


def reward_model_scores(
    scorer: RewardScorer, pairs: Sequence[Pair], criteria: tuple[Criterion, ...], *, batch_size: int
) -> dict[str, Scores]:
    """By criterion id, and by the sum of r over all of them: None unless each of them has a score."""
    found: dict[str, Scores] = {key: [] for key in (ALL, *(c.criterion_id for c in criteria))}
    progress = Progress(f"score pairs by {REWARD_MODEL}", len(pairs))
    for start in range(0, len(pairs), batch_size):
        batch = pairs[start : start + batch_size]
        items = [ScoreItem(instruction=p.prompt, responses=(p.chosen, p.rejected), criteria=criteria) for p in batch]
        for chosen, rejected in scorer.score(items):
            ends = [[score.logit for score in row] for row in (chosen, rejected)]
            found[ALL].append((_sum(ends[0]), _sum(ends[1])))
            for place, criterion in enumerate(criteria):
                found[criterion.criterion_id].append((ends[0][place], ends[1][place]))
        progress.update(start + len(batch))
    return found


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def rival_scores(scorer: RivalScorer, pairs: Sequence[Pair], *, batch_size: int) -> Scores:
    """r(x, y) of both answers."""
    texts = [(pair.prompt, answer) for pair in pairs for answer in (pair.chosen, pair.rejected)]
    flat = scorer.score(texts, batch_size=batch_size)
    return list(zip(flat[::2], flat[1::2], strict=True))


def longer_scores(pairs: Sequence[Pair]) -> Scores:
    """The lengths of both answers."""
    return [(longer_is_better(response=pair.chosen), longer_is_better(response=pair.rejected)) for pair in pairs]


def set_metrics(found: SetScores, *, samples: int, seed: int) -> tuple[dict[str, Any], list[Difference]]:
    """A set's entry in metrics.json, and the differences on it with their p, not yet corrected."""
    pairs = found.rows.pairs
    entry: dict[str, Any] = {
        "name": found.spec.name,
        "sha256": found.rows.sha256,
        "criteria": [c.model_dump() for c in found.spec.criteria],
        "rows": len(pairs) + len(found.rows.left_out),
        "measured": len(pairs),
        "left_out": dict(sorted(Counter(row.reason for row in found.rows.left_out).items())),
        "faulty": first_lines(found.rows.left_out, most=FAULTY_LINES),
        "figures": [],
    }
    if not pairs:
        return entry, []
    resampler = Resampler([pair.cluster_id for pair in pairs], samples=samples, seed=seed)
    entry["figures"] = _figures(found, resampler)
    return entry, _differences(found, resampler)


def _figures(found: SetScores, resampler: Resampler) -> list[dict[str, Any]]:
    pairs = found.rows.pairs
    numbers = resampler.numbers([pair.cluster_id for pair in pairs])
    subsets = sorted({pair.subset for pair in pairs if pair.subset is not None})
    rows = []
    for system, criterion in found.keys:
        credits = found.credits(system, criterion)
        for subset in (ALL, *(subsets if criterion == ALL else ())):
            mask = np.array([subset in (ALL, pair.subset) for pair in pairs], dtype=np.bool_)
            estimate = resampler.mean(numbers[mask], credits[mask])
            enough = is_enough(estimate)
            low, high = resampler.bounds(estimate) if enough else (None, None)
            rows.append(
                {"subset": subset, "system": system, "criterion": criterion}
                | {"value": estimate.value if enough else None, "low": low, "high": high}
                | {"n": estimate.n, "clusters": estimate.clusters, "pairs": int(mask.sum())}
            )
    return rows


def _differences(found: SetScores, resampler: Resampler) -> list[Difference]:
    numbers = resampler.numbers([pair.cluster_id for pair in found.rows.pairs])
    ours = found.credits(REWARD_MODEL)
    rows = []
    for system, _ in found.keys:
        if system == REWARD_MODEL:
            continue
        theirs = found.credits(system)
        both = ~np.isnan(ours) & ~np.isnan(theirs)
        first, second = (resampler.mean(numbers[both], credits[both]) for credits in (ours, theirs))
        if is_enough(first):
            row = difference((SECTION, ALL, "accuracy"), REWARD_MODEL, system, first, second, resampler)
            rows.append(replace(row, source=found.spec.name))
    return rows


def corrected(rows: Sequence[Difference]) -> list[Difference]:
    """The differences of all sets as one family."""
    return [replace(row, p_holm=p) for row, p in zip(rows, holm([row.p for row in rows]), strict=True)]


def pair_rows(found: SetScores) -> list[dict[str, Any]]:
    """Every row of a set with what became of it, by line; scores by system where it was measured."""
    rows: list[dict[str, Any]] = [
        {"set": found.spec.name, "line": row.line, "left_out": row.reason, "subset": None, "system": None, "criterion": None}
        | {"chosen_score": None, "rejected_score": None}
        for row in found.rows.left_out
    ]
    for (system, criterion), scores in found.scores.items():
        rows += [
            {"set": found.spec.name, "line": pair.line, "left_out": None, "subset": pair.subset, "system": system}
            | {"criterion": criterion, "chosen_score": chosen, "rejected_score": rejected}
            for pair, (chosen, rejected) in zip(found.rows.pairs, scores, strict=True)
        ]
    return sorted(rows, key=lambda row: (row["set"], row["line"], row["system"] or "", row["criterion"] or ""))
