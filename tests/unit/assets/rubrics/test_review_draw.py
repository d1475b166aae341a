"""A round is drawn in proportion, by seed alone, dealt fairly, and kept so that it can be checked."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.rubrics.review_draw import allocate, draw
from assets.rubrics.review_round import ReviewError, read_export, write_export
from tests.unit.assets.rubrics.review_files import a_round, drafts, instructions

STRATA = st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(1, 400), min_size=1)


@settings(deadline=None)
@given(STRATA, st.integers(1, 900))
def test_shares_are_within_one_of_proportion_and_sum_to_what_was_asked(sizes: dict[tuple[str, str], int], count: int) -> None:
    shares, total = allocate(sizes, count), sum(sizes.values())
    assert sum(shares.values()) == min(count, total)
    for stratum, size in sizes.items():
        exact = size * min(count, total) / total
        assert exact - 1 < shares[stratum] < exact + 1
        assert shares[stratum] <= size


def test_the_draw_follows_the_strata_with_what_has_no_category_as_one() -> None:
    # 60, 30 and 10 of 100, of which 20 are drawn: 12, 6 and 2.
    rows = instructions(100)
    for n, row in enumerate(rows):
        row["category"], row["specialty"] = ("A", "x") if n < 60 else ("B", "x") if n < 90 else (None, None)
    drawn = draw(drafts(100), rows, name="r1", count=20, seed=3, reviewers=["aa"])
    assert Counter((draft.category, draft.specialty) for draft in drawn.drafts) == {
        ("A", "x"): 12,
        ("B", "x"): 6,
        ("unknown", "unknown"): 2,
    }


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does() -> None:
    rows, known = drafts(40), instructions(40)
    first = draw(rows, known, name="r1", count=10, seed=3, reviewers=["aa", "bb"])
    random.Random(1).shuffle(rows)
    random.Random(2).shuffle(known)
    assert draw(rows, known, name="r1", count=10, seed=3, reviewers=["bb", "aa"]) == first
    other = draw(rows, known, name="r1", count=10, seed=4, reviewers=["aa", "bb"])
    assert {d.instruction_id for d in other.drafts} != {d.instruction_id for d in first.drafts}


def test_reviewers_get_shares_of_equal_size_and_of_every_stratum() -> None:
    rows = instructions(60)
    for n, row in enumerate(rows):
        row["category"] = "AB"[n % 2]
    drawn = draw(drafts(60), rows, name="r1", count=60, seed=3, reviewers=["aa", "bb", "cc"])
    assert Counter((d.reviewer, d.category) for d in drawn.drafts) == dict.fromkeys(
        ((reviewer, category) for reviewer in ("aa", "bb", "cc") for category in "AB"), 10
    )
    for reviewer in drawn.reviewers:
        assert [draft.number for draft in drawn.share(reviewer)] == list(range(1, 21))


def test_reviewed_drafts_are_left_out_and_a_short_round_says_so() -> None:
    first = a_round(5)
    seen = {draft.rubric_version for draft in first.drafts[:3]}
    rest = draw(drafts(5), instructions(5), name="r2", count=4, seed=1, exclude=seen, reviewers=["aa"])
    assert {draft.rubric_version for draft in rest.drafts} == {draft.rubric_version for draft in first.drafts} - seen
    assert rest.summary() == "round r2: 2 of 2 drafts, aa 2 (4 were asked for: there are no more)"


def test_an_instruction_is_drawn_once_however_many_drafts_it_has() -> None:
    twice = [{**row, "rubric_version": f"{row['rubric_version']}b"} for row in drafts(4)]
    drawn = draw([*drafts(4), *twice], instructions(4), name="r1", count=9, seed=1, reviewers=["aa"])
    assert sorted(draft.instruction_id for draft in drawn.drafts) == ["i0", "i1", "i2", "i3"]


def test_criteria_stand_in_the_order_main_by_weight_bonus_veto() -> None:
    (draft,) = a_round(1).drafts
    assert [(tier, weight) for _, tier, _, weight in draft.criteria] == [
        ("main", 0.6),
        ("main", 0.4),
        ("bonus", None),
        ("veto", None),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Round 1"}, "round 'Round 1': a name is of small letters"),
        ({"name": "../r"}, "a name is of small letters"),
        ({"count": 0}, "at least one draft"),
        ({"reviewers": []}, "at least one reviewer"),
        ({"reviewers": ["ada@clinic.org"]}, "a pseudonym is of small letters"),
        ({"reviewers": ["a" * 41]}, "40 at most"),
        ({"reviewers": ["ada", "ada"]}, "the same pseudonym"),
        ({"exclude": {row["rubric_version"] for row in drafts(2)}}, "no draft is left"),
        ({"instructions": instructions(1)}, "i1 is not among the instructions"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(change: dict[str, object], says: str) -> None:
    asked = {"drafts": drafts(2), "instructions": instructions(2), "name": "r1", "count": 2, "seed": 1, "reviewers": ["ada"]}
    with pytest.raises(ReviewError) as refused:
        draw(**(asked | change))  # type: ignore[arg-type]
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_kept_round_is_the_one_that_was_drawn_and_a_mixed_one_is_refused(tmp_path: Path) -> None:
    drawn = a_round(4, reviewers=("aa", "bb"))
    write_export(drawn, tmp_path)
    assert read_export(tmp_path) == drawn
    before = (tmp_path / "drafts.parquet").read_bytes()
    write_export(read_export(tmp_path), tmp_path)
    assert (tmp_path / "drafts.parquet").read_bytes() == before
    other = tmp_path / "other"
    other.mkdir()
    write_export(a_round(3), other)
    (other / "drafts.parquet").replace(tmp_path / "drafts.parquet")
    with pytest.raises(ReviewError, match="do not belong together"):
        read_export(tmp_path)
