"""What a reply is as a response: refusals, cut and empty ones are told apart, and reasoning is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from assets.endpoints.calls import Reply
from assets.responses.outcomes import answer_in, reply_outcome
from training.generation.outcomes import outcome_of


def reply(outcome: Any, text: str | None, finish: str | None) -> Reply:
    return Reply(
        key="k", outcome=outcome, text=text, finish=finish, prompt_tokens=1, completion_tokens=1, replayed=False, error=None
    )


@pytest.mark.parametrize(
    ("text", "finish", "expected"),
    [
        ("Rest and drink.", "stop", "answered"),
        ("Rest and drink.", None, "answered"),
        ("I'm sorry, but I can't help with that.", "stop", "refusal"),
        ("Rest and", "length", "truncated"),
        ("Rest and", "content_filter", "truncated"),
        # A long answer that opens with a disclaimer and was cut is no whole response.
        ("As an AI language model I cannot diagnose, but here is what to", "length", "truncated"),
        ("", "stop", "empty"),
        (" \n\t", "stop", "empty"),
        ("", "length", "empty"),
    ],
)
def test_the_first_outcome_that_holds_is_the_one(text: str, finish: str | None, expected: str) -> None:
    assert outcome_of(text, finish) == expected


@pytest.mark.parametrize(
    ("said", "text", "outcome"),
    [
        (reply("answered", " Rest. \n", "stop"), "Rest.", "answered"),
        (reply("answered", None, "stop"), "", "empty"),
        (reply("refused", None, None), "", "refused_by_endpoint"),
        (reply("failed", None, None), "", "no_reply"),
        (reply("answered", "<think>I cannot help", "length"), "", "empty"),
        (reply("answered", "<think>I cannot help</think>\n\nRest.", "stop"), "Rest.", "answered"),
    ],
)
def test_a_reply_is_an_answer_and_an_outcome(said: Reply, text: str, outcome: str) -> None:
    assert reply_outcome(said) == (text, outcome)


def test_reasoning_without_its_opening_is_left_out_too() -> None:
    # Where the chat template itself opens the block, the reply only closes it.
    assert answer_in("The dose is by weight.</think>\n15 mg per kg.") == "15 mg per kg."
    assert answer_in("Is 3 < 5? <b>Yes</b>") == "Is 3 < 5? <b>Yes</b>"
