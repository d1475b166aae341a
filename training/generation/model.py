"""Loading a policy: a plain transformers folder, its tokenizer padded on the left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def load_policy(folder: Path, *, dtype: str) -> tuple[Any, Any]:
    """Causal LM and tokenizer of a base_model or policy folder, on the GPU if there is one.

    Batches are padded on the left, so that every prompt ends where its answer begins.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", local_files_only=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), local_files_only=True)
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer
