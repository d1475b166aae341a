"""The stage `base_model`: a plain transformers folder (safetensors and tokenizer) that every training starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.base_model.config import BaseModelConfig
from training.base_model.pretrained import check_reads_english, load_gguf, load_hub
from training.base_model.random_model import random_model, train_tokenizer
from training.errors import StageRefusal
from training.seen import write_seen

INSTRUCTIONS = "raw_instructions.parquet"


def run(*, config: BaseModelConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Writes the base model; only `kind: random` reads an input.

    Raises:
        StageRefusal: no instructions to make a tokenizer from, or a pretrained model that does not read English.
    """
    from transformers import AutoTokenizer

    if config.random is not None:
        tokenizer = train_tokenizer(_texts(inputs["raw_instructions"]), vocab_size=config.random.vocab_size)
        model = random_model(config.random, tokenizer, seed=config.seed)
    else:
        model, tokenizer = load_gguf() if config.kind == "gguf" else load_hub(config)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    # What its makers trained it on is unknown; of this project's clusters its weights have seen none.
    write_seen(output, ())
    metadata: dict[str, Any] = {
        "model": config.model,
        "license": config.license,
        "family": model.config.model_type,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    if config.max_perplexity is not None:
        # The tokenizer as saved, not as made: what later stages load is what has to work.
        saved = AutoTokenizer.from_pretrained(output)
        metadata["perplexity"] = round(check_reads_english(model, saved, limit=config.max_perplexity), 2)
    return metadata


def _texts(folder: Path) -> list[str]:
    import pyarrow.parquet as pq

    texts: list[str] = pq.read_table(folder / INSTRUCTIONS, columns=["text"]).column("text").to_pylist()
    if not texts:
        raise StageRefusal(f"{INSTRUCTIONS} of raw_instructions has no row: a random model's tokenizer needs texts")
    # In text order, so that the order of rows changes nothing.
    return sorted(texts)
