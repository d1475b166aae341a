"""A stage writes the columns that the assets' table has, though neither side imports the other."""

from __future__ import annotations

from assets.instructions.tables import SCHEMAS
from assets.responses.sampling_steps import BASE_RESPONSES
from training.generation.candidate_stage import FILE
from training.generation.eligible import TABLES
from training.generation.samples import SCHEMA
from training.stages import STAGES


def test_samples_of_the_base_model_and_of_endpoints_have_the_same_columns() -> None:
    assert SCHEMAS["generated_responses"] == SCHEMA


def test_the_stage_writes_the_file_that_its_asset_is_read_from() -> None:
    assert (f"{BASE_RESPONSES.outputs[0]}.parquet",) == (FILE,)
    assert STAGES["candidate_generation"].inputs == ("base_model", *TABLES)
