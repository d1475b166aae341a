"""What assets stand for now, by Dagster's record: the artifact, how it was made, and what a step therefore reads.

What belongs here: questions to the record. Nothing here adds to it.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.interfaces.metadata import SKIP_KEY
from assets.interfaces.partitions import PARTITIONS_OF
from assets.steps import Step
from training.manifests import ArtifactRef, Making
from training.storage import Store


def current_making(instance: dg.DagsterInstance, store: Store, asset: str) -> Making | None:
    """How what an asset stands for now was made, by the work that Dagster recorded; None if it never was.

    Raises:
        StoreError: the store has no record of it.
    """
    event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    ref = current_ref(instance, asset)
    if ref is None or event is None or event.asset_materialization is None:
        return None
    key = event.asset_materialization.metadata.get(SKIP_KEY)
    return store.making(str(key.value), ref) if key else None


def current_ref(instance: dg.DagsterInstance, asset: str, partition: str | None = None) -> ArtifactRef | None:
    """The artifact an asset, or one of its partitions, stands for now: the data version of its latest materialization."""
    if partition is None:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
        found = event.asset_materialization if event else None
    else:
        only = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition])
        records = instance.fetch_materializations(only, limit=1).records
        found = records[0].asset_materialization if records else None
    if found is None:
        return None
    tags = found.tags or {}
    digest = tags.get("dagster/data_version")
    return ArtifactRef(name=asset, digest=digest) if digest else None


def input_refs(instance: dg.DagsterInstance, step: Step, config: Mapping[str, Any]) -> dict[str, ArtifactRef]:
    """Exactly one artifact per used input of a step.

    Raises:
        dg.Failure: an input has never been materialized.
    """
    refs = {}
    for role, asset in step.used_inputs(config).items():
        ref = current_ref(instance, asset)
        if ref is None:
            raise dg.Failure(f"{asset} has not been made yet; run the whole chain, or first: promedical run --select {asset}")
        refs[role] = ref
    return refs


def gathered_refs(instance: dg.DagsterInstance, step: Step) -> dict[str, ArtifactRef]:
    """`asset/partition` → the artifact it stands for, of every partition of the assets that a step gathers."""
    refs = {}
    for asset in step.gathers:
        for partition in sorted(instance.get_dynamic_partitions(PARTITIONS_OF[asset].name or "")):
            ref = current_ref(instance, asset, partition)
            if ref is not None:
                refs[f"{asset}/{partition}"] = ref
    return refs
