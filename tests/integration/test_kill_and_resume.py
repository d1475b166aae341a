"""A reward model whose training is killed with kill -9, more than once, is the artifact that an undisturbed training makes."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import Project
from training.launch import main
from training.stages import ROOT

pytestmark = pytest.mark.slow
STEPS = 24
KILLS = 2


def command(project: Project, folder: Path) -> list[str]:
    """Arguments of the stage: the smoke config with enough steps to be killed in the midst of them."""
    smoke = yaml.safe_load((ROOT / "training" / "configs" / "reward_model" / "smoke.yaml").read_text())
    changes = {"max_steps": STEPS, "epochs": STEPS, "max_trees": 8, "validation_every": 5, "patience": STEPS}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({**smoke, **changes}))
    inputs = []
    for role, asset in (("snapshot", "reward_model_snapshot"), ("base_model", "base_model")):
        ref = project.refs(asset)[asset]
        assert ref is not None
        inputs.append(f"{role}={project.store.fetch(ref)}")
    return ["--config", str(config), "--inputs", *inputs]


def start(arguments: list[str], store: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as handle:
        return subprocess.Popen(
            [sys.executable, "-m", "training.reward_model", *arguments, "--store", str(store)],
            cwd=ROOT,
            stdout=handle,
            stderr=subprocess.STDOUT,
        )


def saves_until(process: subprocess.Popen[bytes], store: Path, count: int) -> None:
    """Waits until the state was written so many times by this process."""
    known = {path.stat().st_mtime_ns for path in store.glob("working/*/state.pt")}
    seen = 0
    while seen < count:
        assert process.poll() is None, "it ended before it could be killed"
        now = {path.stat().st_mtime_ns for path in store.glob("working/*/state.pt")}
        seen += bool(now - known)
        known |= now
        time.sleep(0.002)


def test_killed_twice_it_makes_the_artifact_of_an_undisturbed_training(
    finished: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command(finished, tmp_path)
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    assert main("reward_model", [*arguments, "--store", str(undisturbed)]) == 0
    digest = capsys.readouterr().out.strip().rpartition("/")[2]

    seed = random.randrange(10**6)
    rng = random.Random(seed)
    begun: list[int] = []
    for number in range(KILLS):
        log = tmp_path / f"{number}.log"
        process = start(arguments, disturbed, log)
        try:
            saves_until(process, disturbed, rng.randint(1, 7))
            # Anywhere within a step, or while the state is being written.
            time.sleep(rng.uniform(0, 0.1))
        finally:
            process.kill()
            process.wait()
        begun += [int(step) for step in re.findall(r"goes on from step (\d+)", log.read_text())]
    assert list(disturbed.glob("artifacts/*")) == [], f"it was done before it was killed (seed {seed})"

    log = tmp_path / "last.log"
    assert start(arguments, disturbed, log).wait() == 0, log.read_text()
    begun += [int(step) for step in re.findall(rf"goes on from step (\d+) of {STEPS}\n", log.read_text())]
    made = log.read_text().strip().splitlines()[-1].rpartition("/")[2]
    assert made == digest, f"seed {seed}, went on from {begun}"
    assert len(begun) == KILLS and 0 < begun[0] < begun[1] < STEPS
    assert list(disturbed.glob("working/*")) == []

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (curves,) = disturbed.glob("curves/reward_model/*")
    points = EventAccumulator(str(curves)).Reload().Scalars("train/loss")
    assert [point.step for point in points] == list(range(1, STEPS + 1))
