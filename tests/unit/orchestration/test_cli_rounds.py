"""What the commands for rounds say when forms have gone out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import orchestration.rounds
from assets.steps import Settings
from orchestration.cli import main

TOLD = {
    "review": {"summary": "round r1: 4 of 9 drafts"},
    "adjudicate": {"responses": 2, "items": 8, "parts": 1, "left out: no rubric": 3},
}


def said(command: str, kept: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> list[str]:
    def exported(settings: Settings, **_: Any) -> dict[str, Any]:
        return TOLD[command] | {"folder": "out", "files": 6 - kept, "kept": kept}

    monkeypatch.setattr(orchestration.rounds, "export_round", exported)
    assert main([command, "export", "--round", "r1", "--reviewers", "ann", "ben", "--home", str(home)]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("command", TOLD)
def test_forms_that_were_kept_are_told_and_others_are_not(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = said(command, 2, monkeypatch, capsys, tmp_path)
    assert lines[1].startswith("4 files in out: ")
    assert "2 files are there already and differ: kept (move them away to have them as they were sent)" in lines
    assert not any("kept" in line for line in said(command, 0, monkeypatch, capsys, tmp_path))
