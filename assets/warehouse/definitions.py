"""dbt models as Dagster assets, each mart with the hash of its content as data version.

What belongs here: running dbt inside Dagster. The version that dagster-dbt gives a model is the hash of its SQL, which new data
does not change; ours is the artifact's digest.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation, DbtCliResource, dbt_assets
from dagster_dbt.errors import DagsterDbtCliRuntimeError

from assets.instructions.dedup_steps import CONTAMINATION
from assets.interfaces import ProjectResource, announce, clear_failures, input_refs, ui_metadata
from assets.steps import Settings, check_verdict
from assets.warehouse.dbt_command import BUILD, DBT, PROJECT_DIR, dbt_environment
from assets.warehouse.export import MARTS, export_mart, forget_state, holds_state, lay_out_raw, write_state
from assets.warehouse.manifest import ensure_manifest
from assets.warehouse.steps import WAREHOUSE
from assets.warehouse.versions import prepare_warehouse
from training.config import ConfigError
from training.manifests import ArtifactRef
from training.stages import source_hash
from training.storage import Store

NOUN_OF_MART = {
    "instructions": "instructions",
    "criteria": "rubrics",
    "responses": "responses",
    "verdicts": "verdicts",
    "resolved_verdicts": "verdicts",
    "response_scores": "verdicts",
    "quarantine": "instructions",
}


class Translator(DagsterDbtTranslator):
    """Names: a mart is the asset of its table's name, a raw table the asset of that name; groups are nouns."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The table's own name, without folders."""
        return dg.AssetKey(dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """A mart's noun; `warehouse` for what leads up to it."""
        name = dbt_resource_props["name"]
        if name in MARTS:
            return NOUN_OF_MART.get(name, "preferences")
        return "warehouse"


def warehouse_assets() -> dg.AssetsDefinition:
    """The assets of every dbt model, as dbt's manifest names them."""

    @dbt_assets(manifest=ensure_manifest(), dagster_dbt_translator=Translator(), name=WAREHOUSE.name, pool="duckdb")
    def warehouse(context: dg.AssetExecutionContext, project: ProjectResource) -> Iterator[Any]:
        start = time.monotonic()
        announce(WAREHOUSE.name, "start")
        settings, store = project.settings(), project.store()
        refs = input_refs(context.instance, WAREHOUSE, {})
        key = WAREHOUSE.key({}, refs)
        reused = store.recall(key) is not None and holds_state(settings.warehouse_path, key)
        try:
            if not reused:
                with clear_failures():
                    yield from _build(context, settings, store, refs, key)
        except BaseException:
            announce(WAREHOUSE.name, "failed", time.monotonic() - start)
            raise
        announce(WAREHOUSE.name, "reused" if reused else "done", time.monotonic() - start)
        yield from _outputs(context, store, key, reused)

    return warehouse


def _build(
    context: dg.AssetExecutionContext, settings: Settings, store: Store, refs: Mapping[str, ArtifactRef], key: str
) -> Iterator[Any]:
    _require_no_contamination(context.instance, settings, store)
    raw = settings.home / "warehouse" / "raw"
    lay_out_raw({name: store.fetch(ref) for name, ref in refs.items()}, raw)
    forget_state(settings.warehouse_path)
    try:
        removed = prepare_warehouse(settings.warehouse_path, WAREHOUSE.key({}, {}))
    except ConfigError as error:
        raise dg.Failure(str(error)) from error
    if removed:
        print(removed, file=sys.stderr, flush=True)
        context.log.info(removed)
    os.environ |= dbt_environment(settings.warehouse_path, raw)
    dbt = DbtCliResource(project_dir=str(PROJECT_DIR), profiles_dir=str(PROJECT_DIR), dbt_executable=str(DBT))
    # Dagster adds what it selected, and knows the marts and what leads up to them: the seeds are named here.
    invocation = dbt.cli([*BUILD, "--select", "resource_type:seed"], context=context)
    # dbt's own lines would bury a run's progress: they are kept in a file, and what fails is in the error.
    log_path = settings.home / "warehouse" / "dbt.log"
    with log_path.open("w", encoding="utf-8") as log, redirect_stdout(log):
        results, failure = _stream(invocation)
    # Model outputs come later, with the content's version. What a test found is recorded also, and above all, if it failed.
    yield from results
    if failure is not None:
        raise failure
    published = {}
    for mart in MARTS:
        with store.workspace() as folder:
            rows = export_mart(settings.warehouse_path, mart, folder)
            published[mart] = store.publish(
                name=mart,
                folder=folder,
                skip_key=key,
                inputs={name: str(ref) for name, ref in refs.items()},
                config={},
                code_version=source_hash(WAREHOUSE.sources),
                metadata={"rows": rows},
                run_id=context.run_id,
            ).ref
    store.remember(key, published)
    write_state(settings.warehouse_path, key)


def _require_no_contamination(instance: dg.DagsterInstance, settings: Settings, store: Store) -> None:
    """A blocking check stops what is downstream in its own run only: a later build asks for its record.

    Raises:
        dg.Failure: the check did not pass on exactly the instructions that stand now.
    """
    config = CONTAMINATION.config(settings)
    if check_verdict(CONTAMINATION, store, input_refs(instance, CONTAMINATION, config), config) is not True:
        raise dg.Failure(
            f"warehouse: the check {CONTAMINATION.check_name} of {', '.join(CONTAMINATION.checks)} has not passed for the "
            f"instructions that stand now; run it first: promedical run --select {CONTAMINATION.name}"
        )


def _stream(invocation: DbtCliInvocation) -> tuple[list[dg.AssetCheckResult | dg.AssetCheckEvaluation], Exception | None]:
    """The results of dbt's tests, and the error that the stream ends with if a model or a test fails."""
    results = []
    try:
        for event in invocation.stream():
            if isinstance(event, dg.AssetCheckResult | dg.AssetCheckEvaluation):
                results.append(event)
    except DagsterDbtCliRuntimeError as error:
        return results, error
    return results, None


def _outputs(context: dg.AssetExecutionContext, store: Store, key: str, reused: bool) -> Iterator[dg.Output[None]]:
    artifacts = store.recall(key) or {}
    # Dagster wants an asset after what it depends on.
    for asset_key in TopologicalSorter(context.assets_def.asset_deps).static_order():
        if asset_key not in context.selected_asset_keys:
            continue
        name = asset_key.path[-1]
        output_name = context.assets_def.get_output_name_for_asset_key(asset_key)
        if name in artifacts:
            making = store.making(key, artifacts[name])
            yield dg.Output(
                None,
                output_name=output_name,
                data_version=dg.DataVersion(making.digest),
                metadata=ui_metadata(store, making, reused),
            )
        else:
            # A view on the way to the marts has no artifact: it is what its inputs and its SQL are.
            yield dg.Output(None, output_name=output_name, data_version=dg.DataVersion(key))
