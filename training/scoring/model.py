"""The model that scores: which one it is, loading it, and what is to be known of its verdicts.

What belongs here: a reward_model folder. With a manifest it is an artifact and has to be what the manifest says; without one
(a checkpoint that came some other way) its files are hashed, so that results name what made them all the same.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from training.errors import StageRefusal, one_line
from training.manifests import MANIFEST, ArtifactRef, content_digest, describe_files
from training.records import TIERS
from training.reward_model.calibration import Calibration
from training.scoring.results import ModelFacts
from training.storage import read_manifest, verify_files

if TYPE_CHECKING:
    from training.reward_model.scoring import RewardScorer

_NEEDED = ("config.json", "scoring.json", "metrics.json", "tokenizer_config.json")


def model_name(folder: Path) -> str:
    """name@digest of a reward model's folder, all of whose files are hashed.

    Raises:
        StageRefusal: it holds no reward model.
        StoreError: it is not what its manifest says.
    """
    for name in _NEEDED:
        if not (folder / name).is_file():
            raise StageRefusal(f"model {folder} holds no {name}; give the folder of a reward_model artifact")
    if (folder / MANIFEST).exists():
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        return str(manifest.ref)
    name = folder.absolute().name
    return str(ArtifactRef(name=name, digest=content_digest(name, describe_files(folder))))


def choose_device(asked: str | None) -> str:
    """The device that scores: what was asked for, else cuda where there is one.

    Raises:
        StageRefusal: torch or the GPU is not there.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise _incomplete(error) from error
    if asked == "cuda" and not torch.cuda.is_available():
        raise StageRefusal("--device cuda: torch finds no GPU here; leave the option out, or give --device cpu")
    return asked or ("cuda" if torch.cuda.is_available() else "cpu")


def load_model(folder: Path, name: str, *, device: str, tokens_per_batch: int | None) -> tuple[RewardScorer, ModelFacts]:
    """Loads a reward model whose name was asked for before, on the device that was chosen.

    Raises:
        StageRefusal: it cannot be loaded.
    """
    # The libraries' bars and load reports would bury what we say.
    for variable, value in (("TRANSFORMERS_VERBOSITY", "error"), ("HF_HUB_DISABLE_PROGRESS_BARS", "1"), ("TQDM_DISABLE", "1")):
        os.environ.setdefault(variable, value)
    try:
        from safetensors import SafetensorError

        from training.reward_model.scoring import RewardScorer
    except ModuleNotFoundError as error:
        raise _incomplete(error) from error
    try:
        facts = read_facts(folder, name)
        scorer = RewardScorer.load(folder, device=device, tokens_per_batch=tokens_per_batch)
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise StageRefusal(f"model {folder} cannot be loaded: {_named(error)}; give a reward_model artifact") from error
    return scorer, facts


def read_facts(folder: Path, name: str) -> ModelFacts:
    """What the folder says of the model's verdicts.

    Raises:
        OSError, KeyError, ValidationError, JSONDecodeError: a file is missing or not of the documented shape.
    """
    scoring = json.loads((folder / "scoring.json").read_text(encoding="utf-8"))
    identified = bool(json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["pointwise_identified"])
    if scoring["conditioning"] == "none":
        return ModelFacts(name=name, judged=frozenset(), flat=(), scalar=True)
    calibration = Calibration.model_validate_json((folder / "calibration.json").read_text(encoding="utf-8"))
    judged = frozenset(tier for tier in TIERS if identified and tier not in calibration.not_identified)
    return ModelFacts(name=name, judged=judged, flat=calibration.uninformative, scalar=False)


def _incomplete(error: ModuleNotFoundError) -> StageRefusal:
    return StageRefusal(f"scoring needs {error.name}: pip install 'promedical[train]'")


def _named(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        return f"{key + ': ' if key else f'{error.title}: '}{first['msg']}"
    if isinstance(error, KeyError):
        return f"no {error.args[0]}"
    return one_line(error)
