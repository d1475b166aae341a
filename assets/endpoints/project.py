"""What the user's file says of endpoints: its sections `endpoints` and `calls`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets.endpoints.config import CallsConfig, EndpointConfig
from assets.instructions.project_file import section
from assets.steps import RETRY_REFUSED
from training.config import ConfigError, parse_config


def calls_config(path: Path | None) -> CallsConfig:
    """The limits of the section `calls`.

    Raises:
        ConfigError: as `section`, or a wrong key; names it and what is allowed.
    """
    return parse_config(CallsConfig, section(path, "calls"), where=f"{path}: calls")


def asking(path: Path | None) -> dict[str, Any]:
    """What a step that asks has of the section `calls` in its resolved config: what is asked once more, no limits."""
    return {RETRY_REFUSED: calls_config(path).retry_refused}


def endpoint_named(path: Path | None, name: str) -> EndpointConfig:
    """The endpoint that the section `endpoints` declares under a name.

    Raises:
        ConfigError: there is none of that name, a key of it is wrong, or another one has its model at another address and
            nothing tells their replies apart.
    """
    declared = section(path, "endpoints")
    if name not in declared:
        known = f"declared are: {', '.join(sorted(declared))}" if declared else "none is declared"
        raise ConfigError(
            f"endpoint {name!r} is not declared ({known}); name its base_url and model under `endpoints` in the file that"
            " --config gives"
        )
    values = declared[name]
    where = f"{path}: endpoints.{name}"
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: must map keys to values")
    endpoint = parse_config(EndpointConfig, values, where=where)
    for other, its in declared.items():
        if isinstance(its, dict) and _confused(endpoint, its):
            raise ConfigError(
                f"{where}: {other} has the model {endpoint.model!r} too, at another base_url, and replies are known by their"
                " model: give one of them a `deployment`, or both the same if either may answer for the other"
            )
    return endpoint


def _confused(endpoint: EndpointConfig, other: Mapping[str, Any]) -> bool:
    """Whether a declaration, which need not be right, has this endpoint's model elsewhere and neither has a label."""
    return (
        endpoint.deployment is None
        and other.get("deployment") is None
        and other.get("model") == endpoint.model
        and str(other.get("base_url")).rstrip("/") != endpoint.base_url
    )
