"""A study's YAML: sizes and seeds only; a variant stays what its name says."""

from typing import Any

import pytest

from training.config import CONFIG_DIR, PROFILES, ConfigError, load_config, parse_config, read_yaml
from training.reward_model.config import RewardModelConfig
from training.study.config import RewardModelStudyConfig, cell_config, load_study
from training.study.variants import VARIANTS, cell_name, parse_cell

SMALL: dict[str, Any] = {
    "reward_model": {"max_steps": 3},
    "variants": {"full": {"seeds": [0, 1]}, "scalar": {"seeds": [1], "match_tokens": True, "reward_model": {"epochs": 4}}},
    "max_responses": None,
    "device": "cpu",
    "batch_size": 1,
    "bootstrap_samples": 100,
    "bootstrap_seed": 0,
}


def study(**changes: Any) -> RewardModelStudyConfig:
    return parse_config(RewardModelStudyConfig, {**SMALL, **changes}, where="study")


def base() -> dict[str, Any]:
    return load_config(RewardModelConfig, stage="reward_model", profile="smoke").model_dump(mode="json")


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_differ_in_values_only_and_every_cell_of_theirs_is_a_config(profile: str) -> None:
    assert set(read_yaml(CONFIG_DIR / "reward_model_study" / f"{profile}.yaml")) == set(RewardModelStudyConfig.model_fields)
    found, reward_model = load_study(profile)
    for variant, seed in found.cells():
        assert cell_config(found, reward_model, variant, seed).name == cell_name(variant, seed)


@pytest.mark.parametrize("profile", ["local", "paper"])
def test_real_profiles_have_every_variant_and_seeds_for_intervals_where_they_are_tested(profile: str) -> None:
    found, _ = load_study(profile)
    assert set(found.variants) == set(VARIANTS)
    assert all(len(found.variants[v].seeds) >= 3 for v in ("full", "scalar", "no_safety"))
    assert found.variants["scalar"].match_tokens


def test_cells_come_seed_by_seed() -> None:
    assert study().cells() == [("full", 0), ("full", 1), ("scalar", 1)]


def test_a_cell_is_the_profiles_model_with_the_studys_sizes_its_own_and_what_the_variant_is() -> None:
    found = cell_config(study(), base(), "scalar", 1)
    keys = found.reward_model
    assert (keys.max_steps, keys.epochs, keys.seed, found.match_tokens) == (3, 4, 1, True)
    assert (keys.conditioning, keys.pure_pairwise, keys.pointwise_weight) == ("none", True, 0)
    full = cell_config(study(), base(), "full", 0).reward_model
    assert (full.max_steps, full.epochs, full.conditioning, full.veto_data) == (3, base()["epochs"], "criterion_last", True)
    only = study(variants={"no_safety": {"seeds": [0]}})
    assert not cell_config(only, base(), "no_safety", 0).reward_model.veto_data


@pytest.mark.parametrize("key", ["seed", "conditioning", "veto_data", "pure_pairwise", "role", "learning_rates"])
def test_no_size_may_change_what_a_variant_is(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} cannot be set here; allowed: "):
        study(reward_model={key: 1})
    with pytest.raises(ConfigError, match=f"{key} cannot be set here; allowed: "):
        study(variants={"full": {"seeds": [0], "reward_model": {key: 1}}})


def test_seeds_are_distinct() -> None:
    with pytest.raises(ConfigError, match="seeds must be distinct"):
        study(variants={"full": {"seeds": [0, 0]}})


def test_a_cell_that_the_study_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(ConfigError, match="scalar-0 is no cell of this profile's study; its cells: full-0, full-1, scalar-1"):
        cell_config(study(), base(), "scalar", 0)


@pytest.mark.parametrize("name", ["full", "full-", "full-x", "full-01", "half-0", "full--1", "full-²"])
def test_a_name_of_no_cell_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown cell .*; a cell is VARIANT-SEED such as full-0"):
        parse_cell(name)


def test_names_of_cells_are_read_back() -> None:
    for variant in VARIANTS:
        assert parse_cell(cell_name(variant, 12)) == (variant, 12)
