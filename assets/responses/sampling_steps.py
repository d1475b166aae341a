"""Sampled responses as steps: asked of endpoints, and of the base model itself.

What belongs here: which artifacts each step reads and writes, its resolved config, and what the UI shows. The work is
`generate.py`'s and the stage `candidate_generation`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from assets.endpoints.config import EndpointConfig
from assets.endpoints.unfinished import Counted
from assets.instructions.project_file import section
from assets.instructions.tables import SCHEMAS, TableWriter, write_table
from assets.responses.config import CandidatesConfig, candidates_config, check_families
from assets.responses.generate import batches_for, family_of, generate_responses
from assets.responses.sorting import database, write_sorted
from assets.reward_model.steps import stage_step
from assets.steps import Metadata, Settings, Step, StepRun
from training.config import ConfigError, load_config, parse_config
from training.generation.candidate_config import CandidateGenerationConfig
from training.generation.drawing import draw_instructions
from training.generation.eligible import TABLES, EligibleConfig, eligible_instructions

GENERATED, STAGE = "generated_responses", "candidate_generation"
_ELIGIBLE = set(EligibleConfig.model_fields)


def _candidates(settings: Settings) -> CandidatesConfig:
    return candidates_config(settings.profile, section(settings.config, "responses"))


def _base_config(settings: Settings) -> dict[str, Any]:
    """The stage's own keys; which instructions are eligible as for the endpoints; then what the user says."""
    config = _candidates(settings)
    stage = load_config(CandidateGenerationConfig, stage=STAGE, profile=settings.profile)
    values = stage.model_dump() | config.model_dump(include=_ELIGIBLE) | config.base_model
    return parse_config(CandidateGenerationConfig, values, where="responses: base_model").model_dump(mode="json")


def _base_inputs(config: Mapping[str, Any]) -> tuple[str, ...]:
    return parse_config(CandidateGenerationConfig, dict(config), where=STAGE).uses_inputs


def _generate_config(settings: Settings) -> dict[str, Any]:
    """Whom to ask for what: endpoints by what their replies depend on, which is neither their address nor their name here.

    Raises:
        ConfigError: an endpoint that nobody declares, or too few families.
    """
    config = _candidates(settings)
    endpoints = _endpoints(settings, config)
    families = {name: endpoint.family for name, endpoint in endpoints.items()}
    base = CandidateGenerationConfig(**_base_config(settings))
    check_families(families | ({"the base model": base.family} if base.on else {}), at_least=config.families_at_least)
    if not endpoints:
        return {"generators": []}
    from assets.endpoints.project import asking

    return {
        "generators": [
            {**generator.model_dump(), "endpoint": _identity(endpoints[generator.endpoint])} for generator in config.generators
        ],
        **config.model_dump(mode="json", include={*_ELIGIBLE, "limit"}),
        **asking(settings.config),
    }


def _endpoints(settings: Settings, config: CandidatesConfig) -> dict[str, EndpointConfig]:
    if not config.generators:
        return {}
    from assets.endpoints.project import endpoint_named

    return {name: endpoint_named(settings.config, name) for name in (generator.endpoint for generator in config.generators)}


def _identity(endpoint: EndpointConfig) -> dict[str, Any]:
    # The family goes into every row.
    return {**endpoint.identity, "family": family_of(endpoint)}


def _generate(run: StepRun) -> dict[str, Metadata]:
    if not run.config["generators"]:
        write_table(GENERATED, [], run.outputs[GENERATED])
        return {GENERATED: {"rows": 0}}
    from assets.endpoints.desk import asker

    if _generate_config(run.settings) != run.config:
        raise ConfigError("sections responses, endpoints and calls: they changed while the run was planned; run again")
    config = _candidates(run.settings)
    eligible = eligible_instructions(run.inputs, splits=config.splits, enough=config.enough)
    drawn = draw_instructions(eligible, limit=config.limit, seed=config.draw_seed)
    ask = Counted(asker(run.settings, purpose="responses", batches=batches_for(len(drawn), config.generators)))
    asked, repeated, families = Counter[str](), 0, set()
    with TemporaryDirectory(dir=run.outputs[GENERATED].parent) as folder:
        unsorted = Path(folder) / f"{GENERATED}.parquet"
        with TableWriter(GENERATED, unsorted) as writer:
            endpoints = _endpoints(run.settings, config)
            for batch in generate_responses(drawn, generators=config.generators, endpoints=endpoints, ask=ask):
                writer.add(pa.Table.from_pylist(batch.rows, schema=SCHEMAS[GENERATED]))
                asked.update({f"{batch.model} {outcome}": number for outcome, number in batch.outcomes.items()})
                repeated += batch.repeated
                families.add(batch.family)
        with database({GENERATED: Path(folder)}, Path(folder)) as connection:
            write_sorted(connection, GENERATED, f"select {{columns}} from {GENERATED}", run.outputs[GENERATED])
    return {
        GENERATED: {
            "rows": asked.total() - repeated,
            "instructions": len(drawn),
            "instructions eligible": len(eligible),
            "families": ", ".join(sorted(families)),
            "asked": asked.total(),
            "repeated": repeated,
            **dict(sorted(asked.items())),
            **ask.metadata,
        }
    }


GENERATE_RESPONSES = Step(
    name="generate_responses",
    outputs=(GENERATED,),
    inputs={table: table for table in TABLES},
    group="responses",
    config=_generate_config,
    used=lambda config: TABLES if config["generators"] else (),
    run=_generate,
    sources=(
        "training/records.py",
        "training/generation/eligible.py",
        *(f"assets/responses/{name}.py" for name in ("config", "generate", "outcomes", "sampling_steps", "sorting")),
        *(f"training/generation/{name}.py" for name in ("drawing", "outcomes", "refusal", "samples")),
        "assets/endpoints",
        "assets/instructions/tables.py",
        # Which keys the resolved config has; what it reads them with is the stage's.
        "training/generation/candidate_config.py",
        "training/generation/config.py",
    ),
    libraries=("pyarrow", "duckdb", "openai", "httpx2"),
    seconds=0.1,
    descriptions={
        GENERATED: "Every sample asked of a configured endpoint, with how it ended: refusals, truncations and empty ones too."
    },
    kinds=("python", "parquet"),
)
BASE_RESPONSES = replace(
    stage_step(
        "base_responses",
        STAGE,
        inputs={"base_model": "base_model", **{table: table for table in TABLES}},
        group="responses",
        seconds=1,
        configs=STAGE,
        description="The base model's own candidate responses, in the columns of generated_responses; none unless switched on.",
        used=_base_inputs,
    ),
    config=_base_config,
)
