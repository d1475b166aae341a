"""Candidate responses as a step: published, composed, edited and sampled ones put together, with the verdicts they came with.

What belongs here: which artifacts the step reads and writes, its resolved config, and what the UI shows. The work is
`compose.py`'s, `edits.py`'s and `gather.py`'s.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from assets.instructions.project_file import section
from assets.responses.compose import compose_responses
from assets.responses.config import ComposeConfig, EditConfig, candidates_config
from assets.responses.edits import edit_responses
from assets.responses.gather import needed_rows, write_candidates
from assets.responses.sampling_steps import GENERATED
from assets.responses.sorting import database
from assets.steps import Metadata, Settings, Step, StepRun


def _gather_config(settings: Settings) -> dict[str, Any]:
    config = candidates_config(settings.profile, section(settings.config, "responses"))
    return config.model_dump(mode="json", include={"compose", "edits", "keep"})


def _gather(run: StepRun) -> dict[str, Metadata]:
    with (
        TemporaryDirectory(dir=run.outputs["raw_responses"].parent) as folder,
        database(run.inputs, Path(folder)) as connection,
    ):
        tables = needed_rows(connection)
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
        fates = write_candidates(
            connection,
            responses=[*composed.responses, *edited.responses],
            verdicts=[*composed.verdicts, *edited.verdicts],
            keep=run.config["keep"],
            outputs=run.outputs,
        )
        published = _rows(connection, "published_responses")
        known = _rows(connection, "published_verdicts") + len(composed.verdicts) + len(edited.verdicts)
    return {
        "raw_responses": {
            "published": published,
            "composed": len(composed.responses),
            "edited": len(edited.responses),
            **fates,
        },
        "known_verdicts": {"rows": known},
    }


def _rows(connection: Any, table: str) -> int:
    return int(connection.execute(f"select count(*) from {table}").fetchone()[0])


CANDIDATES = Step(
    name="candidates",
    outputs=("raw_responses", "known_verdicts"),
    inputs={
        name: name
        for name in (
            "instruction_splits",
            "raw_instructions",
            "raw_criteria",
            "fragments",
            "published_responses",
            "published_verdicts",
            GENERATED,
            "base_responses",
        )
    },
    group="responses",
    groups={"known_verdicts": "verdicts"},
    config=_gather_config,
    run=_gather,
    sources=(
        "training/records.py",
        "training/generation/eligible.py",
        *(
            f"assets/responses/{name}.py"
            for name in ("alignment", "changes", "compose", "config", "edited_answer", "edits", "excerpts")
        ),
        *(f"assets/responses/{name}.py" for name in ("gather", "sorting", "steps")),
        "assets/rubrics/statements.py",
        "assets/instructions/tables.py",
        *(f"assets/instructions/{name}.py" for name in ("terms", "guard_words", "phrasing")),
        "assets/instructions/sources/base.py",
        "training/benchmark/baselines.py",
    ),
    libraries=("pyarrow", "duckdb"),
    seconds=3,
    descriptions={
        "raw_responses": "Every answer to an instruction: published, composed of the corpus's fragments, edited or sampled.",
        "known_verdicts": "Labels that came with a response, by whoever published it or by how it was made.",
    },
    kinds=("python", "parquet"),
)
