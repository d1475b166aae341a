"""The order of rounds, and that what is out stays as it went out."""

from __future__ import annotations

from typing import Any

import pytest

from assets.reviewing.rounds import RoundError, check_unchanged, in_order

HAS = {"reviewers": ["ann", "ben"], "count": 6, "seed": 0}


def test_rounds_stand_in_order_with_numbers_by_value() -> None:
    assert in_order({"2026-10", "2026-9", "a", "10", "9", "r1b", "r1"}) == ["9", "10", "2026-9", "2026-10", "a", "r1", "r1b"]


def test_names_of_one_value_stand_in_one_order() -> None:
    assert in_order(["r1", "r01"]) == in_order(["r01", "r1"]) == ["r01", "r1"]


@pytest.mark.parametrize(
    "asked",
    [
        {"reviewers": [], "count": None, "seed": None},
        {"reviewers": ["ben", "ann"], "count": 6, "seed": 0},
        {"count": None},
    ],
)
def test_what_is_not_asked_for_or_is_the_same_may_be_asked_of_a_round_that_is_out(asked: dict[str, Any]) -> None:
    check_unchanged("r1", asked=asked, has=HAS)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"count": 7}, "round r1 is out already with count 6; leave --count out, or export another round"),
        # 0 is a seed that somebody asked for, and no default.
        ({"seed": 1}, "round r1 is out already with seed 0; leave --seed out, or export another round"),
        (
            {"reviewers": ["cid"], "count": 7, "seed": 0},
            "round r1 is out already with reviewers ann ben, count 6; leave --reviewers and --count out,"
            " or export another round",
        ),
    ],
)
def test_other_options_are_refused_in_a_line_with_what_the_round_has(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(RoundError) as error:
        check_unchanged("r1", asked=asked, has=HAS)
    assert str(error.value) == message


def test_a_seed_of_nothing_is_asked_for_all_the_same() -> None:
    with pytest.raises(RoundError, match="seed 3"):
        check_unchanged("r1", asked={"seed": 0}, has={"seed": 3})
