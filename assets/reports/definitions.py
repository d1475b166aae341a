"""The report, the data card and the study's page as Dagster assets."""

import dagster as dg

from assets.interfaces import step_assets
from assets.reports.data_card_steps import DATA_CARD
from assets.reports.steps import REPORT
from assets.reports.study_steps import STUDY_REPORT


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [step_assets(step) for step in (DATA_CARD, REPORT, STUDY_REPORT)]
