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
        (["run", "--source", "medqua"], "promedical: unknown source 'medqua'; allowed: chatdoctor, corpus, dahl"),
        (["run", "--source", "kqa=/does/not/exist"], "promedical: source kqa: no such folder or file: /does/not/exist"),
        (
            ["run", "--source", "medqa"],
            "promedical: source medqa needs a place; write medqa=<folder, file or URL> (published at",
        ),
        (["run", "--config", "/does/not/exist.yaml"], "promedical: /does/not/exist.yaml: cannot be read: [Errno 2]"),
        (["run", "--select", "rewards"], "promedical: unknown selection 'rewards'; allowed: "),
    ],
)
def test_one_line_errors(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--home", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: [", "cannot be read: while parsing"),
        ("- sources", "must hold a mapping of keys to values"),
        ("source: {}", "source: unknown key; allowed: sources, personal_data"),
        ("sources: [kqa]", "sources must map names to their values"),
        ("sources: {my/set: {}}", "sources.my/set: a source's name is made of letters, digits"),
        ("sources: {mine: here}", "sources.mine: must map keys to values; allowed: adapter, "),
        ("sources: {mine: {adaptor: generic}}", "sources.mine: adaptor: unknown key; allowed: adapter, "),
        ("sources: {mine: {adapter: medqa, uri: nowhere}}", "source mine: no such folder or file: "),
        ("sources: {mine: {adapter: generic, uri: x}}", "adapter generic needs format, columns, licence, commercial_use"),
        ("personal_data: {screens: {}}", "personal_data: screens: unknown key; allowed: phone_regions, screen"),
        ("personal_data: {screen: {name: hide}}", "personal_data: screen.name: Input should be 'keep', 'mask' or 'quarantine'"),
        ("personal_data: {screen: {street: mask}}", "personal_data: screen.street"),
        ("personal_data: {phone_regions: [UK]}", "personal_data: phone_regions: unknown region 'UK'"),
    ],
)
def test_a_mistake_in_the_users_file_is_one_line(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    assert main(["run", "--config", str(tmp_path / "mine.yaml"), "--home", str(tmp_path / "home")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("promedical: ") and message in error
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
    assert said[0].startswith(f"promedical: source kqa: {tmp_path / 'empty'} holds no file that kqa reads")


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


def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["run", "--home", str(tmp_path / "file")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"promedical: --home {tmp_path / 'file'} cannot be used: ") and error.count("\n") == 1


def test_an_interruption_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestration.run.run_chain", interrupt)
    assert main(["run", "--home", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "promedical: interrupted; run again to go on from where it was\n"


def test_every_section_of_the_file_is_looked_at_whatever_is_selected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text("curation: {bnd: 1}\n")
    assert main(["run", "--select", "ingest", "--config", str(tmp_path / "mine.yaml"), "--home", str(tmp_path / "home")]) == 1
    assert "curation.bnd: unknown key" in capsys.readouterr().err.replace(": bnd", ".bnd")
