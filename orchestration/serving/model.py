"""Which model is served: its folder, the name that its endpoint answers to, its family, and how a chat becomes a prompt.

What belongs here: reading a model's folder. Nothing is loaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import ConfigError
from training.manifests import MANIFEST, canonical_json, sha256_file, sha256_text
from training.stages import ROOT
from training.storage import StoreError, read_manifest

# The chat template of a model that has none.
COMPLETION_TEMPLATE = ROOT / "orchestration" / "deploy" / "completion.j2"


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """A model that can be served.

    Attributes:
        folder: a transformers folder.
        name: what its endpoint calls it: model and eight digits of a hash over its files and template. The ledger of calls
            knows a model by its name alone, so other weights must not answer to the same one.
        family: its architecture, such as gemma3_text.
        longest: tokens that its positions allow; None if the config doesn't say.
        template: chat template that it is given; None: it brings its own.
    """

    folder: Path
    name: str
    family: str
    longest: int | None
    template: Path | None


def read_model(folder: Path) -> ServedModel:
    """Looks at a model's folder.

    Raises:
        ConfigError: it holds no model.
    """
    config = _json(folder / "config.json", what=f"--model {folder}")
    if not config.get("model_type") or not any(folder.glob("*.safetensors")):
        raise ConfigError(f"--model {folder} holds no model: config.json with a model_type and *.safetensors are needed")
    template = None if _has_chat_template(folder) else COMPLETION_TEMPLATE
    longest = config.get("max_position_embeddings")
    return ServedModel(
        folder=folder,
        name=f"{_stem(folder)}-{_digest(folder, template)[:8]}",
        family=str(config["model_type"]),
        longest=longest if isinstance(longest, int) else None,
        template=template,
    )


def _has_chat_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").exists():
        return True
    path = folder / "tokenizer_config.json"
    return bool(_json(path, what=str(path)).get("chat_template"))


def _stem(folder: Path) -> str:
    try:
        made = str(read_manifest(folder).metadata.get("model", ""))
    except StoreError:
        made = ""
    return (made or folder.absolute().name).rpartition("/")[2].lower()


def _digest(folder: Path, template: Path | None) -> str:
    # What vLLM reads lies at the top; a folder of training may hold checkpoints below.
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    hashes = [[path.name, sha256_file(path)] for path in files]
    return sha256_text(canonical_json([hashes, sha256_file(template) if template else None]))


def _json(path: Path, *, what: str) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{what}: {path.name} cannot be read: {why}; give the folder of a transformers model") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{what}: {path.name} holds no mapping; give the folder of a transformers model")
    return values
