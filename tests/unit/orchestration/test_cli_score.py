"""`promedical score` before any model is loaded: its options, which model counts, and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration import cli_score
from orchestration.cli import main

LINE = {"instruction": "q", "response": "r", "rubric": [{"tier": "veto", "text": "t"}]}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run, with the text of their file behind them."""
    commands: list[list[str]] = []

    def record(command: list[str]) -> int:
        commands.append([*command, Path(command[4]).read_text()])
        return 0

    monkeypatch.setattr(cli_score, "_run", record)
    return commands


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(LINE) + "\n")
    return path


def refused(arguments: list[str], home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["score", *arguments, "--home", str(home)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_mistakes_are_one_line(
    tmp_path: Path, file: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    model = ["--model", str(tmp_path)]
    assert refused(["nowhere.jsonl", *model], home, capsys) == (
        "promedical: nowhere.jsonl: no such file; give a JSONL file, or - for standard input\n"
    )
    assert f"{tmp_path} is a folder; give a JSONL file" in refused([str(tmp_path), *model], home, capsys)
    assert "--tokens-per-batch must be at least 256, not 8" in refused(
        [str(file), *model, "--tokens-per-batch", "8"], home, capsys
    )
    file.chmod(0)
    if not os.access(file, os.R_OK):
        assert "a.jsonl cannot be read: Permission denied" in refused([str(file), *model], home, capsys)
    assert started == []


@pytest.mark.parametrize("through_a_pipe", [False, True])
def test_only_reading_the_file_is_called_that(tmp_path: Path, file: Path, through_a_pipe: bool) -> None:
    place = tmp_path / "pipe"
    if through_a_pipe:
        os.mkfifo(place)
        writer = subprocess.Popen(["cp", str(file), str(place)])
    with (
        pytest.raises(FileNotFoundError, match="no such programme"),
        cli_score._regular_file(str(place if through_a_pipe else file), tmp_path) as found,
    ):
        assert found.read_bytes() == file.read_bytes()
        raise FileNotFoundError("no such programme")
    if through_a_pipe:
        assert writer.wait(10) == 0


@pytest.mark.slow
def test_without_a_reward_model_the_remedy_is_named(
    tmp_path: Path, file: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    said = refused([str(file)], home, capsys)
    assert said == (
        f"promedical: no reward model has been made in {home}; make it with: "
        f"promedical run --select reward_model --home {home} (or name a folder with --model)\n"
    )
    assert started == []


@pytest.mark.slow
def test_the_model_that_stands_in_the_project_is_the_default(
    tmp_path: Path, file: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    from orchestration.instance import open_instance
    from training.storage import Store

    home = tmp_path / "home"
    store = Store(home / "store")
    refs = []
    for text in ("first", "second"):
        with store.workspace() as folder:
            (folder / "x").write_text(text)
            made = store.publish(
                name="reward_model", folder=folder, skip_key=text, inputs={}, config={}, code_version="c", metadata={}
            )
        refs.append(made.ref)
    with open_instance(home) as instance:
        for ref in reversed(refs):
            # The latest materialization counts, not the latest artifact.
            instance.report_runless_asset_event(
                dg.AssetMaterialization("reward_model", tags={"dagster/data_version": ref.digest})
            )
    assert main(["score", str(file), "--home", str(home)]) == 0
    command = started[0]
    assert command[command.index("--model") + 1] == str(home / "store" / "artifacts" / "reward_model" / refs[0].digest)


def test_options_reach_the_process_and_its_place_is_absolute(
    tmp_path: Path, file: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--out", "out.jsonl", "--device", "cpu", "--tokens-per-batch", "512"]
    assert main(["score", "a.jsonl", "--model", "m", *options, "--home", str(tmp_path / "home")]) == 0
    assert started[0][:4] == [sys.executable, "-P", "-m", "training.scoring"]
    assert started[0][4:-1] == [
        *("a.jsonl", "--model", "m", "--end-with-stdin", "--name", "a.jsonl"),
        *("--out", str(tmp_path / "out.jsonl"), "--device", "cpu", "--tokens-per-batch", "512"),
    ]


def test_what_comes_through_a_pipe_is_read_from_a_copy_that_does_not_stay(tmp_path: Path, file: Path) -> None:
    home = tmp_path / "home"
    code = (
        "import sys; from pathlib import Path; from orchestration import cli, cli_score\n"
        "cli_score._run = lambda command: print(command[6 + 2], Path(command[4]).read_text(), end='') or 7\n"
        f"sys.exit(cli.main(['score', '-', '--model', 'm', '--home', {str(home)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=file.read_text(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.endswith(file.read_text()) and list(home.iterdir()) == []
    assert "<stdin>" in done.stdout or "--name" in done.stdout


def test_the_command_needs_neither_torch_nor_dagster_where_a_model_is_named() -> None:
    code = (
        "import sys, orchestration.cli, orchestration.cli_score, training.scoring.programme\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'dagster', 'torch', 'transformers'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_help_shows_a_line_of_input_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["score", "--help"])
    said = capsys.readouterr().out
    assert "promedical score answers.jsonl --out scored.jsonl" in said and '"tier": "veto"' in said
