"""What a user's file says of models, checked as a whole before anything runs or is paid.

What belongs here: asking every section for its config. What a key means stands with what it configures.
"""

from __future__ import annotations

from pathlib import Path

from assets.endpoints.project import endpoint_named
from assets.instructions.project_file import section
from assets.responses.config import candidates_config
from assets.reward_model.benchmark_section import check_benchmark
from assets.rubrics.config import rubrics_config
from assets.verdicts.config import verdicts_config


def check_models(profile: str, path: Path | None) -> None:
    """Reads the sections `endpoints`, `rubrics`, `responses`, `verdicts` and `benchmark`, where the file has them.

    Raises:
        ConfigError: a wrong key or value, an endpoint that a section names and nobody declares, or a rival or pairwise set that
            is not there.
    """
    check_benchmark(path)
    for name in section(path, "endpoints"):
        endpoint_named(path, str(name))
    named = []
    rubrics = section(path, "rubrics")
    drafter = rubrics_config(profile, rubrics).drafter
    if "drafter" in rubrics and drafter is not None:
        named.append(drafter.endpoint)
    responses = section(path, "responses")
    generators = candidates_config(profile, responses).generators
    if "generators" in responses:
        named += [generator.endpoint for generator in generators]
    verdicts = section(path, "verdicts")
    judges = verdicts_config(profile, verdicts).judges
    if "judges" in verdicts:
        named += [judge.endpoint for judge in judges]
    for name in named:
        endpoint_named(path, name)
