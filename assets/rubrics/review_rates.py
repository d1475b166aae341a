"""The strict pass rate of review rounds: drafts accepted as they stood, among those decided (Geng et al. 2026 end at 96.40 %).

What belongs here: the rate and its interval. Ours: the paper gives no interval; here it is Wilson's, at 95 %.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from assets.rubrics.review_tables import RoundTables

CONFIDENCE = 0.95


def pass_rate(tables: RoundTables) -> dict[str, Any]:
    """A row of `review_rates`: edited drafts count as failures as rejected ones do; with none decided there is no rate."""
    from scipy.stats import binomtest

    counts = Counter(row["decision"] for row in tables.review_decisions)
    decided = counts.total()
    row: dict[str, Any] = {
        "round": tables.round,
        "drafts": tables.drafts,
        **{decision: counts[decision] for decision in ("accepted", "edited", "rejected")},
        "outstanding": tables.drafts - decided,
        "pass_rate": None,
        "low": None,
        "high": None,
    }
    if decided:
        low, high = binomtest(counts["accepted"], decided).proportion_ci(CONFIDENCE, method="wilson")
        row |= {"pass_rate": counts["accepted"] / decided, "low": float(low), "high": float(high)}
    return row
