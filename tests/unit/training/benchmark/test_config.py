"""The profiles of both benchmark stages."""

import pytest
import yaml

from training.benchmark.config import PolicyBenchmarkConfig, RewardModelBenchmarkConfig
from training.config import CONFIG_DIR, PROFILES, load_config


@pytest.mark.parametrize(
    ("stage", "model"),
    [("reward_model_benchmark", RewardModelBenchmarkConfig), ("policy_benchmark", PolicyBenchmarkConfig)],
)
def test_profiles_are_valid_and_name_every_key(stage: str, model: type) -> None:
    for profile in PROFILES:
        load_config(model, stage=stage, profile=profile)
        assert set(yaml.safe_load((CONFIG_DIR / stage / f"{profile}.yaml").read_text())) == set(model.model_fields)
