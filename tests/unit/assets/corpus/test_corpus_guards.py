"""The embedded corpus is no toy: enough of it, no leak from benchmark to training, nothing told by words, length or place."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from assets.corpus.guards import condition_texts, ngrams, overlap_auc
from assets.corpus.schema import CATEGORIES, Condition, load_conditions, load_shared
from assets.instructions.sources.registry import parse_source
from assets.responses.compose import Generated, compose_responses
from assets.responses.config import ComposeConfig
from training.benchmark.metrics import auc
from training.records import Criterion
from training.rubric_score import lexicographic_order, score_response

Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def conditions() -> list[Condition]:
    return load_conditions()


@pytest.fixture(scope="module")
def tables() -> Tables:
    """The corpus's records as rows; its conditions are its clusters, and every one has a split."""
    (records,) = parse_source("corpus").read()
    splits = [{"instruction_id": i.instruction_id, "cluster_id": i.cluster_key, "split": i.split} for i in records.instructions]
    assert all(row["cluster_id"] and row["split"] for row in splits)
    return {
        "splits": splits,
        "raw_criteria": [asdict(row) for row in records.criteria],
        "fragments": [asdict(row) for row in records.fragments],
        "raw_quarantine": [asdict(row) for row in records.quarantined],
    }


@pytest.fixture(scope="module")
def composed(tables: Tables) -> Generated:
    return compose_responses(tables["splits"], tables["raw_criteria"], tables["fragments"], config=ComposeConfig())


def test_nothing_of_the_corpus_is_quarantined(tables: Tables) -> None:
    assert tables["raw_quarantine"] == []


def test_breadth(conditions: list[Condition]) -> None:
    assert len(conditions) >= 40
    assert {condition.category for condition in conditions} == set(CATEGORIES)
    assert len({condition.specialty for condition in conditions}) >= 20
    assert sum(condition.split == "benchmark" for condition in conditions) >= 10


def test_every_split_has_conditions(conditions: list[Condition]) -> None:
    splits = {condition.split for condition in conditions}
    assert splits == {"rm_train", "panel_train", "policy_train", "validation", "benchmark"}


def test_enough_rubrics_with_four_bonuses(conditions: list[Condition]) -> None:
    assert sum(len(i.bonus) == 4 for condition in conditions for i in condition.instructions) >= 24


def test_benchmark_and_training_share_no_eight_words(conditions: list[Condition], tables: Tables, composed: Generated) -> None:
    """Of texts that a split can show: instructions, criteria, fragments of conditions and shared ones, composed responses."""
    shared = load_shared().values()
    # A shared criterion's text is the same requirement wherever it stands: the only wording both sides may see.
    allowed = set().union(*(ngrams(criterion.text) for criterion in shared))
    held_out, training = set(), set()
    for condition in conditions:
        side = held_out if condition.split == "benchmark" else training
        for text in condition_texts(condition):
            side |= ngrams(text)
    for criterion in shared:
        for paraphrases in (criterion.met, criterion.missed):
            held_out |= ngrams(paraphrases[-1])
            training |= set().union(*(ngrams(text) for text in paraphrases[:-1]))
    split_of = {row["instruction_id"]: row["split"] for row in tables["splits"]}
    for response in composed.responses:
        side = held_out if split_of[response["instruction_id"]] == "benchmark" else training
        side |= ngrams(response["text"])
    found = {" ".join(words) for words in (held_out & training) - allowed}
    assert not found, sorted(found)


def test_overlap_with_the_criterion_does_not_tell(conditions: list[Condition]) -> None:
    criteria = [criterion for condition in conditions for criterion in condition.criteria]
    assert overlap_auc(criteria) <= 0.65


@pytest.mark.parametrize("tiers", [("main", "bonus"), ("veto",)])
def test_length_and_position_do_not_tell(tables: Tables, composed: Generated, tiers: tuple[str, ...]) -> None:
    features, met, groups = _fragment_features(tables, composed, tiers)
    scores = _cross_validated_scores(features, met, groups)
    assert auc(met.tolist(), scores.tolist()) <= 0.55
    called_met = scores > np.quantile(scores, 1 - met.mean())
    balanced = (called_met[met].mean() + (~called_met[~met]).mean()) / 2
    assert balanced <= 0.55


