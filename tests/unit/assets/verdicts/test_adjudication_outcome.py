"""Disputes, decisions, verdict rows and agreement, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import adjudication_made_up as made_up
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.verdicts.adjudication_export import add_thirds
from assets.verdicts.adjudication_import import round_of
from assets.verdicts.adjudication_outcome import disputed, majority, round_figures, verdict_rows
from assets.verdicts.adjudication_rounds import Judged, Round
from training.records import Verdict

WORDS: dict[str, Verdict | None] = {"+": "met", "-": "unmet", "?": "unknown", ".": None}


def round_from(table: Sequence[tuple[str, str]], reviewers: Sequence[str] = ("ann", "ben", "cid")) -> Round:
    """A round of one response per row: its tier, and a sign per reviewer (blank: not asked; the third one is third)."""
    judged = [
        Judged(
            part=1 if k < 2 else 2,
            reviewer=reviewers[k],
            response_id=f"r{n:02d}",
            criterion_id=f"c{n:02d}",
            tier=tier,
            verdict=WORDS[sign],
            passage="",
            comment="",
        )
        for n, (tier, signs) in enumerate(table)
        for k, sign in enumerate(signs)
        if sign != " "
    ]
    return Round(name="r1", reviewers=tuple(reviewers), left_out={}, judged=tuple(judged))


@pytest.mark.parametrize(
    ("signs", "rows"),
    [
        # Both say the same, also that they cannot tell.
        ("++", ["ann met", "ben met"]),
        ("??", ["ann unknown", "ben unknown"]),
        # Undecided: two rows that differ, of which dbt makes unknown.
        ("+-", ["ann met", "ben unmet"]),
        ("+-.", ["ann met", "ben unmet"]),
        # Decided by the majority of three.
        ("+-+", ["ann met", "ben unmet", "cid met", "adjudicated:r1 met"]),
        ("+--", ["ann met", "ben unmet", "cid unmet", "adjudicated:r1 unmet"]),
        ("?-?", ["ann unknown", "ben unmet", "cid unknown", "adjudicated:r1 unknown"]),
        ("+?-", ["ann met", "ben unknown", "cid unmet", "adjudicated:r1 unknown"]),
        # One answer is not two.
        ("+.", []),
        ("..", []),
        # A share that was replaced after the third had been asked: the two agree now.
        ("++-", ["ann met", "ben met"]),
    ],
)
def test_rows_of_a_cell(signs: str, rows: list[str]) -> None:
    found = verdict_rows(round_from([("main", signs)]))
    assert [f"{row['judge']} {row['verdict']}" for row in found] == rows
    assert [row["judge_kind"] for row in found] == ["adjudicated" if ":" in row else "human" for row in rows]


@given(st.lists(st.sampled_from(["met", "unmet", "unknown"]), min_size=3, max_size=3))
def test_a_majority_of_three_is_what_two_say(three: list[Verdict]) -> None:
    two = [verdict for verdict in ("met", "unmet", "unknown") if three.count(verdict) >= 2]  # type: ignore[arg-type]
    assert majority(three) == (two[0] if two else "unknown")


def test_only_what_nobody_has_decided_is_disputed() -> None:
    round_ = round_from([("main", "+-"), ("main", "++"), ("veto", "?+"), ("veto", "+-+"), ("veto", "+."), ("main", "+-.")])
    assert disputed(round_) == [("r00", "c00"), ("r02", "c02"), ("r05", "c05")]


def test_agreement_of_a_small_table_worked_out_by_hand() -> None:
    # main: ++ ++ -- +-, veto: ++ +? (one missing label), bonus: still out.
    round_ = round_from(
        [("main", "++"), ("main", "++"), ("main", "--"), ("main", "+-+"), ("veto", "++"), ("veto", "+?"), ("bonus", "+.")]
    )
    figures = round_figures(round_)
    # Main alone. Labels 5 met, 3 unmet. Observed disagreement: 2 ordered pairs in 8 labels = 2/8. Expected: 2 x 5 x 3 of 8 x 7.
    # alpha = 1 - (2/8) / (30/56) = 1 - 14/30 = 8/15.
    main = figures["main"]
    assert main["alpha"] == pytest.approx(8 / 15)
    # Ann 3 met of 4, Ben 2 of 4: observed (1 - 0)^2 / 4 = 1/4; expected 3/4 x 2/4 + 1/4 x 2/4 = 1/2: kappa = 1 - 1/2.
    assert main["kappa"][0] == {"first": "ann", "second": "ben", "value": pytest.approx(0.5), "n": 4}
    assert (main["n"], main["agreed"], main["disputed"], main["decided"]) == (4, 3, 1, 1)
    assert main["disputed_share"] == 0.25
    # All: one more pair of met; the veto with a missing label counts as disputed, and for agreement not at all.
    # Labels 7 met, 3 unmet: alpha = 1 - (2/10) / (2 x 7 x 3 / 90) = 1 - 0.2 / (42/90) = 4/7.
    everything = figures["all"]
    assert everything["alpha"] == pytest.approx(4 / 7)
    # Ann 4 of 5 met, Ben 3 of 5: observed 1/5; expected 4/5 x 2/5 + 1/5 x 3/5 = 11/25: kappa = 1 - 5/11.
    assert everything["kappa"][0]["value"] == pytest.approx(6 / 11)
    assert everything["kappa"][0]["n"] == everything["units"] == 5
    assert (everything["items"], everything["n"], everything["outstanding"]) == (7, 6, 1)
    assert (everything["disputed"], everything["decided"], everything["cannot_tell"]) == (2, 1, 1)
    assert everything["disputed_share"] == pytest.approx(1 / 3)
    # One value only, or nothing: no figure.
    assert figures["veto"]["alpha"] is None and figures["veto"]["kappa"][0] == {
        "first": "ann",
        "second": "ben",
        "value": None,
        "n": 1,
    }
    assert figures["bonus"]["disputed_share"] is None and figures["bonus"]["n"] == 0


def test_a_third_counts_for_no_agreement() -> None:
    two, three = [("main", "+-"), ("main", "--")], [("main", "+-+"), ("main", "--")]
    first, second = (round_figures(round_from(table))["all"] for table in (two, three))
    assert (first["alpha"], first["kappa"], first["disputed_share"]) == (
        second["alpha"],
        second["kappa"],
        second["disputed_share"],
    )


def test_from_drawing_to_decisions() -> None:
    export = made_up.export()
    # Ann finds every veto violated, the others do not; Ben cannot tell of bonus criteria.
    odd: dict[tuple[str, str], Verdict] = {("ann", "veto"): "unmet", ("ben", "bonus"): "unknown"}
    returns = made_up.all_returned(export, lambda item: odd.get((item.reviewer, item.tier), "met"))
    round_ = round_of(export, returns)
    pairs = {key: {i.reviewer for i in export.items if i.response_id == key} for key in {i.response_id for i in export.items}}
    # Whoever is odd is so alone, and the two of a response differ where one of them is odd.
    expected = sorted(
        {
            (i.response_id, i.criterion_id)
            for i in export.items
            if (i.tier == "veto" and "ann" in pairs[i.response_id]) or (i.tier == "bonus" and "ben" in pairs[i.response_id])
        }
    )
    assert disputed(round_) == expected
    more = add_thirds(export, disputed(round_))
    everything = made_up.all_returned(more, lambda item: odd.get((item.reviewer, item.tier), "met"), part=2, before=returns)
    done = round_of(more, everything)
    assert disputed(done) == []
    decided = [row for row in verdict_rows(done) if row["judge_kind"] == "adjudicated"]
    # One odd voice among three never has the majority.
    assert [(row["response_id"], row["criterion_id"]) for row in decided] == expected
    assert {row["verdict"] for row in decided} == {"met"}
    assert round_figures(done)["all"]["decided"] == len(expected) == round_figures(round_)["all"]["disputed"]
