"""Rollouts with a scripted model: what is padded, cut, named and put back in order."""

from types import SimpleNamespace

import pytest
import torch

from training.config import CONFIG_DIR, PROFILES, load_config, read_yaml
from training.errors import StageRefusal
from training.generation.config import GenerationConfig
from training.generation.rollouts import Rollout, generate_rollouts

PAD, EOS, TURN_END = 0, 1, 9
CONFIG = load_config(GenerationConfig, stage="generation", profile="smoke").model_copy(
    update={"batch_size": 2, "max_new_tokens": 3}
)


class LetterTokenizer:
    """Characters are their code points; prompts have no BOS."""

    chat_template = bos_token = None
    pad_token_id, eos_token_id = PAD, EOS

    def __call__(self, text):
        return {"input_ids": [[ord(c) for c in row.removeprefix("Question: ").removesuffix("\n\nAnswer:")] for row in text]}

    def pad(self, rows, *, padding_side, return_tensors):
        assert (padding_side, return_tensors) == ("left", "pt")
        width = max(map(len, rows["input_ids"]))
        ids = torch.tensor([[PAD] * (width - len(r)) + r for r in rows["input_ids"]])

        class Batch(dict):
            def to(self, device):
                return self

        return Batch(input_ids=ids, attention_mask=(ids != PAD).long())

    def decode(self, ids, *, skip_special_tokens):
        assert skip_special_tokens
        return "".join(map(chr, ids))


class ScriptedModel:
    """Answers each prompt with what the script says of its text."""

    device = "cpu"

    def __init__(self, script, *, context=100):
        self.script = script
        self.config = SimpleNamespace(max_position_embeddings=context)
        self.generation_config = SimpleNamespace(eos_token_id=[TURN_END])
        self.calls = []

    def eval(self):
        return self

    def generate(self, *, input_ids, attention_mask, generation_config):
        assert not torch.is_grad_enabled()
        prompts = [
            "".join(chr(t) for t, m in zip(i, k, strict=True) if m)
            for i, k in zip(input_ids.tolist(), attention_mask.tolist(), strict=True)
        ]
        self.calls.append((prompts, generation_config, torch.rand(1).item()))
        answers = torch.tensor([self.script[p] for p in prompts])
        return torch.cat([input_ids, answers], dim=1)


def letters(text, *ends):
    return [*map(ord, text), *ends]


def test_answers_are_cut_named_and_in_the_order_of_the_instructions():
    script = {"long": letters("abc"), "s": letters("d", EOS, PAD), "mid": letters("ef", TURN_END), "no": letters(" ", EOS, PAD)}
    model = ScriptedModel(script)
    rows = generate_rollouts(model, LetterTokenizer(), ["long", "s", "mid", "no"], config=CONFIG)
    assert rows == [
        Rollout(text="abc", finish="length", n_tokens=3),
        Rollout(text="d", finish="stop", n_tokens=1),
        Rollout(text="ef", finish="stop", n_tokens=2),
        Rollout(text="", finish="empty", n_tokens=1),
    ]
    # Shortest first, two at a time.
    assert [call[0] for call in model.calls] == [["s", "no"], ["mid", "long"]]


def test_sampling_settings_and_seeds():
    model = ScriptedModel({"a": letters("x"), "b": letters("y"), "cc": letters("z")})
    settings = CONFIG.model_copy(update={"temperature": 0.7, "top_p": 0.9})
    generate_rollouts(model, LetterTokenizer(), ["a", "b", "cc"], config=settings)
    sampling = model.calls[0][1]
    assert (sampling.do_sample, sampling.temperature, sampling.top_p, sampling.top_k) == (True, 0.7, 0.9, 0)
    assert (sampling.max_new_tokens, sampling.eos_token_id) == (3, [EOS, TURN_END])
    first, second = (call[2] for call in model.calls)
    assert first != second
    generate_rollouts(model, LetterTokenizer(), ["a", "b", "cc"], config=settings)
    assert [call[2] for call in model.calls[2:]] == [first, second]
    generate_rollouts(model, LetterTokenizer(), ["a"], config=CONFIG.model_copy(update={"temperature": 0.0}))
    assert model.calls[-1][1].do_sample is False


def test_a_prompt_beyond_the_context_is_refused():
    model = ScriptedModel({"abcd": letters("x")}, context=6)
    with pytest.raises(StageRefusal, match="a prompt of 4 tokens and 3 new ones exceed the context of 6"):
        generate_rollouts(model, LetterTokenizer(), ["abcd"], config=CONFIG)


def test_profiles_have_the_same_keys():
    for profile in PROFILES:
        assert set(read_yaml(CONFIG_DIR / "generation" / f"{profile}.yaml")) == set(GenerationConfig.model_fields)
        load_config(GenerationConfig, stage="generation", profile=profile)
