import pytest
from rm_tiny import settings

from training.config import CONFIG_DIR, PROFILES, load_config, read_yaml
from training.reward_model.config import RewardModelConfig

STAGES = ("reward_model", "panel_reward_model")


@pytest.mark.parametrize("stage", STAGES)
def test_profiles_differ_in_values_only(stage):
    keys = [set(read_yaml(CONFIG_DIR / stage / f"{profile}.yaml")) for profile in PROFILES]
    assert keys[0] == keys[1] == keys[2] == set(RewardModelConfig.model_fields)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_panel_has_another_seed_and_split(profile):
    first, second = (load_config(RewardModelConfig, stage=stage, profile=profile) for stage in STAGES)
    assert (first.train_split, second.train_split) == ("rm_train", "panel_train")
    assert first.seed != second.seed


def test_paper_values():
    config = load_config(RewardModelConfig, stage="reward_model", profile="paper")
    assert (config.epochs, config.trees_per_step, config.learning_rate, config.max_length) == (2, 64, 5e-6, 8192)
    # All weights are trained, which fits on one GPU in this precision only.
    assert (config.lora, config.trained_layers, config.freeze_embeddings) == (None, None, False)
    assert (config.precision, config.gradient_checkpointing) == ("bfloat16", True)


def test_pointwise_weight_must_be_positive_unless_pure():
    with pytest.raises(ValueError, match="pointwise_weight"):
        settings(pointwise_weight=0.0)
    with pytest.raises(ValueError, match="pure_pairwise"):
        settings(pure_pairwise=True, pointwise_weight=1.0)
    assert settings(pure_pairwise=True, pointwise_weight=0.0).pure_pairwise


def test_the_embedding_table_trains_only_with_everything():
    with pytest.raises(ValueError, match="freeze_embeddings"):
        settings(freeze_embeddings=False, trained_layers=2)
