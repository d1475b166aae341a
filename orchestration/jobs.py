"""Jobs: `core`, the whole chain; for rounds with people, sending out and taking in; for the study, a cell and the table."""

from __future__ import annotations

from functools import cache

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

# What is made with a source, a round or a cell, and not by the chain.
PARTITIONED = (
    "source_records",
    "review_exports",
    "review_rounds",
    "adjudication_exports",
    "adjudication_rounds",
    "reward_model_cells",
)
# What is made of the cells of a study; nothing in the chain waits for it.
STUDY = ("reward_model_study", "study_report")


def core_job() -> UnresolvedAssetJobDefinition:
    """Raw instructions to report: every asset and every check; `ingest` makes the partitions of source_records it needs."""
    return dg.define_asset_job(
        "core",
        selection=(dg.AssetSelection.all() - dg.AssetSelection.assets(*PARTITIONED, *STUDY))
        | dg.AssetSelection.all_asset_checks(),
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


@cache
def study_jobs() -> list[UnresolvedAssetJobDefinition]:
    """One cell of the study, a partition per run; and the table and page that come of all cells there are."""
    return [
        dg.define_asset_job(
            "study_cell",
            selection=["reward_model_cells"],
            description="Trains and measures one cell of the study of the reward model, such as full-0.",
        ),
        dg.define_asset_job(
            "study_table",
            selection=list(STUDY),
            description="All cells that there are, as one table with intervals, and its page.",
        ),
    ]
