"""Profiles of the candidate responses: the same keys, values of their own, and families that have to differ."""

import re

import pytest

from assets.responses.config import (
    CONFIG_DIR,
    CandidatesConfig,
    ComposeConfig,
    EditConfig,
    GeneratorConfig,
    candidates_config,
    check_families,
)
from training.config import PROFILES, ConfigError, load_config, read_yaml
from training.generation.candidate_config import CandidateGenerationConfig
from training.generation.eligible import EligibleConfig


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_gives_every_key(profile: str) -> None:
    values = read_yaml(CONFIG_DIR / f"{profile}.yaml")
    assert set(values) == set(CandidatesConfig.model_fields)
    assert set(values["compose"]) == set(ComposeConfig.model_fields)
    assert set(values["edits"]) == set(EditConfig.model_fields)
    assert all(set(generator) == set(GeneratorConfig.model_fields) for generator in values["generators"])
    assert candidates_config(profile).model_dump(mode="json") == values


@pytest.mark.parametrize("profile", PROFILES)
def test_endpoints_and_base_model_answer_the_same_instructions(profile: str) -> None:
    ours = candidates_config(profile).model_dump()
    stage = load_config(CandidateGenerationConfig, stage="candidate_generation", profile=profile).model_dump()
    assert {key: ours[key] for key in EligibleConfig.model_fields} == {key: stage[key] for key in EligibleConfig.model_fields}


def test_profiles_differ_in_how_many_answers_they_compose() -> None:
    assert [candidates_config(p).compose.responses_per_instruction for p in ("smoke", "local", "paper")] == [3, 4, 6]


def test_only_paper_asks_models_and_wants_three_families() -> None:
    assert [len(candidates_config(p).generators) for p in ("smoke", "local", "paper")] == [0, 0, 3]
    assert [candidates_config(p).families_at_least for p in ("smoke", "local", "paper")] == [0, 0, 3]


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="unknown profile 'large'; allowed: smoke, local, paper"):
        candidates_config("large")


def test_the_users_section_replaces_top_level_keys() -> None:
    config = candidates_config("local", {"limit": 5, "generators": [{"endpoint": "mine"}], "edits": {"edits_per_answer": 1}})
    assert (config.limit, config.generators, config.edits.edits_per_answer) == (5, (GeneratorConfig(endpoint="mine"),), 1)
    assert config.compose.responses_per_instruction == 4


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"sample": 1}, "responses: sample: unknown key; allowed: base_model, compose, .*splits"),
        ({"keep": ["answered", "empty"]}, "responses: keep.1: Input should be 'answered', 'refusal' or 'truncated'"),
        ({"keep": []}, "responses: keep: "),
        ({"splits": ["train"]}, "responses: splits.0: Input should be 'rm_train'"),
        ({"enough": 0}, "responses: enough: "),
        ({"generators": [{"endpoint": "a", "samples": 2, "temperature": 0}]}, "generators.0: .*need a temperature above 0"),
        ({"generators": [{"endpoint": "a"}, {"endpoint": "a", "seed": 1}]}, "a stands there twice .*raise its samples"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        candidates_config("local", overrides)
    assert "\n" not in str(refused.value)


def test_one_endpoint_under_two_prompts_is_allowed() -> None:
    generators = [{"endpoint": "a"}, {"endpoint": "a", "system": "Answer as a hurried nurse would."}]
    assert len(candidates_config("local", {"generators": generators}).generators) == 2


def test_three_families_are_enough_whatever_their_versions() -> None:
    check_families({"a": "qwen3", "b": "llama-3", "c": "Gemma3"}, at_least=3)
    check_families({}, at_least=0)


def test_two_versions_of_a_family_are_one_family() -> None:
    with pytest.raises(ConfigError, match=re.escape("candidates come from 2 (llama, qwen): add generators of 1 more")):
        check_families({"a": "qwen3", "b": "Qwen2.5", "c": "llama3"}, at_least=3)


def test_an_endpoint_without_a_declared_family_counts_as_none_and_is_named() -> None:
    with pytest.raises(
        ConfigError, match="families_at_least is 2, .*; no family is declared for b: add family to that endpoint"
    ):
        check_families({"a": "qwen3", "b": None}, at_least=2)
    with pytest.raises(ConfigError, match=re.escape("candidates come from 0 (none): add generators of 1 more")):
        check_families({}, at_least=1)
