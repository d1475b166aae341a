"""The strict pass rate counts drafts that stood as they were, and says how sure it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.rubrics.review_rates import pass_rate
from assets.rubrics.review_tables import RoundTables


def a_round(accepted: int, edited: int, rejected: int, drafts: int) -> RoundTables:
    decisions = ["accepted"] * accepted + ["edited"] * edited + ["rejected"] * rejected
    return RoundTables(round="r1", digest="d", drafts=drafts, review_decisions=[{"decision": one} for one in decisions])


def test_edited_and_rejected_drafts_fail_and_outstanding_ones_do_not_count() -> None:
    row = pass_rate(a_round(8, 1, 1, 20))
    # Wilson for 8 of 10, z = 1.959964: centre (8 + z²/2)/(10 + z²) = 0.71674, half width 0.22658.
    assert row == {
        "round": "r1",
        "drafts": 20,
        "accepted": 8,
        "edited": 1,
        "rejected": 1,
        "outstanding": 10,
        "pass_rate": 0.8,
        "low": pytest.approx(0.49016, abs=1e-5),
        "high": pytest.approx(0.94332, abs=1e-5),
    }


def test_a_round_without_a_decision_has_no_rate() -> None:
    row = pass_rate(a_round(0, 0, 0, 5))
    assert (row["outstanding"], row["pass_rate"], row["low"], row["high"]) == (5, None, None, None)


@settings(deadline=None)
@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_the_interval_is_wilsons_formula(accepted: int, edited: int, rejected: int) -> None:
    decided = accepted + edited + rejected
    if not decided:
        return
    row = pass_rate(a_round(accepted, edited, rejected, decided))
    z = 1.959963984540054
    share = accepted / decided
    centre = (share + z * z / (2 * decided)) / (1 + z * z / decided)
    half = z / (1 + z * z / decided) * (share * (1 - share) / decided + z * z / (4 * decided**2)) ** 0.5
    assert row["low"] == pytest.approx(max(0, centre - half), abs=1e-9)
    assert row["high"] == pytest.approx(min(1, centre + half), abs=1e-9)
    assert row["low"] <= row["pass_rate"] <= row["high"]
