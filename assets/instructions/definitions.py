"""Instructions as Dagster assets: ingestion and splits."""

import dagster as dg

from assets.instructions.steps import INGEST, SPLITS
from assets.interfaces import step_assets


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [step_assets(step) for step in (INGEST, SPLITS)]
