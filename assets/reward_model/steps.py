"""Base model, reward model, its panel, and their benchmark as steps: each a stage of training/ in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from assets.reward_model.benchmark_section import outside
from assets.steps import Settings, Step
from training.config import load_config, parse_config
from training.stages import STAGES


def stage_config(stage: str, configs: str, overrides: Mapping[str, Any]) -> Callable[[Settings], dict[str, Any]]:
    """How to resolve a stage's config under a profile: `training/configs/<configs>/`, then what the step itself fixes."""

    def resolve(settings: Settings) -> dict[str, Any]:
        loaded = load_config(STAGES[stage].config_class(), stage=configs, profile=settings.profile)
        return {**loaded.model_dump(mode="json"), **overrides}

    return resolve


def stage_step(
    name: str,
    stage: str,
    *,
    inputs: dict[str, str],
    group: str,
    seconds: float,
    description: str,
    configs: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    used: Callable[[Mapping[str, Any]], tuple[str, ...]] | None = None,
) -> Step:
    """A step whose work is a stage; roles are the stage's inputs, configs default to the step's own folder."""
    if set(inputs) != set(STAGES[stage].inputs):
        raise ValueError(f"{name}: stage {stage} needs {STAGES[stage].inputs}, got {tuple(inputs)}")
    return Step(
        name=name,
        outputs=(name,),
        inputs=inputs,
        group=group,
        config=stage_config(stage, configs or name, overrides or {}),
        stage=stage,
        sources=STAGES[stage].sources,
        libraries=STAGES[stage].libraries,
        used=used,
        seconds=seconds,
        descriptions={name: description},
        kinds=("pytorch",),
    )


def _base_model_inputs(config: Mapping[str, Any]) -> tuple[str, ...]:
    parsed = parse_config(STAGES["base_model"].config_class(), dict(config), where="base_model")
    return tuple(parsed.uses_inputs)  # type: ignore[attr-defined]


BASE_MODEL = stage_step(
    "base_model",
    "base_model",
    inputs={"raw_instructions": "raw_instructions"},
    group="reward_model",
    seconds=35,
    description="The model that reward model and policy start from: random (smoke), Gemma-3-270M (local) or Qwen3-8B (paper).",
    used=_base_model_inputs,
)
REWARD_MODEL = stage_step(
    "reward_model",
    "reward_model",
    inputs={"snapshot": "reward_model_snapshot", "base_model": "base_model"},
    group="reward_model",
    seconds=130,
    description="Criterion-conditioned reward model (Geng et al. 2026, section 3), calibrated per tier on validation.",
)
PANEL = stage_step(
    "panel_reward_model",
    "reward_model",
    inputs={"snapshot": "panel_snapshot", "base_model": "base_model"},
    group="reward_model",
    seconds=80,
    description="A second reward model, of another seed and split, that checks policies trained on the first.",
)
_BENCHMARK = stage_step(
    "reward_model_benchmark",
    "reward_model_benchmark",
    inputs={
        "snapshot": "benchmark_snapshot",
        "training_snapshot": "reward_model_snapshot",
        "reward_model": "reward_model",
        "panel_reward_model": "panel_reward_model",
    },
    group="reward_model",
    seconds=35,
    description="Both reward models against three cheap baselines and the user's rivals on the benchmark, with intervals.",
)


def _benchmark_config(settings: Settings) -> dict[str, Any]:
    """The profile's keys, and the rivals and pairwise sets of the user's file with the digests of what they hold now."""
    return {**_BENCHMARK.config(settings), **outside(settings)}


REWARD_MODEL_BENCHMARK = replace(_BENCHMARK, config=_benchmark_config)
