"""What the user's file says of endpoints: its sections `endpoints` and `calls`."""

from __future__ import annotations

from pathlib import Path

from assets.endpoints.config import CallsConfig, EndpointConfig
from assets.instructions.project_file import section
from training.config import ConfigError, parse_config


def calls_config(path: Path | None) -> CallsConfig:
    """The limits of the section `calls`.

    Raises:
        ConfigError: as `section`, or a wrong key; names it and what is allowed.
    """
    return parse_config(CallsConfig, section(path, "calls"), where=f"{path}: calls")


def endpoint_named(path: Path | None, name: str) -> EndpointConfig:
    """The endpoint that the section `endpoints` declares under a name.

    Raises:
        ConfigError: there is none of that name, or a key of it is wrong.
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
    return parse_config(EndpointConfig, values, where=where)
