"""The chat template of a base model: the prompt that rollouts are asked with, and BOS in front once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from orchestration.serving.model import COMPLETION_TEMPLATE
from training.generation.prompt import render_prompt


def tokenizer(*, bos: str | None) -> Any:
    backend = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=bos, eos_token="</s>", unk_token="<unk>")


def chat(model: Any, *turns: tuple[str, str]) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    text: str = model.apply_chat_template(
        messages, chat_template=COMPLETION_TEMPLATE.read_text(), tokenize=False, add_generation_prompt=True
    )
    return text


WITH_BOS, WITHOUT_BOS = tokenizer(bos="<s>"), tokenizer(bos=None)


@given(st.text())
def test_one_question_is_asked_as_in_rollouts(instruction: str) -> None:
    expected = render_prompt(WITH_BOS, instruction)
    assert chat(WITH_BOS, ("user", instruction)) == f"<s>{expected}"
    assert chat(WITHOUT_BOS, ("user", instruction)) == expected


@pytest.mark.parametrize("content", ["{{ bos_token }}", "{% for x in y %}", "{# gone? #}", "  two  spaces\n\n"])
def test_what_looks_like_a_template_is_text(content: str) -> None:
    assert chat(WITH_BOS, ("user", content)) == f"<s>Question: {content.strip()}\n\nAnswer:"


def test_a_system_turn_stands_before_the_question() -> None:
    turns = [("system", "Be brief. "), ("user", "Why?"), ("assistant", "So."), ("user", "And then?")]
    assert chat(WITH_BOS, *turns) == "<s>Be brief.\n\nQuestion: Why?\n\nAnswer: So.\n\nQuestion: And then?\n\nAnswer:"
