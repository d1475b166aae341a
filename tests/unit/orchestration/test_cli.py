"""The command refuses what it does not know, in one line that names it and what is allowed."""

from __future__ import annotations

import os
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


@pytest.mark.slow
def test_a_folder_without_a_usable_file_is_one_line_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["run", "--source", f"kqa={tmp_path / 'empty'}", "--home", str(tmp_path / "home")]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("promedical: ") or "Traceback" in line]
    assert len(said) == 1
    assert said[0].startswith(f"promedical: ingest: source kqa: {tmp_path / 'empty'} holds no usable ")


def test_an_error_that_nobody_foresaw_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise ValueError("not enough values to unpack")

    monkeypatch.setattr("orchestration.run.run_chain", fail)
    with pytest.raises(ValueError, match="not enough values"):
        main(["run", "--home", str(tmp_path)])


def test_the_ui_works_on_the_folder_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dagster as dg

    from orchestration.build import build_defs

    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: started.append(arguments))
    for name in ("DAGSTER_HOME", "PROMEDICAL_HOME"):
        monkeypatch.setenv(name, "/does/not/exist")
    monkeypatch.chdir(tmp_path)
    main(["ui", "--home", "elsewhere", "--port", "3003"])
    assert started and "3003" in started[0]
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / "elsewhere" / "dagster")
    # What a run gets that the UI starts.
    resources = build_defs().resources
    assert resources is not None
    with dg.build_resources({"project": resources["project"]}) as made:
        assert made.project.settings().home == tmp_path / "elsewhere"
