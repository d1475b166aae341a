"""The model that a command takes where the user names no folder: the one that stands in the project.

What belongs here: finding it, and what to do if there is none.
"""

from __future__ import annotations

from pathlib import Path

from training.config import ConfigError
from training.stages import ROOT
from training.storage import Store


def standing_model(home: Path, asset: str, *, verify: bool = True) -> Path:
    """The folder of what a model's asset stands for now.

    Args:
        home: of the project.
        asset: such as base_model or reward_model.
        verify: hashes its files; without it, whoever reads them has to.

    Raises:
        ConfigError: it was never made; says how it is.
        StoreError: it is not what its manifest says, or gone.
    """
    from assets.interfaces import current_ref
    from orchestration.instance import open_instance

    with open_instance(home) as instance:
        ref = current_ref(instance, asset)
    if ref is None:
        elsewhere = f" --home {home}" if home != (ROOT / ".promedical").absolute() else ""
        raise ConfigError(
            f"no {asset.replace('_', ' ')} has been made in {home}; make it with: promedical run --select {asset}{elsewhere}"
            " (or name a folder with --model)"
        )
    return Store(home / "store").fetch(ref, verify=verify)
