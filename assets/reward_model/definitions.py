"""Reward models as Dagster assets."""

import dagster as dg

from assets.interfaces import step_assets
from assets.reward_model.steps import BASE_MODEL, PANEL, REWARD_MODEL, REWARD_MODEL_BENCHMARK


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [step_assets(step) for step in (BASE_MODEL, REWARD_MODEL, PANEL, REWARD_MODEL_BENCHMARK)]
