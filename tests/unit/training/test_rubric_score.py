"""S1, S2, S3, the lexicographic order and the reward, against figures worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.records import Criterion, Verdict
from training.rubric_score import (
    RewardWeights,
    RubricError,
    RubricScore,
    hierarchical_reward,
    lexicographic_order,
    policy_overall,
    score_response,
)


def rubric(main: list[float], bonus: int = 0, veto: int = 0) -> list[Criterion]:
    criteria = [Criterion(criterion_id=f"m{i}", tier="main", text="…", weight=w) for i, w in enumerate(main)]
    criteria += [Criterion(criterion_id=f"b{i}", tier="bonus", text="…") for i in range(bonus)]
    return criteria + [Criterion(criterion_id=f"v{i}", tier="veto", text="…") for i in range(veto)]


def test_scores_by_hand() -> None:
    criteria = rubric([0.5, 0.3, 0.2], bonus=2, veto=2)
    verdicts: list[Verdict] = ["met", "unmet", "met", "met", "unmet", "met", "unmet"]
    # S1 = 0.5 + 0.2, S2 = one bonus met, S3 = one veto not satisfied
    assert score_response(criteria, verdicts) == RubricScore(s1=0.7, s2=1, s3=1)


def test_unknown_leaves_only_its_own_tier_open() -> None:
    criteria = rubric([0.5, 0.5], bonus=1, veto=1)
    assert score_response(criteria, ["met", "unknown", "met", "met"]) == RubricScore(s1=None, s2=1, s3=0, unknown_main=1)
    assert score_response(criteria, ["met", "met", "unknown", "met"]) == RubricScore(s1=1.0, s2=None, s3=0, unknown_bonus=1)
    assert score_response(criteria, ["met", "met", "met", "unknown"]) == RubricScore(s1=1.0, s2=1, s3=None, unknown_veto=1)


def test_no_bonus_and_no_veto_are_zero_not_undefined() -> None:
    assert score_response(rubric([1.0]), ["unmet"]) == RubricScore(s1=0.0, s2=0, s3=0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([0.5, 0.4], "sum to 1"), ([1.2, -0.2], "positive"), ([0.0, 1.0], "positive"), ([], "at least one main")],
)
def test_bad_weights_are_refused(weights: list[float], message: str) -> None:
    with pytest.raises(RubricError, match=message):
        score_response(rubric(weights), ["met"] * len(weights))


def test_weights_within_tolerance_are_taken_as_they_are() -> None:
    assert score_response(rubric([0.5, 0.5 + 9e-7]), ["met", "unmet"]).s1 == 0.5


def test_verdicts_must_match_criteria() -> None:
    with pytest.raises(ValueError, match="shorter"):
        score_response(rubric([1.0], veto=1), ["met"])


S = RubricScore


@pytest.mark.parametrize(
    ("first", "second", "better", "decided_by", "margin"),
    [
        (S(s1=0.1, s2=0, s3=0), S(s1=1.0, s2=4, s3=1), "first", "veto", 1.0),
        (S(s1=0.1, s2=0, s3=2), S(s1=0.0, s2=0, s3=1), "second", "veto", 1.0),
        (S(s1=0.75, s2=0, s3=1), S(s1=0.5, s2=4, s3=1), "first", "main", 0.25),
        (S(s1=0.5, s2=1, s3=0), S(s1=0.5, s2=3, s3=0), "second", "bonus", 2.0),
        (S(s1=0.5, s2=1, s3=0), S(s1=0.5, s2=1, s3=0), "tie", None, None),
        # 0.1 + 0.2 and 0.3 differ in their last bit only: a tie on S1
        (S(s1=0.1 + 0.2, s2=1, s3=0), S(s1=0.3, s2=0, s3=0), "first", "bonus", 1.0),
        # an unknown veto closes everything
        (S(s1=1.0, s2=4, s3=None), S(s1=0.0, s2=0, s3=3), "undecidable", None, None),
        # an unknown S1 matters only where the vetoes tie
        (S(s1=None, s2=0, s3=0), S(s1=1.0, s2=0, s3=1), "first", "veto", 1.0),
        (S(s1=None, s2=0, s3=0), S(s1=1.0, s2=0, s3=0), "undecidable", None, None),
        (S(s1=0.5, s2=None, s3=0), S(s1=0.4, s2=0, s3=0), "first", "main", 0.1),
        (S(s1=0.5, s2=None, s3=0), S(s1=0.5, s2=0, s3=0), "undecidable", None, None),
    ],
)
def test_lexicographic_order(
    first: RubricScore, second: RubricScore, better: str, decided_by: str | None, margin: float | None
) -> None:
    order = lexicographic_order(first, second)
    assert (order.better, order.decided_by) == (better, decided_by)
    assert order.margin == (None if margin is None else pytest.approx(margin))


def test_reward_by_hand() -> None:
    weights = RewardWeights(alpha=0.1, beta=0.3, lam=1.5)
    assert hierarchical_reward(S(s1=0.7, s2=2, s3=0), weights) == pytest.approx(0.9)  # 0.7 + 0.1*2
    assert hierarchical_reward(S(s1=1.0, s2=4, s3=0), weights) == pytest.approx(1.3)  # 1.4 clipped to 1 + 0.3
    assert hierarchical_reward(S(s1=0.7, s2=2, s3=2), weights) == pytest.approx(-2.1)  # 0.9 - 1.5*2
    assert hierarchical_reward(S(s1=None, s2=2, s3=0), weights) is None
    assert hierarchical_reward(S(s1=0.5, s2=0, s3=None), weights) is None
    assert policy_overall(S(s1=0.7, s2=2, s3=0), weights) == pytest.approx(0.9 / 1.3)
    assert policy_overall(S(s1=1.0, s2=4, s3=1), weights) == 0


@pytest.mark.parametrize(("alpha", "beta", "lam"), [(0.1, 0.3, 1.3), (1.0, 0.3, 1.5), (-0.1, 0.3, 1.5), (0.1, -0.1, 1.5)])
def test_constraints_of_the_reward_are_refused(alpha: float, beta: float, lam: float) -> None:
    with pytest.raises(RubricError):
        RewardWeights(alpha=alpha, beta=beta, lam=lam)


scores = st.builds(RubricScore, s1=st.floats(0, 1), s2=st.integers(0, 4), s3=st.integers(0, 3))


@given(clean=scores, violating=scores)
def test_no_gain_pays_for_a_violation(clean: RubricScore, violating: RubricScore) -> None:
    """Whatever S1 and S2 are, one violation more costs more reward than they can bring."""
    weights = RewardWeights()
    if clean.s3 is not None and violating.s3 is not None and clean.s3 < violating.s3:
        better, worse = hierarchical_reward(clean, weights), hierarchical_reward(violating, weights)
        assert better is not None and worse is not None and better > worse


@given(first=scores, second=scores)
def test_order_is_antisymmetric(first: RubricScore, second: RubricScore) -> None:
    mirrored = {"first": "second", "second": "first", "tie": "tie"}
    assert lexicographic_order(second, first).better == mirrored[lexicographic_order(first, second).better]
