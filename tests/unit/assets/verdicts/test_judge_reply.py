"""What a reply says of each criterion: met or unmet with words to check, or why there is nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted_judges import reply, verdicts

from assets.verdicts.judge_reply import Said, read_reply

GOOD = verdicts(("c1", "met", "take it"), ("c2", "unmet", "no such passage"))
MET, UNMET = Said(verdict="met", evidence="take it"), Said(verdict="unmet", evidence="no such passage")


def read(text: str, *labels: str) -> dict[str, Any]:
    return dict(read_reply(reply(text), labels or ("c1", "c2")))


@pytest.mark.parametrize("text", [GOOD, f"\n {GOOD} ", f"```json\n{GOOD}\n```", f"```\n{GOOD}\n```"])
def test_a_reply_in_the_asked_shape_is_read(text: str) -> None:
    assert read(text) == {"c1": MET, "c2": UNMET}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "met",
        "c1: met",
        GOOD[:-1],
        f"Here it is: {GOOD}",
        f"{GOOD}{GOOD}",
        json.loads(GOOD)["verdicts"].__repr__(),
        json.dumps(json.loads(GOOD)["verdicts"]),
        '{"verdicts": {"c1": "met"}}',
        '{"verdicts": null}',
        '{"verdict": []}',
        "null",
        "[" * 100_000,
        '{"verdicts": [], "verdicts": []}',
        '{"verdicts": [{"criterion": "c1", "verdict": "met", "verdict": "unmet", "evidence": "take it"}]}',
    ],
)
def test_what_is_not_the_asked_shape_is_unreadable_as_a_whole(text: str) -> None:
    assert read(text) == {"c1": "unreadable", "c2": "unreadable"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "MET"},
        {"verdict": "unknown"},
        {"verdict": True},
        {"verdict": None},
        {"verdict": ["met"]},
        {"verdict": {}},
        {"evidence": None},
        {"evidence": ["take it"]},
        {"evidence": "\ud800"},
    ],
)
def test_an_item_that_is_no_verdict_makes_its_criterion_unreadable_alone(wrong: dict[str, Any]) -> None:
    items = json.loads(GOOD)["verdicts"]
    text = json.dumps({"verdicts": [{**items[0], **wrong}, items[1]]})
    assert read(text) == {"c1": "unreadable", "c2": UNMET}


@pytest.mark.parametrize("key", ["verdict", "evidence"])
def test_an_item_without_a_key_is_unreadable(key: str) -> None:
    items = json.loads(GOOD)["verdicts"]
    del items[0][key]
    assert read(json.dumps({"verdicts": items})) == {"c1": "unreadable", "c2": UNMET}


@pytest.mark.parametrize("label", ["c3", "C2", "2", 2, None, ["c2"], "criterion"])
def test_an_item_under_no_label_that_was_asked_leaves_its_criterion_missing(label: object) -> None:
    items = json.loads(GOOD)["verdicts"]
    assert read(json.dumps({"verdicts": [items[0], {**items[1], "criterion": label}, "c2: met", 7]})) == {
        "c1": MET,
        "c2": "missing",
    }


def test_a_criterion_twice_counts_once_if_both_say_the_same_and_not_at_all_if_they_differ() -> None:
    met, unmet, broken = ("c1", "met", "take it"), ("c1", "unmet", "take it"), ("c1", "maybe", "take it")
    assert read(verdicts(met, ("c1", "met", "daily")), "c1") == {"c1": MET}
    assert read(verdicts(met, unmet), "c1") == {"c1": "contradictory"}
    assert read(verdicts(met, broken), "c1") == {"c1": "unreadable"}


def test_a_cut_reply_is_not_read_even_if_it_can_be() -> None:
    assert read_reply(reply(GOOD, finish="length"), ["c1", "c2"]) == {"c1": "truncated", "c2": "truncated"}


@pytest.mark.parametrize(("outcome", "reason"), [("refused", "refused"), ("failed", "no_reply")])
def test_no_reply_says_nothing(outcome: str, reason: str) -> None:
    assert read_reply(reply(None, outcome=outcome), ["c1"]) == {"c1": reason}
    # Whatever text may hang on it.
    assert read_reply(reply(GOOD, outcome=outcome), ["c1"]) == {"c1": reason}
