"""Prompts with real, tiny tokenizers: with and without chat template; BOS from the tokenizer, the template, both or neither."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from training.errors import StageRefusal
from training.generation.prompt import read_answer, render_prompt, tokenize_prompts

CHAT = "{% for m in messages %}<user>{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}<bot>{% endif %}"


def tokenizer(*, adds_bos, bos="<s>", template=None):
    words = ["<s>", "</s>", "<unk>", "<user>", "<bot>", "Question", "Answer", ":", "?", "Why", "a"]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    if adds_bos:
        backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    made = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=bos, eos_token="</s>", unk_token="<unk>")
    made.add_special_tokens({"additional_special_tokens": ["<user>", "<bot>"]})
    made.chat_template = template
    return made


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (tokenizer(adds_bos=True), [0, 5, 7, 9, 8, 6, 7]),
        (tokenizer(adds_bos=True, template=CHAT), [0, 3, 9, 8, 4]),
        (tokenizer(adds_bos=True, template="{{ bos_token }}" + CHAT), [0, 3, 9, 8, 4]),
        (tokenizer(adds_bos=False, template="{{ bos_token }}" + CHAT), [0, 3, 9, 8, 4]),
        (tokenizer(adds_bos=False, bos=None), [5, 7, 9, 8, 6, 7]),
    ],
)
def test_bos_stands_in_front_exactly_once(made, expected):
    assert tokenize_prompts(made, [render_prompt(made, " Why? ")]) == [expected]


def test_a_missing_or_doubled_bos_is_refused():
    missing = tokenizer(adds_bos=False)
    with pytest.raises(StageRefusal, match="'<s>' is 0 times"):
        tokenize_prompts(missing, [render_prompt(missing, "Why?")])
    with pytest.raises(StageRefusal, match="'<s>' is 2 times"):
        tokenize_prompts(tokenizer(adds_bos=True), ["<s>Why?"])


def test_braces_in_an_instruction_stay_as_they_are():
    assert render_prompt(tokenizer(adds_bos=True), "a {b} {0}") == "Question: a {b} {0}\n\nAnswer:"


def test_only_a_base_models_answer_ends_where_it_asks_the_next_question():
    text = " Rest.\n\nQuestion: Why?\n\nAnswer: a"
    assert read_answer(tokenizer(adds_bos=True), text) == "Rest."
    assert read_answer(tokenizer(adds_bos=True, template=CHAT), text) == text.strip()
    # The word inside an answer ends nothing.
    assert read_answer(tokenizer(adds_bos=True), "Good Question: rest.") == "Good Question: rest."
