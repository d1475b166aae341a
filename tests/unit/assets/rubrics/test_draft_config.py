"""The keys of drafting: twins of one shape, a user's section over them, and values that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from assets.rubrics.config import CONFIG_DIR, rubrics_config
from training.config import PROFILES, ConfigError, read_yaml
from training.records import HELD_OUT_SPLITS


def test_the_twins_differ_in_values_alone() -> None:
    smoke, local, paper = (read_yaml(CONFIG_DIR / f"{profile}.yaml") for profile in PROFILES)
    assert smoke == local
    assert local.keys() == paper.keys()
    assert {key for key in local if local[key] != paper[key]} == {"drafter"}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_drafts_for_no_held_out_split_and_its_yaml_says_all_defaults(profile: str) -> None:
    config = rubrics_config(profile, {})
    assert not set(config.splits) & set(HELD_OUT_SPLITS)
    assert config.exemplars == 3 and config.limit is None and config.use_unreviewed
    assert config == rubrics_config(profile, read_yaml(CONFIG_DIR / f"{profile}.yaml"))
    defaults = type(config)(drafter=config.drafter)
    assert config == defaults


def test_only_paper_names_a_drafter() -> None:
    assert [rubrics_config(profile, {}).drafter is not None for profile in PROFILES] == [False, False, True]


def test_a_users_section_replaces_whole_keys() -> None:
    config = rubrics_config("local", {"drafter": {"endpoint": "mine", "max_tokens": 500}, "limit": 10, "splits": ["benchmark"]})
    assert config.drafter is not None
    assert (config.drafter.endpoint, config.drafter.max_tokens, config.drafter.temperature) == ("mine", 500, 0.0)
    assert config.limit == 10 and config.splits == ("benchmark",) and config.exemplars == 3


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"exemplar": 3}, "exemplar: unknown key; allowed: drafter, exemplars"),
        ({"exemplars": -1}, "exemplars"),
        ({"limit": 0}, "limit"),
        ({"splits": []}, "splits"),
        ({"splits": ["train"]}, "splits.0"),
        ({"drafter": {"endpoint": ""}}, "drafter.endpoint"),
        ({"drafter": {"endpoint": "a", "repair_attempts": 2}}, "drafter.repair_attempts"),
        ({"shape": {"main": {"least": 0, "most": 8}}}, "main.least must be at least 1"),
        ({"shape": {"veto": {"least": 3, "most": 2}}}, r"least \(3\) must not exceed most \(2\)"),
    ],
)
def test_wrong_keys_and_values_are_refused_by_name(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        rubrics_config("local", section)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown profile 'huge'"):
        rubrics_config("huge", {})
