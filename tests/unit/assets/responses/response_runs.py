"""Running a step of this noun on small artifacts, under a user's file with endpoints: what the tests of the steps share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets.steps import Settings, Step, StepRun

ENDPOINTS = {
    "generator_qwen": ("qwen3-8b", "qwen3", 8001),
    "generator_llama": ("llama-3-8b", "llama3", 8002),
    "generator_gemma": ("gemma-3-4b", "gemma3", 8003),
}
GENERATORS = {"generators": [{"endpoint": "generator_qwen", "samples": 2}, {"endpoint": "generator_llama"}]}


def settings(
    folder: Path,
    responses: Mapping[str, Any] | None = None,
    *,
    profile: str = "local",
    endpoints: Mapping[str, tuple[str, str, int]] = ENDPOINTS,
) -> Settings:
    """A user's file that declares endpoints (model, family, port), and its section `responses`."""
    declared = {
        name: {"base_url": f"http://127.0.0.1:{port}/v1", "model": model, "family": family}
        for name, (model, family, port) in endpoints.items()
    }
    file = folder / "mine.yaml"
    file.write_text(json.dumps({"endpoints": declared, "responses": responses}), encoding="utf-8")
    return Settings(profile=profile, sources=(), home=folder, config=file)


def run_step(step: Step, chosen: Settings, inputs: Mapping[str, Path], folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """Runs a step; returns its metadata and the files it wrote."""
    config = step.config(chosen)
    outputs = {name: folder / "outputs" / name for name in step.outputs}
    for output in outputs.values():
        output.mkdir(parents=True)
    used = step.used_inputs(config)
    work = StepRun(
        settings=chosen,
        config=config,
        inputs={role: inputs[role] for role in used},
        outputs=outputs,
        refs={},
        previous=None,
    )
    assert step.run is not None
    metadata = step.run(work)
    return metadata, {name: output / f"{name}.parquet" for name, output in outputs.items()}
