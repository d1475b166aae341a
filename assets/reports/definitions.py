"""The report as a Dagster asset."""

import dagster as dg

from assets.interfaces import step_assets
from assets.reports.steps import REPORT


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [step_assets(REPORT)]
