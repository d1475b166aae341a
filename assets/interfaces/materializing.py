"""The one way a step becomes assets, and the word that goes out when one starts or ends.

What belongs here: a step's face to Dagster: names, groups, dependencies, what a materialization reports.
"""

import logging
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.interfaces.compute import Compute
from assets.interfaces.metadata import ui_metadata
from assets.interfaces.performing import perform_step
from assets.interfaces.project import ProjectResource
from assets.steps import Step

# The command line listens here to say which step runs; nobody need listen.
STEP_LOG = logging.getLogger("promedical.steps")


def announce(step: str, event: str, seconds: float = 0.0) -> None:
    """Tells whoever listens that a step starts, or how it ended."""
    STEP_LOG.info("%s %s", step, event, extra={"step": step, "event": event, "seconds": seconds})


def step_assets(step: Step) -> dg.AssetsDefinition:
    """The Dagster assets of a step: one per output, all depending on every input."""
    deps = sorted({*step.inputs.values(), *step.gathers, *filter(None, [step.prepares])})

    @dg.multi_asset(
        name=step.name,
        specs=[
            dg.AssetSpec(
                name,
                deps=deps,
                group_name=step.groups.get(name, step.group),
                description=step.descriptions.get(name),
                kinds=set(step.kinds),
            )
            for name in step.outputs
        ],
        can_subset=False,
    )
    def materialize(
        context: dg.AssetExecutionContext, project: ProjectResource, compute: Compute
    ) -> Iterator[dg.MaterializeResult[Any]]:
        start = time.monotonic()
        announce(step.name, "start")
        try:
            made, reused = perform_step(context, project, compute, step)
        except BaseException:
            announce(step.name, "failed", time.monotonic() - start)
            raise
        announce(step.name, "reused" if reused else "done", time.monotonic() - start)
        for name, making in made.items():
            yield dg.MaterializeResult(
                asset_key=name,
                data_version=dg.DataVersion(making.digest),
                metadata=ui_metadata(project.store(), making, reused),
            )

    return materialize
