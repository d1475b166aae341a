"""`promedical score` with a real, tiny model: the same numbers however it was interrupted, and no process left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.reward_models import calibration, make_reward_model
from training.scoring.output import part_paths
from training.stages import ROOT

RUBRIC = [
    {"tier": "main", "text": "states the dose", "weight": 1.0},
    {"tier": "bonus", "text": "is kind"},
    {"tier": "veto", "text": "invents nothing"},
]
LINES = 600


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("score") / "model"
    make_reward_model(folder, fit=calibration(one_class=["bonus"]))
    return folder


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("answers") / "answers.jsonl"
    rows = [
        {"id": i, "instruction": f"What dose for {i}?", "responses": [f"Take {i} mg.", ""], "rubric": RUBRIC}
        for i in range(LINES)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "orchestration.cli", "score", *map(str, arguments)]


# Models this small only wait for each other's threads.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str | Path) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                command(*arguments, "--home", tmp_path / "home"),
                cwd=ROOT,
                env=ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # As a terminal would have it: a background shell ignores what Ctrl-C sends.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        )
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def child_of(pid: int) -> int | None:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(found[0]) if found else None


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return "Z" not in stat.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(done: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.02)
    return done()


def broken_off(
    start: Callable[..., subprocess.Popen[str]], answers: Path, model: Path, out: Path, number: signal.Signals
) -> tuple[subprocess.Popen[str], str]:
    """Ends the command by a signal once there are new results; returns it and what it said."""
    part, _ = part_paths(out)
    before = part.stat().st_size if part.exists() else 0
    process = start(answers, "--model", model, "--out", out)
    assert wait_until(lambda: part.exists() and part.stat().st_size > before), process.communicate()[1]
    child = child_of(process.pid)
    assert child is not None and is_alive(child)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert wait_until(lambda: not is_alive(child), 30.0), f"the scoring process outlives {number.name}"
    assert part.exists() and not out.exists(), "it was done before it could be interrupted"
    return process, said


@pytest.mark.slow
def test_interrupted_or_killed_it_goes_on_to_the_same_numbers_and_leaves_no_process(
    start: Callable[..., subprocess.Popen[str]], model: Path, answers: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    process, said = broken_off(start, answers, model, out, signal.SIGINT)
    assert process.returncode == 130
    assert said.endswith("promedical: interrupted; run again to go on from where it was\n")
    broken_off(start, answers, model, out, signal.SIGKILL)
    process = start(answers, "--model", model, "--out", out)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0 and "goes on after line" in said, said
    # Another run, through pipes, never interrupted.
    whole = subprocess.run(
        command("-", "--model", model, "--home", tmp_path / "home"),
        stdin=answers.open("rb"),
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        check=True,
    )
    assert out.read_bytes() == whole.stdout and len(whole.stdout.splitlines()) == LINES
    assert b"bonus: verdicts are unknown" in whole.stderr and b"verdicts unknown: the response is blank" in whole.stderr
    first = json.loads(whole.stdout.splitlines()[0])
    assert first["id"] == 0 and first["reward_model"].startswith("reward_model@")
    known, blank = first["scores"]
    assert known["s1"] in (0.0, 1.0) and known["s2"] is None and known["s3"] in (0, 1) and known["overall"] is None
    assert [c["verdict"] for c in blank["criteria"]] == ["unknown"] * 3 and blank["s3"] is None


@pytest.mark.slow
def test_a_reader_who_has_enough_ends_it_without_a_traceback(
    start: Callable[..., subprocess.Popen[str]], model: Path, answers: Path
) -> None:
    process = start(answers, "--model", model)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["id"] == 0
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.wait(timeout=60) == 128 + signal.SIGPIPE
    assert "Traceback" not in said and "Exception" not in said


@pytest.mark.slow
def test_a_bad_line_and_a_bad_model_are_one_line_each(
    start: Callable[..., subprocess.Popen[str]], model: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"instruction": "q", "response": "r", "rubric": [{"tier": "main", "text": "t", "weight": 0.5}]}\n')
    _, said = start(bad, "--model", model).communicate(timeout=60)
    assert said.startswith(f"promedical: {bad} line 1: main weights must sum to 1, got 0.5") and said.count("\n") == 1
    bad.write_text('{"instruction": "q", "response": "r", "rubric": [{"tier": "veto", "text": "t"}]}\n')
    folder = tmp_path / "broken"
    folder.mkdir()
    for name in ("config.json", "metrics.json", "tokenizer_config.json"):
        (folder / name).write_text('{"pointwise_identified": true}')
    (folder / "scoring.json").write_text('{"max_length": 64, "tokens_per_batch": 512, "precision": "float32"}')
    (folder / "calibration.json").write_text('{"tiers": {}, "threshold": 1}')
    _, said = start(bad, "--model", folder).communicate(timeout=60)
    assert said.startswith(f"promedical: model {folder} cannot be loaded: ") and said.count("\n") == 1
