"""Candidate responses as a step: what sources published, what is composed of fragments, and edits of physicians' answers.

What belongs here: putting the three together, with the verdicts that come with each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assets.instructions.tables import write_table
from assets.responses.compose import compose_responses
from assets.responses.config import ComposeConfig, EditConfig, candidates_config
from assets.responses.edits import edit_responses
from assets.steps import Metadata, Settings, Step, StepRun


def _config(settings: Settings) -> dict[str, Any]:
    return candidates_config(settings.profile).model_dump()


def _rows(folder: Path, asset: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / f"{asset}.parquet").to_pylist()
    return rows


def _gather(run: StepRun) -> dict[str, Metadata]:
    tables = {role: _rows(folder, role) for role, folder in run.inputs.items()}
    composed = compose_responses(
        tables["instruction_splits"],
        tables["raw_criteria"],
        tables["fragments"],
        config=ComposeConfig(**run.config["compose"]),
    )
    edited = edit_responses(
        tables["instruction_splits"],
        tables["raw_instructions"],
        tables["raw_criteria"],
        tables["published_responses"],
        config=EditConfig(**run.config["edits"]),
    )
    responses = [*tables["published_responses"], *composed.responses, *edited.responses]
    verdicts = [*tables["published_verdicts"], *composed.verdicts, *edited.verdicts]
    write_table("raw_responses", responses, run.outputs["raw_responses"])
    write_table("raw_verdicts", verdicts, run.outputs["raw_verdicts"])
    return {
        "raw_responses": {
            "published": len(tables["published_responses"]),
            "composed": len(composed.responses),
            "edited": len(edited.responses),
        },
        "raw_verdicts": {"rows": len(verdicts)},
    }


CANDIDATES = Step(
    name="candidates",
    outputs=("raw_responses", "raw_verdicts"),
    inputs={
        name: name
        for name in (
            "instruction_splits",
            "raw_instructions",
            "raw_criteria",
            "fragments",
            "published_responses",
            "published_verdicts",
        )
    },
    group="responses",
    groups={"raw_verdicts": "verdicts"},
    config=_config,
    run=_gather,
    sources=(
        "assets/responses",
        "assets/rubrics",
        "assets/instructions/tables.py",
        *(f"assets/instructions/{name}.py" for name in ("terms", "guard_words", "phrasing")),
        "assets/instructions/sources/base.py",
        "training/records.py",
        "training/benchmark/baselines.py",
    ),
    libraries=("pyarrow",),
    seconds=3,
    descriptions={
        "raw_responses": "Every answer to an instruction: published, composed of the corpus's fragments, or edited.",
        "raw_verdicts": "Every label of every judge on a response's criteria.",
    },
    kinds=("python", "parquet"),
)
