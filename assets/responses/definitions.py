"""Responses and their verdicts as Dagster assets."""

import dagster as dg

from assets.interfaces import step_assets
from assets.responses.sampling_steps import BASE_RESPONSES, GENERATE_RESPONSES
from assets.responses.steps import CANDIDATES


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [step_assets(step) for step in (GENERATE_RESPONSES, BASE_RESPONSES, CANDIDATES)]
