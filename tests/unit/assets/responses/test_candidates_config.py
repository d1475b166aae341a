"""Profiles of the candidate responses: the same keys, values of their own."""

import pytest

from assets.responses.config import CONFIG_DIR, CandidatesConfig, ComposeConfig, EditConfig, candidates_config
from training.config import PROFILES, ConfigError, read_yaml


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_gives_every_key(profile: str) -> None:
    values = read_yaml(CONFIG_DIR / f"{profile}.yaml")
    assert set(values) == set(CandidatesConfig.model_fields)
    assert set(values["compose"]) == set(ComposeConfig.model_fields)
    assert set(values["edits"]) == set(EditConfig.model_fields)
    assert candidates_config(profile).model_dump() == values


def test_profiles_differ_in_how_many_answers_they_compose() -> None:
    assert [candidates_config(p).compose.responses_per_instruction for p in ("smoke", "local", "paper")] == [3, 4, 6]


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="unknown profile 'large'; allowed: smoke, local, paper"):
        candidates_config("large")
