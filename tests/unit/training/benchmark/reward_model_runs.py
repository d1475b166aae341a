"""Runs of the stage reward_model_benchmark and what is read of them, for its tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.benchmark import reward_model_stage
from training.benchmark.config import RewardModelBenchmarkConfig

CONFIG = RewardModelBenchmarkConfig(bootstrap_samples=200, batch_size=2)


def run(inputs: dict[str, Path], output: Path, config: RewardModelBenchmarkConfig = CONFIG) -> dict[str, Any]:
    output.mkdir()
    reward_model_stage.run(config=config, inputs=inputs, output=output)
    metrics: dict[str, Any] = json.loads((output / "metrics.json").read_text())
    return metrics


def value(metrics: dict[str, Any], system: str, section: str, tier: str, metric: str, source: str = "all") -> Any:
    (row,) = (
        r
        for r in metrics["figures"]
        if (r["system"], r["section"], r["tier"], r["metric"], r["source"]) == (system, section, tier, metric, source)
    )
    return row["value"]
