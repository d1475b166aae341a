"""Policies as Dagster assets."""

import dagster as dg

from assets.interfaces import step_assets
from assets.policy.steps import BASE_ROLLOUTS, POLICY, POLICY_BENCHMARK, POLICY_ROLLOUTS


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    return [step_assets(step) for step in (POLICY, BASE_ROLLOUTS, POLICY_ROLLOUTS, POLICY_BENCHMARK)]
