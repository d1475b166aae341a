"""The stage `text_embedding`: a folder with `vectors.safetensors`, `config.json` and, if distilled, `tokenizer.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.embedding.config import TextEmbeddingConfig


def run(*, config: TextEmbeddingConfig, inputs: dict[str, Path], output: Path) -> dict[str, Any]:
    """Writes the vectors; reads no input.

    Raises:
        StageRefusal: the encoder's package is not installed.
    """
    from safetensors.numpy import save_file

    if config.hashed is not None:
        from training.embedding.hashed import random_unit_vectors

        vectors = random_unit_vectors(config.hashed.buckets, config.dimensions, seed=config.hashed.seed)
    else:
        from training.embedding.distilled import distil

        assert config.sif is not None
        vectors, tokenizer = distil(dimensions=config.dimensions, sif=config.sif)
        (output / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    save_file({"vectors": vectors}, output / "vectors.safetensors")
    facts = config.model_dump(mode="json")
    (output / "config.json").write_text(json.dumps(facts, indent=1, sort_keys=True), encoding="utf-8")
    return {
        "kind": config.kind,
        "model": config.model,
        "license": config.license,
        "tokens": int(vectors.shape[0]),
        "dimensions": int(vectors.shape[1]),
    }
