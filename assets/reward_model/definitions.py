"""Reward models as Dagster assets."""

from typing import Any

import dagster as dg

from assets.interfaces import (
    STUDY_CELLS,
    Compute,
    ProjectResource,
    clear_failures,
    perform_step,
    step_assets,
    ui_metadata,
)
from assets.reward_model.steps import BASE_MODEL, PANEL, REWARD_MODEL, REWARD_MODEL_BENCHMARK
from assets.reward_model.study_steps import CELL_DESCRIPTION, CELLS, REWARD_MODEL_STUDY, cell_step


def assets() -> list[dg.AssetsDefinition]:
    """The assets of this noun."""
    steps = (BASE_MODEL, REWARD_MODEL, PANEL, REWARD_MODEL_BENCHMARK, REWARD_MODEL_STUDY)
    return [*(step_assets(step) for step in steps), reward_model_cells]


@dg.asset(
    name=CELLS,
    partitions_def=STUDY_CELLS,
    deps=["reward_model_snapshot", "base_model", "benchmark_snapshot"],
    group_name="reward_model",
    kinds={"pytorch"},
    description=CELL_DESCRIPTION,
)
def reward_model_cells(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: Compute
) -> dg.MaterializeResult[Any]:
    """Trains and measures one cell, unless its skip key is known."""
    with clear_failures():
        step = cell_step(context.partition_key)
    made, reused = perform_step(context, project, compute, step)
    making = made[CELLS]
    return dg.MaterializeResult(
        asset_key=CELLS,
        data_version=dg.DataVersion(making.digest),
        metadata=ui_metadata(project.store(), making, reused),
    )
