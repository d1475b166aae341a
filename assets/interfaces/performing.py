"""Doing a step's work, here or as a stage, unless its skip key says that it is done.

What belongs here: what every step has in common from its resolved config to its published artifacts.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from assets.interfaces.compute import Compute
from assets.interfaces.errors import clear_failures
from assets.interfaces.metadata import ui_metadata
from assets.interfaces.partitions import SOURCES
from assets.interfaces.project import ProjectResource
from assets.interfaces.standing import current_ref, gathered_refs, input_refs
from assets.steps import UNFINISHED, Settings, Step, StepRun, lasting, made_from
from training.launch import LaunchSpec
from training.manifests import ArtifactRef, Making
from training.stages import STAGES, source_hash
from training.storage import Store


def perform_step(
    context: dg.AssetExecutionContext, project: ProjectResource, compute: Compute, step: Step
) -> tuple[dict[str, Making], bool]:
    """Does a step's work unless its skip key is known; returns how each output was made, and whether that was reused.

    Work with calls that stayed without a reply is published like any other, and not remembered: the next run does it again.
    """
    settings, store = project.settings(), project.store()
    with clear_failures():
        config = step.config(settings)
        refs = input_refs(context.instance, step, config)
        past = current_ref(context.instance, step.past) if step.past else None
        gathered = gathered_refs(context.instance, step)
        key = step.key(config, refs, past, gathered)
        artifacts = store.recall(key)
        reused = artifacts is not None
        if artifacts is None:
            key = step.key(lasting(config), refs, past, gathered)
            if step.stage is not None:
                # A stage gets what is gathered by `asset/partition`, and what its past stood for as `past`.
                read = {**refs, **gathered, **({"past": past} if past else {})}
                compute.run(context, _launch_spec(step, settings, config, read, key, context.run_id))
                artifacts = store.recall(key)
            else:
                artifacts = _run_here(context, step, settings, store, config, refs, past, gathered, key)
        if artifacts is None:
            raise dg.Failure(f"{step.name}: ended without publishing {', '.join(step.outputs)}")
        if step.past and store.recall(key) is not None:
            # What was decided stands from now on, and on it the same would be decided again.
            store.remember_as(key, step.key(config, refs, artifacts[step.past], gathered))
        return {name: store.making(key, ref) for name, ref in artifacts.items()}, reused


def _launch_spec(
    step: Step, settings: Settings, config: dict[str, Any], refs: dict[str, ArtifactRef], key: str, run_id: str
) -> LaunchSpec:
    assert step.stage is not None
    return LaunchSpec(
        stage=step.stage,
        artifact=step.outputs[0],
        config=config,
        inputs=refs,
        store=settings.store_root,
        skip_key=key,
        code_version=source_hash(STAGES[step.stage].sources),
        run_id=run_id,
    )


def _run_here(
    context: dg.AssetExecutionContext,
    step: Step,
    settings: Settings,
    store: Store,
    config: dict[str, Any],
    refs: dict[str, ArtifactRef],
    past: ArtifactRef | None,
    gathered: Mapping[str, ArtifactRef],
    key: str,
) -> dict[str, ArtifactRef]:
    """Does the work and publishes it; remembers it unless it is unfinished."""
    assert step.run is not None
    prepared = _prepare(context, step, settings, store, config)
    with store.workspace() as folder:
        outputs = {name: folder / "outputs" / name for name in step.outputs}
        for output in outputs.values():
            output.mkdir(parents=True)
        work = StepRun(
            settings=settings,
            config=config,
            inputs={role: _input(store, ref, step.reads.get(role), folder / "inputs" / role) for role, ref in refs.items()},
            outputs=outputs,
            refs=refs,
            previous=store.fetch(past) if past else None,
            prepared={partition: store.fetch(ref) for partition, ref in prepared.items()},
            gathered=_folders(store, step, gathered),
        )
        partitions = {**gathered, **{f"{step.prepares}/{partition}": ref for partition, ref in prepared.items()}}
        metadata = step.run(work)
        manifests = {
            name: store.publish(
                name=name,
                folder=output,
                skip_key=key,
                inputs=made_from(refs, past, partitions),
                config=config,
                code_version=source_hash(step.sources),
                metadata=metadata.get(name, {}),
                run_id=context.run_id,
            )
            for name, output in outputs.items()
        }
    made = {name: manifest.ref for name, manifest in manifests.items()}
    if not any(UNFINISHED in shown for shown in metadata.values()):
        store.remember(key, made)
    return made


def _folders(store: Store, step: Step, gathered: Mapping[str, ArtifactRef]) -> dict[str, dict[str, Path]]:
    """Asset → partition → folder."""
    folders: dict[str, dict[str, Path]] = {asset: {} for asset in step.gathers}
    for role, ref in gathered.items():
        asset, _, partition = role.partition("/")
        folders[asset][partition] = store.fetch(ref)
    return folders


def _input(store: Store, ref: ArtifactRef, files: tuple[str, ...] | None, copies: Path) -> Path:
    artifact = store.fetch(ref, files=files)
    if files is None:
        return artifact
    # Copies of what was verified: a file that the step does not name cannot be read unverified.
    for name in files:
        (copies / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact / name, copies / name)
    return copies


def _prepare(
    context: dg.AssetExecutionContext, step: Step, settings: Settings, store: Store, config: dict[str, Any]
) -> dict[str, ArtifactRef]:
    """Has a step's partitions made, and records those that Dagster doesn't stand at yet."""
    if step.prepare is None:
        return {}
    prepared = step.prepare(settings, store, config, context.run_id)
    for partition, ref in prepared.items():
        if current_ref(context.instance, step.prepares, partition) != ref:
            context.instance.add_dynamic_partitions(SOURCES.name or "", [partition])
            context.log_event(
                dg.AssetMaterialization(
                    asset_key=step.prepares,
                    partition=partition,
                    metadata=ui_metadata(store, store.manifest(ref).making(), reused=False),
                    tags={"dagster/data_version": ref.digest},
                )
            )
    return prepared