def test_the_length_probe_can_find_a_leak(tables: Tables, composed: Generated) -> None:
    """The classifier of the test above does find a difference of ten characters."""
    features, met, groups = _fragment_features(tables, composed, ("main", "bonus"))
    features[met, 0] += 10
    assert auc(met.tolist(), _cross_validated_scores(features, met, groups).tolist()) > 0.6


def test_a_longer_response_is_not_better(tables: Tables, composed: Generated) -> None:
    better, difference = [], []
    for _, order, first, second in _ordered_pairs(tables, composed):
        if order.better in ("first", "second"):
            better.append(order.better == "first")
            difference.append(float(len(first["text"]) - len(second["text"])))
    assert abs(auc(better, difference) - 0.5) <= 0.05


def test_discordant_preferences_and_all_deciding_tiers(tables: Tables, composed: Generated) -> None:
    discordant, total, decided = 0, 0, Counter()
    for verdicts, order, *_ in _ordered_pairs(tables, composed):
        decided[order.decided_by] += 1
        for one, other in verdicts:
            if one != other:
                total += 1
                discordant += order.better == ("second" if one == "met" else "first")
    assert discordant / total >= 0.3
    for tier, share in (("veto", 0.2), ("main", 0.3), ("bonus", 0.03)):
        assert decided[tier] / decided.total() >= share, decided


def _ordered_pairs(tables: Tables, composed: Generated):
    rubrics = defaultdict(list)
    for row in tables["raw_criteria"]:
        rubrics[row["instruction_id"]].append(
            Criterion(criterion_id=row["criterion_id"], tier=row["tier"], text=row["text"], weight=row["weight"])
        )
    verdict = {(row["response_id"], row["criterion_id"]): row["verdict"] for row in composed.verdicts}
    by_instruction = defaultdict(list)
    for response in composed.responses:
        by_instruction[response["instruction_id"]].append(response)
    for instruction_id, responses in by_instruction.items():
        rubric = rubrics[instruction_id]
        judged = [(r, [verdict[r["response_id"], c.criterion_id] for c in rubric]) for r in responses]
        for (first, one), (second, other) in itertools.combinations(judged, 2):
            order = lexicographic_order(score_response(rubric, one), score_response(rubric, other))
            yield list(zip(one, other, strict=True)), order, first, second


def _fragment_features(tables: Tables, composed: Generated, tiers: tuple[str, ...]):
    """Length and relative position of every judged fragment, whether it is met, and its condition."""
    tier = {row["criterion_id"]: row["tier"] for row in tables["raw_criteria"]}
    responses = {row["response_id"]: row for row in composed.responses}
    cluster = {row["instruction_id"]: row["cluster_id"] for row in tables["splits"]}
    rows, met, groups = [], [], []
    for verdict in composed.verdicts:
        if verdict["evidence"] is None or tier[verdict["criterion_id"]] not in tiers:
            continue
        response = responses[verdict["response_id"]]
        start = response["text"].index(verdict["evidence"])
        rows.append([len(verdict["evidence"]), start / len(response["text"])])
        met.append(verdict["verdict"] == "met")
        groups.append(cluster[response["instruction_id"]])
    return np.array(rows, dtype=float), np.array(met), np.array(groups)


def _cross_validated_scores(features: np.ndarray, met: np.ndarray, groups: np.ndarray, folds: int = 5) -> np.ndarray:
    """Logits of a logistic regression on the features and their squares that never saw the fragment's condition."""
    z = (features - features.mean(0)) / features.std(0)
    design = np.column_stack([np.ones(len(z)), z, z**2])
    names = sorted(set(groups))
    scores = np.empty(len(met))
    for fold in range(folds):
        test = np.isin(groups, names[fold::folds])
        scores[test] = design[test] @ _fit_logistic(design[~test], met[~test])
    return scores


def _fit_logistic(design: np.ndarray, met: np.ndarray, steps: int = 25) -> np.ndarray:
    """Newton's method with a small ridge."""
    weights = np.zeros(design.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (met - p) - 1e-3 * weights
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-3 * np.eye(design.shape[1])
        weights += np.linalg.solve(hessian, gradient)
    assert all(math.isfinite(value) for value in weights)
    return weights
