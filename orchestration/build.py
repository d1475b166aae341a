"""Merges assets, checks, resources and jobs into one code location. Reads no environment, opens no network, loads no model.

What belongs here: `build_defs`. What does not: any asset's logic.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.checks.definitions import contamination, contracts
from assets.instructions.definitions import assets as instruction_assets
from assets.interfaces import Compute, ProjectResource
from assets.policy.definitions import assets as policy_assets
from assets.preferences.definitions import assets as preference_assets
from assets.reports.definitions import assets as report_assets
from assets.responses.definitions import assets as response_assets
from assets.reviewing.interfaces import Inbox
from assets.reward_model.definitions import assets as reward_model_assets
from assets.rubrics.definitions import assets as rubric_assets
from assets.verdicts.definitions import assets as verdict_assets
from assets.warehouse.definitions import warehouse_assets
from orchestration.instance import CHOICES_VARIABLE, HOME_VARIABLE, INBOX_VARIABLE
from orchestration.jobs import core_job, round_jobs, study_jobs
from orchestration.sensors import returned_files


def build_defs(**overrides: Any) -> dg.Definitions:
    """The definitions of the code location.

    Args:
        overrides: resources by name (`project`, `compute`) that replace the defaults.
    """
    assets = [
        *instruction_assets(),
        *rubric_assets(),
        *response_assets(),
        *verdict_assets(),
        warehouse_assets(),
        *preference_assets(),
        *reward_model_assets(),
        *policy_assets(),
        *report_assets(),
    ]
    # `promedical ui` sets the variables; they are read when a run or a sensor starts, not here.
    home = dg.EnvVar(HOME_VARIABLE)
    resources = {
        "project": ProjectResource(home=home, chosen=dg.EnvVar(CHOICES_VARIABLE)),
        "compute": Compute(),
        "inbox": Inbox(home=home, uri=dg.EnvVar(INBOX_VARIABLE)),
        **overrides,
    }
    return dg.Definitions(
        assets=assets,
        asset_checks=[contracts, contamination],
        resources=resources,
        jobs=[core_job(), *round_jobs(), *study_jobs()],
        sensors=[returned_files],
        # One process for the chain: importing dagster and dbt again for every step costs more than the step.
        executor=dg.in_process_executor,
    )
