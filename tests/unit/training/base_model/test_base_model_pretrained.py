"""Config rules, and the check that a pretrained model reads English."""

import math

import pytest
import torch
from pydantic import ValidationError
from tokenizers import Tokenizer, models, pre_tokenizers

from training.base_model.config import BaseModelConfig
from training.base_model.pretrained import check_reads_english, perplexity
from training.base_model.tokenizers import bos_first
from training.config import CONFIG_DIR, PROFILES, load_config, read_yaml
from training.errors import StageRefusal


class Fixed:
    """A model whose next-token distribution is 3/4 on token 1 and 1/4 on token 0, whatever it reads."""

    def __call__(self, input_ids):
        class Out:
            logits = torch.tensor([0.25, 0.75]).log().expand(1, input_ids.shape[1], 2)

        return Out


def test_perplexity_by_hand():
    # tokens 1, 0 after the first: exp(-(log 3/4 + log 1/4) / 2) = 1 / sqrt(3/16)
    assert perplexity(Fixed(), [0, 1, 0]) == pytest.approx(1 / math.sqrt(3 / 16))


def test_a_model_that_cannot_read_is_refused():
    def tokenizer(_):
        return {"input_ids": [0, 0, 0]}

    with pytest.raises(StageRefusal, match="perplexity on a plain English sentence is 4.0, must be below 3"):
        check_reads_english(Fixed(), tokenizer, limit=3.0)
    assert check_reads_english(Fixed(), tokenizer, limit=5.0) == pytest.approx(4.0)


def test_bos_is_put_in_front_once():
    backend = Tokenizer(models.WordLevel({"<bos>": 0, "a": 1, "b": 2}, unk_token="a"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.add_special_tokens(["<bos>"])
    assert backend.encode("a b").ids == [1, 2]
    bos_first(backend, bos="<bos>")
    assert backend.encode("a b").ids == [0, 1, 2]
    assert backend.encode("a b", add_special_tokens=False).ids == [1, 2]


def test_profiles():
    keys = [set(read_yaml(CONFIG_DIR / "base_model" / f"{profile}.yaml")) for profile in PROFILES]
    assert keys[0] == keys[1] == keys[2]
    configs = {p: load_config(BaseModelConfig, stage="base_model", profile=p) for p in PROFILES}
    assert {p: c.uses_inputs for p, c in configs.items()} == {"smoke": ("raw_instructions",), "local": (), "paper": ()}


@pytest.mark.parametrize("changes", [{"revision": None}, {"max_perplexity": None}, {"revision": "main"}])
def test_a_hub_model_is_pinned_and_checked(changes):
    paper = read_yaml(CONFIG_DIR / "base_model" / "paper.yaml")
    with pytest.raises(ValidationError):
        BaseModelConfig(**{**paper, **changes})
