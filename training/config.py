"""Typed stage configs: keyword-only, unknown keys refused, one YAML per stage and profile.

What belongs here: the base class and the reader. Each stage's own keys stand in its `config.py`, free of torch, so that the
orchestrator can validate a config without importing a model library.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

CONFIG_DIR = Path(__file__).parent / "configs"
PROFILES = ("smoke", "local", "paper")


class ConfigError(ValueError):
    """A config cannot be used; the message names the key and what is allowed."""


class StrictConfig(BaseModel):
    """Base of every config: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ConfigT = TypeVar("ConfigT", bound=StrictConfig)


def parse_config(model: type[ConfigT], values: dict[str, Any], *, where: str) -> ConfigT:
    """Validates values against a config class.

    Raises:
        ConfigError: one line that names the file, the key and, for an unknown key, the keys that are allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"unknown key{_allowed(model, first['loc'])}"
        raise ConfigError(f"{where}: {key + ': ' if key else ''}{message}") from error


def _allowed(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """The keys that are allowed where an unknown one stands, for the message; nothing where a type hides them."""
    for part in place[:-1]:
        if isinstance(part, str):
            inner = _configs_in(model.model_fields[part].annotation) if part in model.model_fields else []
            if len(inner) != 1:
                return ""
            model = inner[0]
    return f"; allowed: {', '.join(sorted(model.model_fields))}"


def _configs_in(annotation: Any) -> list[type[BaseModel]]:
    """The config classes that a key's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _configs_in(part)]


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping.

    Raises:
        ConfigError: the file is absent, not YAML, or not a mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        # YAML's own message has a line for each detail.
        raise ConfigError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold a mapping of keys to values")
    return values


def load_config(model: type[ConfigT], *, stage: str, profile: str) -> ConfigT:
    """The config of a stage under a profile, from `training/configs/<stage>/<profile>.yaml`.

    Raises:
        ConfigError: unknown profile, unreadable file, unknown key, value out of range.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}; allowed: {', '.join(PROFILES)}")
    path = CONFIG_DIR / stage / f"{profile}.yaml"
    return parse_config(model, read_yaml(path), where=f"{stage}/{profile}.yaml")
