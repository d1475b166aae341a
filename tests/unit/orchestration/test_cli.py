"""The command refuses what it does not know, in one line that names it and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--profile", "big"], "promedical: unknown profile 'big'; allowed: smoke, local, paper"),
        (["run", "--source", "medqa"], "promedical: unknown source 'medqa'; allowed: corpus, kqa"),
        (["run", "--source", "kqa=/does/not/exist"], "promedical: source kqa: no such folder: /does/not/exist"),
        (["run", "--select", "rewards"], "promedical: unknown selection 'rewards'; allowed: "),
    ],
)
def test_one_line_errors(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--home", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "promedical run --source kqa=" in capsys.readouterr().out
