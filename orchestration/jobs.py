"""Jobs: `core`, the whole chain; and for rounds with people, sending out and taking in."""

from __future__ import annotations

from functools import cache

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

# What is made with a source, or with a round, and not by the chain.
PARTITIONED = ("source_records", "review_exports", "review_rounds", "adjudication_exports", "adjudication_rounds")


def core_job() -> UnresolvedAssetJobDefinition:
    """Raw instructions to report: every asset and every check; `ingest` makes the partitions of source_records it needs."""
    return dg.define_asset_job(
        "core",
        selection=(dg.AssetSelection.all() - dg.AssetSelection.assets(*PARTITIONED)) | dg.AssetSelection.all_asset_checks(),
        description="The whole chain, from raw instructions to the report. Steps whose work is known are reused.",
    )


@cache
def round_jobs() -> list[UnresolvedAssetJobDefinition]:
    """Sending a round out, and taking it in with what follows from it at once; all else becomes stale."""
    return [
        dg.define_asset_job(
            "export_review",
            selection=["review_exports"],
            description="Draws drafts of rubrics for physicians and writes their forms.",
        ),
        dg.define_asset_job(
            "import_review",
            selection=[
                "review_rounds",
                "reviewed_criteria",
                "review_decisions",
                "review_changes",
                "exemplar_pool",
                "review_rates",
                "raw_criteria",
                "criterion_versions",
            ],
            description="Takes a round's forms in: decisions, exemplar pool, pass rate and the rubrics that stand.",
        ),
        dg.define_asset_job(
            "export_adjudication",
            selection=["adjudication_exports"],
            description="Draws responses for double-blind adjudication and writes the forms.",
        ),
        dg.define_asset_job(
            "import_adjudication",
            selection=["adjudication_rounds", "raw_verdicts", "adjudication_agreement"],
            description="Takes a round of adjudication in: verdicts and agreement.",
        ),
    ]
