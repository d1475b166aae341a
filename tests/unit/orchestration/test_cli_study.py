"""What `promedical study reward-model` refuses and lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import orchestration.study
from assets.steps import Settings
from orchestration.cli import main
from orchestration.study import _minutes


def study(home: Path, *arguments: str) -> int:
    return main(["study", "reward-model", "--profile", "smoke", "--home", str(home), *arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variants", "half"], "promedical: no variant 'half' in the study of profile smoke; it has: full, scalar"),
        (["--seeds", "7"], "promedical: no seed 7 in the study of profile smoke; it has: 0, 1"),
        (["--profile", "big"], "promedical: unknown profile 'big'; allowed: smoke, local, paper"),
        (["--source", "medqua"], "promedical: unknown source 'medqua'; allowed: "),
        (
            ["--profile", "local", "--variants", "criterion_first", "--seeds", "2"],
            "promedical: no cell of the study of profile local has these variants and seeds; it has: full-0, ",
        ),
    ],
)
def test_one_line_errors(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(tmp_path, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1


def test_the_list_names_every_cell_and_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert study(tmp_path, "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines[:-1]] == [
        [f"{variant}-{seed}", "not made"] for seed in (0, 1) for variant in ("full", "scalar")
    ]
    assert lines[-1] == "0 of 4 cells of the study of profile smoke are made"
    assert not (tmp_path / "store").exists()


def test_options_reach_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[tuple[Settings, dict[str, Any]]] = []

    def run(settings: Settings, **chosen: Any) -> str:
        asked.append((settings, chosen))
        return "the table"

    monkeypatch.setattr(orchestration.study, "run_study", run)
    assert study(tmp_path, "--variants", "full", "scalar", "--seeds", "1", "--source", "corpus") == 0
    assert capsys.readouterr().out == "the table\n"
    ((settings, chosen),) = asked
    assert (settings.profile, settings.sources) == ("smoke", ("corpus",))
    assert chosen == {"variants": ["full", "scalar"], "seeds": [1]}


@pytest.mark.parametrize(("seconds", "text"), [(10, "less than a minute"), (70, "about 1 minute"), (600, "about 10 minutes")])
def test_an_estimate_is_in_minutes(seconds: float, text: str) -> None:
    assert _minutes(seconds) == text
