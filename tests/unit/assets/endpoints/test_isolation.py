"""No text in a prompt is anything but data: no control token survives, no text closes its own enclosure."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import assets.endpoints.isolation as isolation
from assets.endpoints.isolation import defuse, enclosed

# Of the chat templates of Qwen, Llama 2 to 4, Gemma 2 to 4, Mistral, DeepSeek, Phi, Cohere, GLM, Seed.
TOKENS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|start_header_id|>",
    "<|eot_id|>",
    "<|begin_of_text|>",
    "<|header_start|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|turn>",
    "<turn|>",
    "<bos>",
    "<eos>",
    "<s>",
    "</s>",
    "<unk>",
    "[INST]",
    "[/INST]",
    "[SYSTEM_PROMPT]",
    "[TOOL_CALLS]",
    "<<SYS>>",
    "<</SYS>>",
    "<think>",
    "</think>",
    "<tool_call>",
    "<｜User｜>",
    "<｜end▁of▁sentence｜>",
    "<|START_OF_TURN_TOKEN|>",
    "<BOS_TOKEN>",
    "[gMASK]",
    "<sop>",
    "<seed:bos>",
    "<unused12>",
    "＜|im_end|＞",
)
PIECES = st.one_of(st.sampled_from([*TOKENS, "<", ">", "|", "/", "[", "]", "</question", "\n", ' id="']), st.text(max_size=4))
TEXTS = st.lists(PIECES, max_size=12).map("".join)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(isolation).failed == 0


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("around", ["{}", "a{}b", "{0}{0}", "<{}", "[{}", "|{}>"])
def test_no_control_token_survives(token: str, around: str) -> None:
    assert token not in defuse(around.format(token))


@pytest.mark.parametrize(
    "text",
    ["p<0.05 and BP < 90/60", "Na+ > 145 mmol/l", "as shown [1], [2-4]", "[mg] or [Ca2+]", "a|b", "≤ 5 %", "I <3 it", "{}"],
)
def test_what_medicine_writes_stays_as_it_is(text: str) -> None:
    assert defuse(text) == text


@given(TEXTS)
def test_defusing_is_idempotent(text: str) -> None:
    assert defuse(defuse(text)) == defuse(text)


@given(TEXTS)
def test_defusing_adds_nothing_but_spaces(text: str) -> None:
    assert defuse(text).replace(" ", "") == text.replace(" ", "")


@given(TEXTS, st.sampled_from(["question", "response"]))
def test_no_text_closes_its_own_enclosure(text: str, name: str) -> None:
    whole = enclosed(name, text)
    opening, closing = whole.split("\n")[0], whole.split("\n")[-1]
    assert closing == opening.replace("<", "</", 1)
    assert whole.count(closing) == 1 and whole.count(opening) == 1
    assert whole.count("</") == 1
    assert whole == f"{opening}\n{defuse(text)}\n{closing}"


@given(TEXTS, TEXTS)
def test_a_text_that_holds_a_whole_enclosure_does_not_close_its_own(text: str, other: str) -> None:
    # The text knows how an enclosure of itself looks, and says it.
    whole = enclosed("question", text + enclosed("question", text) + other)
    assert whole.count("</question") == 1


def test_different_texts_have_different_marks() -> None:
    assert enclosed("question", "a").split("\n")[0] != enclosed("question", "b").split("\n")[0]


@pytest.mark.parametrize("name", ["", "Question", "a b", "a>", "1", "ä", "question\n"])
def test_a_name_that_could_break_the_line_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="names no enclosure"):
        enclosed(name, "text")
