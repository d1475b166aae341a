"""The blocking asset checks: Great Expectations suites on the tables they are about, and contamination of what was curated."""

import json
import time
from collections.abc import Iterator

import dagster as dg
import pyarrow.parquet as pq

from assets.checks.steps import CONTRACTS, SUITES, contract_results
from assets.instructions.dedup_steps import CONTACTS, CONTAMINATION, check_contamination
from assets.interfaces import ProjectResource, announce, clear_failures, input_refs
from training.manifests import ArtifactRef
from training.stages import source_hash
from training.storage import Store

SHOWN_CONTACTS = 20


@dg.multi_asset_check(
    name=CONTRACTS.name,
    specs=[
        dg.AssetCheckSpec(
            "contract",
            asset=table,
            blocking=True,
            additional_deps=[mart for mart in CONTRACTS.inputs.values() if mart != table],
            description=f"Great Expectations suite on {table}: failing rows stop everything that trains or is measured.",
        )
        for table in SUITES
    ],
)
def contracts(context: dg.AssetCheckExecutionContext, project: ProjectResource) -> Iterator[dg.AssetCheckResult]:
    """Runs every suite on the present marts, records the results in the store, and reports one check per table."""
    start = time.monotonic()
    announce(CONTRACTS.name, "start")
    store = project.store()
    with clear_failures():
        refs = input_refs(context.instance, CONTRACTS, {})
        found = contract_results(store, refs)
        if found is None:
            _check(store, refs, context.run.run_id)
            found = contract_results(store, refs)
            assert found is not None
    ref, results = found
    failed = [table for table, result in results.items() if not result["passed"]]
    announce(CONTRACTS.name, "failed" if failed else "done", time.monotonic() - start)
    docs = store.fetch(ref, verify=False) / "data_docs" / "index.html"
    for table, result in results.items():
        broken = [e for e in result["expectations"] if not e["passed"]]  # type: ignore[attr-defined]
        yield dg.AssetCheckResult(
            asset_key=table,
            check_name="contract",
            passed=bool(result["passed"]),
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={
                "expectations": len(result["expectations"]),  # type: ignore[arg-type]
                "failed": ", ".join(e["key"] for e in broken) or "none",
                "failing_rows": dg.MetadataValue.json({e["key"]: e["failing_rows"] for e in broken}),
                "data_docs": dg.MetadataValue.path(str(docs.absolute())),
            },
        )


def _check(store: Store, refs: dict[str, ArtifactRef], run_id: str) -> None:
    from assets.checks.run import run_suites

    with store.workspace() as folder:
        tables = {mart: store.fetch(ref) / f"{mart}.parquet" for mart, ref in refs.items()}
        results = run_suites(SUITES, tables, data_docs=folder / "data_docs")
        (folder / "results.json").write_text(json.dumps(results, indent=1, sort_keys=True, default=str), encoding="utf-8")
        manifest = store.publish(
            name="contract_results",
            folder=folder,
            skip_key=CONTRACTS.key({}, refs),
            inputs={mart: str(ref) for mart, ref in refs.items()},
            config={},
            code_version=source_hash(CONTRACTS.sources),
            metadata={"passed": all(result["passed"] for result in results.values())},
            run_id=run_id,
        )
    store.remember(CONTRACTS.key({}, refs), {"contract_results": manifest.ref})


@dg.multi_asset_check(
    name=CONTAMINATION.name,
    specs=[
        dg.AssetCheckSpec(
            CONTAMINATION.check_name,
            asset=asset,
            blocking=True,
            additional_deps=[name for name in CONTAMINATION.inputs.values() if name != asset],
            description="No training split says what benchmark or external asks, word for word or in other words.",
        )
        for asset in CONTAMINATION.checks
    ],
)
def contamination(context: dg.AssetCheckExecutionContext, project: ProjectResource) -> Iterator[dg.AssetCheckResult]:
    """Compares held-out with training instructions, records the contacts in the store, and names the first ones."""
    start = time.monotonic()
    announce(CONTAMINATION.name, "start")
    store = project.store()
    with clear_failures():
        config = CONTAMINATION.config(project.settings())
        refs = input_refs(context.instance, CONTAMINATION, config)
        key = CONTAMINATION.key(config, refs)
        known = store.recall(key) or _compare(store, refs, config, key, context.run.run_id)
        ref = known[CONTAMINATION.outputs[0]]
        results = store.manifest(ref).metadata
    announce(CONTAMINATION.name, "done" if results["passed"] else "failed", time.monotonic() - start)
    contacts = pq.read_table(store.fetch(ref) / CONTACTS)
    for asset in CONTAMINATION.checks:
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=CONTAMINATION.check_name,
            passed=bool(results["passed"]),
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={**results, "contacts": dg.MetadataValue.json(contacts.slice(0, SHOWN_CONTACTS).to_pylist())},
        )


def _compare(
    store: Store, refs: dict[str, ArtifactRef], config: dict[str, object], key: str, run_id: str
) -> dict[str, ArtifactRef]:
    with store.workspace() as folder:
        inputs = {name: store.fetch(ref) for name, ref in refs.items()}
        results = check_contamination(inputs, config, folder)
        manifest = store.publish(
            name=CONTAMINATION.outputs[0],
            folder=folder,
            skip_key=key,
            inputs={name: str(ref) for name, ref in refs.items()},
            config=config,
            code_version=source_hash(CONTAMINATION.sources),
            metadata=results,
            run_id=run_id,
        )
    made = {CONTAMINATION.outputs[0]: manifest.ref}
    store.remember(key, made)
    return made
