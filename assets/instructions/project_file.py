"""The user's own file, `promedical run --config FILE.yaml`: which sections it may have, and each section's values.

What belongs here: the file as a whole. What a section's keys mean stands with what it configures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assets.instructions.personal_data import PersonalDataConfig
from training.config import ConfigError, parse_config, read_yaml

SECTIONS = ("sources", "personal_data", "curation", "endpoints", "calls", "rubrics", "responses", "verdicts", "benchmark")


def section(path: Path | None, name: str) -> dict[str, Any]:
    """The values of a section; none without a file or without the section.

    Raises:
        ConfigError: an unreadable file, a section nobody knows, or one that is no mapping.
    """
    if path is None:
        return {}
    values = read_yaml(path)
    unknown = sorted(str(key) for key in values if key not in SECTIONS)
    if unknown:
        raise ConfigError(f"{path}: {unknown[0]}: unknown key; allowed: {', '.join(SECTIONS)}")
    found = values.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: {name} must map names to their values")
    return found


def personal_data_config(path: Path | None) -> PersonalDataConfig:
    """What is done with personal data.

    Raises:
        ConfigError: as `section`, or a wrong key; names it and what is allowed.
    """
    return parse_config(PersonalDataConfig, section(path, "personal_data"), where=f"{path}: personal_data")
