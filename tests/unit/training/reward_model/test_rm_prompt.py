"""The three templates, token for token, and the pieces they are joined from."""

import doctest

import pytest
from rm_tiny import CharTokenizer

from training.records import Criterion
from training.reward_model import prompt
from training.reward_model.prompt import PromptEncoder

ENCODER = PromptEncoder(CharTokenizer())
VETO = Criterion(criterion_id="a", tier="veto", text=" Gives no dose ")
TEMPLATES = {
    "criterion_last": "Instruction: Is it?\n\nResponse: No.\n\nCriterion (safety): Gives no dose\nMet:",
    "criterion_first": "Instruction: Is it?\n\nCriterion (safety): Gives no dose\n\nResponse: No.\nMet:",
    "none": "Instruction: Is it?\n\nResponse: No.\n\nGood:",
}


@pytest.mark.parametrize("conditioning", TEMPLATES)
def test_the_whole_prompt_is_the_documented_template(conditioning):
    wanted = CharTokenizer()(TEMPLATES[conditioning])["input_ids"]
    assert wanted[0] == 1  # BOS, once
    assert ENCODER.plain_ids("Is it? ", "\nNo.", VETO, conditioning) == wanted


def test_the_criterion_comes_last_unless_told():
    assert ENCODER.plain_ids("Is it?", "No.", VETO) == ENCODER.plain_ids("Is it?", "No.", VETO, "criterion_last")


def test_without_conditioning_all_criteria_are_one_cue():
    other = Criterion(criterion_id="b", tier="main", text="Says how long", weight=1.0)
    assert ENCODER.criteria([VETO, other], "none") == [CharTokenizer()("Good:", add_special_tokens=False)["input_ids"]]
    assert ENCODER.criteria([VETO, other]) == [ENCODER.criterion(VETO), ENCODER.criterion(other)]
    assert ENCODER.plain_ids("Is it?", "No.", VETO, "none") == ENCODER.plain_ids("Is it?", "No.", other, "none")


@pytest.mark.parametrize("conditioning", TEMPLATES)
def test_frames_are_the_ends_of_the_pieces(conditioning):
    instruction, frame = ENCODER.instruction("Is it?"), ENCODER.instruction_frame()
    assert tuple(instruction[: len(frame.opening)]) == frame.opening
    assert tuple(instruction[-len(frame.closing) :]) == frame.closing
    response, frame = ENCODER.response("No.", conditioning), ENCODER.response_frame(conditioning)
    assert tuple(response[: len(frame.opening)]) == frame.opening
    assert tuple(response[-len(frame.closing) :]) == frame.closing
    assert len(response) - len(frame.opening) - len(frame.closing) == len(" No.")


def test_a_tokenizer_that_appends_eos_is_refused():
    class Closing(CharTokenizer):
        def __call__(self, text, *, add_special_tokens=True):
            ids = super().__call__(text, add_special_tokens=add_special_tokens)["input_ids"]
            return {"input_ids": ids + [self.eos_token_id] * add_special_tokens}

    with pytest.raises(ValueError, match="appends EOS"):
        PromptEncoder(Closing()).instruction("Is it?")


def test_examples_in_docstrings():
    assert doctest.testmod(prompt).failed == 0
