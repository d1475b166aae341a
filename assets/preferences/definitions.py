"""Snapshots as Dagster assets."""

import dagster as dg

from assets.interfaces import step_assets
from assets.preferences.steps import SNAPSHOTS


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [step_assets(step) for step in SNAPSHOTS]
