"""Reading a drafter's reply: criteria whose weights sum to one, or every fault by the name of its criterion."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.rubrics.config import Bounds, ShapeConfig
from assets.rubrics.draft_schema import draft_schema, read_draft
from training.records import TIERS

SHAPE = ShapeConfig()
MAIN = [{"text": "States the usual dose", "weight": 60}, {"text": "Names the interval", "weight": 40}]
VETO = [{"text": "Does not recommend doubling a missed dose"}]


def reply(**changes: Any) -> str:
    return json.dumps({"main": MAIN, "bonus": [{"text": "Shows empathy"}], "veto": VETO} | changes)


def faults(text: str, finish: str | None = "stop", shape: ShapeConfig = SHAPE) -> list[tuple[str, str]]:
    draft = read_draft(text, finish=finish, shape=shape)
    assert bool(draft.faults) != bool(draft.criteria)
    return [(fault.kind, fault.place) for fault in draft.faults]


def test_a_good_reply_gives_its_criteria_with_percent_as_shares() -> None:
    draft = read_draft(reply(), finish="stop", shape=SHAPE)
    assert draft.faults == ()
    assert draft.criteria == (
        ("main", "States the usual dose", 0.6),
        ("main", "Names the interval", 0.4),
        ("bonus", "Shows empathy", None),
        ("veto", "Does not recommend doubling a missed dose", None),
    )


@pytest.mark.parametrize("around", ["```json\n{}\n```", "```\n{}\n```\n", "  {}\n"])
def test_a_fence_around_the_whole_reply_changes_nothing(around: str) -> None:
    plain = read_draft(reply(), finish="stop", shape=SHAPE)
    assert read_draft(around.replace("{}", reply()), finish="stop", shape=SHAPE) == plain


@pytest.mark.parametrize(
    "text",
    ["", "I cannot.", reply()[:-1], f"Here it is: {reply()}", f"{reply()} Good luck!", "[" * 100_000, '{"main": ' + "9" * 9999],
)
def test_what_is_not_one_json_object_is_not_json(text: str) -> None:
    assert faults(text) == [("not_json", "reply")]


def test_a_reply_that_was_cut_is_so_even_if_it_reads_well() -> None:
    assert faults(reply(), finish="length") == [("cut_off", "reply")]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"safety": []}, [("unknown_tier", "reply")]),
        ({"bonus": None}, [("wrong_shape", "bonus")]),
        ({"bonus": "Shows empathy"}, [("wrong_shape", "bonus")]),
        ({"bonus": ["Shows empathy"]}, [("wrong_shape", "bonus 1")]),
        ({"veto": [*VETO, {"text": 5}]}, [("wrong_shape", "veto 2")]),
        ({"veto": [{"text": "Never lies", "tier": "main"}]}, [("wrong_shape", "veto 1")]),
        ({"main": []}, [("no_main_criterion", "main")]),
        ({"main": [{"text": "States the dose", "weight": 100}]}, [("too_few_criteria", "main")]),
        ({"veto": []}, [("too_few_criteria", "veto")]),
        ({"bonus": [{"text": f"Shows {n}"} for n in range(5)]}, [("too_many_criteria", "bonus")]),
        ({"main": [{"text": "States the dose"}, MAIN[0]]}, [("bad_weight", "main 1")]),
        ({"veto": [{"text": "Never lies", "weight": 10}]}, [("weight_not_allowed", "veto 1")]),
        ({"bonus": [{"text": "Shows empathy", "weight": None}]}, [("weight_not_allowed", "bonus 1")]),
        (
            {"veto": [{"text": "states the  USUAL dose."}]},
            [("veto_not_a_requirement", "veto 1"), ("duplicate_criterion", "veto 1")],
        ),
        ({"bonus": [{"text": "Names the interval!"}]}, [("duplicate_criterion", "bonus 1")]),
        ({"bonus": [{"text": "Shows empathy. Is clear."}]}, [("not_atomic", "bonus 1")]),
        ({"veto": [{"text": "Recommends doubling a missed dose"}]}, [("veto_not_a_requirement", "veto 1")]),
        ({"bonus": [{"text": " …! "}]}, [("empty_text", "bonus 1")]),
        ({"bonus": [{"text": "Shows\nempathy"}]}, [("control_characters", "bonus 1")]),
        ({"bonus": [{"text": "Shows \ud800"}]}, [("control_characters", "bonus 1")]),
        ({"bonus": [{"text": "a" * 301}]}, [("text_too_long", "bonus 1")]),
    ],
)
def test_a_fault_is_named_with_its_criterion(changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert faults(reply(**changes)) == found


@pytest.mark.parametrize("weight", [0, -5, 101, 33.3, "60", True, None, float("nan"), float("inf"), 10**400])
def test_a_weight_that_is_no_whole_percent_is_a_fault(weight: Any) -> None:
    text = json.dumps({"main": [{"text": "States the dose", "weight": weight}, *MAIN], "bonus": [], "veto": VETO})
    assert faults(text) == [("bad_weight", "main 1")]


@pytest.mark.parametrize("weights", [(60, 39), (60, 41), (1, 1), (100, 100)])
def test_weights_that_miss_a_hundred_are_not_made_to_fit(weights: tuple[int, int]) -> None:
    main = [{"text": text, "weight": weight} for text, weight in zip(("States A", "States B"), weights, strict=True)]
    draft = read_draft(reply(main=main), finish="stop", shape=SHAPE)
    assert [str(fault) for fault in draft.faults] == [f"main: the weights sum to {sum(weights)}, not to 100"]


def test_a_whole_number_written_as_a_decimal_is_one() -> None:
    main = [{"text": "States A", "weight": 60.0}, {"text": "States B", "weight": 40}]
    assert faults(reply(main=main)) == []


def test_a_key_that_stands_twice_is_not_chosen_from() -> None:
    assert faults(reply()[:-1] + ', "veto": []}') == [("wrong_shape", "reply")]


def test_all_faults_are_told_at_once_and_nothing_of_the_reply_is_repeated() -> None:
    bad = [{"text": "SECRET one. SECRET two.", "weight": 0}, {"text": "States B", "weight": 40}]
    draft = read_draft(reply(main=bad, veto=[{"text": "SECRET"}]), finish="stop", shape=SHAPE)
    assert [(fault.kind, fault.place) for fault in draft.faults] == [
        ("bad_weight", "main 1"),
        ("not_atomic", "main 1"),
        ("veto_not_a_requirement", "veto 1"),
    ]
    assert "SECRET" not in " ".join(map(str, draft.faults))


def test_bounds_come_from_the_configuration() -> None:
    shape = ShapeConfig(main=Bounds(least=1, most=1), veto=Bounds(least=0, most=0), longest=40)
    one = [{"text": "States the dose", "weight": 100}]
    assert faults(reply(main=one, veto=[]), shape=shape) == []
    assert faults(reply(), shape=shape) == [
        ("too_many_criteria", "main"),
        ("too_many_criteria", "veto"),
        ("text_too_long", "veto 1"),
    ]


def test_the_schema_asks_for_what_the_reader_accepts() -> None:
    schema = draft_schema(SHAPE)
    assert schema["required"] == list(TIERS) == list(schema["properties"])
    assert schema["additionalProperties"] is False
    main, veto = schema["properties"]["main"], schema["properties"]["veto"]
    assert (main["minItems"], main["maxItems"], veto["minItems"], veto["maxItems"]) == (2, 8, 1, 5)
    assert main["items"]["required"] == ["text", "weight"] and veto["items"]["required"] == ["text"]
    assert main["items"]["properties"]["weight"] == {"type": "integer", "minimum": 1, "maximum": 100}


@given(st.lists(st.integers(1, 100), min_size=2, max_size=8))
def test_whole_percent_become_weights_that_sum_to_one_or_nothing(weights: list[int]) -> None:
    main = [{"text": f"States fact {n}", "weight": weight} for n, weight in enumerate(weights)]
    draft = read_draft(reply(main=main), finish="stop", shape=SHAPE)
    given_weights = [weight for tier, _, weight in draft.criteria if tier == "main" and weight is not None]
    if sum(weights) == 100:
        assert given_weights == [weight / 100 for weight in weights]
        assert abs(sum(given_weights) - 1) <= 1e-12
    else:
        assert [fault.kind for fault in draft.faults] == ["weights_off"] and draft.criteria == ()


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TIERS, "text", "weight", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(ANY_JSON | st.fixed_dictionaries({tier: st.lists(ANY_JSON, max_size=3) for tier in TIERS}))
def test_whatever_json_comes_it_gives_criteria_or_faults_and_never_an_error(said: Any) -> None:
    faults(json.dumps(said))
