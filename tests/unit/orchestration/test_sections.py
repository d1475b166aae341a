"""Every section on language models is read before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.sections import check_models
from training.config import ConfigError

ENDPOINT = "endpoints: {one: {base_url: 'http://127.0.0.1:1/v1', model: m}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("verdicts: {judges: [{name: a, endpoint: nobody}]}", "endpoint 'nobody' is not declared"),
        ("rubrics: {drafter: {endpoint: two}}", "endpoint 'two' is not declared"),
        ("responses: {generators: [{endpoint: two}]}", "endpoint 'two' is not declared"),
        ("verdicts: {judges: [{name: a, endpoint: one}, {name: a, endpoint: one}]}", "two judges are named a"),
        ("verdicts: {judges: [{name: physician, endpoint: one}]}", "a judge may not be named physician"),
        ("rubrics: {draft: {}}", "draft: unknown key"),
    ],
)
def test_a_mistake_in_any_section_is_found_at_once(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(ENDPOINT + text)
    with pytest.raises(ConfigError, match=said):
        check_models("smoke", path)


def test_what_a_profile_names_is_asked_for_when_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(ENDPOINT + "verdicts: {judges: [{name: a, endpoint: one}]}")
    check_models("paper", path)
    check_models("paper", None)
