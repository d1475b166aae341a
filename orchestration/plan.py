"""The plan of a run: which steps are fresh, which must run, and which may have to once their inputs are known.

What belongs here: comparing the store and Dagster's event log with what the sources, configs and code are now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from assets.chain import CHAIN
from assets.interfaces import current_ref, gathered_refs
from assets.steps import Settings, Step, check_verdict
from assets.warehouse.export import holds_state
from assets.warehouse.steps import WAREHOUSE
from training.manifests import ArtifactRef
from training.storage import Store

State = Literal["fresh", "run", "depends"]


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """A step and what is known of it: fresh, to be run, or dependent on what an earlier step will make."""

    step: Step
    state: State


def plan_run(
    settings: Settings, store: Store, instance: dg.DagsterInstance, steps: Sequence[Step] = CHAIN
) -> list[PlannedStep]:
    """Walks the chain in order. A step is fresh if its skip key is known and Dagster stands at exactly those artifacts.

    Raises:
        ConfigError, SourceError: a config or source cannot be read.
    """
    # Outputs of a step that will run are not known yet: None.
    known: dict[str, ArtifactRef | None] = {}
    # Assets that the run materializes, be it with what they stand for already.
    renewed: set[str] = set()
    planned = []
    for step in CHAIN:
        if step not in steps:
            known.update({name: current_ref(instance, name) for name in step.outputs})
            continue
        state, outputs = _examine(step, settings, store, instance, known)
        if step.checks and state == "fresh" and (renewed & set(step.inputs.values()) or not checks_stand(instance, step)):
            state = "run"
        known.update(outputs)
        if state != "fresh":
            renewed.update(step.outputs)
        planned.append(PlannedStep(step=step, state=state))
    return planned


def checks_stand(instance: dg.DagsterInstance, step: Step) -> bool:
    """Whether Dagster's latest word on each check of a step is that it passed on what its inputs stand for now.

    The store may know the verdict on artifacts that come back after a change was taken back, or that an empty history has
    just been told of: no check blocks there until it is recorded again. What was checked is told by the order of events.
    """
    inputs = [instance.get_latest_materialization_event(dg.AssetKey(asset)) for asset in step.inputs.values()]
    keys = [dg.AssetCheckKey(dg.AssetKey(asset), step.check_name) for asset in step.checks]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    checked = [
        record.event.timestamp
        for record in records.values()
        if record.status is AssetCheckExecutionRecordStatus.SUCCEEDED and record.event is not None
    ]
    if len(checked) < len(keys) or None in inputs:
        return False
    return min(checked) >= max(event.timestamp for event in inputs if event is not None)


def _examine(
    step: Step, settings: Settings, store: Store, instance: dg.DagsterInstance, known: dict[str, ArtifactRef | None]
) -> tuple[State, dict[str, ArtifactRef | None]]:
    unknown: dict[str, ArtifactRef | None] = dict.fromkeys(step.outputs)
    config = step.config(settings)
    refs = {}
    for role, asset in step.used_inputs(config).items():
        ref = known.get(asset)
        if ref is None:
            return "depends", unknown
        refs[role] = ref
    past = current_ref(instance, step.past) if step.past else None
    key = step.key(config, refs, past, gathered_refs(instance, step))
    artifacts = store.recall(key)
    if artifacts is None:
        return "run", unknown
    if step.checks:
        return ("fresh" if check_verdict(step, store, refs, config) else "run"), dict(artifacts)
    stands = all(current_ref(instance, name) == ref for name, ref in artifacts.items())
    if step is WAREHOUSE:
        stands = stands and holds_state(settings.warehouse_path, key)
    return ("fresh" if stands else "run"), dict(artifacts)
