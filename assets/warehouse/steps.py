"""The warehouse step: what the marts depend on, and whether the DuckDB file holds them."""

from __future__ import annotations

from assets.steps import Step
from assets.warehouse.export import MARTS

RAW_TABLES = (
    "raw_instructions",
    "curated_instructions",
    "instruction_splits",
    "raw_criteria",
    "raw_responses",
    "raw_verdicts",
    "raw_quarantine",
    "draft_quarantine",
)

DBT_SOURCES = (
    "dbt_project/models",
    "dbt_project/macros",
    "dbt_project/tests",
    "dbt_project/seeds/categories.csv",
    "dbt_project/seeds/source_labels.csv",
    "dbt_project/seeds/seeds.yml",
    "dbt_project/seeds/specialties.csv",
    "dbt_project/dbt_project.yml",
    "dbt_project/profiles.yml",
)

WAREHOUSE = Step(
    name="warehouse",
    outputs=tuple(MARTS),
    inputs={table: table for table in RAW_TABLES},
    group="warehouse",
    config=lambda settings: {},
    sources=(*DBT_SOURCES, "assets/warehouse"),
    libraries=("dbt-core", "dbt-duckdb", "duckdb", "pyarrow"),
    seconds=12,
)
