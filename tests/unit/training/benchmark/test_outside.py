"""The keys of rivals and pairwise sets."""

from typing import Any

import pytest
from pydantic import ValidationError

from training.benchmark.config import RewardModelBenchmarkConfig
from training.benchmark.outside import RESERVED, PairwiseSet, Rival
from training.benchmark.systems import SYSTEMS

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"path": "x", "hub": "a/b", "revision": COMMIT}, "give either path"),
        ({}, "give either path"),
        ({"hub": "a/b"}, "hub needs revision"),
        ({"path": "x", "revision": COMMIT}, "hub needs revision"),
        ({"hub": "a/b", "revision": "main"}, "revision"),
        ({"hub": "only-a-name", "revision": COMMIT}, "hub"),
        ({"path": "s3://bucket/model"}, "must be a local folder"),
        ({"path": "x", "trust_remote_code": True}, "trust_remote_code"),
        ({"path": "x", "name": "a" * 25}, "name"),
        ({"path": "x", "name": "../up"}, "name"),
    ],
)
def test_a_rival_that_is_not_clear_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Rival(**{"name": "other", **keys})


@pytest.mark.parametrize("uri", ["https://me:secret@host/r.jsonl", "https://host/r.jsonl?signature=secret"])
def test_a_place_with_credentials_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError, match="credentials come from the environment"):
        PairwiseSet(name="r", path=uri)


@pytest.mark.parametrize("name", ["reward_model", "Majority", "POLICY", "other", "Other"])
def test_a_name_that_stands_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"rivals: the name {name} is taken"):
        RewardModelBenchmarkConfig(rivals=[{"name": "other", "path": "x"}, {"name": name, "path": "y"}])


def test_two_sets_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="pairwise_sets: the name r is taken"):
        RewardModelBenchmarkConfig(pairwise_sets=[{"name": "r", "path": "x"}, {"name": "r", "path": "y"}])


def test_the_names_of_all_systems_are_reserved() -> None:
    assert {*SYSTEMS, "base", "policy", "all"} == RESERVED
