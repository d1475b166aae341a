"""Jobs: `core`, the whole chain."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def core_job() -> UnresolvedAssetJobDefinition:
    """Raw instructions to report: every asset and every check; `ingest` makes the partitions of source_records it needs."""
    return dg.define_asset_job(
        "core",
        selection=(dg.AssetSelection.all() - dg.AssetSelection.assets("source_records")) | dg.AssetSelection.all_asset_checks(),
        description="The whole chain, from raw instructions to the report. Steps whose work is known are reused.",
    )
