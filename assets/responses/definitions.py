"""Responses and their verdicts as Dagster assets."""

import dagster as dg

from assets.interfaces import step_assets
from assets.responses.steps import BASE_RESPONSES, CANDIDATES, GENERATE_RESPONSES


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [step_assets(step) for step in (GENERATE_RESPONSES, BASE_RESPONSES, CANDIDATES)]
