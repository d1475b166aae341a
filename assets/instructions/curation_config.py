"""How instructions are curated: the section `curation` of a user's file.

What belongs here: its keys put together, and reading them. What each means stands with what it configures.
"""

from __future__ import annotations

from pathlib import Path

from assets.instructions.config import BandConfig
from assets.instructions.difficulty import DifficultyConfig
from assets.instructions.taxonomy import TaxonomyConfig
from training.config import ConfigError, StrictConfig, parse_config, read_yaml

SECTION = "curation"


class CurationConfig(StrictConfig):
    """The section `curation`.

    Attributes:
        band: difficulties that are kept.
        difficulty: who scores difficulty.
        taxonomy: who classifies.
    """

    band: BandConfig = BandConfig()
    difficulty: DifficultyConfig = DifficultyConfig()
    taxonomy: TaxonomyConfig = TaxonomyConfig()


def curation_config(path: Path | None) -> CurationConfig:
    """The section of a file; the defaults without one.

    Raises:
        ConfigError: an unreadable file, a section that is no mapping, or a wrong key; names it and what is allowed.
    """
    values = {} if path is None else read_yaml(path).get(SECTION)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: {SECTION} must map names to their values")
    return parse_config(CurationConfig, values, where=f"{path}: {SECTION}")
