"""Embedding texts: unit rows that depend on the text alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from assets.instructions.embedding import EmbeddingError, TextEmbedder
from tests.unit.assets.instructions.embeddings import embedder

TEXTS = ["What helps against gout?", "what HELPS against gout", "Is shingles contagious?", "?!", ""]
PROFILES = ["smoke", pytest.param("local", marks=pytest.mark.slow)]


@pytest.mark.parametrize("profile", PROFILES)
def test_rows_have_length_one_and_nothing_known_is_zero(profile: str) -> None:
    lengths = np.linalg.norm(embedder(profile).embed(TEXTS), axis=1)
    assert np.allclose(lengths[:3], 1, atol=1e-6)
    assert lengths[4] == 0
    assert embedder("smoke").embed(["?!"]).any() == np.False_


@pytest.mark.parametrize("profile", PROFILES)
def test_a_text_gets_the_same_bytes_alone_and_in_company(profile: str) -> None:
    together = embedder(profile).embed(TEXTS * 50)
    for row, text in enumerate(TEXTS):
        assert embedder(profile).embed([text])[0].tobytes() == together[row].tobytes() == together[-5 + row].tobytes()


def test_no_text_at_all_has_no_rows() -> None:
    assert embedder("smoke").embed([]).shape == (0, embedder("smoke").dimensions)


@pytest.mark.parametrize("profile", PROFILES)
def test_like_is_nearer_than_unlike(profile: str) -> None:
    vectors = embedder(profile).embed(["How is gout treated?", "How is gout treated today?", "Is shingles contagious?"])
    assert vectors[0] @ vectors[1] > 0.7 > vectors[0] @ vectors[2]


def test_a_folder_without_vectors_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=str(tmp_path)):
        TextEmbedder.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"kind": "hashed"}))
    with pytest.raises(EmbeddingError, match="no text embedding"):
        TextEmbedder.load(tmp_path)


def test_torch_is_not_needed() -> None:
    import subprocess

    code = """
import sys
from assets.instructions.dedup_steps import DEDUPLICATE
from tests.unit.assets.instructions.embeddings import embedder
embedder("smoke").embed(["gout"])
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
