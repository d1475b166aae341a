"""What the user's file says of instructions as a whole: its section `personal_data`.

What belongs here: reading that section. The file itself is `assets/project_file.py`'s.
"""

from __future__ import annotations

from pathlib import Path

from assets.instructions.personal_data import PersonalDataConfig
from assets.project_file import section
from training.config import parse_config


def personal_data_config(path: Path | None) -> PersonalDataConfig:
    """What is done with personal data.

    Raises:
        ConfigError: as `section`, or a wrong key; names it and what is allowed.
    """
    return parse_config(PersonalDataConfig, section(path, "personal_data"), where=f"{path}: personal_data")
