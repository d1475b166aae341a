"""The Great Expectations suites as blocking asset checks on the tables they are about."""

import json
import time
from collections.abc import Iterator

import dagster as dg

from assets.checks.steps import CONTRACTS, SUITES, contract_results
from assets.interfaces import ProjectResource, announce, input_refs
from training.manifests import ArtifactRef
from training.stages import source_hash
from training.storage import Store


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
