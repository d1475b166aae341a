"""The study of the reward model as steps: a cell per variant and seed, and the table that gathers them.

What belongs here: how a cell's config comes of a profile, and what its work depends on. The steps are in no chain: nothing else
waits for a study. Cells are partitions, so that one is made, resumed and looked at alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from assets.reward_model.steps import stage_step
from assets.steps import Settings, Step
from training.config import ConfigError
from training.study.config import RewardModelStudyTableConfig, cell_config, load_study
from training.study.variants import VARIANTS, cell_name, parse_cell

# The partitioned asset, and so the artifact of each cell.
CELLS = "reward_model_cells"
CELL_SECONDS = 240.0
CELL_DESCRIPTION = (
    "A cell of the study, a partition per variant and seed (full-0): a reward model trained under the study's sizes, what it"
    " says of the benchmark, and its curve; no weights. Made by `promedical study reward-model`."
)


def study_cells(profile: str, *, variants: Sequence[str] | None = None, seeds: Sequence[int] | None = None) -> list[str]:
    """The cells of a profile's study in the order in which they are made; those of the variants and seeds alone, if given.

    Raises:
        ConfigError: a variant or seed that this study does not have, or no cell left; says what there is.
    """
    study, _ = load_study(profile)
    known_seeds = sorted({seed for _, seed in study.cells()})
    for variant in variants or ():
        if variant not in study.variants:
            raise ConfigError(f"no variant {variant!r} in the study of profile {profile}; it has: {', '.join(study.variants)}")
    for seed in seeds or ():
        if seed not in known_seeds:
            raise ConfigError(f"no seed {seed} in the study of profile {profile}; it has: {', '.join(map(str, known_seeds))}")
    chosen = [
        cell_name(variant, seed)
        for variant, seed in study.cells()
        if (not variants or variant in variants) and (not seeds or seed in seeds)
    ]
    if not chosen:
        every = ", ".join(cell_name(*cell) for cell in study.cells())
        raise ConfigError(f"no cell of the study of profile {profile} has these variants and seeds; it has: {every}")
    return chosen


def cell_step(name: str) -> Step:
    """The step that makes one cell.

    Raises:
        ConfigError: it is the name of none.
    """
    variant, seed = parse_cell(name)

    def config(settings: Settings) -> dict[str, Any]:
        return cell_config(*load_study(settings.profile), variant, seed).model_dump(mode="json")

    step = stage_step(
        CELLS,
        "reward_model_cell",
        inputs={"snapshot": "reward_model_snapshot", "base_model": "base_model", "benchmark_snapshot": "benchmark_snapshot"},
        group="reward_model",
        seconds=CELL_SECONDS,
        description=CELL_DESCRIPTION,
    )
    return replace(step, config=config)


def _table_config(settings: Settings) -> dict[str, Any]:
    study, base = load_study(settings.profile)
    return RewardModelStudyTableConfig(
        cells={cell_name(*cell): cell_config(study, base, *cell) for cell in study.cells()},
        bootstrap_samples=study.bootstrap_samples,
        bootstrap_seed=study.bootstrap_seed,
    ).model_dump(mode="json")


REWARD_MODEL_STUDY = replace(
    stage_step(
        "reward_model_study",
        "reward_model_study",
        inputs={"snapshot": "benchmark_snapshot", "training_snapshot": "reward_model_snapshot", "base_model": "base_model"},
        group="reward_model",
        seconds=30,
        description=f"Ablations of the reward model ({', '.join(VARIANTS)}) over seeds, against cheap references, with"
        " intervals and the record of this project folder's studies' looks at K-QA's labels.",
    ),
    config=_table_config,
    gathers=(CELLS,),
    # It carries on the record of openings.
    past="reward_model_study",
)
